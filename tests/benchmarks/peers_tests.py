#!/usr/bin/env python3
"""Runs peers.py with stand-ins for bench_memory, cargo and maven.   peers_tests.py PATH_OF_PEERS_PY"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PEERS = ""
# Says how it was called; with --draws it makes the folder, with --beside it shows the file.
BENCH = """
printf 'bench %s\\n' "$*"
code=7
while [ $# -gt 0 ]; do
  case $1 in
    --draws) mkdir -p "$2" && code=0 ;;
    --beside) cat "$2" ;;
  esac
  shift
done
exit $code
"""
# Builds a driver that prints one figure a case, and fails where it is told to.
CARGO = """
if [ "$1" = fetch ]; then
  [ -z "$NO_REGISTRY" ] || printf '    Updating\\n\\033[31merror\\033[0m: no route\\nCaused by: this\\n' >&2
  exit "${NO_REGISTRY:-0}"
fi
mkdir -p "$CARGO_TARGET_DIR/release"
driver="$CARGO_TARGET_DIR/release/larder-peers"
printf '#!/bin/sh\\n[ -d "$1" ] && [ "$2" != evicting ] && printf "%%s\\\\t%%s\\\\ttime\\\\tns/op\\\\t1 2 3\\\\n" "$2" "$3"\\n' >"$driver"
chmod +x "$driver"
"""


class Peers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="larder_peers_")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.bench = self.script("build/benchmarks/bench_memory", BENCH)
        (self.root / "bin").mkdir()

    def script(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh{text}")
        path.chmod(0o755)
        return path

    def run_peers(self, *arguments, **environment):
        """Its lines on standard output; only the stand-ins are found as programs."""
        for tool in ("sh", "mkdir", "cat", "chmod"):
            link = self.root / "bin" / tool
            if not link.exists():
                link.symlink_to(next(p for p in (pathlib.Path("/bin") / tool, pathlib.Path("/usr/bin") / tool) if p.exists()))
        done = subprocess.run([sys.executable, PEERS, self.bench, *arguments], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "PATH": str(self.root / "bin"), **environment})
        self.assertEqual(done.returncode, 7, done.stderr)   # bench_memory's own code
        return done.stdout.splitlines()

    def test_what_is_not_installed_is_skipped_with_a_sentence(self):
        said = self.run_peers("--case", "get_u64", "--out", "x.json")
        self.assertIn("quick_cache, quick_cache_sync, moka: SKIPPED, cargo is not installed", said)
        self.assertIn("caffeine: SKIPPED, mvn is not installed", said)
        self.assertTrue(any(line.startswith("bench --case get_u64 --out x.json --beside ") for line in said), said)

    def test_a_registry_that_is_not_reached_is_skipped_with_a_sentence(self):
        self.script("bin/cargo", CARGO)
        said = self.run_peers("--only", "moka", NO_REGISTRY="101")
        self.assertIn("moka: SKIPPED, cargo fetch failed: error: no route", said)

    def test_what_the_drivers_print_goes_to_bench_memory(self):
        self.script("bin/cargo", CARGO)
        said = self.run_peers("--only", "moka,clock", "--case", "get_u64,memory,get_bytes,evicting", "--quick", "--chunks", "4")
        built = self.root.resolve() / "build" / "peers"
        self.assertIn(f"bench --draws {built / 'draws'} --quick --chunks 4", said)
        self.assertIn("moka: evicting SKIPPED, its case evicting failed: it said nothing", said)
        self.assertEqual([line for line in said if "\t" in line], [f"{case}\tmoka\ttime\tns/op\t1 2 3" for case in ("memory", "get_u64")])
        self.assertFalse((built / "draws").exists())

    def test_without_peers_in_what_is_asked_for_nothing_is_built(self):
        for arguments in (["--only", "clock"], ["--case", "get_bytes"], ["--help"]):
            with self.subTest(arguments):
                self.assertEqual(self.run_peers(*arguments), ["bench " + " ".join(arguments)])
        self.assertFalse((self.root / "build" / "peers").exists())


if __name__ == "__main__":
    PEERS = sys.argv.pop(1)
    unittest.main()
