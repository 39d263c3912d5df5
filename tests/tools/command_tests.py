#!/usr/bin/env python3
"""Runs the command `larder` as people do: exit codes, messages, tables, pictures.   command_tests.py PATH_OF_LARDER"""
import gzip
import json
import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import command_runs

LARDER = ""
SVG = "{http://www.w3.org/2000/svg}"


def larder(*arguments, stdin=b""):
    return subprocess.run([LARDER, *map(str, arguments)], input=stdin, capture_output=True, timeout=120, check=False)


class Command(command_runs.CommandRuns):
    def setUp(self):
        super().setUp()
        keys = [i * i % 97 if i % 5 else i for i in range(2000)]
        self.trace = self.file("web.txt", "".join(f"k{key} {100 + key}\n" for key in keys))

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def check(self, done, code, *parts):
        """The exit code, and parts of what was said: on standard output when all went well, else on standard error."""
        said = (done.stderr if code else done.stdout).decode()
        self.assertEqual(done.returncode, code, done.stderr.decode())
        for part in parts:
            self.assertIn(part, said)
        return said

    def test_help_and_version(self):
        self.check(larder("--help"), 0, "simulate", "Exit codes: 0 done; 1 ")
        text = self.check(larder("simulate", "--help"), 0, "Examples:", "larder simulate - ", "Exit codes: 0 done; 1 a trace could not")
        for option in ("--policies", "--sizes", "--by", "--format", "--csv-key", "--csv-size", "--csv-delimiter", "--threads", "--svg",
                       "--html", "--json", "--limit-requests", "--quiet"):
            self.assertIn(option, text)
        said = self.check(larder("--version"), 0, "larder ")
        self.assertRegex(said, r"^larder \d+\.\d+\.\d+\n$")

    def test_wrong_use_is_2(self):
        for arguments in ([], ["simulate"], ["nonsense"], ["simulate", self.trace, "--nonsense"],
                          ["simulate", self.trace, "--csv-key", "0"], ["simulate", self.trace, "--limit-requests", "0"],
                          ["simulate", self.trace, "--threads", "x"]):
            with self.subTest(arguments):
                done = larder(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertNotEqual(done.stderr, b"")
        self.check(larder("simulate", self.trace, "--policies", "s3fifo"), 2, 'no policy "s3fifo"; did you mean s3_fifo?', "belady")
        for wrong in ("lur", "LRU"):
            self.check(larder("simulate", self.trace, "--policies", wrong), 2, f'no policy "{wrong}"; did you mean lru?')
        self.check(larder("simulate", self.trace, "--sizes", "64MiB"), 2, '"64MiB"', "--by bytes")
        self.check(larder("simulate", self.trace, "--by", "weight"), 2, '--by: "weight" is not one of entries, bytes')
        self.check(larder("simulate", self.trace, "--format", "xml"), 2, '--format: "xml" is not one of auto, text, csv, oracle')
        self.check(larder("simulate", self.trace, "--csv-delimiter", "ab"), 2, "--csv-delimiter")
        self.check(larder("simulate", "-", "-"), 2, "standard input (-) can be read once")
        self.check(larder("simulate", self.file("a.txt", "a\nb\n"), "--by", "bytes"), 2, 'trace "a" has no sizes', "--by entries")

    def test_a_word_that_is_none_is_named_with_the_nearest_and_what_lists_all(self):
        for line, said in (
                ("dsk", 'there is no command "dsk"; did you mean "disk"? ("larder --help" lists all)'),
                ("DISK", 'there is no command "DISK"; did you mean "disk"? ("larder --help" lists all)'),
                ("disk sat DIR", 'there is no command "disk sat"; did you mean "disk stat"? ("larder disk --help" lists all)'),
                ("config frob", 'there is no command "config frob"; "larder config --help" lists all'),
                ("disk ls DIR --srot key", 'there is no option "--srot"; did you mean "--sort"? ("larder disk ls --help" lists all)'),
                ("simulate --polices=lru", 'there is no option "--polices"; did you mean "--policies"? ("larder simulate --help" lists all)'),
                ("--vresion", 'there is no option "--vresion"; did you mean "--version"? ("larder --help" lists all)'),
                ("", 'say which command; "larder --help" lists all'),
                ("disk", 'say which command; "larder disk --help" lists all'),
                ("simulate", 'TRACE is required; "larder simulate --help" explains it'),
                ("disk ls DIR --sort colour", 'place'),
                ("disk ls DIR --sort \x1b[31m", '--sort: '),
                ("a\x1bb", 'there is no command "a'),
        ):
            with self.subTest(line):
                done = larder(*line.split())
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertTrue(done.stderr.startswith(b"larder: "), done.stderr)
                self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
                self.assertNotIn(b"\x1b", done.stderr)
                self.assertIn(said, done.stderr.decode())

    def test_wrong_use_is_told_before_a_trace_is_read(self):
        self.check(larder("simulate", self.root / "missing", "--policies", "none"), 2, "no policy")

    def test_a_trace_that_cannot_be_read_is_1(self):
        missing = self.root / "missing.txt"
        self.check(larder("simulate", self.trace, missing), 1, f'"{missing}" could not be opened')
        self.check(larder("simulate", self.file("b.txt", "a 1\nb 2 3\n")), 1, "line 2: there are more fields")
        self.check(larder("simulate", self.file("c.gz", gzip.compress(b"a\n" * 9999)[:-9])), 1, "ends inside its gzip data")
        self.check(larder("simulate", "-", stdin=b""), 1, '"standard input" has no requests')
        self.check(larder("simulate", "-", stdin=bytes(range(256))), 1, "is binary")

    def test_a_picture_that_cannot_be_written_is_1_and_the_table_is_there(self):
        nowhere = self.root / "no" / "where.svg"
        done = larder("simulate", self.trace, "--svg", nowhere, "--policies", "lru")
        self.check(done, 1, f'"{nowhere}" could not be written')
        self.assertIn(b"cache size", done.stdout)

    def test_the_table(self):
        done = larder("simulate", self.trace, "--sizes", "1%,10%,50", "--policies", "lru,fifo,belady")
        text = self.check(done, 0, "web: 2,000 requests", "*")
        rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith("  ")}
        self.assertEqual(len(rows["lru"]), 3)
        ratios = {name: [float(cell.rstrip("*")) for cell in rows[name]] for name in ("lru", "fifo", "belady")}
        for ratio, best in zip(ratios["lru"], ratios["belady"]):
            self.assertLessEqual(best, ratio)

    def test_figures_for_a_pipe(self):
        path = self.root / "figures.json"
        self.check(larder("simulate", self.trace, "--sizes", "5%", "--policies", "lru,fifo", "--json", path, "-q"), 0, "lru", "marked *")
        done = larder("simulate", self.trace, "--sizes", "5%", "--policies", "lru,fifo", "--json", "-", "-q")
        self.check(done, 0)
        self.assertEqual(json.loads(done.stdout), json.loads(path.read_text()))

    def test_progress_is_plain_lines_on_standard_error_and_none_when_quiet(self):
        done = larder("simulate", self.trace, "--sizes", "5", "--policies", "lru,fifo")
        self.assertIn(b"reading web", done.stderr)
        self.assertIn(b"2 caches", done.stderr)
        self.assertNotIn(b"\r", done.stderr)
        self.assertEqual(larder("simulate", self.trace, "--sizes", "5", "-q").stderr, b"")

    def test_every_way_in_gives_the_same_figures(self):
        text = self.trace.read_text()
        csv = "op;size;key\n" + "".join(f"get;{size};{key}\n" for key, size in (line.split() for line in text.splitlines()))
        choice = ("--sizes", "10,50", "--policies", "lru,sieve", "-q", "--json", self.root / "out.json")

        def figures(*arguments, stdin=b""):
            self.check(larder("simulate", *arguments, *choice, stdin=stdin), 0)
            return [(e["policy"], e["capacity"], e["misses"], e["missed_bytes"]) for e in json.loads((self.root / "out.json").read_text())]

        expected = figures(self.trace)
        self.assertEqual(len(expected), 4)
        self.assertEqual(figures("-", stdin=text.encode()), expected)
        self.assertEqual(figures("-", stdin=gzip.compress(text.encode())), expected)
        self.assertEqual(figures(self.file("w.csv", csv)), expected)
        self.assertEqual(figures(self.file("w.data", csv), "--csv-key", 3, "--csv-size", 2, "--csv-delimiter", ";"), expected)
        self.assertEqual(figures(self.trace, "--threads", 1), expected)
        self.assertNotEqual(figures(self.trace, "--limit-requests", 1000), expected)

    def test_the_picture_is_xml_with_a_curve_per_policy(self):
        odd = self.file('odd <&> "name".txt', self.trace.read_bytes())
        for by, panels in (("entries", 2), ("bytes", 4)):
            self.check(larder("simulate", self.trace, odd, "--by", by, "--sizes", "1%,5%,20%,60%", "--svg", self.root / "p.svg", "--html",
                              self.root / "p.html", "--json", self.root / "p.json"), 0)
            picture = xml.etree.ElementTree.parse(self.root / "p.svg").getroot()
            page = xml.etree.ElementTree.fromstring((self.root / "p.html").read_text().split("\n", 1)[1])
            for svg in (picture, page.find(f".//{SVG}svg")):
                found = [g for g in svg.iter(f"{SVG}g") if g.get("class") == "panel"]
                self.assertEqual(len(found), panels)
                for panel in found:
                    curves = [g.get("data-policy") for g in panel.iter(f"{SVG}g") if g.get("class") == "curve"]
                    self.assertEqual(len(curves), len(set(curves)))
                    self.assertEqual(set(curves), {e["policy"] for e in json.loads((self.root / "p.json").read_text())})
                    for curve in panel.iter(f"{SVG}polyline"):
                        self.assertEqual(len(re.findall(r"[\d.]+,[\d.]+", curve.get("points"))), 4)
            texts = [t.text for t in picture.iter(f"{SVG}text")]
            self.assertIn('odd <&> "name"', texts)
            self.assertIn("cache size in " + by, texts)


if __name__ == "__main__":
    LARDER = sys.argv.pop(1)
    unittest.main()
