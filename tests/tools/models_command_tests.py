#!/usr/bin/env python3
"""Runs `larder models` as people do, on packages that a server of this process serves and that are damaged, moved and removed here.

models_command_tests.py PATH_OF_LARDER"""
import fcntl
import hashlib
import http.server
import json
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

import command_runs

LARDER = ""
MIB = 1 << 20
F_OFD_SETLK = 37  # which Python names from 3.14 on


def larder(*arguments, **more):
    return subprocess.run([LARDER, "models", *map(str, arguments)], capture_output=True, timeout=120, check=False, **more)


class Provider:
    """Serves bytes by path, with ranges; counts what it sends."""

    def __init__(self):
        self.files, self.requests, self.sent, self.key, self.pause = {}, [], 0, None, 0
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.partition("?")[0]
                provider.requests.append(path)
                content = provider.files.get(path)
                if provider.key and self.headers.get("Authorization") != provider.key:
                    return self.answer(401, b"")
                if content is None:
                    return self.answer(404, b"")
                first, last = 0, len(content) - 1
                asked = self.headers.get("Range")
                if asked:
                    low, high = asked.removeprefix("bytes=").split("-")
                    first, last = int(low), min(last, int(high) if high else last)
                self.answer(206 if asked else 200, content[first:last + 1], f"bytes {first}-{last}/{len(content)}" if asked else None)

            def answer(self, status, body, content_range=None):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"1"')
                if content_range:
                    self.send_header("Content-Range", content_range)
                self.end_headers()
                for at in range(0, len(body), MIB):
                    if provider.pause:
                        time.sleep(provider.pause)
                    try:
                        self.wfile.write(body[at:at + MIB])
                    except OSError:
                        return
                    provider.sent += len(body[at:at + MIB])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def put(self, path, content):
        self.files[path] = content
        return hashlib.sha256(content).hexdigest()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Models(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.provider = Provider()
        self.addCleanup(self.provider.close)
        self.home = self.root / "home"
        self.weights = random.Random(1).randbytes(20 * MIB)
        self.digest = self.provider.put("/weights", self.weights)
        self.provider.put("/labels", b"cat\ndog\n")

    def asked(self, code, *arguments):
        """What --json prints."""
        done = larder(*arguments, "--json")
        self.check(done, code)
        return json.loads(done.stdout)

    def source(self):
        return ["--file", f"model.bin={self.provider.url}/weights?token=hush-hush", "--file", f"data/labels.txt={self.provider.url}/labels"]

    def add(self, model="org/model", package="fp32", *more):
        return self.asked(0, "add", self.home, model, package, *self.source(), "--digest", f"model.bin=sha256:{self.digest}", *more)

    def blob(self):
        return self.home / "shared-blobs" / self.digest

    def test_a_package_comes_and_is_listed(self):
        said = self.add()
        self.assertEqual(said["fetched_files"], 2)
        self.assertEqual(said["unverified_files"], 1)
        self.assertEqual(said["size"], len(self.weights) + 8)
        folder = self.home / os.path.relpath(said["folder"], self.home)
        self.assertEqual((folder / "model.bin").read_bytes(), self.weights)
        self.assertEqual((folder / "data" / "labels.txt").read_bytes(), b"cat\ndog\n")
        [one] = self.asked(0, "ls", self.home)
        self.assertEqual((one["model"], one["package"], one["pinned"]), ("org/model", "fp32", False))
        self.assertEqual([f["verified"] for f in one["files"]], [True, False])
        self.check(larder("ls", self.home), 0, "org/model", "20 MiB", "now")
        requests = len(self.provider.requests)
        self.assertEqual(self.add()["fetched_files"], 0)
        self.assertEqual(self.add("other", "fp32")["shared_files"], 1)
        self.assertEqual(self.provider.requests[requests:], ["/labels"])
        done = larder("add", self.home, "org/model", "fp32", *self.source(), "--digest", f"model.bin={self.digest}")
        self.assertEqual(done.stdout.decode().strip(), str(folder))
        for path in self.home.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"hush-hush", path.read_bytes())

    def test_what_is_wrong_is_said(self):
        self.check(larder("ls", self.root / "none"), 1, "is no folder")
        self.check(larder("add", self.home, "m", "p"), 2, "--file NAME=URL")
        self.check(larder("add", self.home, "m", "p", "--file", "nonsense"), 2, "is not NAME=URL")
        self.check(larder("add", self.home, "m", "p", *self.source(), "--quota", "much"), 2, "--quota")
        self.check(larder("add", self.home, "m", "con", *self.source()), 1, "may not be called")
        self.check(larder("add", self.home, "m", "p", *self.source(), "--digest", "x=1"), 1, "there is no --file x")
        self.check(larder("add", self.home, "m", "p", *self.source(), "--require-digest"), 1, "without a digest")
        said = self.check(larder("add", self.home, "m", "p", "--file", f"f={self.provider.url}/none?token=hush-hush"), 1, "404")
        self.assertNotIn("hush-hush", said)
        self.check(larder("add", self.home, "m", "p", "--file", f"f={self.provider.url}/labels", "--digest", "f=" + "0" * 64), 1, "should have")
        self.assertEqual(self.asked(0, "ls", self.home), [])
        self.check(larder("verify", self.home, "m", "p"), 2, "there is no package")
        self.check(larder("repair", self.home, "m", "p"), 1, "there is no package")
        self.check(larder("export", self.home, self.root / "x.tar", "m"), 2, "MODEL PACKAGE")
        self.check(larder("nothing"), 2)

    def test_a_key_comes_from_the_environment(self):
        self.provider.key = "Bearer key-1"
        arguments = ["add", self.home, "m", "p", *self.source(), "--header-from", "Authorization=TOKEN"]
        self.check(larder(*arguments, env={**os.environ, "TOKEN": "Bearer key-1"}), 0)
        said = self.check(larder("add", self.home, "m", "q", "--file", f"x={self.provider.url}/none", "--header-from", "Authorization=TOKEN",
                                 env={**os.environ, "TOKEN": "Bearer key-2"}), 1, "401")
        self.assertNotIn("key-2", said)
        self.check(larder(*arguments), 1, "TOKEN is not set")

    def test_damage_is_named_and_mended_in_pieces(self):
        self.add()
        self.check(larder("verify", self.home), 0, "1 packages, all whole")
        with open(self.blob(), "r+b") as file:
            file.seek(9 * MIB)
            file.write(b"!")
        self.check(larder("verify", self.home, "--quick"), 0)
        self.check(larder("verify", self.home, "org/model", "fp32"), 1, "damaged  org/model/fp32  model.bin (1 chunks of 8 MiB)")
        [report] = self.asked(1, "verify", self.home)
        self.assertEqual([f["damaged_chunks"] for f in report["files"]], [[1], []])
        self.check(larder("repair", self.home, "org/model", "fp32"), 1, "no --file says where it comes from")
        self.assertEqual(self.asked(0, "repair", self.home, "org/model", "fp32", *self.source()),
                         {"mended_files": 1, "fetched_files": 0, "fetched_bytes": 8 * MIB, "relinked_files": 0})
        self.check(larder("verify", self.home), 0)
        self.blob().unlink()
        self.check(larder("verify", self.home), 1, "missing  org/model/fp32  model.bin")

    def test_room(self):
        self.add("a", "p")
        self.add("b", "p")
        self.asked(0, "add", self.home, "c", "p", "--file", f"f={self.provider.url}/labels", "--digest", f"f={self.provider.put('/labels', b'other')}")
        self.assertEqual(self.asked(0, "gc", self.home)["blobs"], 0)
        for package in (self.home / "models-cache").glob("*/p/model.bin"):
            package.parent.joinpath(".larder.json").unlink()
        self.assertEqual(self.asked(0, "gc", self.home, "--grace", "1h")["blobs"], 0)
        self.assertEqual(self.asked(0, "gc", self.home)["blobs"], 1)
        self.assertEqual(len(self.asked(0, "ls", self.home)), 1)
        self.assertEqual(self.asked(0, "gc", self.home, "--quota", "1B")["packages"], 1)
        self.check(larder("gc", self.home), 0, "0 packages and 0 blobs removed")
        self.add("a", "p")
        code, shown, said = command_runs.on_terminal([LARDER, "models", "gc", self.home], LARDER_PROGRESS_DELAY="0")
        self.assertEqual(code, 0, shown)
        self.assertIn("looking at blobs [", shown)
        self.assertIn("0 packages and 0 blobs removed", said)

    def test_a_pinned_package_stays(self):
        self.add("a", "p")
        self.add("b", "p")
        self.assertEqual(self.asked(0, "pin", self.home, "a", "p"), {"model": "a", "package": "p", "pinned": True})
        self.check(larder("pin", self.home, "a", "p"), 0, "pinned")
        self.assertEqual({one["model"]: one["pinned"] for one in self.asked(0, "ls", self.home)}, {"a": True, "b": False})
        self.assertEqual(self.asked(0, "gc", self.home, "--quota", "1B")["packages"], 1)
        self.assertEqual([one["model"] for one in self.asked(0, "ls", self.home)], ["a"])
        self.assertEqual(self.asked(0, "unpin", self.home, "a", "p"), {"model": "a", "package": "p", "pinned": False})
        self.check(larder("unpin", self.home, "a", "p"), 0, "not pinned")
        self.assertEqual(self.asked(0, "gc", self.home, "--quota", "1B")["packages"], 1)
        self.assertEqual(self.asked(0, "ls", self.home), [])

    def test_a_package_is_erased_and_its_blobs_with_the_next_gc(self):
        self.add("a", "p")
        self.add("b", "p")
        self.check(larder("pin", self.home, "a", "p"), 0)
        self.assertEqual(self.asked(0, "erase", self.home, "a", "p"),
                         {"model": "a", "package": "p", "erased": True, "unreferenced_blobs": 0})
        self.check(larder("verify", self.home), 0, "1 packages, all whole")
        self.check(larder("erase", self.home, "b", "p"), 0, "larder models gc")
        self.assertEqual(self.asked(0, "ls", self.home), [])
        self.assertTrue(self.blob().exists())
        self.assertEqual(self.asked(0, "gc", self.home)["blobs"], 1)
        self.assertFalse(self.blob().exists())

    def test_packages_in_pieces(self):
        self.add("a", "p")
        said = self.asked(0, "pack", self.home, "a", "p")
        self.assertEqual(said, {"files": 1, "bytes": len(self.weights), "added": said["added"], "freed": len(self.weights), "in_use": 0})
        self.assertFalse(self.blob().exists())
        self.check(larder("verify", self.home), 0, "1 packages, all whole")
        requests = len(self.provider.requests)
        self.assertEqual(self.add("b", "p")["fetched_files"], 1)  # the labels, which have no digest
        self.assertEqual(self.blob().read_bytes(), self.weights)
        self.assertEqual(self.provider.requests[requests:], ["/labels"])
        self.check(larder("pack", self.home), 0, "1 files, 20 MiB", "0 B in new pieces")
        self.check(larder("pack", self.home, "a"), 2, "PACKAGE")
        self.check(larder("pack", self.home, "a", "q"), 1, "there is no package")
        self.check(larder("pack", self.root / "none"), 1, "is no folder")

    def test_what_cannot_be_pinned_or_erased_is_said(self):
        self.add()
        for name in ("pin", "unpin", "erase"):
            self.check(larder(name, self.home, "org/model"), 2, "PACKAGE")
            self.check(larder(name, self.home, "org/model", "fp16"), 1, "there is no package", "fp16")
            self.check(larder(name, self.home, "org/model", "../x"), 1, "may not be called")
            self.check(larder(name, self.root / "none", "org/model", "fp32"), 1, "is no folder")
        self.assertFalse((self.root / "none").exists())
        [used] = (self.home / "models-cache").glob("*/fp32/.larder.use")
        with open(used, "r+b") as file:  # as a process that has the package holds it
            fcntl.fcntl(file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
            self.check(larder("erase", self.home, "org/model", "fp32"), 1, "in use")
            self.check(larder("pin", self.home, "org/model", "fp32"), 0)
        self.check(larder("erase", self.home, "org/model", "fp32"), 0)

    def test_packages_go_elsewhere_as_one_file(self):
        self.add()
        self.add("\udcff", "fp16")
        self.assertEqual(self.asked(0, "export", self.home, self.root / "all.tar")["packages"], 2)
        self.provider.close()
        other = self.root / "other"
        self.assertEqual(self.asked(0, "import", other, self.root / "all.tar"), {"packages": 2, "made": 2})
        self.assertEqual(self.asked(0, "import", other, self.root / "all.tar")["made"], 0)
        self.check(larder("verify", other), 0, "2 packages, all whole")
        self.check(larder("export", self.home, self.root / "one.tar", "org/model", "fp32"), 0, "1 packages")
        archive = bytearray((self.root / "all.tar").read_bytes())
        archive[len(archive) // 2] ^= 1
        (self.root / "bad.tar").write_bytes(archive)
        self.check(larder("import", self.root / "third", self.root / "bad.tar"), 1, "should have")
        self.check(larder("import", self.root / "third", self.root / "none.tar"), 1, "none.tar")

    def test_an_interrupted_one_goes_on(self):
        self.provider.pause = 0.05
        arguments = [LARDER, "models", "add", self.home, "m", "p", *self.source(), "--digest", f"model.bin={self.digest}"]
        process = subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        limit = time.monotonic() + 60
        while self.provider.sent < 18 * MIB and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.provider.pause = 0
        said = self.add("m", "p")
        self.assertLess(said["fetched_bytes"], len(self.weights))
        self.check(larder("verify", self.home), 0)

    def test_help(self):
        self.check(larder("--help"), 0, "ls", "add", "verify", "repair", "pin", "unpin", "erase", "pack", "gc", "export", "import")
        for name in ("ls", "add", "verify", "repair", "pin", "unpin", "erase", "pack", "gc", "export", "import"):
            self.check(larder(name, "--help"), 0, "HOME", "Exit codes")


if __name__ == "__main__":
    LARDER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
