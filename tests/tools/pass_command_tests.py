#!/usr/bin/env python3
"""Runs `larder pass` as people do, on folders that a pass cache has filled, and through Azurite where it is installed.

pass_command_tests.py PATH_OF_LARDER PATH_OF_PASS_WRITER"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

import command_runs

LARDER = ""
WRITER = ""
# The published account of the emulator.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def larder(*arguments, **more):
    return subprocess.run([LARDER, "pass", *map(str, arguments)], capture_output=True, timeout=120, check=False, text=True, **more)


class Pass(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        self.folder = self.root / "cache"
        subprocess.run([WRITER, self.folder], check=True, timeout=60)

    def listed(self, *more, folder=None):
        run = larder("ls", folder or self.folder, "--json", *more)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def entry(self, name):
        return next(e for e in self.listed() if e["pass"] == name)

    def chain(self, bits=None, name="chain.json"):
        path = self.root / name
        second = {"name": "OrtQuantize"} if bits is None else {"name": "OrtQuantize", "config": {"bits": bits}}
        path.write_text(json.dumps([{"name": "OnnxConversion", "config": {"target_opset": 17}}, second]))
        return path

    def test_ls(self):
        entries = self.listed()
        self.assertEqual(sorted(e["pass"] for e in entries), ["fails", "onnxconversion", "ortquantize"])
        for e in entries:
            self.assertEqual(len(e["id"]), 64)
            self.assertEqual(e["workflows"], ["nightly"])
        self.assertEqual(self.entry("fails")["failure"], {"kind": "permanent", "message": "no such operator"})
        self.assertTrue(self.entry("onnxconversion")["pinned"])
        self.assertEqual(self.entry("ortquantize")["input"], self.entry("onnxconversion")["id"])
        self.assertEqual(self.entry("ortquantize")["files"], 2)
        text = larder("ls", self.folder)
        self.assertEqual(text.returncode, 0)
        self.assertIn("pinned", text.stdout)
        self.assertIn("failed", text.stdout)
        self.assertIn("3 entries", text.stderr)

    def test_ls_of_what_is_no_cache(self):
        for path in [self.root / "nothing", self.root]:
            run = larder("ls", path)
            self.assertEqual(run.returncode, 1)
            self.assertIn("no folder of a pass cache", run.stderr)
        self.assertFalse((self.root / "nothing").exists())

    def test_show(self):
        wanted = self.entry("onnxconversion")["id"]
        run = larder("show", self.folder, wanted[:8])
        self.assertEqual(run.returncode, 0)
        self.assertIn(wanted, run.stdout)
        self.assertIn('{"target_opset":17}', run.stdout)
        self.assertIn("model.onnx", run.stdout)
        shown = json.loads(larder("show", self.folder, wanted, "--json").stdout)
        self.assertEqual(shown["key"]["input_model_id"], "model-1")
        self.assertEqual({c["name"] for c in shown["contents"]}, {"model.onnx", "same.bin"})
        self.assertEqual(larder("show", self.folder, "ffffffffff").returncode, 1)

    def test_explain(self):
        run = larder("explain", self.folder, self.chain(), "--input", "model-1")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("reuse", run.stdout)
        run = larder("explain", self.folder, self.chain(bits=4), "--input", "model-1")
        self.assertIn("pass_config.bits: 4 here, absent there", run.stdout)
        steps = json.loads(larder("explain", self.folder, self.chain(bits=4), "--input", "model-1", "--json").stdout)
        self.assertEqual([s["action"] for s in steps], ["reuse", "run"])
        self.assertIn("pass_config.bits", steps[1]["why"])
        fails = self.root / "fails.json"
        fails.write_text('[{"name": "OnnxConversion", "config": {"target_opset": 17}}, {"name": "Fails"}]')
        run = larder("explain", self.folder, fails, "--input", "model-1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no such operator", run.stdout)
        (self.root / "bad.json").write_text('[{"nam": "x"}]')
        run = larder("explain", self.folder, self.root / "bad.json", "--input", "model-1")
        self.assertEqual(run.returncode, 1)
        self.assertIn('did you mean "name"?', run.stderr)

    def test_prune(self):
        would = json.loads(larder("prune", self.folder, "--max-size", "0", "--dry-run", "--json").stdout)
        self.assertEqual(len(self.listed()), 3)
        run = larder("prune", self.folder, "--max-size", "0", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(json.loads(run.stdout)["removed"], would["removed"])
        self.assertEqual([e["pass"] for e in self.listed()][-1], "onnxconversion")  # pinned
        self.assertEqual(larder("prune", self.folder, "--older-than", "soon").returncode, 2)
        self.assertEqual(larder("prune", self.folder, "--max-size", "much").returncode, 2)
        self.assertEqual(larder("prune", self.folder, "--shared", "x", "--unused-for", "1d").returncode, 2)

    def test_wrong_use(self):
        self.assertEqual(larder().returncode, 2)
        self.assertEqual(larder("push", self.folder).returncode, 2)
        self.assertEqual(larder("pull", self.folder, "--shared", "https://acct.blob.core.windows.net/models").returncode, 2)
        run = larder("push", self.folder, "--shared", "https://acct.blob.core.windows.net")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("without a container", run.stderr)

    def test_pull_and_push(self):
        endpoint = self.azurite()
        container = f"{endpoint}/{ACCOUNT}/passes"
        environment = {**os.environ, "AZURE_STORAGE_KEY": KEY}
        subprocess.run([WRITER, self.root / "first", container], check=True, timeout=60, env=environment)
        wanted = next(e["id"] for e in self.listed(folder=self.root / "first") if e["pass"] == "ortquantize")
        second = self.root / "second"
        (second / "runs").mkdir(parents=True)
        run = larder("pull", second, wanted, "--shared", container, env=environment)
        self.assertEqual(run.returncode, 0, run.stderr)
        pulled = pathlib.Path(run.stdout.strip())
        self.assertEqual((pulled / "same.bin").read_text(), "s" * 1000)
        run = larder("explain", second, self.chain(), "--input", "model-1", "--shared", container, env=environment)
        self.assertIn("reuse", run.stdout)
        run = larder("pull", second, "0" * 64, "--shared", container, env=environment)
        self.assertEqual(run.returncode, 1)
        other = f"{endpoint}/{ACCOUNT}/passes"
        run = larder("push", second, wanted[:8], "--shared", other, "--json", env=environment)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(json.loads(run.stdout), [{"id": wanted[:8], "done": True}])
        signing = {**environment, "LARDER_RECORD_KEY": "the team's"}
        signed = container  # where the record lies unsigned: it is replaced
        self.assertEqual(larder("push", second, wanted[:8], "--shared", signed, "--json", env=signing).returncode, 0)
        third = self.root / "third"
        (third / "runs").mkdir(parents=True)
        for other_key, code in ((environment | {"LARDER_RECORD_KEY": "somebody's"}, 1), (signing, 0)):
            run = larder("pull", third, wanted, "--shared", signed, env=other_key)
            self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        self.assertEqual(larder("prune", second, "--grace", "1h").returncode, 2)
        pruned = larder("prune", second, "--shared", container, "--max-size", "0", "--json", env=environment)
        self.assertEqual(pruned.returncode, 0, pruned.stderr)
        said = json.loads(pruned.stdout)
        self.assertIn(wanted, said["removed"])
        self.assertEqual(said["freed"], 0)  # what was put there just now has its time of grace
        self.assertGreater(said["later"], 0)
        freed = larder("prune", second, "--shared", container, "--grace", "0s", "--json", env=environment)
        self.assertEqual(json.loads(freed.stdout)["freed"], said["later"])
        self.assertNotIn(KEY, run.stdout + run.stderr + pruned.stdout + pruned.stderr)

    def azurite(self):
        """The emulator, on a port of its own; skips where it is not installed."""
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", ""), ".cache")
        program = pathlib.Path(os.environ.get("LARDER_SERVERS") or os.path.join(home, "larder-servers")) / "node_modules/.bin/azurite-blob"
        if not program.exists():
            self.skipTest("Azurite is not installed; scripts/servers install does it")
        server = subprocess.Popen([program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", str(self.root / "azurite"), "--silent",
                                   "--disableTelemetry", "--skipApiVersionCheck"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 20)
        self.addCleanup(server.terminate)
        for line in server.stdout:
            if "listens on " in line:
                return line.split("listens on ")[1].strip()
        self.skipTest("Azurite does not start here; does node run?")
        return ""


if __name__ == "__main__":
    LARDER, WRITER = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
