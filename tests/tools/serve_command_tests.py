#!/usr/bin/env python3
"""Runs `larder serve` as people do, asks it over HTTP, looks at its page in a browser where there is one.   serve_command_tests.py PATH_OF_LARDER"""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

import command_runs

LARDER = ""
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REDIS = shutil.which("redis-server")


class Server:
    """`larder serve` on a free port."""

    def __init__(self, folder, *arguments, environment=None):
        command = [LARDER, "serve", "--chunks-dir", str(folder), "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.said = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)/", self.said)
        if not found:
            raise AssertionError(self.said + self.process.communicate(timeout=30)[1])
        self.url, self.port = found[0], int(found[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=30)

    def get(self, path, **headers):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as client:
            client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = client.getresponse()
            return answer.status, answer.read()

    def status(self, **headers):
        return json.loads(self.get("/status.json", **headers)[1])

    def stop(self, number):
        self.process.send_signal(number)
        out, said = self.process.communicate(timeout=60)
        return self.process.returncode, out, said


class Serve(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.chunks = self.root / "chunks"
        (self.chunks / "manifests").mkdir(parents=True)
        (self.chunks / "layer.0").write_bytes(bytes(range(256)) * 4)
        (self.chunks / "manifests" / "m.json").write_text('{"chunks": []}')

    def refused(self, code, part, *arguments, environment=None):
        done = subprocess.run([LARDER, "serve", *map(str, arguments)], capture_output=True, timeout=60, check=False, text=True, env={**os.environ, **(environment or {})})
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(part, done.stderr)
        return done.stderr

    def test_serves_until_it_is_stopped(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Server(self.chunks, "--cache-size", "200", "--workers", "2") as server:
                self.assertIn(str(self.chunks), server.said)
                self.assertIn("190.7 MiB", server.said)
                self.assertEqual(server.get("/v1/c/layer.0"), (200, bytes(range(256)) * 4))
                self.assertEqual(server.get("/v1/c/layer.0", Range="bytes=1-2"), (206, b"\1\2"))
                self.assertEqual(server.get("/v1/m/m/manifest"), (200, b'{"chunks": []}'))
                self.assertEqual(server.get("/v1/c/../x")[0], 400)
                self.assertEqual(server.get("/healthz"), (200, b"ok\n"))
                self.assertEqual(server.status()["capacity_bytes"], 200_000_000)
                self.assertEqual(server.status()["hits"], 1)
                code, out, said = server.stop(number)
                self.assertEqual(code, 0)
                self.assertIn("requests", out)
                self.assertIn("stopping", said)

    def test_programs_are_told_where_it_serves_and_what_it_did(self):
        with Server(self.chunks, "--json", "--cache-size", "200") as server:
            self.assertEqual(json.loads(server.said), {"chunks_dir": str(self.chunks), "url": server.url, "cache_size": 200_000_000})
            self.assertEqual(server.get("/v1/c/layer.0")[0], 200)
            self.assertEqual(server.get("/v1/c/layer.0")[0], 200)
            code, out, _ = server.stop(signal.SIGTERM)
            done = json.loads(out)
            self.assertEqual((code, done["requests"], done["hit_rate"]), (0, 2, 0.5))
            self.assertGreaterEqual(done["bytes_sent"], 2048)

    def test_a_stop_lets_an_answer_end(self):
        content = os.urandom(1 << 20) * 24
        (self.chunks / "large").write_bytes(content)
        with Server(self.chunks) as server, socket.create_connection(("127.0.0.1", server.port), 30) as client:
            client.sendall(b"GET /v1/c/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = client.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            self.assertIn("stopping", server.process.stderr.readline())
            while part := client.recv(1 << 20):
                got += part
            self.assertTrue(got.endswith(content[-1000:]))
            self.assertEqual(len(got) - got.index(b"\r\n\r\n") - 4, len(content))
            server.process.communicate(timeout=30)
            self.assertEqual(server.process.returncode, 0)

    def test_the_size_is_in_megabytes_or_as_it_says(self):
        for text, size in (("7", 7_000_000), ("1MiB", 1 << 20), ("3kB", 3000), ("0", 0)):
            with Server(self.chunks, "--cache-size", text) as server:
                self.assertEqual(server.status()["capacity_bytes"], size)
        self.refused(2, "--cache-size", "--chunks-dir", self.chunks, "--cache-size", "many")

    def test_a_token_comes_from_a_file_or_the_environment_and_is_never_said(self):
        file = self.root / "token"
        file.write_text("s3cret-of-mine\n")
        for arguments, environment in ((["--token-file", file], {}), ([], {"LARDER_SERVE_TOKEN": "s3cret-of-mine"})):
            with Server(self.chunks, "--host", "0.0.0.0", *arguments, environment=environment) as server:
                self.assertEqual(server.get("/v1/c/layer.0")[0], 401)
                self.assertEqual(server.get("/v1/c/layer.0", Authorization="Bearer wrong")[0], 401)
                self.assertEqual(server.get("/v1/c/layer.0", Authorization="Bearer s3cret-of-mine")[0], 200)
                self.assertEqual(server.get("/healthz")[0], 200)
                _, out, said = server.stop(signal.SIGTERM)
                self.assertNotIn("s3cret", server.said + out + said)
        (self.root / "empty").write_text("\n")
        for wrong in ("empty", "none"):
            self.refused(2, "--token-file", "--chunks-dir", self.chunks, "--token-file", self.root / wrong)

    def test_what_cannot_be_served_is_said(self):
        self.refused(2, "--token-file", "--chunks-dir", self.chunks, "--host", "0.0.0.0", "--port", "0", environment={"LARDER_SERVE_TOKEN": ""})
        self.refused(2, "example.org", "--chunks-dir", self.chunks, "--host", "example.org")
        self.refused(2, "--port is 70000", "--chunks-dir", self.chunks, "--port", "70000")
        self.refused(2, "--chunks-dir", "--port", "0")
        self.refused(2, "--connections is 0", "--chunks-dir", self.chunks, "--connections", "0")
        self.refused(2, "--workers is 257", "--chunks-dir", self.chunks, "--workers", "257")
        self.assertNotIn("chunks_dir", self.refused(1, "none", "--chunks-dir", self.root / "none", "--port", "0"))
        with Server(self.chunks) as server:
            self.refused(1, str(server.port), "--chunks-dir", self.chunks, "--port", server.port)

    def test_a_damaged_file_is_told_once(self):
        name = "0" * 32
        (self.chunks / name).write_bytes(b"")  # cut off
        with Server(self.chunks) as server:
            for _ in range(5):
                self.assertEqual(server.get("/v1/c/" + name)[0], 404)
            self.assertEqual(server.get("/v1/c/layer.0")[0], 200)
            _, _, said = server.stop(signal.SIGTERM)
            self.assertEqual(said.count(name), 1, said)

    def test_two_servers_share_a_redis(self):
        if REDIS is None:
            self.skipTest("redis-server is not installed")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        redis = subprocess.Popen([REDIS, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(self.root)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(redis.stdout.close)
        self.addCleanup(redis.wait)
        self.addCleanup(redis.kill)
        while "eady to accept connections" not in redis.stdout.readline():
            self.assertIsNone(redis.poll())
        threading.Thread(target=redis.stdout.read, daemon=True).start()
        content = b"weights" * 1000
        name = "85cb974657e58e4ee6a4ebd545aab2b2"  # its XXH3-128
        (self.chunks / name).write_bytes(content)
        empty = self.root / "empty"
        empty.mkdir()
        url = f"redis://127.0.0.1:{port}"
        with Server(self.chunks, "--redis", url) as first, Server(empty, "--redis", url) as second:
            self.assertEqual(first.get(f"/v1/c/{name}"), (200, content))
            while second.get(f"/v1/c/{name}")[0] != 200:  # the first one tells Redis after its client
                pass
            self.assertEqual(second.status()["tier_hits"], 1)
            redis.kill()
            redis.wait()
            with Server(self.chunks, "--redis", url) as third:
                self.assertEqual(third.get(f"/v1/c/{name}"), (200, content))
                self.assertEqual(third.status()["store_reads"], 1)

    def test_the_page_shows_what_goes_on(self):
        if BROWSER is None:
            self.skipTest("no Chromium is installed")
        with Server(self.chunks) as server:
            for _ in range(20):
                server.get("/v1/c/layer.0")
            picture = self.root / "page.png"
            done = subprocess.run([BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={self.root / 'browser'}",
                                   "--window-size=1180,1000", "--enable-logging=stderr", "--virtual-time-budget=4000", f"--screenshot={picture}", "--dump-dom", server.url],
                                  capture_output=True, timeout=100, check=False, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("CONSOLE", done.stderr)  # nothing that the page did went wrong
            page = done.stdout
            self.assertRegex(page, r'id="state"[^>]*><i></i><span>up \d+ s')
            self.assertRegex(page, r'id="rate-all">95\.0 % since the start')
            self.assertIn('title="layer.0"', page)
            self.assertIn("<path", page)
            self.assertGreater(picture.stat().st_size, 10_000)


if __name__ == "__main__":
    LARDER = sys.argv.pop(1)
    unittest.main()
