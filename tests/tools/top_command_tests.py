#!/usr/bin/env python3
"""Runs `larder top` as people do, on directories and servers, on a terminal and into a pipe.

top_command_tests.py PATH_OF_LARDER PATH_OF_DISK_WRITER PATH_OF_METRICS_WRITER"""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest

import command_runs

LARDER = ""
DISK_WRITER = ""
METRICS_WRITER = ""


def top(*arguments, **more):
    return subprocess.run([LARDER, "top", *map(str, arguments)], capture_output=True, timeout=120, check=False, **more)


class Program:
    """A process that is told what to do line by line."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline().rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


def shown_on_terminal(command, enough, then=signal.SIGINT):
    """Runs a command on a terminal until `enough(text)`, then sends the signal; exit code and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(list(map(str, command)), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    signals = [then]
    shown = command_runs.shown_on(ours, process, lambda so_far: enough(so_far) and signals and process.send_signal(signals.pop()))
    code = process.wait(60)
    os.close(ours)
    return code, shown


class OfDirectory(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.directory = self.root / "cache"

    def test_once(self):
        with Program(DISK_WRITER, self.directory, 0) as writer:
            for key in ("61", "62"):
                self.assertEqual(writer.ask(f"put {key} 1000 1"), "stored")
            before = command_runs.state_of(self.directory)
            said = self.check(top(self.directory, "--once"), 0, "entries", "segments", "in use by", f"process {writer.process.pid}")
            self.assertRegex(said, r"entries +2\n")
            self.assertNotIn("\x1b", said)
            self.assertEqual(command_runs.state_of(self.directory), before)
            found = json.loads(top(self.directory, "--once", "--json").stdout)
            self.assertEqual((found["entries"], found["value_bytes"], found["in_use"]), (2, 2000, True))
            self.assertEqual([one["pid"] for one in found["processes"]], [writer.process.pid])
        found = json.loads(top(self.directory, "--once", "--json").stdout)
        self.assertEqual((found["entries"], found["in_use"], found["processes"]), (2, False, []))

    def test_again_and_again(self):
        with Program(DISK_WRITER, self.directory, 0) as writer:
            writer.ask("put 61 1000 1")
            said = self.check(top(self.directory, "--count", 3, "--interval", 0.05), 0)
            self.assertEqual(len(re.findall(r"^  entries +1$", said, re.MULTILINE)), 3)
            self.assertIn("per second", said)
            lines = top(self.directory, "--count", 3, "--interval", 0.05, "--json").stdout.decode().splitlines()
            self.assertEqual([json.loads(line)["entries"] for line in lines], [1, 1, 1])

    def test_a_terminal_is_drawn_over(self):
        with Program(DISK_WRITER, self.directory, 0) as writer:
            writer.ask("put 61 1000 1")
            code, shown = shown_on_terminal([LARDER, "top", self.directory, "--interval", "0.05"], lambda text: text.count(b"\x1b[H") >= 4)
            self.assertEqual(code, 0, shown)
            self.assertIn(b"entries", shown)
            code, shown = shown_on_terminal([LARDER, "top", self.directory, "--once"], lambda _: False)
            self.assertEqual(code, 0)
            self.assertNotIn(b"\x1b", shown)

    def test_what_is_not_there(self):
        self.check(top(self.root / "nothing", "--once"), 1, "nothing")
        (self.root / "plain").mkdir()
        self.assertEqual(top(self.root / "plain", "--once").returncode, 1)
        self.check(top(self.directory, "--once", "--interval", "0"), 2, "--interval")
        self.check(top(self.directory, "--once", "--token-file", "x"), 2, "--token-file")
        self.check(top("http://", "--once"), 2, "http://HOST:PORT")
        self.check(top("https://localhost", "--once"), 2, "http://HOST:PORT")
        self.check(top("http://user:pw@localhost", "--once"), 2, "password")
        self.assertEqual(top().returncode, 2)


class OfServer(command_runs.CommandRuns):
    def test_the_table(self):
        with Program(METRICS_WRITER) as program:
            url = f"http://127.0.0.1:{program.first}"
            self.assertEqual(program.ask("use 1000"), "done")
            said = self.check(top(url, "--once"), 0, "HIT%", "names", "both", "  tier 0", "  tier 1")
            self.assertNotIn("\x1b", said)
            names = next(line for line in said.splitlines() if line.startswith("names"))
            columns = names.split()
            self.assertEqual(columns[1:6], ["50.0", "-", "-", "500", "50.0"], names)
            self.assertIn(columns[-2], ("ns", "us", "ms", "s"))
            found = json.loads(top(url, "--once", "--json").stdout)
            self.assertEqual([cache["name"] for cache in found["caches"]][0], "names")
            self.assertEqual(found["caches"][0]["cache"]["hits"], 500)
            self.assertEqual(found["caches"][1]["name"], "bad \x1b[31m\ufffd name")

    def test_what_happens_between_two_looks(self):
        with Program(METRICS_WRITER) as program:
            url = f"http://127.0.0.1:{program.first}"
            program.ask("use 1000")
            process = subprocess.Popen([LARDER, "top", url, "--count", "2", "--interval", "1"], stdout=subprocess.PIPE, text=True)
            lines = []
            while not any(line.startswith("names") for line in lines):
                lines.append(process.stdout.readline())
            program.ask("use 500")  # all of them are there
            rest = process.stdout.read()
            self.assertEqual(process.wait(60), 0)
            process.stdout.close()
            columns = next(line for line in rest.splitlines() if line.startswith("names")).split()
            self.assertEqual(columns[2], "100.0", rest)

    def test_on_a_terminal(self):
        with Program(METRICS_WRITER) as program:
            code, shown = shown_on_terminal([LARDER, "top", f"http://localhost:{program.first}/", "--interval", "0.05"],
                                            lambda text: text.count(b"\x1b[H") >= 3, signal.SIGTERM)
            self.assertEqual(code, 0, shown)
            self.assertNotIn(b"\x1b[31m", shown)  # a name moves no terminal

    def test_a_token(self):
        with Program(METRICS_WRITER, "sesame") as program:
            url = f"http://127.0.0.1:{program.first}"
            said = self.check(top(url, "--once"), 1, "asks for a token")
            (self.root / "token").write_text("sesame\n")
            self.check(top(url, "--once", "--token-file", self.root / "token"), 0, "names")
            self.check(top(url, "--once", env={**os.environ, "LARDER_SERVE_TOKEN": "sesame"}), 0, "names")
            (self.root / "token").write_text("wrong-token\n")
            said = self.check(top(url, "--once", "--token-file", self.root / "token"), 1)
            self.assertNotIn("wrong-token", said)
            self.check(top(url, "--once", "--token-file", self.root / "none"), 1)

    def test_a_weight_server(self):
        (self.root / "chunks").mkdir()
        (self.root / "chunks" / "a").write_text("content")
        process = subprocess.Popen([LARDER, "serve", "--chunks-dir", self.root / "chunks", "--port", "0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            url = re.search(r"http://[^ /\n]+", process.stdout.readline())[0]
            self.check(top(url, "--once"), 0, "chunks")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)

    def test_what_is_no_server_of_ours(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(60)
            port = listening.getsockname()[1]

            def answer(text):
                client, _ = listening.accept()
                with client:
                    client.recv(65536)
                    client.sendall(text)

            for text, code, part in ((b"SSH-2.0-x\r\n", 1, "no server of larder's"), (b"HTTP/1.1 404 Not Found\r\n\r\n", 1, "/status.json"),
                                     (b"HTTP/1.1 500 X\r\n\r\n", 1, "answered 500"), (b"HTTP/1.1 200 OK\r\n\r\nnot json", 1, "no status"),
                                     (b"HTTP/1.1 200 OK\r\n\r\n[1]", 1, "no status"),
                                     (b"HTTP/1.1 200 OK\r\n\r\n<html></html>", 1, "no status"),
                                     (b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  14\r\n\r\n{\"caches\": []", 1, "broke off after 13 of 14 bytes"),
                                     (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"caches\": []}", 0, "no cache"), (b"HTTP/1.1 200 OK\r\n\r\n{\"caches\": [1, {}, {\"name\": 3}]}", 0, "no cache"),
                                     (b"HTTP/1.1 200 OK\r\n\r\n{\"caches\": [{\"name\": \"n\", \"cache\": {\"hits\": -1, \"capacity_entries\": 1e300}}]}", 0, "n ")):
                asked = [[]] if code == 0 else [[], ["--json"]]  # for programs it is the same error
                for more in asked:
                    thread = threading.Thread(target=answer, args=(text,), daemon=True)
                    thread.start()
                    self.check(top(f"http://127.0.0.1:{port}", "--once", *more), code, part)
                    thread.join()
        self.check(top(f"http://127.0.0.1:{port}", "--once"), 1, "is the program that serves it running?")

    def table_of(self, caches):
        """The lines that are shown of a server which says this of its caches."""
        body = json.dumps({"caches": caches}, ensure_ascii=False).encode()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(60)

            def answer():
                client, _ = listening.accept()
                with client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            lines = self.check(top(f"http://127.0.0.1:{listening.getsockname()[1]}", "--once"), 0).splitlines()
            thread.join()
        return lines[next(i for i, line in enumerate(lines) if line.startswith("CACHE")):]

    def test_a_cache_of_a_manager_has_a_line_for_each_tier(self):
        table = self.table_of([{"name": "models", "tiers": {"hits": 3, "misses": 1, "entries": 20},
                                "latency": {"get": {"count": 4, "p99_seconds": 2e-6}},
                                "tier_0": {"tier_kind": "memory", "cache": {"hits": 2, "misses": 2, "evictions": 9, "entries": 10, "weight": 1000, "capacity_bytes": 1000, "errors": {"io": 0}}},
                                "tier_1": {"tier_kind": "disk", "cache": {"hits": 1, "misses": 1, "evictions": 0, "entries": 20, "weight": 2000, "capacity_bytes": 10000, "errors": {"io": 2}}},
                                "tier_2": {"tier_kind": "re\x1bmote", "cache": {"hits": 0, "misses": 1, "evictions": 0, "errors": {"network": 1}}}},
                               {"name": "few", "tiers": {"hits": 0, "misses": 0, "entries": 1},
                                "tier_0": {"tier_kind": "memory", "cache": {"entries": 1, "weight": 100, "capacity_entries": 4}}}])
        # the whole is as full as the disk, the last that knows its limit, and has the failures of all
        self.assertEqual([line.split() for line in table[1:]], [["models", "75.0", "-", "-", "20", "20.0", "-", "2", "us", "3"],
                                                                ["memory", "50.0", "-", "-", "10", "100.0", "-", "-", "0"],
                                                                ["disk", "50.0", "-", "-", "20", "20.0", "-", "-", "2"],
                                                                ["re?mote", "0.0", "-", "-", "-", "-", "-", "-", "1"],
                                                                ["few", "-", "-", "-", "1", "25.0", "-", "-", "0"],
                                                                ["memory", "-", "-", "-", "1", "25.0", "-", "-", "0"]])

    def test_names_are_cut_and_filled_by_characters(self):
        names = ["\u00e9t\u00e9", "z" * 40, "\u6f22" * 40]
        table = self.table_of([{"name": name, "cache": {"hits": 1, "misses": 1}} for name in names])[:4]
        self.assertEqual([line[:34] for line in table[1:]], [names[0].ljust(34), "z" * 31 + "~  ", "\u6f22" * 31 + "~  "])
        self.assertEqual({line.index("50.0") for line in table[1:]}, {table[0].index("HIT%")})


if __name__ == "__main__":
    METRICS_WRITER = sys.argv.pop()
    DISK_WRITER = sys.argv.pop()
    LARDER = sys.argv.pop()
    unittest.main()
