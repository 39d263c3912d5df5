#!/usr/bin/env python3
"""Runs `larder config` as people do.

config_command_tests.py PATH_OF_LARDER"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

import command_runs

LARDER = ""
DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"
ORIGINALS = pathlib.Path(__file__).resolve().parent.parent / "support" / "settings"


def larder(*arguments, **variables):
    environment = {key: value for key, value in os.environ.items() if "CACHE_" not in key} | variables
    return subprocess.run([LARDER, "config", *map(str, arguments)], capture_output=True, timeout=60, check=False, text=True, env=environment)


class Config(command_runs.CommandRuns):
    def test_show_says_where_each_value_was_said(self):
        file = self.root / "larder.toml"
        file.write_text('[cache]\nmemory_size = "4GB"\n')
        run = larder("show", file, CACHE_POLICY="lru")
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = {line.split(" = ")[0]: line for line in run.stdout.splitlines()}
        self.assertTrue(lines["cache.memory.size"].endswith(f"# {file}:2:15"), lines)
        self.assertTrue(lines["cache.policy"].endswith("# CACHE_POLICY"), lines)
        self.assertTrue(lines["cache.max_age"].endswith("# default"), lines)
        self.assertIn('"lru"', lines["cache.policy"])
        self.assertTrue(larder("show", file, "--file-only", CACHE_POLICY="lru").stdout.count("CACHE_POLICY") == 0)

    def test_show_writes_each_format_from_each(self):
        written = {}
        for name in ["machines.yaml", "machines.toml", "machines.json"]:
            for form in ["json", "toml", "yaml"]:
                run = larder("show", ORIGINALS / name, "--as", form)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertIn("epoch_pin is used", run.stderr)
                self.assertEqual(written.setdefault(form, run.stdout), run.stdout)
        said = json.loads(written["json"])
        self.assertEqual(said["cache"]["memory"], {"size": "1GB", "compression": True})
        self.assertEqual(said["training_cache"]["batch_buffer"], 32)
        again = self.root / "again.toml"
        again.write_text(written["toml"])
        self.assertEqual(larder("show", again, "--as", "toml").stdout, written["toml"])

    def test_show_says_the_same_to_programs(self):
        file = self.root / "larder.toml"
        file.write_text('[cache]\nmemory_size = "4GB"\nmax_items = 7\n')
        run = larder("show", file, "--json", CACHE_POLICY="lru")
        self.assertEqual(run.returncode, 0, run.stderr)
        said = json.loads(run.stdout)
        cache = said["caches"]["cache"]
        self.assertEqual(cache["memory.size"], {"value": "4GB", "default": "no memory tier",
                                                "origin": {"kind": "file", "file": str(file), "line": 2, "column": 15}})
        self.assertEqual(cache["memory.max_entries"]["value"], 7)
        self.assertEqual((cache["policy"]["value"], cache["policy"]["origin"]), ("lru", {"kind": "variable", "variable": "CACHE_POLICY"}))
        self.assertEqual(cache["max_age"], {"value": None, "default": "no limit", "origin": {"kind": "default"}})
        self.assertEqual(said["manager"]["pressure_interval"]["origin"]["kind"], "default")
        self.assertEqual((said["file"], said["warnings"]), (str(file), []))
        explained = [line.split(" = ")[0] for line in larder("show", file).stdout.splitlines()]
        self.assertEqual(["cache." + key for key in cache] + ["manager." + key for key in said["manager"]], explained)
        self.assertEqual(larder("show", file, "--json", "--as", "toml").returncode, 2)

    def test_check_tells_every_mistake_of_every_file(self):
        good = ORIGINALS / "server.toml"
        bad = self.root / "bad.toml"
        bad.write_text('[cache]\npolicy = "lur"\nsise = 1\nmax_age = "10 minutes"\n[caches.a]\nsize = "4XB"\n')
        worse = self.root / "worse.json"
        worse.write_text('{"cache": ')
        run = larder("check", bad, good, worse, self.root / "absent.yaml")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 6, lines)
        for line, start in zip(lines, (f'{bad}:2:10: policy cannot be "lur"; did you mean "lru"?', f'{bad}:3:1: there is no key "sise"',
                                       f"{bad}:4:11: max_age: ", f"{bad}:6:8: size: ", f"{worse}:1:", f"{self.root}/absent.yaml: ")):
            self.assertTrue(line.startswith("larder: " + start), (line, start))
        self.assertEqual(larder("check", good, good).returncode, 0)

        run = larder("check", bad, good, "--json", CACHE_POLICY="lru")
        self.assertEqual((run.returncode, run.stderr), (1, ""))
        first, second = json.loads(run.stdout)
        self.assertEqual((second["works"], second["mistakes"]), (True, []))
        self.assertEqual([(one["file"], one["line"], one["column"], one["cache"], one["nearest"]) for one in first["mistakes"]],
                         [(str(bad), 2, 10, "cache", "lru"), (str(bad), 3, 1, "cache", "size"), (str(bad), 4, 11, "cache", None),
                          (str(bad), 6, 8, "a", None)])
        self.assertTrue(first["mistakes"][1]["message"].startswith('there is no key "sise" in cache; did you mean "size"?'))
        self.assertTrue(first["error"].startswith(f"larder: {bad}:2:10: policy cannot be"))
        variable = json.loads(larder("check", good, "--json", CACHE_POLICY="lur").stdout)["mistakes"]
        self.assertEqual([(one["file"], one["line"], one["variable"], one["nearest"]) for one in variable], [(None, None, "CACHE_POLICY", "lru")])

    def test_check(self):
        run = larder("check", ORIGINALS / "server.toml")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        bad = self.root / "bad.json"
        bad.write_text('{\n  "cache": {"sise": 1}\n}\n')
        run = larder("check", bad)
        self.assertEqual(run.returncode, 1)
        self.assertIn(f'{bad}:2:13: there is no key "sise" in cache; did you mean "size"?', run.stderr)
        self.assertEqual(larder("check", self.root / "absent.json").returncode, 1)

    def test_schema_and_keys_are_those_of_the_docs(self):
        self.assertEqual(larder("schema").stdout, (DOCS / "config.schema.json").read_text())
        self.assertIn(larder("keys").stdout, (DOCS / "configuration.md").read_text())

    def test_check_and_keys_for_programs(self):
        run = larder("check", ORIGINALS / "machines.yaml", "--json")
        said = json.loads(run.stdout)
        self.assertEqual((run.returncode, said["works"], said["error"]), (0, True, None))
        self.assertTrue(any("epoch_pin is used" in warning for warning in said["warnings"]), said)
        bad = self.root / "bad.toml"
        bad.write_text('[cache]\npolicy = "lrv"\n')
        run = larder("check", bad, "--json")
        said = json.loads(run.stdout)
        self.assertEqual((run.returncode, run.stderr, said["works"], said["warnings"]), (1, "", False, []))
        self.assertIn(f"{bad}:2:10", said["error"])
        keys = json.loads(larder("keys", "--json").stdout)
        rows = [line.split("`")[1] for line in larder("keys").stdout.splitlines()[2:]]
        self.assertEqual([key["key"] for key in keys], rows)
        policy = next(key for key in keys if key["key"] == "policy")
        self.assertIn("gdsf", policy["choices"])
        self.assertIn("cleanup_policy", policy["spellings"])

    def test_wrong_use(self):
        for arguments in [[], ["show"], ["show", ORIGINALS / "server.toml", "--as", "ini"], ["sho"]]:
            self.assertEqual(larder(*arguments).returncode, 2, arguments)


if __name__ == "__main__":
    LARDER = sys.argv.pop(1)
    unittest.main()
