#!/usr/bin/env python3
"""Runs `larder dataset` as people do, on files that are written here and on directories that it fills, that are damaged, interrupted, killed
or foreign.

dataset_command_tests.py PATH_OF_LARDER PATH_OF_DATASET_WRITER"""
import io
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tarfile
import time
import unittest

import command_runs

LARDER = ""
WRITER = ""
REAL = pathlib.Path(os.environ.get("LARDER_SHARED_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared")) / "real"


def larder(*arguments, **more):
    return subprocess.run([LARDER, "dataset", *map(str, arguments)], capture_output=True, timeout=120, check=False, **more)


def on_terminal(*arguments, **more):
    return command_runs.on_terminal([LARDER, "dataset", *arguments], **more)


def archive(samples):
    """A tar file: (name, content) in their order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in samples:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Dataset(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.directory = self.root / "cache"

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def lines(self, count, name="lines.txt", size=30, seed=0):
        """A text file, and its lines."""
        randomness = random.Random(seed)
        lines = [f"{i} " + "".join(randomness.choices("abcdefgh ", k=size)) for i in range(count)]
        return self.file(name, "".join(line + "\n" for line in lines)), lines

    def asked(self, code, *arguments):
        """What --json prints."""
        done = larder(*arguments, "--json")
        self.check(done, code)
        return json.loads(done.stdout)

    def warm(self, name, *arguments, code=0):
        return self.asked(code, "warm", self.directory, name, *arguments)

    def samples(self, name, count=1 << 20):
        """The bytes of all samples."""
        return [bytes.fromhex(one["hex"]) for one in self.asked(0, "head", self.directory, name, "-n", count, "--hex", "--bytes", "1GB")]

    def names(self):
        return [one["name"] for one in self.asked(0, "ls", self.directory)]

    def place(self, content):
        """Where in the directory's files some bytes lie, once."""
        found = [(path, at) for path in self.directory.rglob("*") if path.is_file() for at in [path.read_bytes().find(content)] if at >= 0]
        self.assertEqual(len(found), 1)
        return found[0]

    def flip(self, content):
        """Damages what holds these bytes; who did it last is first in the file."""
        path, at = self.place(content)
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 4]))


