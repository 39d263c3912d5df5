#!/usr/bin/env python3
"""Lets gdb print larder's types by tools/gdb/larder_printers.py, where gdb is installed and may look at a program.

gdb_tests.py PATH_OF_PRINTED_VALUES PATH_OF_LARDER_PRINTERS"""
import shutil
import subprocess
import sys
import unittest

PROGRAM = ""
PRINTERS = ""


class Printers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("gdb") is None:
            raise unittest.SkipTest("gdb is not installed")
        names = ["text", "binary", "nothing", "large", "id", "password", "names", "alone"]
        command = ["gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "set startup-with-shell off", "-ex", f"source {PRINTERS}",
                   "-ex", "break stop_here", "-ex", "run", "-ex", "up"]
        for name in names:
            command += ["-ex", f"printf \"{name}: \"", "-ex", f"output {name}", "-ex", "printf \"\\n\""]
        done = subprocess.run([*command, PROGRAM], capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
        cls.said = done.stdout + done.stderr
        if "ptrace" in cls.said or "Python scripting is not supported" in cls.said or "Cannot insert breakpoint" in cls.said:
            raise unittest.SkipTest("gdb may not look at programs here: " + cls.said[-300:])
        cls.printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line.split(": ", 1)[0] in names)

    def shows(self, name, text):
        self.assertEqual(self.printed.get(name), text, self.said)

    def test_bytes(self):
        self.shows("text", 'larder::bytes of 5 = "hello"')
        self.shows("binary", "larder::bytes of 2 = 01ff")
        self.shows("nothing", "larder::bytes of 0")
        self.shows("large", 'larder::bytes of 1000 = "' + 64 * "x" + '"...')

    def test_digest(self):
        self.shows("id", "fedcba98765432100123456789abcdef")

    def test_a_secret_is_not_shown(self):
        self.shows("password", "larder::secret, not shown")
        self.assertNotIn("hunter2", self.said)

    def test_caches(self):
        self.shows("names", "larder::cache of 3 entries = {capacity = 10, hits = 3, misses = 2}")
        self.shows("alone", "larder::cache of 1 entry = {weight = 5, capacity = 100, hits = 1, misses = 0}")


if __name__ == "__main__":
    PRINTERS = sys.argv.pop()
    PROGRAM = sys.argv.pop()
    unittest.main()
