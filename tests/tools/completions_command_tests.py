#!/usr/bin/env python3
"""Completes lines of `larder` as shells do.   completions_command_tests.py PATH_OF_LARDER

bash is there wherever scripts are, and is asked what it offers. zsh and fish are asked to read their scripts where they are installed."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import command_runs

LARDER = ""
# Calls the function as bash does at the end of a line; prints what is offered, and whether files would be.
ASK = r"""
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_larder
printf '%s\n' "${COMPREPLY[@]}"
"""


def larder(*arguments):
    return subprocess.run([LARDER, *arguments], capture_output=True, timeout=60, check=False)


class Completions(command_runs.CommandRuns):
    def script(self, shell):
        done = larder("completions", shell)
        self.check(done, 0)
        path = self.root / f"larder.{shell}"
        path.write_bytes(done.stdout)
        return path

    def offered(self, *line):
        """What bash offers at the end of a line, whose last word may be empty."""
        done = subprocess.run(["bash", "--norc", "-c", ASK, "ask", str(self.script("bash")), *line], capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stderr.decode())
        return done.stdout.decode().split()

    def subcommands(self, *of):
        """As the help has them."""
        text = larder(*of, "--help").stdout.decode()
        return re.findall(r"^  ([a-z]+)  ", text[text.index("Subcommands:"):], re.MULTILINE)

    def test_every_subcommand_of_the_help_is_offered(self):
        self.assertIn("simulate", self.subcommands())
        self.assertEqual(self.offered("larder", ""), self.subcommands())
        for name in self.subcommands():
            if "Subcommands:" in larder(name, "--help").stdout.decode():
                self.assertEqual(self.offered("larder", name, ""), self.subcommands(name), name)

    def test_every_option_of_the_help_is_offered(self):
        for line in (["simulate"], ["serve"], ["disk", "ls"], ["disk", "purge"], ["layers", "split"]):
            said = set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", larder(*line, "--help").stdout.decode(), re.MULTILINE))
            self.assertGreater(len(said), 3)
            self.assertEqual({name for name in self.offered("larder", *line, "-") if name.startswith("--")}, said)

    def test_what_was_begun_is_ended(self):
        self.assertEqual(self.offered("larder", "simu"), ["simulate"])
        self.assertEqual(self.offered("larder", "disk", "ver"), ["verify"])
        self.assertEqual(self.offered("larder", "disk", "ls", "folder", "--rev"), ["--reverse"])
        self.assertEqual(self.offered("larder", "disk", "nothing-begins-so"), [])

    def test_values_that_are_chosen_from(self):
        self.assertEqual(self.offered("larder", "disk", "ls", "--sort", ""), ["place", "size", "written", "used", "key"])
        self.assertEqual(self.offered("larder", "disk", "ls", "--sort", "=", "wr"), ["written"])
        self.assertEqual(self.offered("larder", "disk", "ls", "--sort", "="), ["place", "size", "written", "used", "key"])
        self.assertEqual(self.offered("larder", "simulate", "--by", "by"), ["bytes"])
        self.assertEqual(self.offered("larder", "completions", ""), ["bash", "zsh", "fish"])

    def test_files_where_anything_may_stand(self):
        self.assertEqual(self.offered("larder", "simulate", "--svg", ""), [])     # and then bash offers files
        self.assertEqual(self.offered("larder", "disk", "ls", ""), [])
        self.assertIn(b"complete -o bashdefault -o default -F _larder larder", self.script("bash").read_bytes())

    def test_options_of_the_subcommand_that_the_line_is_in(self):
        self.assertNotIn("--sort", self.offered("larder", "disk", "stat", "-"))
        self.assertIn("--sort", self.offered("larder", "disk", "ls", "stat", "-"))    # stat is the name of a folder here

    def test_zsh_and_fish_read_their_scripts(self):
        for shell in ("zsh", "fish"):
            text = self.script(shell).read_text(encoding="utf-8")
            for name in ("simulate", "purge", "reverse", "written"):
                self.assertIn(name, text)
            with self.subTest(shell):
                if shutil.which(shell) is None:
                    self.skipTest(f"there is no {shell}")
                done = subprocess.run([shell, "-n", str(self.root / f"larder.{shell}")], capture_output=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""), done.stderr.decode())

    def test_fish_offers_the_same(self):
        if shutil.which("fish") is None:
            self.skipTest("there is no fish")
        script = self.script("fish")
        for line, expected in (("larder disk ver", ["verify"]), ("larder disk ls --sort wr", ["written"]), ("larder disk ls --rev", ["--reverse"]),
                               ("larder completions ", ["bash", "fish", "zsh"])):
            done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, timeout=60, check=False,
                                  env={**os.environ, "HOME": str(self.root)})
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertEqual(sorted(each.split("\t")[0] for each in done.stdout.decode().splitlines()), expected, line)

    def test_wrong_use(self):
        self.check(larder("completions"), 2, "SHELL is required")
        self.check(larder("completions", "tcsh"), 2, "tcsh")

    def test_what_is_printed_may_be_refused(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("there is no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LARDER, "completions", "bash"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)

    def test_all_help_at_once(self):
        text = self.check(larder("--help-all"), 0)
        for name in ("purge", "--csv-delimiter", "--token-file", "--older-than"):
            self.assertIn(name, text)

    def test_nothing_of_a_terminal_goes_elsewhere(self):
        for line in (["--help"], ["--help-all"], ["disk", "--help"], ["nonsense"], ["disk", "stat", "/nonexistent"]):
            done = larder(*line)
            self.assertNotIn(b"\x1b", done.stdout + done.stderr, line)


if __name__ == "__main__":
    LARDER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
