#!/usr/bin/env python3
"""Runs `larder layers` as people do, on models that are written here, damaged, interrupted, closed to us or foreign.

layers_command_tests.py PATH_OF_LARDER"""
import fcntl
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest

import command_runs

LARDER = ""
REAL = pathlib.Path(os.environ.get("LARDER_SHARED_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared")) / "real"


def larder(*arguments, **more):
    return subprocess.run([LARDER, "layers", *map(str, arguments)], capture_output=True, timeout=120, check=False, **more)


def content(size, seed=0):
    return bytes((i * 131 + i // 251 + seed * 7) & 0xFF for i in range(size))


def safetensors(tensors):
    """The bytes of a file; tensors: name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def base(changed=()):
    """Four layers of two tensors; those of `changed` have other bytes."""
    out = {}
    for i in range(4):
        out[f"model.layers.{i}.weight"] = ("U8", [200, 100], content(20000, i + (100 if i in changed else 0)))
        out[f"model.layers.{i}.scale"] = ("F32", [16], content(64, 50 + i))
    return out


def gguf(tensors, entries=()):
    """The bytes of a GGUF file; tensors: name -> F32 bytes; entries: (key, u16 value)."""
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, value in entries:
        head += text(key) + struct.pack("<IH", 2, value)
    data = b""
    for name, raw in tensors.items():
        data += b"\0" * (-len(data) % 32)
        head += text(name) + struct.pack("<IQIQ", 1, len(raw) // 4, 0, len(data))
        data += raw
    head += b"\0" * (-len(head) % 32)
    return head + data + b"\0" * (-len(data) % 32)


class Layers(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.model = self.root / "model.safetensors"
        self.manifest = self.root / "model.safetensors.digests.json"
        self.chunks = self.root / "chunks"

    def asked(self, code, *arguments):
        """The object that --json prints."""
        done = larder(*arguments, "--json")
        self.check(done, code)
        return json.loads(done.stdout)

    def write(self, tensors=None, path=None):
        (path or self.model).write_bytes(safetensors(base() if tensors is None else tensors))

    def flip(self, path, offset, bit=0):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ (1 << bit)]))

    def place(self, name):
        """Where a tensor of the model begins in its file."""
        raw = self.model.read_bytes()
        size, = struct.unpack("<Q", raw[:8])
        return 8 + size + json.loads(raw[8:8 + size])[name]["data_offsets"][0]


class List(Layers):
    def test_layers_are_listed_in_the_order_of_their_use(self):
        self.write()
        said = self.check(larder("list", self.model), 0, "4 layers of safetensors, 8 tensors, 78.4 KiB")
        self.assertLess(said.index("model.layers.0"), said.index("model.layers.3"))
        self.check(larder("list", self.model, "--tensors"), 0, "weight [200, 100]", "F32")
        listed = self.asked(0, "list", self.model)
        self.assertEqual([layer["name"] for layer in listed["layers"]], [f"model.layers.{i}" for i in range(4)])
        self.assertEqual(listed["layers"][1]["tensors"][1]["place"], f"{self.model}, offset {self.place('model.layers.1.scale')}")
        self.assertEqual(listed["layers"][1]["tensors"][0]["shape"], [200, 100])

    def test_what_is_no_model_is_refused_with_the_reason(self):
        self.model.write_bytes(b"hello, world")
        self.check(larder("list", self.model), 1, "not a valid safetensors file", str(self.model))
        self.check(larder("list", self.root / "absent"), 1, "absent")
        self.check(larder("list"), 2)
        self.check(larder("frobnicate"), 2)
        self.check(larder("list", "--help"), 0, "Exit codes")
        (self.root / "empty").mkdir()
        self.check(larder("list", self.root / "empty"), 1, "has no file that is called as layers are")

    def test_a_name_cannot_move_the_cursor(self):
        (self.root / "d").mkdir()
        (self.root / "d" / "a\x1b[2Jb.bin").write_bytes(b"x")
        done = larder("list", self.root / "d")
        self.check(done, 0)
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)


class Digest(Layers):
    def test_a_manifest_is_written_beside_the_model_and_the_model_agrees_with_it(self):
        self.write()
        before = self.model.read_bytes()
        self.check(larder("digest", self.model), 0, str(self.manifest), "8 tensors of 4 layers, 78.4 KiB")
        self.assertEqual(sorted(p.name for p in self.root.iterdir()), ["model.safetensors", "model.safetensors.digests.json"])
        self.assertEqual(self.model.read_bytes(), before)
        manifest = json.loads(self.manifest.read_text())
        self.assertEqual((manifest["format"], manifest["version"], manifest["model"]), ("larder model manifest", 1, "model.safetensors"))
        tensor = manifest["layers"][2]["tensors"][0]
        self.assertEqual((tensor["name"], tensor["dtype"], tensor["shape"], tensor["offset"], tensor["bytes"]),
                         ("model.layers.2.weight", "U8", [200, 100], 0, 20000))
        self.assertRegex(tensor["digest"], "^[0-9a-f]{32}$")
        self.assertNotIn("chunks", tensor)
        self.check(larder("digest", self.model, "--check"), 0, "as the manifest says: read 8 tensors, 78.4 KiB")
        first = self.manifest.read_text()
        self.assertEqual(self.asked(0, "digest", self.model)["tensors"], 8)
        self.assertEqual(self.manifest.read_text(), first)

    def test_what_differs_is_named_with_its_place_and_nothing_is_written(self):
        self.write()
        self.check(larder("digest", self.model), 0)
        self.flip(self.model, self.place("model.layers.1.weight") + 19999, 7)
        self.flip(self.model, self.place("model.layers.3.scale"), 0)
        before = command_runs.state_of(self.root)
        self.check(larder("digest", self.model, "--check"), 1, "differs     model.layers.1.weight", "of layer model.layers.1, 20,000 bytes at",
                   f"{self.model}, offset {self.place('model.layers.1.weight')}", "2 tensors not as the manifest says")
        result = self.asked(1, "digest", self.model, "--check")
        self.assertEqual([one["tensor"] for one in result["differing"]], ["model.layers.1.weight", "model.layers.3.scale"])
        self.assertNotEqual(result["differing"][0]["expected"], result["differing"][0]["found"])
        self.assertFalse(result["whole"])
        self.assertEqual((result["tensors_checked"], result["bytes_read"]), (8, 4 * 20064))
        self.assertEqual(command_runs.state_of(self.root), before)

    def test_each_tensor_counts(self):
        self.write()
        self.check(larder("digest", self.model), 0)
        for name in base():
            self.flip(self.model, self.place(name) + 13, 3)
            self.assertEqual([one["tensor"] for one in self.asked(1, "digest", self.model, "--check")["differing"]], [name])
            self.flip(self.model, self.place(name) + 13, 3)
        self.check(larder("digest", self.model, "--check"), 0)

    def test_exit_codes_tell_damage_from_what_could_not_be_read(self):
        self.write()
        self.check(larder("digest", self.model, "--check"), 2, "there is no manifest", "larder layers digest")
        self.manifest.write_text("{}")
        self.check(larder("digest", self.model, "--check"), 1, "not a valid manifest of a model")
        self.check(larder("digest", self.root / "absent", "--check"), 2)
        self.check(larder("digest", self.root / "absent"), 1)
        self.check(larder("digest", self.model), 0)  # over what was no manifest
        self.write({"other.weight": ("U8", [4], b"abcd")})
        self.check(larder("digest", self.model, "--check"), 1, "is not about", 'tensor "other.weight" of the model is not in it')

    def test_the_manifest_can_be_elsewhere(self):
        self.write()
        other = self.root / "m.json"
        self.check(larder("digest", self.model, "--output", other), 0)
        self.assertFalse(self.manifest.exists())
        self.check(larder("digest", self.model, "--output", other, "--check"), 0)
        self.check(larder("digest", self.model, "--output", self.root / "no" / "m.json"), 1, "no")

    def test_a_folder_that_may_not_be_written_to(self):
        if os.geteuid() == 0:
            self.skipTest("root may write anywhere")
        self.write()
        self.root.chmod(0o555)
        try:
            self.check(larder("digest", self.model), 1, "Permission denied")
        finally:
            self.root.chmod(0o755)

    def test_a_manifest_that_could_not_be_read_again_is_not_written(self):
        folder = self.root / "layers"
        folder.mkdir()
        (folder / "a\x01b.bin").write_bytes(b"x")
        self.check(larder("digest", folder), 1, "control character")
        self.assertEqual([p.name for p in self.root.iterdir()], ["layers"])

    def test_every_format_has_a_manifest(self):
        (self.root / "m.gguf").write_bytes(gguf({"blk.0.w": content(400), "blk.1.w": content(64, 3)}))
        parts = [self.root / f"split-0000{i}-of-00002.gguf" for i in (1, 2)]
        for i, part in enumerate(parts):
            part.write_bytes(gguf({f"blk.{i}.w": content(100, i)}, [("split.no", i), ("split.count", 2)]))
        folder = self.root / "layers"
        folder.mkdir()
        (folder / "layer.0.bin").write_bytes(content(100))
        (folder / "layer.1.safetensors").write_bytes(safetensors({"w": ("U8", [5], b"12345")}))
        index = self.root / "m.safetensors.index.json"
        for name in ("a", "b"):
            self.write({f"{name}.w": ("U8", [100], content(100))}, self.root / f"{name}.safetensors")
        index.write_text(json.dumps({"weight_map": {"a.w": "a.safetensors", "b.w": "b.safetensors"}}))
        for model, damaged, tensor in ((self.root / "m.gguf", self.root / "m.gguf", "blk.1.w"), (parts[0], parts[1], "blk.1.w"),
                                       (f"{folder}/", folder / "layer.0.bin", "layer.0.data"), (index, self.root / "b.safetensors", "b.w")):
            self.check(larder("digest", model), 0)
            self.assertTrue(pathlib.Path(f"{str(model).rstrip('/')}.digests.json").exists())
            self.check(larder("digest", model, "--check"), 0)
            self.flip(damaged, damaged.stat().st_size - 29 if damaged.suffix == ".gguf" else damaged.stat().st_size - 1)
            differing = self.asked(1, "digest", model, "--check")["differing"]
            self.assertEqual([one["tensor"] for one in differing], [tensor])
            self.assertIn(damaged.name, differing[0]["place"])

    def test_a_model_that_is_real(self):
        real = REAL / "safetensors" / "silero_vad_16k.safetensors"
        if not real.exists():
            self.skipTest(f"there is no {real}")
        shutil.copyfile(real, self.model)
        self.check(larder("digest", self.model), 0, "15 tensors of 7 layers")
        self.check(larder("digest", self.model, "--check"), 0)
        self.check(larder("split", self.model, self.chunks), 0)


class Split(Layers):
    def manifest_of(self, name="model"):
        return json.loads((self.chunks / "manifests" / f"{name}.json").read_text())

    def files(self):
        return {p.name for p in self.chunks.iterdir() if p.is_file()}

    def joined(self, name="model"):
        """The tensors as the chunks have them."""
        return {tensor["name"]: b"".join((self.chunks / chunk["digest"]).read_bytes() for chunk in tensor["chunks"])
                for layer in self.manifest_of(name)["layers"] for tensor in layer["tensors"]}

    def test_chunks_are_cut_at_tensors_and_put_together_again(self):
        self.write()
        result = self.asked(0, "split", self.model, self.chunks, "--chunk-size", "8KiB")
        self.assertEqual(result["chunks"], 4 * 4)
        self.assertEqual(result["written"], {"chunks": 16, "bytes": 4 * 20064})
        self.assertEqual(result["manifest"], str(self.chunks / "manifests" / "model.json"))
        manifest = self.manifest_of()
        self.assertEqual(manifest["model"], "model")
        self.assertEqual([c["bytes"] for c in manifest["layers"][0]["tensors"][0]["chunks"]], [8192, 8192, 3616])
        self.assertEqual(len(self.files()), 16)
        self.assertEqual(self.joined(), {name: raw for name, (_, _, raw) in base().items()})
        digests = {t["name"]: t["digest"] for layer in manifest["layers"] for t in layer["tensors"]}
        self.check(larder("digest", self.model), 0)
        beside = {t["name"]: t["digest"] for layer in json.loads(self.manifest.read_text())["layers"] for t in layer["tensors"]}
        self.assertEqual(digests, beside)

    def test_models_share_the_chunks_of_equal_tensors(self):
        self.write()
        self.check(larder("split", self.model, self.chunks, "--name", "base"), 0, "8 tensors", "in 8 chunks")
        tuned = self.root / "tuned.safetensors"
        reordered = dict(reversed(list(base(changed=(2,)).items())))
        self.write(reordered, tuned)
        result = self.asked(0, "split", tuned, self.chunks)
        self.assertEqual(result["written"]["chunks"], 1)
        self.assertEqual(result["kept"], {"chunks": 7, "bytes": 3 * 20000 + 4 * 64})
        self.assertEqual(len(self.files()), 9)
        self.assertEqual(self.joined("tuned"), {name: raw for name, (_, _, raw) in base(changed=(2,)).items()})
        self.assertEqual(self.joined("base"), {name: raw for name, (_, _, raw) in base().items()})

    def test_equal_tensors_of_one_model_are_stored_once(self):
        self.write({f"l.{i}.w": ("U8", [5000], content(5000)) for i in range(3)})
        result = self.asked(0, "split", self.model, self.chunks)
        self.assertEqual((result["written"]["chunks"], result["shared"]), (1, {"chunks": 2, "bytes": 10000}))
        self.assertEqual(len(self.files()), 1)
        self.check(larder("split", self.model, self.chunks), 0, "already there  1 chunk, 4.9 KiB", "in it twice    2 chunks, 9.8 KiB")

    def test_what_is_there_is_kept_as_it_is_and_what_is_damaged_is_written_anew(self):
        self.write()
        self.check(larder("split", self.model, self.chunks), 0)
        before = {name: (self.chunks / name).stat().st_mtime_ns for name in self.files()}
        names = sorted(self.files())
        cut, flipped = self.chunks / names[0], self.chunks / names[1]
        cut.write_bytes(cut.read_bytes()[:-1])
        self.flip(flipped, 3)
        lost = names[2]
        (self.chunks / lost).unlink()
        result = self.asked(0, "split", self.model, self.chunks)
        self.assertEqual((result["written"]["chunks"], result["replaced"]["chunks"], result["kept"]["chunks"]), (3, 2, 5))
        self.assertEqual(self.joined(), {name: raw for name, (_, _, raw) in base().items()})
        for name in names[3:]:
            self.assertEqual((self.chunks / name).stat().st_mtime_ns, before[name])

    def test_what_a_killed_run_has_left_goes_and_other_files_stay(self):
        self.write()
        self.chunks.mkdir()
        (self.chunks / f".{'0' * 32}.part").write_bytes(b"half")
        (self.chunks / "README").write_bytes(b"mine")
        (self.chunks / ".other.part").write_bytes(b"mine")
        self.check(larder("split", self.model, self.chunks), 0)
        self.assertFalse((self.chunks / f".{'0' * 32}.part").exists())
        self.assertEqual((self.chunks / "README").read_bytes(), b"mine")
        self.assertTrue((self.chunks / ".other.part").exists())

    def test_names_and_sizes_that_will_not_do_are_wrong_use_and_touch_nothing(self):
        self.write()
        for name in ("../x", "a/b", ".hidden", "-x", "a b", "x" * 129):
            self.check(larder("split", self.model, self.chunks, f"--name={name}"), 2, "a model cannot be called")
        for size in ("0", "4095", "2GiB", "much"):
            self.check(larder("split", self.model, self.chunks, "--chunk-size", size), 2, "--chunk-size")
        self.assertFalse(self.chunks.exists())
        strange = self.root / "my model.safetensors"
        shutil.copyfile(self.model, strange)
        self.check(larder("split", strange, self.chunks), 1, "give one with --name")
        self.assertFalse(self.chunks.exists())
        self.check(larder("split", strange, self.chunks, "--name", "my-model"), 0)
        self.assertTrue((self.chunks / "manifests" / "my-model.json").exists())

    def test_names_of_tensors_lead_nowhere(self):
        self.model.write_bytes(safetensors({"../../outside.w": ("U8", [4], b"abcd")}))
        before = command_runs.state_of(self.root)
        self.check(larder("split", self.model, self.root / "new" / "chunks"), 1, 'path component ".."')
        self.assertEqual(command_runs.state_of(self.root), before)
        self.write({"/etc/passwd.w": ("U8", [4], b"abcd")})
        self.check(larder("split", self.model, self.chunks), 0)
        self.assertEqual(len(self.files()), 1)
        for name in self.files():
            self.assertRegex(name, "^[0-9a-f]{32}$")

    def test_files_in_the_way_are_not_followed_or_overwritten(self):
        self.write({"w": ("U8", [4], b"abcd")})
        self.check(larder("split", self.model, self.chunks), 0)
        chunk = self.chunks / self.files().pop()
        chunk.unlink()
        outside = self.root / "outside"
        outside.write_bytes(b"untouched")
        chunk.symlink_to(outside)
        self.check(larder("split", self.model, self.chunks), 1, chunk.name)
        self.assertEqual(outside.read_bytes(), b"untouched")
        chunk.unlink()
        chunk.mkdir()
        self.check(larder("split", self.model, self.chunks), 1, "is no file")
        chunk.rmdir()
        shutil.rmtree(self.chunks / "manifests")
        (self.chunks / "manifests").symlink_to(self.root)
        self.check(larder("split", self.model, self.chunks), 1, "manifests")

    def test_one_writer_at_a_time(self):
        self.write()
        self.chunks.mkdir()
        held = os.open(self.chunks, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.check(larder("split", self.model, self.chunks), 1, "another larder layers split is writing")
        finally:
            os.close(held)
        self.check(larder("split", self.model, self.chunks), 0)

    def test_an_interrupted_run_goes_on_where_it_was(self):
        size, count = 4 << 20, 48
        with open(self.model, "wb") as file:
            names = {f"l.{i}.w": ("U8", [size], b"") for i in range(count)}
            header, at = {}, 0
            for name in names:
                header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
                at += size
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            file.write(struct.pack("<Q", len(text)) + text)
            for i in range(count):
                file.write(i.to_bytes(4, "little") * (size // 4))
        code, shown, _ = command_runs.on_terminal([LARDER, "layers", "split", self.model, self.chunks, "--chunk-size", "64KiB"],
                                                  interrupt_at=b"splitting")
        self.assertEqual(code, 130, shown)
        self.assertIn("the same command goes on from there", shown)
        self.assertEqual(list((self.chunks / "manifests").iterdir()), [])
        for name in self.files():
            self.assertRegex(name, "^[0-9a-f]{32}$")
        there = len(self.files())
        result = self.asked(0, "split", self.model, self.chunks, "--chunk-size", "64KiB")
        self.assertEqual(result["kept"]["chunks"], there)
        self.assertEqual(len(self.files()), count)
        self.assertFalse(result["interrupted"])

    def test_every_format_can_be_split(self):
        (self.root / "m-00001-of-00002.gguf").write_bytes(gguf({"blk.0.w": content(100, 1)}, [("split.no", 0), ("split.count", 2)]))
        (self.root / "m-00002-of-00002.gguf").write_bytes(gguf({"blk.1.w": content(100, 2)}, [("split.no", 1), ("split.count", 2)]))
        self.check(larder("split", self.root / "m-00001-of-00002.gguf", self.chunks), 0)
        self.assertEqual(self.joined("m"), {"blk.0.w": content(100, 1), "blk.1.w": content(100, 2)})
        folder = self.root / "by-layer"
        folder.mkdir()
        (folder / "l.0.bin").write_bytes(content(10))
        (folder / "l.1.bin").write_bytes(b"")
        self.check(larder("split", f"{folder}/", self.chunks), 0)
        self.assertEqual(self.joined("by-layer"), {"l.0.data": content(10), "l.1.data": b""})
        self.write({"a.w": ("U8", [3], b"abc")}, self.root / "a.safetensors")
        (self.root / "big.safetensors.index.json").write_text(json.dumps({"weight_map": {"a.w": "a.safetensors"}}))
        self.check(larder("split", self.root / "big.safetensors.index.json", self.chunks), 0)
        self.assertEqual(self.joined("big"), {"a.w": b"abc"})


class Verify(Layers):
    def setUp(self):
        super().setUp()
        self.write()
        self.check(larder("split", self.model, self.chunks, "--name", "base", "--chunk-size", "8KiB"), 0)
        tuned = self.root / "tuned.safetensors"
        self.write(base(changed=(2,)), tuned)
        self.check(larder("split", tuned, self.chunks, "--chunk-size", "8KiB"), 0)
        self.model.unlink()
        tuned.unlink()

    def chunks_of(self, model, tensor):
        manifest = json.loads((self.chunks / "manifests" / f"{model}.json").read_text())
        return [c["digest"] for layer in manifest["layers"] for t in layer["tensors"] if t["name"] == tensor for c in t["chunks"]]

    def change_manifest(self, model, change):
        path = self.chunks / "manifests" / f"{model}.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    def test_a_directory_that_is_whole_needs_no_model_and_is_not_changed(self):
        before = command_runs.state_of(self.chunks)
        self.check(larder("verify", self.chunks), 0, "whole: read 19 chunks of 2 models, 97.9 KiB")
        result = self.asked(0, "verify", self.chunks)
        self.assertEqual((result["whole"], result["models"], result["tensors"]), (True, ["base", "tuned"], 16))
        self.assertEqual((result["chunks"], result["chunks_checked"], result["bytes_read"]), (19, 19, 5 * 20000 + 4 * 64))
        for name in ("damaged", "unreadable", "unnamed", "leftovers", "others"):
            self.assertEqual(result[name], [], name)
        self.assertFalse(result["is_written"])
        self.assertEqual(command_runs.state_of(self.chunks), before)

    def test_each_chunk_counts(self):
        for path in sorted(p for p in self.chunks.iterdir() if p.is_file()):
            whole = path.read_bytes()
            for damaged, why in ((bytes([whole[0] ^ 1]) + whole[1:], "another digest"), (whole[:-1] + bytes([whole[-1] ^ 128]), "another digest"),
                                 (whole[:-1], "bytes, and the chunk of that name has"), (whole + b"x", "bytes, and the chunk of that name has"),
                                 (b"", "has 0 bytes"), (None, "is not there")):
                path.unlink()
                if damaged is not None:
                    path.write_bytes(damaged)
                result = self.asked(1, "verify", self.chunks)
                self.assertEqual([one["place"] for one in result["damaged"]], [path.name])
                self.assertIn(why, result["damaged"][0]["why"])
                self.assertFalse(result["whole"])
                self.assertEqual(result["chunks_checked"], 19)
                path.write_bytes(whole)
        self.check(larder("verify", self.chunks), 0)

    def test_damage_names_the_models_and_the_tensor_that_need_it(self):
        shared = self.chunks_of("base", "model.layers.1.weight")[1]
        alone = self.chunks_of("tuned", "model.layers.2.weight")[0]
        (self.chunks / shared).unlink()
        self.flip(self.chunks / alone, 100)
        said = self.check(larder("verify", self.chunks), 1, f"damaged     {shared}", f"damaged     {alone}", "is not there",
                          "of tensor model.layers.1.weight, models base, tuned", "of tensor model.layers.2.weight, model tuned",
                          "2 damaged: read 19 chunks of 2 models", "larder layers split MODEL")
        self.assertNotIn("model.layers.0", said)
        damaged = {one["place"]: one for one in self.asked(1, "verify", self.chunks)["damaged"]}
        self.assertEqual(damaged[shared]["models"], ["base", "tuned"])
        self.assertEqual(damaged[alone]["models"], ["tuned"])
        self.assertEqual(damaged[alone]["tensor"], "model.layers.2.weight")
        self.write()
        self.check(larder("split", self.model, self.chunks, "--name", "base", "--chunk-size", "8KiB"), 0)
        self.assertEqual([one["place"] for one in self.asked(1, "verify", self.chunks)["damaged"]], [alone])

    def test_a_manifest_whose_tensor_is_not_what_its_chunks_make_up_is_damaged(self):
        def swap(manifest):
            chunks = manifest["layers"][3]["tensors"][0]["chunks"]
            chunks[0], chunks[1] = chunks[1], chunks[0]
        self.change_manifest("tuned", swap)
        damaged = self.asked(1, "verify", self.chunks)["damaged"]
        self.assertEqual([(one["place"], one["tensor"]) for one in damaged], [("manifests/tuned.json", "model.layers.3.weight")])
        self.assertIn("than its chunks make up", damaged[0]["why"])

        def lie(manifest):
            manifest["layers"][3]["tensors"][1]["digest"] = "0" * 32  # of one chunk
        self.change_manifest("base", lie)
        self.assertEqual([one["place"] for one in self.asked(1, "verify", self.chunks)["damaged"]],
                         ["manifests/base.json", "manifests/tuned.json"])

    def test_tensors_that_have_some_chunks_in_common_are_each_put_together(self):
        begin = content(8192, 77)
        self.write({"l.0.w": ("U8", [12000], begin + content(3808, 1)), "l.1.w": ("U8", [12000], begin + content(3808, 2)),
                    "l.2.w": ("U8", [16384], begin * 2), "l.3.w": ("U8", [8192], begin)})
        self.check(larder("split", self.model, self.chunks, "--name", "alike", "--chunk-size", "8KiB"), 0)
        self.check(larder("verify", self.chunks), 0, "whole: read 22 chunks of 3 models")

    def test_manifests_that_cannot_be_read_are_damage_and_the_others_are_still_verified(self):
        manifests = self.chunks / "manifests"
        (manifests / "broken.json").write_text("{")
        (manifests / "linked.json").symlink_to("base.json")
        os.mkfifo(manifests / "pipe.json")
        (manifests / "whole.json").write_text(json.dumps(
            {"format": "larder model manifest", "version": 1, "model": "m", "layers": [{"name": "l", "bytes": 1, "tensors": [
                {"name": "l.w", "dtype": "U8", "shape": [1], "offset": 0, "bytes": 1, "digest": "0" * 32}]}]}))
        result = self.asked(1, "verify", self.chunks)
        self.assertEqual([one["place"] for one in result["damaged"]],
                         [f"manifests/{name}.json" for name in ("broken", "linked", "pipe", "whole")])
        self.assertIn("not a valid manifest", result["damaged"][0]["why"])
        self.assertNotIn("larder:", result["damaged"][0]["why"])
        self.assertIn("says nothing of chunks", result["damaged"][3]["why"])
        self.assertEqual((result["models"], result["chunks_checked"]), (["base", "tuned"], 19))

        for name in ("broken", "linked", "pipe", "whole"):
            (manifests / f"{name}.json").unlink()
        named = self.chunks_of("base", "model.layers.0.scale")[0]

        def enlarge(manifest):
            tensor = manifest["layers"][0]["tensors"][1]
            tensor.update(shape=[32], bytes=128)
            tensor["chunks"][0]["bytes"] = 128
            manifest["layers"][0]["bytes"] += 64
        self.change_manifest("tuned", enlarge)
        damaged = self.asked(1, "verify", self.chunks)["damaged"]
        self.assertEqual([one["place"] for one in damaged], ["manifests/tuned.json"])
        self.assertIn(f"chunk {named} has 128 bytes", damaged[0]["why"])

    def test_what_no_manifest_names_and_what_is_left_over_is_told_and_is_no_damage(self):
        alone = self.chunks_of("tuned", "model.layers.2.weight")
        (self.chunks / "manifests" / "tuned.json").unlink()
        (self.chunks / f".{'0' * 32}.part").write_bytes(b"half")
        (self.chunks / "manifests" / ".m.json.77.part").write_bytes(b"half")
        (self.chunks / "README").write_bytes(b"mine")
        (self.chunks / ("A" * 32)).write_bytes(b"not as larder writes digests")
        self.check(larder("verify", self.chunks), 0, "note        3 chunks, 19.5 KiB, that no manifest names", f".{'0' * 32}.part was not written",
                   "manifests/.m.json.77.part was not written", "README is no chunk", "whole: read 16 chunks of 1 model")
        result = self.asked(0, "verify", self.chunks)
        self.assertEqual(result["unnamed"], sorted(alone))
        self.assertEqual(result["unnamed_bytes"], 20000)
        self.assertEqual(result["leftovers"], ["manifests/.m.json.77.part", f".{'0' * 32}.part"])
        self.assertEqual(result["others"], ["A" * 32, "README"])
        self.flip(self.chunks / alone[0], 5)
        self.check(larder("verify", self.chunks), 0)
        self.assertEqual([one["place"] for one in self.asked(1, "verify", self.chunks, "--all")["damaged"]], [alone[0]])

    def test_without_manifests_nothing_is_whole(self):
        shutil.rmtree(self.chunks / "manifests")
        result = self.asked(1, "verify", self.chunks)
        self.assertEqual([one["place"] for one in result["damaged"]], ["manifests"])
        self.assertEqual(len(result["unnamed"]), 19)
        empty = self.root / "empty"
        (empty / "manifests").mkdir(parents=True)
        self.check(larder("verify", empty), 0, "whole: read 0 chunks of 0 models")

    def test_files_in_the_way_are_not_followed(self):
        names = sorted(p.name for p in self.chunks.iterdir() if p.is_file())[:3]
        for name in names:
            (self.chunks / name).rename(self.root / name)
        (self.chunks / names[0]).symlink_to(self.root / names[0])
        (self.chunks / names[1]).mkdir()
        os.mkfifo(self.chunks / names[2])
        damaged = self.asked(1, "verify", self.chunks)["damaged"]
        self.assertEqual(sorted(one["place"] for one in damaged), names)
        why = {one["place"]: one["why"] for one in damaged}
        self.assertIn("symbolic link", why[names[0]])
        self.assertEqual((why[names[1]], why[names[2]]), ("is no file", "is no file"))

    def test_what_may_not_be_read_is_no_damage(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        chunk = self.chunks / self.chunks_of("base", "model.layers.0.scale")[0]
        chunk.chmod(0)
        result = self.asked(2, "verify", self.chunks)
        self.assertEqual(([one["place"] for one in result["unreadable"]], result["damaged"]), ([chunk.name], []))
        (self.chunks / "manifests" / "base.json").chmod(0)
        self.check(larder("verify", self.chunks), 2, "unreadable  manifests/base.json", "Permission denied")
        self.flip(self.chunks / self.chunks_of("tuned", "model.layers.3.weight")[0], 1)
        self.check(larder("verify", self.chunks), 1)

    def test_a_writer_at_work_is_told_and_not_disturbed(self):
        held = os.open(self.chunks, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.check(larder("verify", self.chunks), 0, "larder layers split is writing here")
            self.assertTrue(self.asked(0, "verify", self.chunks)["is_written"])
            fcntl.flock(held, fcntl.LOCK_SH)  # as another verify does
            self.assertFalse(self.asked(0, "verify", self.chunks)["is_written"])
        finally:
            os.close(held)

    def test_an_interrupted_run_says_how_far_it_came(self):
        big = self.root / "big.safetensors"
        size, count = 4 << 20, 48
        header = {f"l.{i}.w": {"dtype": "U8", "shape": [size], "data_offsets": [i * size, (i + 1) * size]} for i in range(count)}
        text = json.dumps(header).encode()
        with open(big, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for i in range(count):
                file.write(i.to_bytes(4, "little") * (size // 4))
        self.check(larder("split", big, self.chunks), 0)
        code, shown, said = command_runs.on_terminal([LARDER, "layers", "verify", self.chunks], interrupt_at=b"verifying")
        self.assertEqual(code, 130, shown)
        self.assertIn("interrupted: ", shown)
        self.assertIn(f"of {19 + count} chunks", shown)
        self.assertIn("no damage so far", said)

    def test_a_model_is_verified_by_the_manifest_beside_it(self):
        self.write()
        self.check(larder("verify", self.model), 2, "there is no manifest", "larder layers digest")
        self.check(larder("digest", self.model), 0)
        self.check(larder("verify", self.model), 0, "as the manifest says: read 8 tensors")
        self.flip(self.model, self.place("model.layers.1.weight"))
        self.assertEqual([one["tensor"] for one in self.asked(1, "verify", self.model)["differing"]], ["model.layers.1.weight"])
        folder = self.root / "layers"
        folder.mkdir()
        (folder / "l.0.bin").write_bytes(b"abc")
        self.check(larder("digest", folder), 0)
        self.check(larder("verify", folder), 0, "1 tensor")
        self.check(larder("verify", self.root / "absent"), 2, "absent")
        self.check(larder("verify"), 2)
        self.check(larder("verify", "--help"), 0, "Exit codes", "no manifest")


if __name__ == "__main__":
    LARDER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