class Help(Dataset):
    def test_help_names_every_subcommand_option_and_exit_code(self):
        text = self.check(larder("--help"), 0, "ls", "info", "verify", "head", "warm", "drop")
        self.assertIn("only look", text)
        options = {"ls": ("--json",), "info": ("--shards", "--json"), "verify": ("--json", "--quiet", "130 interrupted"),
                   "head": ("--count", "--skip", "--bytes", "--text", "--hex", "--raw", "--json"), "drop": ("--dry-run", "--json"),
                   "warm": ("--format", "--record-size", "--header-size", "--delimiter", "--no-header", "--multiline", "--member", "--max-bytes",
                            "--workers", "--replace", "--json", "--quiet", "jsonl|csv|text|webdataset")}
        for name, known in options.items():
            self.check(larder(name, "--help"), 0, "Exit codes: 0 ", *known)
        said = subprocess.run([LARDER, "--help"], capture_output=True, check=True).stdout.decode()
        self.assertIn("dataset", said)

    def test_wrong_use_is_2_and_makes_nothing(self):
        text, _ = self.lines(3)
        unknown = self.file("data.bin", bytes(100))
        for arguments in ([], ["ls"], ["nonsense"], ["info", self.directory], ["head", self.directory, "a", "-n", "0"],
                          ["head", self.directory, "a", "--raw", "--hex"],
                          ["head", self.directory, "a", "--raw", "--json"], ["warm", self.directory, "a"],
                          ["warm", self.directory, "a", text, "--format", "xml"], ["warm", self.directory, "a", text, "--workers", "-1"]):
            with self.subTest(arguments):
                done = larder(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertNotEqual(done.stderr, b"")
        self.check(larder("warm", self.directory, "a", unknown), 2, "data.bin", "no ending that tells its format", "--format", "jsonl")
        self.check(larder("warm", self.directory, "a", text, self.root / "b.csv"), 2, "is text by its ending", "is csv")
        self.check(larder("warm", self.directory, "a", unknown, "--format", "records"), 2, "--record-size 784")
        self.check(larder("warm", self.directory, "a", unknown, "--record-size", "ten"), 2, "--record-size")
        self.check(larder("warm", self.directory, "a", text, "--max-bytes", "0"), 2, "--max-bytes")
        self.check(larder("warm", self.directory, "a", text, "--member", "jpg"), 2, "--member is for --format webdataset, and this is text")
        self.check(larder("warm", self.directory, "a", self.root / "x.csv", "--delimiter", "ab"), 2, '--delimiter: "ab" is no single character')
        self.check(larder("head", self.directory, "hex:0"), 2, 'NAME: "hex:0" is no key')
        self.assertFalse(self.directory.exists())

    def test_a_directory_that_is_not_there_is_an_error_and_is_not_made(self):
        (self.root / "empty").mkdir()
        self.file("file", "x")
        (self.root / "foreign").mkdir()
        (self.root / "foreign" / "notes.txt").write_text("x")
        text, _ = self.lines(3)
        for command in (["ls"], ["info", "a"], ["verify"], ["head", "a"], ["drop", "a"], ["drop", "a", "--dry-run"]):
            with self.subTest(command):
                code = 2 if command[0] == "verify" else 1
                name, rest = command[0], command[1:]
                self.check(larder(name, self.directory, *rest), code, f'"{self.directory}" is not there', "name a directory")
                self.assertFalse(self.directory.exists())
                self.check(larder(name, self.root / "file", *rest), code, "is not a directory")
                self.check(larder(name, self.root / "empty", *rest), code, "is empty")
                self.check(larder(name, self.root / "foreign", *rest), code, "is not a directory of mmap_disk")
                self.assertEqual(list((self.root / "empty").iterdir()), [])
        self.check(larder("warm", self.root / "foreign", "a", text), 1, "is not a directory of mmap_disk")
        self.assertEqual([path.name for path in (self.root / "foreign").iterdir()], ["notes.txt"])
        self.check(larder("warm", self.directory, "a", self.root / "absent.txt"), 1, "absent.txt")
        self.assertFalse(self.directory.exists())
        self.check(larder("warm", self.root / "empty", "a", text), 0, "a: 3 samples")


class Warm(Dataset):
    def test_lines_of_text_are_samples_and_come_back_as_they_were(self):
        path, lines = self.lines(1000)
        result = self.warm("train", path)
        self.assertEqual((result["samples"], result["bytes"], result["made"], result["found"], result["no_room"]),
                         (1000, sum(map(len, lines)), 1000, 0, 0))
        self.assertEqual((result["format"], result["version"], result["source"]), ("text", "", "lines.txt"))
        self.assertEqual(self.samples("train"), [line.encode() for line in lines])
        self.check(larder("verify", self.directory), 0, "train: whole: checked 1,000 samples")
        again = self.warm("train", path)
        self.assertEqual((again["made"], again["found"]), (0, 1000))
        self.check(larder("warm", self.directory, "train", path), 0, "train: 1,000 samples", "of lines.txt (text)",
                   "1,000 were there already, 0 came now")

    def test_several_files_are_one_data_set_and_the_workers_do_not_matter(self):
        parts = [self.lines(200, f"p{i}.txt", seed=i) for i in range(3)]
        for workers in ("0", "1", "3"):
            result = self.warm("w" + workers, *[path for path, _ in parts], "--workers", workers)
            self.assertEqual((result["samples"], result["source"]), (600, "p0.txt and 2 more"))
            self.assertEqual(self.samples("w" + workers), [line.encode() for _, lines in parts for line in lines])
        self.assertEqual(result["found"], 600)  # the samples are the same, whatever their name

    def test_json_lines_are_checked(self):
        good = self.file("a.jsonl", '{"a": 1}\n\n{"b": [2]}\r\n"text"\n')
        self.assertEqual(self.warm("good", good)["version"], "text of JSON lines, 1")
        self.assertEqual(self.samples("good"), [b'{"a": 1}', b'{"b": [2]}', b'"text"'])
        bad = self.file("b.ndjson", '{"a": 1}\n{"a": \n')
        self.check(larder("warm", self.directory, "bad", bad), 1, "b.ndjson", "the line is not JSON")
        self.assertEqual(self.names(), ["good"])

    def test_records_of_csv_are_quoted_where_they_have_to_be(self):
        path = self.file("a.csv", 'x,y\n1,plain\n2,"with, comma"\n"3","say ""no"""\n')
        self.warm("csv", path)
        self.assertEqual(self.samples("csv"), [b"1,plain", b'2,"with, comma"', b'3,"say ""no"""'])
        self.warm("all", path, "--no-header")
        self.assertEqual(self.samples("all")[0], b"x,y")
        self.warm("tabs", self.file("a.tsv", "x\ty\n1\t2,3\n"))
        self.assertEqual(self.samples("tabs"), [b"1\t2,3"])
        self.warm("semicolons", self.file("s.csv", "x;y\n1;2\n"), "--delimiter", ";")
        self.assertEqual(self.samples("semicolons"), [b"1;2"])
        feed = self.file("m.csv", 'x,y\n1,"a\nb"\n')
        self.warm("feeds", feed, "--multiline")
        self.assertEqual(self.samples("feeds"), [b'1,"a\nb"'])
        self.check(larder("warm", self.directory, "bad", self.file("b.csv", "x,y\n1\n")), 1, "b.csv", "has 1 fields, where 2 are expected")

    def test_records_and_idx(self):
        content = random.Random(1).randbytes(50 * 20)
        path = self.file("data.bin", b"HEAD" + content)
        self.warm("records", path, "--record-size", "20", "--header-size", "4")
        self.assertEqual(self.samples("records"), [content[i:i + 20] for i in range(0, 1000, 20)])
        self.check(larder("warm", self.directory, "x", path, "--record-size", "21"), 1, "are no whole record")
        idx = [self.file(f"{i}-idx3-ubyte", b"\0\0\x08\x03" + struct.pack(">III", 10, 2, 3) + content[i * 60:i * 60 + 60]) for i in range(3)]
        self.assertEqual(self.warm("idx", *idx)["format"], "idx")
        self.assertEqual(self.samples("idx"), [content[i:i + 6] for i in range(0, 180, 6)])
        self.assertEqual(self.warm("one", idx[0])["found"], 10)
        other = self.file("other.idx", b"\0\0\x08\x02" + struct.pack(">II", 5, 4) + bytes(20))
        self.check(larder("warm", self.directory, "x", idx[0], other), 1, "other.idx", "cache them as two data sets")

    def test_samples_of_archives(self):
        content = [(f"d/{i}.jpg", bytes([i]) * (i + 1)) if part == 0 else (f"d/{i}.cls", str(i % 3).encode()) for i in range(20) for part in (0, 1)]
        path = self.file("train.tar", archive(content))
        self.warm("all", path)
        for i, sample in enumerate(self.samples("all")):
            head, _, body = sample.partition(b"\n")
            parsed = json.loads(head)
            self.assertEqual(parsed, {"key": f"d/{i}", "members": [{"name": "jpg", "bytes": i + 1}, {"name": "cls", "bytes": 1}]})
            self.assertEqual(body, bytes([i]) * (i + 1) + str(i % 3).encode())
        self.warm("jpg", path, "--member", "jpg")
        self.assertEqual(self.samples("jpg"), [bytes([i]) * (i + 1) for i in range(20)])
        self.check(larder("warm", self.directory, "png", path, "--member", "png"), 1, "train.tar", "has no", "png", "it has")

    def test_a_folder_of_files(self):
        folder = self.root / "images"
        for name, content in {"cat/1.jpg": b"c1", "cat/2.JPG": b"c2", "dog/1.jpg": b"d1", "dog/notes.txt": b"n", ".hidden": b"h"}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        self.assertEqual(self.warm("all", folder)["format"], "folder")
        self.assertEqual(self.samples("all"), [b"c1", b"c2", b"d1", b"n"])
        self.warm("jpg", folder, "--ending", ".jpg")
        self.assertEqual(self.samples("jpg"), [b"c1", b"c2", b"d1"])
        self.check(larder("warm", self.directory, "x", folder, folder), 1, "a folder is one data set, and 2 are given")
        self.check(larder("warm", self.directory, "x", folder, "--ending", ".png"), 1, "has no file *.png")
        self.check(larder("warm", self.directory, "x", folder, "--member", "jpg"), 2, "--member is for --format webdataset, and this is folder")

    def test_rows_of_tensors(self):
        x, y = bytes(range(40)), bytes(range(100, 110))
        header = json.dumps({"x": {"dtype": "U8", "shape": [10, 4], "data_offsets": [0, 40]},
                             "y": {"dtype": "U8", "shape": [10], "data_offsets": [40, 50]}}).encode()
        path = self.file("a.safetensors", struct.pack("<Q", len(header)) + header + x + y)
        self.assertEqual(self.warm("both", path)["samples"], 10)
        self.assertEqual(self.samples("both"), [x[4 * i:4 * i + 4] + y[i:i + 1] for i in range(10)])
        self.warm("turned", path, "--tensor", "y", "--tensor", "x")
        self.assertEqual(self.samples("turned"), [y[i:i + 1] + x[4 * i:4 * i + 4] for i in range(10)])
        self.check(larder("warm", self.directory, "z", path, "--tensor", "z"), 1, "there is no tensor", "there are")

    def test_what_is_compressed_is_refused(self):
        path = self.file("lines.txt", b"\x1f\x8b\x08\0" + bytes(30))
        self.check(larder("warm", self.directory, "a", path), 1, "is compressed (gzip); decompress it first")
        self.assertFalse(self.directory.exists())

    def test_files_without_a_record(self):
        empty = self.file("empty.txt", "")
        self.assertEqual(self.warm("empty", empty)["samples"], 0)
        self.assertEqual(self.samples("empty"), [])
        self.check(larder("info", self.directory, "empty"), 0, "samples      0, 0 B")
        self.check(larder("verify", self.directory), 0, "empty: whole")

    def test_changed_files_do_not_take_the_name_unasked(self):
        path, lines = self.lines(50)
        self.warm("train", path)
        more, more_lines = self.lines(20, "more.txt", seed=3)
        extended = self.warm("train", path, more)  # all that was there is still in it
        self.assertEqual((extended["samples"], extended["found"]), (70, 50))
        changed, changed_lines = self.lines(40, seed=9)
        self.assertEqual(changed, path)
        self.check(larder("warm", self.directory, "train", path), 1, 'a data set "train" already, of lines.txt and 1 more',
                   "--replace drops it first")
        self.assertEqual(self.samples("train"), [line.encode() for line in lines + more_lines])
        self.warm("train", path, "--replace")
        self.assertEqual(self.samples("train"), [line.encode() for line in changed_lines])
        listed = subprocess.run([LARDER, "disk", "ls", str(self.directory), "--json"], capture_output=True, check=True).stdout
        self.assertLess(len(json.loads(listed)), 50)  # 40 samples, their count, the manifest

    def test_what_has_no_room_is_told(self):
        path, lines = self.lines(1000)
        result = self.warm("train", path, "--max-bytes", "8KiB", code=1)
        self.assertEqual(result["samples"], 1000)
        self.assertGreater(result["no_room"], 500)
        self.check(larder("warm", self.directory, "train", path, "--max-bytes", "8KiB"), 1, "had no room", "--max-bytes")
        info = self.asked(0, "info", self.directory, "train")
        self.assertLessEqual(info["cached_bytes"], 8192)
        self.assertGreater(info["cached_bytes"], 4096)
        self.assertEqual(info["cached"], 1000 - result["no_room"])
        self.check(larder("verify", self.directory), 1, "missing", f"{result['no_room']:,} missing"[-11:])
        self.assertEqual(self.warm("train", path)["no_room"], 0)
        self.assertEqual(self.samples("train"), [line.encode() for line in lines])

    def test_progress_on_a_terminal_and_an_interruption_that_goes_on_later(self):
        path, lines = self.lines(300_000, size=20)
        code, shown, _ = on_terminal("warm", self.directory, "train", path, interrupt_at=b" samples")
        self.assertIn("caching", shown)
        self.assertEqual(code, 130, shown)
        self.assertIn("the same command goes on from there", shown)
        self.assertEqual(self.names(), [])
        code, shown, said = on_terminal("warm", self.directory, "train", path)
        self.assertEqual(code, 0, shown)
        self.assertIn("train: 300,000 samples", said)
        self.assertIn(" %", shown)
        self.check(larder("verify", self.directory), 0, "whole")
        code, shown, said = on_terminal("verify", self.directory, interrupt_at=b"verifying")
        if code == 130:
            self.assertIn("interrupted: ", shown)
            self.assertIn("nothing wrong so far", said)
        quiet = larder("warm", self.directory, "train", path, "--quiet")
        self.check(quiet, 0)
        self.assertEqual(quiet.stderr, b"")
        self.assertEqual(self.asked(0, "head", self.directory, "train", "-n", 1, "--skip", 299_999)[0]["text"], lines[-1])

    def test_dropping_shows_its_progress_where_it_takes_longer_than_a_second(self):
        path, _ = self.lines(5_000, size=20)
        self.check(larder("warm", self.directory, "train", path), 0)
        code, shown, said = on_terminal("drop", self.directory, "train", LARDER_PROGRESS_DELAY="0")
        self.assertEqual(code, 0, shown)
        for part in ("reading segments [", "counting samples [", "opening the directory", "dropping samples"):
            self.assertIn(part, shown)
        self.assertIn("dropped train: 5,000 samples", said)

    def test_a_killed_run_is_finished_by_the_next(self):
        path, lines = self.lines(100_000, size=20)
        for _ in range(4):
            process = subprocess.Popen([LARDER, "dataset", "warm", str(self.directory), "train", str(path)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = self.written()
            while process.poll() is None and self.written() < before + 200_000:  # kills it at work, on a machine of any speed
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            self.assertEqual(self.names(), [])  # it comes when all is done
        result = self.warm("train", path)
        self.assertEqual(result["samples"], 100_000)
        self.assertGreater(result["found"], 0)
        self.assertGreater(result["made"], 0)
        self.check(larder("verify", self.directory), 0, "train: whole: checked 100,000 samples")
        head = self.asked(0, "head", self.directory, "train", "-n", 1000, "--skip", 50_000)
        self.assertEqual([one["text"] for one in head], lines[50_000:51_000])

    def written(self):
        """Bytes that records take in the segments, about."""
        try:
            return sum(path.stat().st_blocks * 512 for path in (self.directory / "entries").iterdir())
        except OSError:
            return 0

    def test_two_at_once_make_each_sample_once(self):
        path, lines = self.lines(20_000)
        both = [subprocess.Popen([LARDER, "dataset", "warm", str(self.directory), name, str(path), "--json"], stdout=subprocess.PIPE)
                for name in "ab"]
        results = [json.loads(one.communicate(timeout=120)[0]) for one in both]
        self.assertEqual([one.returncode for one in both], [0, 0])
        self.assertEqual(sum(one["made"] for one in results), 20_000)
        self.check(larder("verify", self.directory), 0, "a: whole", "b: whole")

    def test_real_files(self):
        if not (REAL / "dataset").exists():
            self.skipTest(f"there is no {REAL}/dataset")
        self.assertEqual(self.warm("iris", REAL / "dataset" / "iris.csv")["samples"], 150)
        self.warm("shakespeare", REAL / "dataset" / "tinyshakespeare.txt")
        self.assertEqual(self.samples("shakespeare", 1), [b"First Citizen:"])
        self.warm("mpdata", REAL / "webdataset" / "mpdata.tar")
        self.check(larder("verify", self.directory), 0, "iris: whole", "mpdata: whole", "shakespeare: whole")


class Look(Dataset):
    def test_ls_and_info(self):
        self.assertEqual(self.warm("größe", self.lines(10)[0])["samples"], 10)
        self.warm("b" * 40, self.lines(2000, "b.txt", size=2000)[0])
        listed = self.asked(0, "ls", self.directory)
        self.assertEqual([one["name"] for one in listed], ["b" * 40, "größe"])
        self.assertEqual((listed[1]["samples"], listed[1]["version"], listed[1]["source"], listed[1]["shards"]), (10, "", "lines.txt", 1))
        said = self.check(larder("ls", self.directory), 0, "SAMPLES", "2,000", "lines.txt", "größe", "2 data sets")
        self.assertEqual(len(said.splitlines()), 4)
        info = self.asked(0, "info", self.directory, "b" * 40)
        self.assertEqual((info["samples"], info["cached"], info["lost"]), (2000, 2000, 0))
        self.assertEqual(info["cached_bytes"], info["bytes"])
        self.assertEqual((info["smallest"], info["median"], info["largest"]), (2002, 2005, 2005))
        self.assertEqual(sum(shard["samples"] for shard in info["shards"]), 2000)
        self.assertGreater(len(info["shards"]), 1)
        self.check(larder("info", self.directory, "b" * 40, "--shards"), 0, "cached       all, 3.8 MiB", "SHARD",
                   "smallest 2 KiB", "records are the samples")
        self.check(larder("info", self.directory, "grosse"), 1, 'there is no data set "grosse"', "there are: ", "größe")

    def test_a_directory_without_data_sets(self):
        self.warm("a", self.lines(3)[0])
        self.check(larder("drop", self.directory, "a"), 0)
        self.assertEqual(self.asked(0, "ls", self.directory), [])
        self.check(larder("ls", self.directory), 0, "0 data sets")
        self.check(larder("verify", self.directory), 0, "nothing to verify")
        self.check(larder("head", self.directory, "a"), 1, "none has been cached under a name")

    def test_names_that_are_no_plain_text(self):
        path, _ = self.lines(3)
        turned = "a\u202eb"
        self.assertEqual(self.warm(turned, path)["name"], "hex:" + turned.encode().hex())
        done = larder("ls", self.directory)
        self.assertNotIn("\u202e".encode(), done.stdout)
        self.check(larder("info", self.directory, "hex:" + turned.encode().hex()), 0, "samples      3")
        self.check(larder("warm", self.directory, "a\nb", path), 1, "a data set's name is UTF-8 without control characters")
        self.check(larder("warm", self.directory, "", path), 1, "a data set's name")

    def test_head(self):
        lines = [f"line {i}" for i in range(10)] + ["\x1b[2J" + "x" * 300, "ä" * 5000]
        self.warm("text", self.file("a.txt", "\n".join(lines)))
        said = self.check(larder("head", self.directory, "text"), 0, "--- sample 0, 6 bytes\nline 0\n", "--- sample 4, 6 bytes\nline 4\n")
        self.assertNotIn("line 5", said)
        said = self.check(larder("head", self.directory, "text", "-n", 2, "--skip", 8), 0, "sample 8", "sample 9")
        self.assertNotIn("sample 10", said)
        done = larder("head", self.directory, "text", "--skip", 10)
        self.check(done, 0, "--- sample 10, 304 bytes\n00000000  1b 5b 32 4a", "|.[2Jxxxx", "... 48 more bytes", "... 5,904 more bytes")
        self.assertNotIn(b"\x1b", done.stdout)
        self.check(larder("head", self.directory, "text", "--skip", 10, "--text"), 0, "?[2Jxxx")
        self.check(larder("head", self.directory, "text", "-n", 1, "--hex"), 0, "00000000  6c 69 6e 65 20 30 ", "|line 0|")
        raw = larder("head", self.directory, "text", "-n", 3, "--skip", 9, "--raw")
        self.assertEqual(raw.stdout, "".join(lines[9:12]).encode())
        self.assertEqual(larder("head", self.directory, "text", "-n", 1, "--skip", 11, "--text", "--bytes", 3).stdout.decode(),
                         "--- sample 11, 10,000 bytes\nä\n... 9,998 more bytes\n")
        self.check(larder("head", self.directory, "text", "--skip", 12), 0, "no sample: there are 12")
        self.assertEqual(self.asked(0, "head", self.directory, "text", "-n", 1, "--skip", 7),
                         [{"sample": 7, "bytes": 6, "text": "line 7", "cut": False}])
        # In shards of their own, numbers go on.
        parts = [self.lines(3, f"p{i}.txt", seed=i) for i in range(4)]
        self.warm("parts", *[path for path, _ in parts])
        all_lines = [line for _, lines in parts for line in lines]
        self.assertEqual([one["text"] for one in self.asked(0, "head", self.directory, "parts", "--skip", 5)], all_lines[5:10])

    def test_samples_of_every_size_are_read(self):
        sizes = [1, 15, 16, 4095, 65536, 300_000, 3_000_000]
        content = [(f"{i:02}.bin", random.Random(i).randbytes(size)) for i, size in enumerate(sizes)]
        self.warm("sizes", self.file("a.tar", archive(content)), "--member", "bin")
        self.assertEqual(self.samples("sizes"), [content for _, content in content])
        self.assertEqual(self.asked(0, "info", self.directory, "sizes")["largest"], 3_000_000)

    def test_looking_changes_nothing(self):
        self.warm("a", self.lines(1000)[0])
        self.flip(b"500 ")
        before = command_runs.state_of(self.directory)
        for command in (["ls"], ["info", "a"], ["verify", "a"], ["head", "a"], ["head", "a", "--skip", "498", "--json"], ["drop", "a", "--dry-run"]):
            with self.subTest(command):
                larder(command[0], self.directory, *command[1:])
                self.assertEqual(command_runs.state_of(self.directory), before)

    def test_drop_keeps_what_others_have(self):
        shared, _ = self.lines(30, "shared.txt")
        own, _ = self.lines(20, "own.txt", seed=1)
        self.warm("a", shared, own)
        self.warm("b", shared)
        self.check(larder("drop", self.directory, "a", "--dry-run"), 0, "would drop a: 20 samples")
        told = larder("drop", self.directory, "a", "--dry-run", "--json")
        self.check(told, 0)
        said = json.loads(told.stdout)
        self.assertEqual((said["name"], said["dry_run"], said["samples"]), ("a", True, 20))
        self.assertGreater(said["bytes"], 0)
        self.assertEqual(self.names(), ["a", "b"])
        self.check(larder("drop", self.directory, "a"), 0, "dropped a: 20 samples", "larder disk compact")
        self.assertEqual(self.names(), ["b"])
        self.check(larder("verify", self.directory), 0, "b: whole: checked 30 samples")
        self.check(larder("drop", self.directory, "a"), 1, 'there is no data set "a"; there are: b')
        self.check(larder("drop", self.directory, "b"), 0, "dropped b: 30 samples")
        listed = subprocess.run([LARDER, "disk", "ls", str(self.directory), "--json"], capture_output=True, check=True).stdout
        self.assertEqual(json.loads(listed), [])


class Readers(Dataset):
    def test_a_program_finds_the_samples_by_their_name_and_by_their_file(self):
        path, _ = self.lines(3000)
        self.warm("train", path)
        done = subprocess.run([WRITER, self.directory, path, "train"], capture_output=True, check=True, timeout=120)
        self.assertEqual(done.stdout, b"6000 6000\n")

    def test_looking_needs_no_right_to_write(self):
        path, _ = self.lines(100)
        self.warm("a", path)
        others = self.somebody_else(LARDER, self.directory)
        before = command_runs.state_of(self.directory)
        for command in (["ls"], ["info", "a"], ["verify"], ["head", "a"], ["drop", "a", "--dry-run"]):
            with self.subTest(command):
                self.check(larder(command[0], self.directory, *command[1:], **others), 0)
        for command in (["drop", "a"], ["warm", "b", path]):
            with self.subTest(command):
                self.check(larder(command[0], self.directory, *command[1:], **others), 1,
                           "Permission denied; ls, info, verify and head need the right to read")
        self.assertEqual(command_runs.state_of(self.directory), before)
        self.directory.chmod(0o000)
        self.check(larder("ls", self.directory, **others), 1, "Permission denied")
        self.check(larder("verify", self.directory, **others), 2, "Permission denied")
        self.directory.chmod(0o755)

    def test_head_ends_quietly_when_nobody_reads_on(self):
        self.warm("a", self.lines(5000)[0])
        shell = subprocess.run(f"'{LARDER}' dataset head '{self.directory}' a -n 5000 --raw | head -c 100", shell=True,
                               capture_output=True, check=True)
        self.assertEqual(len(shell.stdout), 100)
        self.assertEqual(shell.stderr, b"")


class Programs(Dataset):
    """What a program cached that keeps other things than bytes."""

    def setUp(self):
        super().setUp()
        self.process = subprocess.Popen([WRITER, str(self.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait, 60)
        self.addCleanup(self.process.stdin.close)
        self.assertEqual(self.process.stdout.readline(), "open\n")

    def test_beside_a_process_that_has_it_open(self):
        self.assertEqual(self.names(), ["numbers", "packed"])
        self.assertTrue(self.asked(0, "info", self.directory, "numbers")["in_use"])
        self.assertEqual(self.asked(0, "info", self.directory, "numbers")["quota"], 1 << 20)
        self.check(larder("info", self.directory, "numbers"), 0, "quota        1 MiB")
        self.assertIsNone(self.asked(0, "info", self.directory, "packed")["quota"])
        self.check(larder("verify", self.directory), 0, "numbers: whole: checked 3 samples", "packed: whole: checked 8 samples")
        self.warm("lines", self.lines(100)[0])
        self.check(larder("drop", self.directory, "packed"), 0, "dropped packed: 8 samples")
        self.check(larder("verify", self.directory), 0, "lines: whole", "numbers: whole")
        self.check(larder("ls", self.directory), 0, "times-ten-1")

    def test_samples_that_are_kept_compressed(self):
        expected = [bytes([ord("a") + i]) * ((1 << (10 + 2 * i)) + i) for i in range(8)]
        self.assertEqual(self.samples("packed"), expected)
        info = self.asked(0, "info", self.directory, "packed")
        self.assertEqual((info["cached_bytes"], info["largest"]), (sum(map(len, expected)), len(expected[7])))
        self.assertLess(info["stored_bytes"], info["cached_bytes"] // 100)
        self.check(larder("info", self.directory, "packed"), 0, "21.3 MiB", " compressed")

    def test_samples_that_are_numbers_are_shown_as_their_bytes(self):
        self.assertEqual(self.samples("numbers"), [struct.pack("<i", number) for number in (10, 20, 30)])
        self.check(larder("info", self.directory, "numbers"), 0, "version      times-ten-1")


class Damage(Dataset):
    def test_a_damaged_sample_is_named_by_its_number_and_filled_again(self):
        path, lines = self.lines(1000)
        self.warm("train", path)
        self.warm("other", self.lines(10, "o.txt", seed=5)[0])
        for number in (417, 900):
            self.flip(lines[number].encode())
        result = self.asked(1, "verify", self.directory)
        by_name = {one["name"]: one for one in result["datasets"]}
        self.assertEqual([one["sample"] for one in by_name["train"]["damaged"]], [417, 900])
        self.assertIn("does not match its checksum", by_name["train"]["damaged"][0]["why"])
        self.assertEqual((by_name["train"]["checked"], by_name["train"]["whole"], by_name["other"]["whole"], result["whole"]),
                         (1000, False, True, False))
        self.check(larder("verify", self.directory, "train"), 1, "damaged     train, sample 417\n", "segment 1, unit ",
                   "train: 2 damaged: checked 1,000 samples")
        self.check(larder("verify", self.directory, "other"), 0, "other: whole")
        self.check(larder("head", self.directory, "train", "--skip", 416, "-n", 2), 1, "sample 417, damaged: it has a payload")
        self.check(larder("head", self.directory, "train", "--skip", 417, "-n", 1, "--raw"), 1, "sample 417: has a payload")
        self.assertEqual(self.warm("train", path)["made"], 2)
        self.check(larder("verify", self.directory), 0, "train: whole")
        self.assertEqual(self.samples("train"), [line.encode() for line in lines])

    def test_each_sample_counts(self):
        path, lines = self.lines(20)
        self.warm("train", path)
        for number, line in enumerate(lines):
            self.flip(line.encode())
            [found] = self.asked(1, "verify", self.directory)["datasets"]
            self.assertEqual([one["sample"] for one in found["damaged"]], [number])
            flipped = bytes([line.encode()[0] ^ 4]) + line.encode()[1:]
            self.flip(flipped)
        self.check(larder("verify", self.directory), 0)

    def test_missing_samples_are_named_in_runs(self):
        path, _ = self.lines(100)
        self.warm("train", path)
        listed = json.loads(subprocess.run([LARDER, "disk", "ls", str(self.directory), "--json"], capture_output=True, check=True).stdout)
        for entry in listed:
            key = bytes.fromhex(entry["key_hex"])
            if len(key) == 28 and struct.unpack("<Q", key[20:])[0] in (3, 4, 5, 50):
                subprocess.run([LARDER, "disk", "purge", str(self.directory), "--key", "hex:" + key.hex()], check=True, capture_output=True)
        [found] = self.asked(1, "verify", self.directory)["datasets"]
        self.assertEqual(found["missing"], [{"first": 3, "last": 5}, {"first": 50, "last": 50}])
        self.check(larder("verify", self.directory), 1, "missing     train, samples 3 to 5\n", "missing     train, sample 50\n", "train: 4 missing")
        self.check(larder("head", self.directory, "train"), 1, "sample 3, missing: the cache does not have it", "sample 2, ")
        info = self.asked(0, "info", self.directory, "train")
        self.assertEqual((info["cached"], info["lost"]), (96, 0))
        self.check(larder("info", self.directory, "train"), 0, "cached       96 of 100 (96.0 %)")

    def test_a_large_samples_file_that_is_gone_or_changed(self):
        content = [(f"{i}.bin", random.Random(i).randbytes(4_000_000)) for i in range(3)]
        self.warm("large", self.file("a.tar", archive(content)), "--member", "bin")
        self.flip(content[1][1])
        path, _ = self.place(content[2][1])
        self.assertEqual(path.suffix, ".value")
        path.unlink()
        [found] = self.asked(1, "verify", self.directory)["datasets"]
        self.assertEqual([(one["sample"], one["why"].split(", ")[1]) for one in found["damaged"]],
                         [(1, "which does not match its checksum in bytes 0 to 262143"), (2, "which is not there")])
        self.check(larder("info", self.directory, "large"), 0, "cached       2 of 3", "of 1 there is only a part")

    def test_a_damaged_manifest(self):
        self.warm("a", self.lines(10)[0])
        self.warm("b", self.lines(10, "b.txt")[0])
        self.flip(b'{"format":"larder data set","version":1,"name":"a"')
        self.check(larder("ls", self.directory), 1, "a: its manifest has a payload that does not match its checksum; cache it again", "1 data set")
        self.check(larder("info", self.directory, "a"), 1, "its manifest has a payload")
        self.check(larder("verify", self.directory), 1, "a: its manifest has a payload", "b: whole")
        self.check(larder("verify", self.directory, "b"), 0)
        again = self.warm("a", self.root / "lines.txt")
        self.assertEqual((again["made"], again["found"]), (0, 10))
        self.check(larder("verify", self.directory), 0, "a: whole", "b: whole")

    def test_a_segment_that_is_gone_is_missing_samples(self):
        path, _ = self.lines(10)
        self.warm("a", path)
        (self.directory / "entries" / "00000001.segment").unlink()
        self.check(larder("ls", self.directory), 0, "0 data sets")
        self.warm("a", path)
        self.check(larder("verify", self.directory), 0, "a: whole")


if __name__ == "__main__":
    LARDER = os.path.abspath(sys.argv.pop(1))
    WRITER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
