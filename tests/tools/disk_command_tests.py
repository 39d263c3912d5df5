#!/usr/bin/env python3
"""Runs `larder disk` as people do, on directories that a real cache made and that are damaged, in use, foreign or closed to us.

disk_command_tests.py PATH_OF_LARDER PATH_OF_DISK_WRITER"""
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import unittest

import command_runs

LARDER = ""
WRITER = ""
HOUR = 3600


def larder(*arguments, stdin=b"", **more):
    return subprocess.run([LARDER, "disk", *map(str, arguments)], input=stdin, capture_output=True, timeout=120, check=False, **more)


def digits(key):
    return (key if isinstance(key, bytes) else key.encode()).hex() or "-"


class Writer:
    """A cache on a directory in a process of its own."""

    def __init__(self, directory, age=0):
        self.process = subprocess.Popen([WRITER, str(directory), str(age)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "open\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def put(self, key, size, seed=1, *ttl):
        assert self.ask("put", digits(key), size, seed, *ttl) == "stored"

    def get(self, key):
        return self.ask("get", digits(key))

    def crash(self):
        self.ask("crash")


def on_terminal(*arguments, **more):
    return command_runs.on_terminal([LARDER, "disk", *arguments], **more)


class Disk(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.directory = self.root / "cache"

    def listed(self, *arguments):
        done = larder("ls", self.directory, "--json", *arguments)
        self.check(done, 0)
        return json.loads(done.stdout)

    def keys(self, *arguments):
        return [entry["key"] for entry in self.listed(*arguments)]

    def verified(self, code, *arguments):
        done = larder("verify", self.directory, "--json", *arguments)
        self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout)

    def figures(self):
        done = larder("stat", self.directory, "--json")
        self.check(done, 0)
        return json.loads(done.stdout)

    def told(self, code, *arguments):
        """What a command that changes something tells programs, and that it tells nothing else."""
        done = larder(arguments[0], self.directory, "--json", *arguments[1:])
        self.check(done, code)
        return json.loads(done.stdout)

    def some_entries(self):
        """Small and large values, two of equal content, an overwritten one, an erased one, an expired one, one with a time to come."""
        with Writer(self.directory, 20 * HOUR) as cache:
            for i in range(6):
                cache.put(f"layer.{i}/weight", 4000 + i, i)
            cache.put("large/a", 100_000, 7)
            cache.put("large/b", 100_000, 7)
            cache.put("large/c", 50_000, 8)
            cache.put("layer.0/weight", 5000, 9)
            cache.put("gone", 100, 10)
            self.assertEqual(cache.ask("erase", digits("gone")), "erased")
            cache.put("expired", 100, 11, HOUR)
            cache.put("fresh", 100, 12, 100 * HOUR)
            cache.ask("advance", 11 * HOUR)
            self.assertNotEqual(cache.get("layer.5/weight"), "miss")
        return sorted([f"layer.{i}/weight" for i in range(6)] + ["large/a", "large/b", "large/c", "fresh"])

    def segment(self, number=1):
        return self.directory / "entries" / f"{number:08x}.segment"

    def flip(self, path, offset):
        content = bytearray(path.read_bytes())
        content[offset] ^= 4
        path.write_bytes(content)

    # ------------------------------------------------------------------------------------------------- looking

    def test_help_names_every_subcommand_option_and_exit_code(self):
        text = self.check(larder("--help"), 0, "ls", "stat", "verify", "repair", "compact", "purge", "mmap_disk")
        self.assertIn("only look", text)
        options = {"ls": ("--prefix", "--sort", "--reverse", "--limit", "--expired", "--json"), "stat": ("--segments", "--json"),
                   "verify": ("--all", "--json", "--quiet"), "repair": ("--dry-run", "--json"), "compact": ("--to", "--capacity", "--dry-run", "--json"),
                   "purge": ("--expired", "--prefix", "--key", "--older-than", "--all", "--quarantine", "--yes", "--dry-run", "--json")}
        for name, known in options.items():
            self.check(larder(name, "--help"), 0, "Exit codes: 0 ", *known)
        said = subprocess.run([LARDER, "--help"], capture_output=True, check=True).stdout.decode()
        self.assertIn("disk", said)

    def test_wrong_use_is_2(self):
        self.some_entries()
        before = command_runs.state_of(self.directory)
        for arguments in ([], ["ls"], ["nonsense", self.directory], ["ls", self.directory, "--sort", "colour"], ["ls", self.directory, "--limit", "0"],
                          ["purge", self.directory, "--all", "--expired"], ["purge", self.directory, "--expired", "--prefix", "a"]):
            with self.subTest(arguments):
                done = larder(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertNotEqual(done.stderr, b"")
        self.check(larder("purge", self.directory), 2, "say what to drop")
        self.check(larder("purge", self.directory, "--prefix", ""), 2, "--all drops everything")
        self.check(larder("purge", self.directory, "--older-than", "30"), 2, '--older-than: "30" has no unit', "30d")
        self.check(larder("purge", self.directory, "--older-than", "1y"), 2, 'unknown unit "y"')
        self.check(larder("purge", self.directory, "--older-than", "99999999999999d"), 2, "is too long")
        self.check(larder("purge", self.directory, "--older-than=-3d"), 2, "is not a time")
        self.check(larder("compact", self.directory, "--to", "2"), 2, '--to: "2" is no share')
        self.check(larder("compact", self.directory, "--to", "many"), 2, '"many" is no share')
        self.check(larder("compact", self.directory, "--capacity", "0"), 2, "holds nothing")
        self.check(larder("compact", self.directory, "--capacity", "much"), 2, '--capacity: "much" is not a size')
        self.assertEqual(command_runs.state_of(self.directory), before)

    def test_what_is_no_directory_of_mmap_disk_is_told_in_a_sentence(self):
        (self.root / "file").write_text("text")
        (self.root / "empty").mkdir()
        (self.root / "foreign").mkdir()
        (self.root / "foreign" / "notes.txt").write_text("text")
        self.some_entries()
        others = {}
        for name, version, order in (("later", "3", "little-endian"), ("earlier", "1", "little-endian"), ("turned", "2", "big-endian")):
            others[name] = self.root / name
            shutil.copytree(self.directory, others[name])
            subprocess.run([WRITER, "mark", others[name], version, order], check=True)
        for command in (["ls"], ["stat"], ["verify"], ["repair"], ["compact"], ["purge", "--expired"]):
            code = 2 if command[0] == "verify" else 1
            with self.subTest(command):
                self.check(larder(*command, self.root / "missing"), code, f'"{self.root}/missing" is not there', "name a directory")
                self.assertFalse((self.root / "missing").exists())
                self.check(larder(*command, self.root / "file"), code, "is not a directory")
                self.check(larder(*command, self.root / "empty"), code, "is empty")
                self.check(larder(*command, self.root / "foreign"), code, "is not a directory of mmap_disk", "name the directory")
                self.assertEqual(sorted(path.name for path in (self.root / "foreign").iterdir()), ["notes.txt"])
                for name, parts in (("later", ("version 3,little-endian", "this reads version 2,little-endian", "use the larder that wrote it")),
                                    ("earlier", ("is of version 1", "version 2")), ("turned", ("version 2,big-endian",))):
                    before = command_runs.state_of(others[name])
                    self.check(larder(*command, others[name]), code, *parts)
                    self.assertEqual(command_runs.state_of(others[name]), before)

    def test_ls_is_what_a_cache_finds(self):
        expected = self.some_entries()
        self.assertEqual(sorted(self.keys()), expected)
        by_key = {entry["key"]: entry for entry in self.listed("--expired")}
        self.assertEqual(sorted(by_key), sorted(expected + ["expired"]))
        self.assertTrue(by_key["expired"]["expired"])
        self.assertFalse(by_key["fresh"]["expired"])
        self.assertEqual(by_key["layer.0/weight"]["size"], 5000)
        self.assertEqual(by_key["layer.1/weight"]["value_file"], None)
        self.assertEqual(by_key["large/a"]["value_file"], by_key["large/b"]["value_file"])
        self.assertNotEqual(by_key["large/a"]["value_file"], by_key["large/c"]["value_file"])
        self.assertEqual((self.directory / by_key["large/c"]["value_file"]).stat().st_size, 50_000)
        self.assertIsNotNone(by_key["layer.5/weight"]["last_use"])
        self.assertIsNone(by_key["layer.4/weight"]["last_use"])
        for entry in by_key.values():
            self.assertEqual(bytes.fromhex(entry["key_hex"]).decode(), entry["key"])
            self.assertRegex(entry["written"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
            self.assertFalse(entry["verified"])
            where = self.directory / entry["where"]["file"]
            self.assertEqual(where.read_bytes()[entry["where"]["offset"]:][:4], b"LDRC")
        self.assertEqual(sorted(self.keys("--prefix", "layer.")), [f"layer.{i}/weight" for i in range(6)])
        self.assertEqual(self.keys("--prefix", "none"), [])
        self.assertEqual(self.keys("--prefix", "hex:" + digits("large/c")), ["large/c"])
        self.assertEqual(self.keys("--sort", "key"), expected)
        self.assertEqual(self.keys("--sort", "key", "--reverse"), expected[::-1])
        self.assertEqual(self.keys("--sort", "used", "--limit", 1), ["layer.5/weight"])
        sizes = [entry["size"] for entry in self.listed("--sort", "size")]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        written = [entry["written"] for entry in self.listed("--sort", "written")]
        self.assertEqual(written, sorted(written, reverse=True))
        self.assertEqual(len(self.keys("--limit", 3)), 3)

    def test_ls_for_people(self):
        self.some_entries()
        done = larder("ls", self.directory)
        lines = done.stdout.decode().splitlines()
        self.assertRegex(lines[0], r"SIZE +WHERE +WRITTEN +EXPIRES +LAST USE +KEY$")
        self.assertEqual(len(lines), 11)
        self.assertRegex("\n".join(lines), r"4\.9 KiB  00000001/\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  never +- +layer\.0/weight")
        self.assertRegex("\n".join(lines), r"97\.7 KiB  [0-9a-f]{16}\.value .* large/a")
        self.assertRegex("\n".join(lines), r"in 3 d .* fresh")
        self.assertIn(b"10 entries, ", done.stderr)
        self.assertIn(b"1 expired and not shown", done.stderr)
        self.assertIn(b"9 h ago", larder("ls", self.directory, "--prefix", "layer.5").stdout)

    def test_compressed_values_are_told_with_both_sizes(self):
        self.some_entries()
        before = self.figures()
        self.assertEqual(before["compressed_entries"], 0)
        self.assertEqual(before["uncompressed_value_bytes"], before["value_bytes"])
        self.assertIsNone(self.listed("--prefix", "fresh")[0]["uncompressed_size"])
        self.assertNotIn(b"compressed", larder("ls", self.directory).stderr)
        for size in (10_000, 10_000_000):  # in a segment; in a file of its own
            subprocess.run([WRITER, "runs", str(self.directory), str(size)], check=True, timeout=60)
            listed = self.listed("--prefix", "run")[0]
            self.assertEqual(listed["uncompressed_size"], size)
            self.assertLess(listed["size"], size // 50)
            self.assertEqual(listed["value_file"] is None, size == 10_000)
            figures = self.figures()
            self.assertEqual(figures["compressed_entries"], 1)
            self.assertEqual(figures["value_bytes"], before["value_bytes"] + listed["size"])
            self.assertEqual(figures["uncompressed_value_bytes"], before["value_bytes"] + size)
        self.check(larder("ls", self.directory, "--prefix", "run"), 0, "(1 compressed; 9.5 MiB in all before)")
        self.check(larder("stat", self.directory), 0, "1 compressed; 9.8 MiB in all before")
        self.check(larder("verify", self.directory), 0)

    def test_keys_of_every_kind_come_back_as_they_were(self):
        keys = [b"", b"\x00", b"a\x00b", "größe/☃".encode(), b"\xff\xfe", b"k" * 5000, b"hex:00", b" blank ", b"line\nbreak", b"tab\t", b"quote\"\\",
                b"\x1b[31mred", "\u202eturned".encode(), "\u0085".encode(), bytes(range(256))]
        with Writer(self.directory) as cache:
            for i, key in enumerate(keys):
                cache.put(key, 10 + i, i)
        entries = self.listed()
        self.assertEqual([bytes.fromhex(entry["key_hex"]) for entry in entries], keys)
        by_bytes = dict(zip(keys, entries))
        for plain in ("größe/☃".encode(), b"k" * 5000, b"quote\"\\"):
            self.assertEqual(by_bytes[plain]["key"].encode(), plain)
        for key in keys:
            text = by_bytes[key]["key"]
            self.assertTrue(text.isprintable(), text)
            if text.encode() != key:
                self.assertEqual(text, "hex:" + key.hex())
        self.assertNotIn(b"\x1b", larder("ls", self.directory).stdout)
        for key in keys:  # what is printed names the key again
            self.check(larder("purge", self.directory, "--key=" + by_bytes[key]["key"]), 0, "dropped 1 entry")
        self.assertEqual(self.listed(), [])
        self.check(larder("purge", self.directory, "--key", "hex:0"), 2, '--key: "hex:0" is no key')
        self.check(larder("purge", self.directory, "--prefix", "hex:zz"), 2, '--prefix: "hex:zz" is no key')

    def test_long_keys_are_cut_on_a_terminal_and_nowhere_else(self):
        with Writer(self.directory) as cache:
            cache.put("ä" * 2500, 10)
        self.assertIn("ä" * 2500, larder("ls", self.directory).stdout.decode())
        ours, theirs = pty.openpty()
        import fcntl
        import struct
        import termios
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        code = subprocess.run([LARDER, "disk", "ls", self.directory], stdout=theirs, stderr=subprocess.DEVNULL, check=False).returncode
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        self.assertEqual(code, 0)
        self.assertTrue(all(len(line) <= 120 for line in shown.splitlines()), shown)
        self.assertIn("ä…", shown)

    def test_an_empty_directory_of_a_cache(self):
        with Writer(self.directory):
            pass
        self.assertEqual(self.listed(), [])
        self.assertIn(b"0 entries", larder("ls", self.directory).stderr)
        self.assertEqual(self.figures()["entries"], 0)
        self.check(larder("stat", self.directory, "--segments"), 0, "entries        0")
        self.check(larder("verify", self.directory), 0, "whole: read 0 entries")
        self.check(larder("repair", self.directory), 0, "nothing to repair")
        self.check(larder("compact", self.directory), 0, "nothing to compact")
        self.check(larder("purge", self.directory, "--expired"), 0, "dropped 0 entries")

    def test_stat_adds_up(self):
        expected = self.some_entries()
        figures = self.figures()
        self.assertEqual(figures["entries"], len(expected) + 1)
        self.assertEqual(figures["expired_entries"], 1)
        self.assertEqual(figures["value_bytes"], sum(entry["size"] for entry in self.listed("--expired")))
        self.assertEqual(figures["key_bytes"], sum(map(len, expected)) + len("expired"))
        self.assertEqual(figures["value_files"], {"files": 2, "bytes": 150_000, "entries": 3})
        self.assertEqual(figures["largest_value"], 100_000)
        for segment in figures["segments"]:
            parts = sum(segment[name] for name in ("live_bytes", "garbage_bytes", "footer_bytes", "free_bytes"))
            self.assertEqual(parts, segment["file_bytes"])
        values = figures["value_bytes"] - 250_000
        self.assertEqual(figures["live_bytes"], values + figures["key_bytes"] + figures["head_and_padding_bytes"])
        self.assertGreater(figures["garbage_bytes"], 4000)  # layer.0's first value
        self.assertFalse(figures["in_use"])
        self.assertEqual(figures["quarantine"], {"files": 0, "bytes": 0})
        self.check(larder("stat", self.directory, "--segments"), 0, "in use by      nobody", "SEGMENT", "sealed", "1 expired")

    def test_beside_a_process_that_has_it_open(self):
        with Writer(self.directory) as cache:
            cache.put("a", 100)
            cache.put("b", 100_000)
            cache.put("b", 200)
            self.assertEqual(self.keys(), ["a", "b"])
            figures = self.figures()
            self.assertTrue(figures["in_use"])
            self.assertEqual([process["pid"] for process in figures["processes"]], [cache.process.pid])
            self.check(larder("stat", self.directory), 0, f"in use by      process {cache.process.pid} (")
            self.check(larder("verify", self.directory), 0, "whole: read 2 entries")
            cache.ask("erase", digits("a"))
            self.assertEqual(self.keys(), ["b"])
            # What the commands change is at once what the process has, and the other way round.
            cache.put("c", 300)
            self.check(larder("purge", self.directory, "--key", "b"), 0, "dropped 1 entry")
            self.assertEqual(cache.get("b"), "miss")
            for i in range(100):
                cache.put("c", 3000, i)
            before = cache.get("c")
            self.check(larder("compact", self.directory, "--to", "0"), 0, "after:  1 entry")
            self.assertEqual(cache.get("c"), before)
            cache.put("d", 10)
            self.assertEqual(sorted(self.keys()), ["c", "d"])
            self.check(larder("purge", self.directory, "--all", "--yes"), 0, "dropped 2 entries")
            self.assertEqual([cache.get("c"), cache.get("d"), cache.ask("size")], ["miss", "miss", "0"])

    def test_a_process_that_is_in_no_list_is_seen_by_the_log_that_it_follows(self):
        with Writer(self.directory) as cache:
            cache.put("a", 100)
            (self.directory / "USERS").unlink()  # as for a process of another container, nobody is listed
            figures = self.figures()
            self.assertEqual((figures["in_use"], figures["processes"]), (True, []))
            self.check(larder("stat", self.directory), 0, "in use by      another process")
        self.assertFalse(self.figures()["in_use"])

    def test_a_stopped_process_holds_nobody_up(self):
        with Writer(self.directory) as cache:
            cache.put("a", 100)
            cache.process.send_signal(signal.SIGSTOP)
            try:
                self.assertEqual(self.keys(), ["a"])
                self.check(larder("verify", self.directory), 0)
                self.check(larder("stat", self.directory), 0)
                self.check(larder("purge", self.directory, "--key", "a"), 0, "dropped 1 entry")
            finally:
                cache.process.send_signal(signal.SIGCONT)
            self.assertEqual(cache.get("a"), "miss")

    def test_looking_changes_nothing_and_needs_no_right_to_write(self):
        self.some_entries()
        with Writer(self.directory) as cache:  # and what a crash left
            cache.put("last", 500)
            cache.crash()
        (self.directory / "staging" / "123-456-7").write_text("x")
        looks = [["ls"], ["ls", "--json", "--expired", "--sort", "key"], ["stat", "--segments"], ["verify", "--all"], ["repair", "--dry-run"],
                 ["compact", "--dry-run", "--to", "0"], ["purge", "--all", "--dry-run"]]
        before = command_runs.state_of(self.directory)
        for command in looks:
            with self.subTest(command):
                self.check(larder(*command, self.directory), 0)
                self.assertEqual(command_runs.state_of(self.directory), before)
        others = self.somebody_else(LARDER, self.directory)
        before = command_runs.state_of(self.directory)
        for command in looks:
            with self.subTest(command):
                self.check(larder(*command, self.directory, **others), 0)
                self.assertEqual(command_runs.state_of(self.directory), before)
        for command in (["purge", "--key", "last"], ["compact", "--to", "0"], ["repair"]):
            with self.subTest(command):
                self.check(larder(*command, self.directory, **others), 1, "Permission denied")
                self.assertEqual(command_runs.state_of(self.directory), before)
        self.directory.chmod(0o000)
        self.check(larder("ls", self.directory, **others), 1, "Permission denied; ls, stat and verify need the right to read")
        self.check(larder("verify", self.directory, **others), 2, "Permission denied")
        self.directory.chmod(0o755)

    def test_ls_ends_quietly_when_nobody_reads_on(self):
        with Writer(self.directory) as cache:
            for i in range(2000):
                cache.put(f"{i:05}" * 20, 1, i)
        shell = subprocess.run(f"'{LARDER}' disk ls '{self.directory}' --json | head -c 100", shell=True, capture_output=True, check=True)
        self.assertEqual(len(shell.stdout), 100)
        self.assertEqual(shell.stderr, b"")

    # ------------------------------------------------------------------------------------------------- damage

    def place(self, key):
        [entry] = [entry for entry in self.listed("--expired") if entry["key"] == key]
        return self.directory / entry["where"]["file"], entry["where"]["offset"], entry

    def damages(self):
        """Each way to damage what `some_entries` makes: the name, what does it, and the keys that it costs."""
        def at(key, more):
            def flip():
                path, offset, _ = self.place(key)
                self.flip(path, offset + more)
            return flip

        def value_file(change):
            def damage():
                change(self.directory / self.place("large/a")[2]["value_file"])
            return damage

        def cut(path):
            os.truncate(path, path.stat().st_size - 1)
        yield "magic", at("layer.3/weight", 0), ["layer.3/weight"]
        yield "head", at("layer.3/weight", 50), ["layer.3/weight"]
        yield "checksum of the head", at("layer.3/weight", 75), ["layer.3/weight"]
        yield "key", at("layer.3/weight", 88), ["layer.3/weight"]
        yield "payload", at("layer.3/weight", 1000), ["layer.3/weight"]
        yield "reference", at("large/c", 128 + 20), ["large/c"]
        yield "number of the file", at("large/c", 128), ["large/c"]
        yield "value's file", value_file(lambda path: self.flip(path, 777)), ["large/a", "large/b"]
        yield "value's file cut", value_file(cut), ["large/a", "large/b"]
        yield "value's file missing", value_file(lambda path: path.unlink()), ["large/a", "large/b"]

    def test_damage_is_found_named_repaired_and_stays_repaired(self):
        keys = self.some_entries()
        original = self.root / "original"
        shutil.copytree(self.directory, original)
        for name, damage, lost in self.damages():
            with self.subTest(name):
                shutil.rmtree(self.directory)
                shutil.copytree(original, self.directory)
                damage()
                before = command_runs.state_of(self.directory)
                found = self.verified(1)
                self.assertFalse(found["whole"])
                self.assertEqual(len(found["damaged"]), len(lost), found)
                for one in found["damaged"]:
                    self.assertNotEqual(one["why"], "")
                    self.assertEqual(one["segment"], 1)
                if name not in ("magic", "head", "key"):  # then what is left of the key cannot be relied on
                    self.assertEqual(sorted(one["key"] for one in found["damaged"]), lost)
                text = self.check(larder("verify", self.directory), 1, "damaged", "larder disk repair")
                if name not in ("magic", "key"):
                    self.assertIn(lost[0], text)
                self.check(larder("repair", self.directory, "--dry-run"), 0, f"would move out {len(lost)} damaged")
                self.assertEqual(command_runs.state_of(self.directory), before)
                self.check(larder("repair", self.directory), 0, f"moved out {len(lost)} damaged", f"whole now: {len(keys) + 1 - len(lost)} entries")
                self.assertEqual(self.verified(0)["damaged"], [])
                self.assertEqual(sorted(self.keys()), sorted(set(keys) - set(lost)))
                if "missing" not in name and name != "number of the file":
                    self.assertGreater(self.figures()["quarantine"]["files"], 0)
                self.check(larder("repair", self.directory), 0, "nothing to repair")
                with Writer(self.directory, 20 * HOUR) as cache:
                    for key in keys:
                        self.assertEqual(cache.get(key) == "miss", key in lost, key)
                    for key in lost:
                        cache.put(key, 77, 7)
                self.assertEqual(sorted(self.keys()), keys)
                self.check(larder("purge", self.directory, "--quarantine"), 0, "removed ")
                self.assertEqual(self.figures()["quarantine"]["files"], 0)

    def test_a_repair_is_told_to_programs(self):
        keys = self.some_entries()
        nothing = self.told(0, "repair")
        self.assertEqual((nothing["directory"], nothing["whole"], nothing["dry_run"], nothing["damaged"]), (str(self.directory), True, False, []))
        path, offset, _ = self.place("layer.3/weight")
        self.flip(path, offset + 1000)
        before = command_runs.state_of(self.directory)
        planned = self.told(0, "repair", "--dry-run")
        self.assertEqual((planned["whole"], planned["dry_run"], planned["moved_out"]), (False, True, 1))
        self.assertEqual([one["key"] for one in planned["damaged"]], ["layer.3/weight"])
        self.assertEqual(command_runs.state_of(self.directory), before)
        done = self.told(0, "repair")
        self.assertEqual((done["whole"], done["moved_out"], done["interrupted"], done["still_damaged"]), (True, 1, False, []))
        self.assertEqual(done["entries"], len(keys))     # the one that has expired is among them
        self.assertEqual([one["why"] for one in done["damaged"]], [one["why"] for one in planned["damaged"]])

    def test_damage_beside_a_process_costs_it_the_entry_alone(self):
        with Writer(self.directory) as cache:
            cache.put("good", 3000, 1)
            cache.put("bad", 3000, 2)
            cache.put("large", 60_000, 3)
            path, offset, _ = self.place("bad")
            with open(path, "r+b") as file:  # in place: a new file would not be the one that is mapped
                file.seek(offset + 1000)
                byte = file.read(1)
                file.seek(offset + 1000)
                file.write(bytes([byte[0] ^ 1]))
            self.assertEqual([one["key"] for one in self.verified(1)["damaged"]], ["bad"])
            (self.directory / "staging" / "123-456-7").write_text("x")
            self.check(larder("repair", self.directory), 0, f"in use by process {cache.process.pid}", "moved out 1 damaged entry", "whole now: 2 entries")
            self.assertTrue((self.directory / "staging" / "123-456-7").exists())
            self.assertEqual(cache.get("bad"), "miss")
            self.assertNotEqual(cache.get("good"), "miss")
            self.assertNotEqual(cache.get("large"), "miss")
            self.check(larder("verify", self.directory), 0)

    def test_damaged_garbage_is_seen_with_all_and_costs_nothing(self):
        self.some_entries()
        first = self.segment().read_bytes().index(b"layer.0/weight")
        self.flip(self.segment(), first + 100)
        self.assertTrue(self.verified(0)["whole"])
        found = self.verified(1, "--all")
        self.assertEqual(len(found["damaged"]), 1)
        self.assertIsNone(found["damaged"][0]["key"])
        self.assertIn("of no use any more", found["damaged"][0]["why"])

    def test_whatever_is_damaged_the_commands_agree_with_the_cache(self):
        """Random flips, cuts and removals: no command fails to end, and what ls and verify call whole is what a cache serves."""
        keys = self.some_entries()
        with Writer(self.directory, 9 * HOUR) as cache:
            for i in range(60):
                cache.put(f"more/{i}", 5000, i)
                keys.append(f"more/{i}")
            cache.crash()
        original = self.root / "original"
        shutil.copytree(self.directory, original)
        draw = random.Random(int(os.environ.get("LARDER_FAULT_SEED", "20261128")))
        for trial in range(12 * int(os.environ.get("LARDER_FAULT_SCALE", "1"))):
            shutil.rmtree(self.directory)
            shutil.copytree(original, self.directory)
            files = sorted(path for path in self.directory.rglob("*") if path.is_file() and path.stat().st_size)
            path = draw.choice(files)
            how = draw.choice(("flip", "flip", "flips", "cut", "remove", "blank", "noise"))
            with self.subTest(trial=trial, file=path.relative_to(self.directory), how=how):
                size = path.stat().st_size
                if how == "flip":
                    self.flip(path, draw.randrange(size))
                elif how == "flips":
                    for _ in range(20):
                        self.flip(path, draw.randrange(size))
                elif how == "cut":
                    os.truncate(path, draw.randrange(size))
                elif how == "remove":
                    path.unlink()
                else:
                    content = bytearray(path.read_bytes())
                    begin = draw.randrange(size)
                    end = min(size, begin + draw.choice((64, 4096, 100_000)))
                    content[begin:end] = bytes(end - begin) if how == "blank" else draw.randbytes(end - begin)
                    path.write_bytes(content)
                before = command_runs.state_of(self.directory)
                listed = set(self.keys())
                self.check(larder("stat", self.directory, "--segments"), 0)
                for arguments in ((), ("--all",)):
                    done = larder("verify", self.directory, "--json", *arguments)
                    self.assertIn(done.returncode, (0, 1), done)
                found = self.verified(1) if larder("verify", self.directory).returncode else self.verified(0)
                whole = listed - {one["key"] for one in found["damaged"]}
                self.assertEqual(command_runs.state_of(self.directory), before)
                done = larder("repair", self.directory)
                self.assertEqual(done.returncode, 0, done)
                self.assertEqual(self.verified(0)["damaged"], [])
                self.assertEqual(set(self.keys()), whole & set(keys))
                with Writer(self.directory, 9 * HOUR) as cache:
                    served = {key for key in keys if cache.get(key) != "miss"}
                self.assertEqual(served, whole & set(keys))

    def test_footers_missing_and_wrong_are_written_anew(self):
        with Writer(self.directory) as cache:
            for i in range(80):
                cache.put(f"key {i}", 4000, i)
        keys = sorted(self.keys())
        self.assertEqual(len(keys), 80)
        self.assertGreater(self.figures()["segments"][-1]["number"], 2)
        size = self.segment(1).stat().st_size
        self.flip(self.segment(1), size - 30)  # of the trailer
        self.flip(self.segment(2), self.segment(2).stat().st_size - 64 - 1000)  # of an entry
        self.assertEqual(sorted(self.keys()), keys)
        found = self.verified(1)
        self.assertEqual(len(found["damaged"]), 2)
        self.assertIn("footer", found["damaged"][0]["why"])
        self.check(larder("stat", self.directory, "--segments"), 0, "footer damaged")
        self.check(larder("repair", self.directory, "--dry-run"), 0, "would write 2 footers")
        self.check(larder("repair", self.directory), 0, "wrote 2 footers", "whole now: 80 entries")
        self.assertEqual(sorted(self.keys()), keys)
        self.assertEqual(self.segment(1).stat().st_size, size)
        os.truncate(self.segment(1), size - 1000)
        self.assertEqual(sorted(self.keys()), keys)
        self.assertIn("segment 1 has no footer", " ".join(self.verified(0)["notes"]))
        self.check(larder("repair", self.directory), 0, "wrote 1 footer")
        self.assertEqual(self.verified(0)["notes"], [])

    def test_what_a_dead_process_left(self):
        with Writer(self.directory) as cache:
            for i in range(40):
                cache.put(f"key {i}", 8000, i)
            cache.crash()
        (self.directory / "staging" / "123-456-7").write_text("draft")
        (self.directory / "entries" / "0123456789abcdef.value").write_bytes(b"x" * 5000)
        figures = self.figures()
        self.assertEqual(figures["unreferenced_files"], {"files": 1, "bytes": 5000})
        self.assertEqual(figures["staging"]["files"], 1)
        self.assertEqual(len(self.keys()), 40)
        self.assertTrue(self.verified(0)["whole"])
        self.check(larder("repair", self.directory), 0, "removed 1 file that a dead process left in staging",
                   "removed 1 value's file that no entry refers to", "whole now: 40 entries")
        figures = self.figures()
        self.assertEqual((figures["unreferenced_files"]["files"], figures["staging"]["files"], figures["entries"]), (0, 0, 40))

    def test_a_published_record_that_a_crash_and_damage_took(self):
        with Writer(self.directory) as cache:
            cache.put("a", 100, 1)
            cache.put("a", 200, 2)
            cache.put("b", 200, 3)
            cache.crash()
        path, offset, _ = self.place("a")
        self.flip(path, offset + 150)
        self.assertEqual(self.keys(), ["b"])  # and not the older value
        found = self.verified(1)
        self.assertIn("the log says that one was published", found["damaged"][0]["why"])
        self.check(larder("repair", self.directory), 0, "whole now: 1 entry")
        self.assertEqual(self.keys(), ["b"])

    def test_a_segment_that_is_gone_is_damage_while_the_log_knows_of_it(self):
        with Writer(self.directory) as cache:
            for i in range(40):
                cache.put(f"key {i}", 8000, i)
        self.segment(1).unlink()
        found = self.verified(1)
        self.assertEqual([one["place"] for one in found["damaged"]], ["segment 1"])
        self.check(larder("repair", self.directory), 0, "whole now: ")
        self.assertTrue(self.verified(0)["whole"])

    def test_a_damaged_marker(self):
        self.some_entries()
        (self.directory / "format").write_text("larder stor")
        self.check(larder("ls", self.directory), 0, "the marker file", "larder disk repair")
        self.check(larder("verify", self.directory), 1, 'the marker file "format" is missing or damaged')
        self.check(larder("repair", self.directory), 0, "wrote the marker file")
        self.check(larder("verify", self.directory), 0)

    def test_records_of_a_later_version_are_named_and_no_damage(self):
        keys = self.some_entries()
        for key, kind, flag, name in (("layer.3/weight", 1, 2, "kind 1, flags 020000"), ("layer.2/weight", 7, 0, "kind 7")):
            path, offset, _ = self.place(key)
            subprocess.run([WRITER, "later", path, "1", str(offset), str(kind), str(flag)], check=True)
            [entry] = [entry for entry in self.listed() if entry["key"] == key]
            self.assertEqual((entry["later_version"], entry["head"]), (name, "right"))
            self.assertIn(f"{key}  [{name}, written by a later version]", larder("ls", self.directory).stdout.decode())
            self.assertIn(f"of {name}, written by a later version: not checked", " ".join(self.verified(0)["notes"]))
        self.assertEqual(sorted(self.keys()), keys)
        self.check(larder("stat", self.directory), 0, "1 of a later version")
        self.check(larder("repair", self.directory), 0, "nothing to repair")
        self.check(larder("compact", self.directory, "--to", "0"), 1, "of a later version", "with the larder that wrote them")

    def test_an_io_error_is_unreadable_and_2(self):
        self.some_entries()
        _, _, entry = self.place("large/c")
        file = self.directory / entry["value_file"]
        file.unlink()
        file.symlink_to(self.root)  # opening it is refused
        found = self.verified(2)
        self.assertEqual([one["key"] for one in found["unreadable"]], ["large/c"])
        self.assertEqual(found["damaged"], [])

    # ------------------------------------------------------------------------------------------------- changing

    def test_purge_takes_what_was_said_and_nothing_else(self):
        with Writer(self.directory, 40 * 24 * HOUR) as cache:
            for i in range(5):
                cache.put(f"old/{i}", 500, i)
            cache.put("both", 500, 1)
        with Writer(self.directory) as cache:
            for i in range(5):
                cache.put(f"new/{i}", 500, i)
            cache.put("old/new", 60_000, 7)
        before = sorted(self.keys())
        self.check(larder("purge", self.directory, "--older-than", "30d", "--prefix", "old/", "--dry-run"), 0, "would drop 5 entries")
        self.assertEqual(sorted(self.keys()), before)
        self.check(larder("purge", self.directory, "--older-than", "30d", "--prefix", "old/"), 0, "dropped 5 entries", "larder disk compact")
        self.assertEqual(sorted(self.keys()), ["both"] + [f"new/{i}" for i in range(5)] + ["old/new"])
        self.check(larder("purge", self.directory, "--older-than", "41d"), 0, "dropped 0 entries")
        self.check(larder("purge", self.directory, "--older-than", "4w"), 0, "dropped 1 entry")
        self.check(larder("purge", self.directory, "--key", "old/new"), 0, "dropped 1 entry")
        self.assertEqual(self.figures()["value_files"]["files"] + self.figures()["unreferenced_files"]["files"], 0)
        self.check(larder("purge", self.directory, "--key", "none"), 0, "dropped 0 entries")
        self.assertEqual(sorted(self.keys()), [f"new/{i}" for i in range(5)])
        self.check(larder("verify", self.directory), 0)

    def test_a_purge_is_told_to_programs(self):
        self.some_entries()
        planned = self.told(0, "purge", "--prefix", "layer.", "--dry-run")
        self.assertEqual((planned["chosen"], planned["dropped"], planned["dry_run"]), (6, 0, True))
        self.assertEqual(planned["chosen_bytes"], 5000 + sum(4000 + i for i in range(1, 6)))
        done = self.told(0, "purge", "--prefix", "layer.")
        self.assertEqual((done["chosen"], done["dropped"], done["done"], done["interrupted"]), (6, 6, True, False))
        self.assertEqual(self.told(0, "purge", "--quarantine")["removed"], 0)
        refused = self.told(1, "purge", "--all")          # nobody is there to be asked
        self.assertEqual((refused["done"], refused["dropped"]), (False, 0))
        self.assertEqual(self.told(0, "purge", "--all", "--yes")["done"], True)
        self.assertEqual(self.keys("--expired"), [])

    def test_purge_expired(self):
        keys = self.some_entries()
        self.check(larder("purge", self.directory, "--expired", "--dry-run"), 0, "would drop 1 entry")
        self.check(larder("purge", self.directory, "--expired"), 0, "dropped 1 entry")
        self.assertEqual(sorted(self.keys("--expired")), keys)
        self.check(larder("purge", self.directory, "--expired"), 0, "dropped 0 entries")

    def test_purge_all_asks(self):
        keys = self.some_entries()
        self.check(larder("purge", self.directory, "--all"), 1, "--yes", "nothing was dropped")
        self.assertEqual(sorted(self.keys()), keys)
        for answer in (b"n\n", b"\n"):
            code, shown, _ = on_terminal("purge", self.directory, "--all", answer=answer)
            self.assertEqual(code, 1)
            self.assertIn("Drop all 11 entries", shown)
        self.assertEqual(sorted(self.keys()), keys)
        code, shown, said = on_terminal("purge", self.directory, "--all", answer=b"y\n")
        self.assertEqual((code, self.keys()), (0, []), shown)
        self.assertRegex(said, r"dropped 1[01] entries")
        self.assertEqual(list((self.directory / "entries").glob("*.value")), [])
        self.some_entries()
        self.check(larder("purge", self.directory, "--all", "-y"), 0)
        self.assertEqual(self.keys("--expired"), [])

    def test_compact_gives_back_the_garbage_and_keeps_every_entry(self):
        with Writer(self.directory) as cache:
            for i in range(60):
                cache.put(f"key {i}", 4000, i)
            for i in range(0, 60, 2):
                cache.put(f"key {i}", 4000, 100 + i)
            cache.put("large", 40_000, 5)
            values = {f"key {i}": cache.get(f"key {i}") for i in range(60)}
        before = self.figures()
        self.assertGreater(before["garbage_share"], 0.2)
        self.check(larder("compact", self.directory, "--to", "90%"), 0, "nothing to compact")
        self.check(larder("compact", self.directory, "--dry-run"), 0, "would write ")
        self.assertEqual(self.figures(), before)
        self.check(larder("compact", self.directory), 0, "before: 61 entries", "after:  61 entries")
        after = self.figures()
        self.assertLessEqual(after["garbage_share"], 0.05)
        self.assertLess(sum(one["file_bytes"] for one in after["segments"]), sum(one["file_bytes"] for one in before["segments"]))
        self.assertEqual(after["live_bytes"], before["live_bytes"])
        self.check(larder("verify", self.directory, "--all"), 0)
        with Writer(self.directory) as cache:
            for key, value in values.items():
                self.assertEqual(cache.get(key), value)
            self.assertNotEqual(cache.get("large"), "miss")
        self.check(larder("compact", self.directory, "--to", "0"), 0)
        self.assertEqual(self.figures()["garbage_bytes"], 0)

    def test_a_compaction_is_told_to_programs(self):
        with Writer(self.directory) as cache:
            for i in range(60):
                cache.put("key", 4000, i)
        planned = self.told(0, "compact", "--dry-run")
        self.assertEqual((planned["after"], planned["dry_run"], planned["before"]["entries"]), (None, True, 1))
        self.assertGreater(planned["segments_rewritten"], 0)
        done = self.told(0, "compact", "--to", "0")
        self.assertEqual((done["done"], done["interrupted"], done["before"]), (True, False, planned["before"]))
        self.assertEqual((done["after"]["entries"], done["after"]["garbage"], done["after"]["garbage_share"]), (1, 0, 0))
        self.assertLess(done["after"]["bytes"], done["before"]["bytes"])
        again = self.told(0, "compact")
        self.assertEqual((again["segments_rewritten"], again["after"]), (0, again["before"]))

    def test_compact_keeps_the_times_of_every_entry(self):
        self.some_entries()
        told = ("written", "expires", "last_use", "value_file", "size")
        before = {entry["key"]: entry for entry in self.listed()}
        self.assertIsNotNone(before["layer.5/weight"]["last_use"])
        self.check(larder("compact", self.directory, "--to", "0"), 0)
        after = {entry["key"]: entry for entry in self.listed()}
        self.assertEqual({key: [e[name] for name in told] for key, e in after.items()}, {key: [e[name] for name in told] for key, e in before.items()})
        for key, e in after.items():
            self.assertGreater(e["where"]["segment"], before[key]["where"]["segment"])

    def test_compact_to_a_capacity_evicts_the_oldest(self):
        with Writer(self.directory) as cache:
            for i in range(60):
                cache.put(f"key {i:02}", 4000, i)
            cache.put("large", 60_000, 5)
        self.check(larder("compact", self.directory, "--capacity", "200kB", "--dry-run"), 0, "would evict entries, oldest first")
        self.assertEqual(len(self.keys()), 61)
        self.check(larder("compact", self.directory, "--capacity", "200kB"), 0)
        left = self.keys()
        self.assertLessEqual(sum(entry["size"] for entry in self.listed()), 200_000)
        self.assertIn("large", left)
        self.assertIn("key 59", left)
        self.assertNotIn("key 00", left)
        self.check(larder("verify", self.directory), 0)

    def test_compact_leaves_a_damaged_segment_alone_and_says_so(self):
        with Writer(self.directory) as cache:
            for i in range(10):
                cache.put(f"key {i}", 4000, 1)
                cache.put(f"key {i}", 4000, 2)
        path, offset, _ = self.place("key 3")
        self.flip(path, offset + 1000)
        self.check(larder("compact", self.directory), 1, "could not be written anew", "larder disk repair")
        self.assertEqual(len(self.keys()), 10)
        self.check(larder("repair", self.directory), 0)
        self.check(larder("compact", self.directory), 0, "after:  9 entries")

    # ------------------------------------------------------------------------------------------------- progress

    def test_what_takes_longer_than_a_second_shows_its_progress_on_a_terminal(self):
        with Writer(self.directory) as cache:
            for i in range(40):
                cache.put(f"key {i}", 30_000, i)
        for arguments, parts, printed in (
                (("stat",), ("reading segments [", "counting entries ["), "40"),
                (("ls", "--sort", "size", "--limit", "3"), ("reading segments [", "sorting 40 entries"), "3"),
                (("ls", "--sort", "key"), ("reading keys [",), "key 39"),
                (("purge", "--all", "--dry-run"), ("reading segments [", "reading entries"), "would drop 40 entries"),
                (("purge", "--prefix", "key 1", "--yes"), ("opening the directory", "looking for what is chosen", "dropping ["), "dropped 11 entries"),
                (("purge", "--all", "--yes"), ("reading segments [", "opening the directory", "dropping 29 entries"), "dropped 29 entries")):
            with self.subTest(arguments):
                command = (arguments[0], self.directory, *arguments[1:])
                if "--yes" not in arguments:
                    code, shown, said = on_terminal(*command)
                    self.assertEqual((code, "\x1b" in shown), (0, False), shown)    # it was short
                    self.assertEqual(larder(*command).stderr.count(b"["), 0)
                code, shown, said = on_terminal(*command, LARDER_PROGRESS_DELAY="0")
                self.assertEqual(code, 0, shown)
                for part in parts:
                    self.assertIn(part, shown)
                self.assertIn(printed, said)
                self.assertRegex(shown.split("\x1b[K")[-1], r"^(\d+ .*)?\s*$")    # the line is gone when something is said

    def test_verify_shows_its_progress_on_a_terminal_and_can_be_stopped(self):
        with Writer(self.directory) as cache:
            for i in range(12):
                cache.put(f"key {i}", 4_000_000, i)
        code, shown, said = on_terminal("verify", self.directory)
        self.assertEqual(code, 0, shown)
        self.assertIn("verifying [", shown)
        self.assertIn(" of 45.8 MiB", shown)
        self.assertIn("whole: read 12 entries", said)
        self.assertEqual(larder("verify", self.directory).stderr, b"")
        code, shown, _ = on_terminal("verify", self.directory, "--quiet")
        self.assertEqual((code, shown), (0, ""))
        # A pipe instead of a value's file would never end, so that the signal comes in time; the file is made longer instead.
        code, shown, said = on_terminal("verify", self.directory, interrupt_at=b"verifying [")
        self.assertIn(code, (0, 130))
        if code == 130:
            self.assertRegex(shown, r"interrupted: \d+ of 12 entries and .* of 45\.8 MiB were checked")
            self.assertIn("no damage so far", said)


if __name__ == "__main__":
    WRITER = sys.argv.pop(2)
    LARDER = sys.argv.pop(1)
    unittest.main()
