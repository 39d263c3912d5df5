#!/usr/bin/env python3
"""What tools/site/figures.py keeps of measurements, and what it draws of them.   figures_tests.py"""
import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/site"))

import figures  # noqa: E402
import svg  # noqa: E402


class Figures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        figures.folder(self.root).mkdir(parents=True)

    def file(self, name, content):
        path = self.root / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def quietly(self, function, *arguments):
        with contextlib.redirect_stdout(io.StringIO()):
            function(*arguments)

    def row(self, trace, policy, capacity, miss_ratio, by="entries"):
        return {"trace": trace, "keys": 1000, "footprint_bytes": 50000, "policy": policy, "by": by, "capacity": capacity, "requests": 9000, "miss_ratio": miss_ratio}

    def test_curves_are_kept_by_trace_and_order(self):
        rows = [self.row("web", "lru", 10, 0.91234), self.row("web", "lru", 100, 0.5), self.row("web", "belady", 10, 0.8), self.row("web", "belady", 100, 0.4)]
        self.quietly(figures.keep_curves, self.root, self.file("simulated.json", rows))
        kept = json.loads((figures.folder(self.root) / "miss_ratio_entries.json").read_text(encoding="utf-8"))
        self.assertEqual(kept, {"by": "entries", "traces": {"web": {"keys": 1000, "requests": 9000, "sizes": [0.01, 0.1],
                                                                    "curves": {"lru": [0.9123, 0.5], "belady": [0.8, 0.4]}}}})

    def test_by_bytes_sizes_are_shares_of_the_bytes(self):
        self.quietly(figures.keep_curves, self.root, self.file("simulated.json", [self.row("web", "lru", 5000, 0.5, "bytes")]))
        kept = json.loads((figures.folder(self.root) / "miss_ratio_bytes.json").read_text(encoding="utf-8"))
        self.assertEqual(kept["traces"]["web"]["sizes"], [0.1])

    def test_rows_that_do_not_belong_together_are_refused(self):
        mixed = [self.row("web", "lru", 10, 0.9), self.row("web", "lru", 10, 0.9, "bytes")]
        uneven = [self.row("web", "lru", 10, 0.9), self.row("web", "lru", 100, 0.9), self.row("web", "arc", 10, 0.9)]
        for rows, said in ((mixed, "one kind of limit"), (uneven, "different sizes")):
            with self.assertRaisesRegex(SystemExit, said):
                figures.keep_curves(self.root, self.file("simulated.json", rows))

    def figure(self, subject, runs, case="get_u64", metric="ratio to flat_map"):
        return {"case": case, "subject": subject, "metric": metric, "unit": "x", "value": sorted(runs)[len(runs) // 2], "runs": runs}

    def test_of_a_benchmark_what_is_drawn_is_kept_and_renewed_and_what_was_not_shown_left_out(self):
        first = [self.figure("clock", [1.3, 1.1, 1.2]), self.figure("moka", [27.0], metric="ratio to flat_map, own process"), self.figure("clock", [9.0], metric="time")]
        self.quietly(figures.keep, self.root, "memory", self.file("memory.json", first))
        self.quietly(figures.keep, self.root, "memory", self.file("memory.json", [self.figure("clock", [1.0, 1.05, 1.4]), self.figure("sieve", [1.0])]))
        kept = json.loads((figures.folder(self.root) / "memory.json").read_text(encoding="utf-8"))
        self.assertEqual([(f["subject"], f["runs"]) for f in kept], [("clock", [1.0, 1.05, 1.4]), ("moka", [])])

        drawn = figures.draw(self.root, ["hits"])
        self.assertLess(drawn.index(">clock<"), drawn.index(">moka<"))       # larder's own first
        self.assertIn("1.05x", drawn)
        self.assertEqual(drawn.count('class="spread"'), 1)
        with self.assertRaisesRegex(SystemExit, "mixed_u64"):
            figures.draw(self.root, ["mixed"])

    def test_what_is_not_there_is_named(self):
        for arguments, said in ((["hits"], "docs/figures/memory.json"), (["hist"], "no figure"), (["curves", "lru"], "miss_ratio_entries.json")):
            with self.assertRaisesRegex(SystemExit, said):
                figures.draw(self.root, arguments)


class Charts(unittest.TestCase):
    def test_lines_lie_where_their_values_are(self):
        drawn = svg.panel(0, 0, 100, 200, "a & b", [0.01, 0.1, 1.0], [("line", "lru", [1.0, 0.5, 0.0])])
        self.assertIn('points="0.0,0.0 50.0,100.0 100.0,200.0"', drawn)
        self.assertIn("a &amp; b", drawn)

    def test_a_bar_far_beyond_the_others_is_cut_and_says_its_value(self):
        drawn = svg.bars([("a", False, 1.0, 1.0, 1.0), ("b", False, 1.2, 1.1, 1.3), ("c", True, 90.0, 80.0, 99.0)], "x", width=480, label_width=150)
        lengths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', drawn)]
        self.assertAlmostEqual(lengths[1] / lengths[0], 1.2, delta=0.01)
        self.assertAlmostEqual(lengths[2] / lengths[0], 4.8, delta=0.01)       # four times the one in the middle
        self.assertIn("90x", drawn)

    def test_every_picture_is_well_formed(self):
        for arguments in (["all_curves"], ["curves", "lru"], ["curves", "gdsf"], *([name] for name in figures.BARS)):
            xml.etree.ElementTree.fromstring(figures.draw(ROOT, arguments))


if __name__ == "__main__":
    unittest.main()
