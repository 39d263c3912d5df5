#!/usr/bin/env python3
"""Runs the demo on a small model: cold, again, with a model of one's own, and with what cannot be meant.

demo_tests.py PATH_OF_LARDER_DEMO"""
import re
import subprocess
import sys
import unittest

import command_runs

DEMO = ""


def demo(*arguments):
    return subprocess.run([DEMO, *map(str, arguments)], capture_output=True, timeout=120, check=False)


class DemoRuns(command_runs.CommandRuns):
    def run_small(self, *more):
        return demo("--dir", self.root / "kept", "--size", "16MB", "--bandwidth", "0", *more)

    def served(self, said):
        """(files that the server read, answers that it had in memory), by client."""
        return [tuple(map(int, pair)) for pair in re.findall(r"the server read (\d+) files, and had (\d+) answers in memory", said)]

    def test_everything_is_shown_and_nothing_is_wrong(self):
        said = self.check(self.run_small(), 0, "making a model", "making its fine-tune", "starting cold", "the file itself",
                          "a model and its fine-tune open at once", "a weight server for both", "0 wrong")
        # 3 passes through tiers, 2 from the file, 8 layers of 2 models, 3 clients; 128 tensors in 32 layers.
        self.assertIn(f"{(3 + 2 + 3) * 128 + 2 * 8 * 4} tensors compared", said)
        first, second = re.findall(r"of that (\d\S* \S+) compared with digests", said)
        self.assertEqual(first, "15.3 MiB")
        self.assertEqual(second, "0 B")
        # A manifest and the chunks: all at first, nothing the second time, what was tuned for the fine-tune.
        self.assertEqual(self.served(said), [(129, 0), (0, 129), (33, 96)])
        shared = re.search(r"the second (\S+ \S+): (\S+ \S+) of its (\S+ \S+) lie in the first one's memory", said)
        self.assertEqual(shared.groups(), ("976.5 KiB", "2.9 MiB", "3.8 MiB"), said)

    def test_a_second_run_finds_what_the_first_one_left(self):
        self.check(self.run_small("--passes", "1"), 0, "starting cold")
        said = self.check(self.run_small("--passes", "1"), 0, "starting warm: 128 of 128 tensors", "0 wrong")
        self.assertNotIn("making a model", said)
        self.assertNotIn("written for the first", said)
        self.check(self.run_small("--passes", "1", "--cold"), 0, "starting cold")

    def test_a_model_of_ones_own_gets_nothing_beside_it(self):
        self.check(self.run_small("--passes", "1"), 0)
        own = self.root / "own.safetensors"
        next((self.root / "kept").glob("base-*.safetensors")).rename(own)
        before = command_runs.state_of(own.parent)[own]
        said = self.check(demo(own, "--dir", self.root / "other", "--bandwidth", "0", "--passes", "2"), 0, "the file itself",
                          f"{(2 + 2) * 128} tensors compared with the file, 0 wrong")
        self.assertNotIn("weight server", said)
        self.assertEqual(command_runs.state_of(own.parent)[own], before)
        self.assertFalse((self.root / "own.safetensors.digests.json").exists())

    def test_what_cannot_be_meant_is_refused(self):
        self.check(self.run_small("--memory", "much"), 2, "--memory", "much")
        self.check(demo("--size", "1kB", "--dir", self.root), 2, "--size 1kB is too small")
        self.assertNotEqual(demo(self.root / "nothing.safetensors").returncode, 0)


if __name__ == "__main__":
    DEMO = sys.argv.pop(1)
    unittest.main()
