#!/usr/bin/env python3
"""The table that the benchmark of compile times writes into a page.   compile_time_page_tests.py FOLDER_OF_THE_BENCHMARK"""
import pathlib
import sys
import tempfile
import types
import unittest


class CompileTimePage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="larder_page_")
        self.addCleanup(folder.cleanup)
        self.page = pathlib.Path(folder.name, "page.md")
        self.rows = [{"subject": compile_time.BASELINE, "metric": "user+sys", "value": 0.8}, {"subject": "larder/a.hpp", "metric": "user+sys", "value": 1.25},
                     {"subject": "larder/a.hpp", "metric": "over includes", "value": 0.04}, {"subject": "larder/b.hpp", "metric": "user+sys", "value": 0.5}]

    def write(self, **wanted):
        compile_time.write_page(self.page, self.rows, types.SimpleNamespace(**{"compiler": "g++", "runs": 3, "beside": "includes"} | wanted))
        return self.page.read_text(encoding="utf-8")

    def test_lies_between_the_marks_and_replaces_the_last_one(self):
        self.page.write_text(f"Before.\n\n{compile_time.PAGE_BEGIN}\nold\n{compile_time.PAGE_END}\nAfter.\n", encoding="utf-8")
        text = self.write()
        self.assertTrue(text.startswith(f"Before.\n\n{compile_time.PAGE_BEGIN}\n"))
        self.assertTrue(text.endswith(f"\n{compile_time.PAGE_END}\nAfter.\n"))
        self.assertNotIn("old", text)
        self.assertIn("medians of 3 rounds; `boost/unordered/unordered_flat_map.hpp` takes 0.80 s", text)
        self.assertIn("| header | seconds | over the flat map | over its includes |\n| --- | --- | --- | --- |\n", text)
        self.assertIn("| `larder/a.hpp` | 1.25 | +0.45 | +0.04 |\n| `larder/b.hpp` | 0.50 | -0.30 |  |\n", text)
        self.assertEqual(text, self.write())

    def test_without_a_comparison_there_is_no_column_for_it(self):
        self.page.write_text(f"{compile_time.PAGE_BEGIN}\n{compile_time.PAGE_END}", encoding="utf-8")
        self.assertIn("| `larder/a.hpp` | 1.25 | +0.45 |\n", self.write(beside=None, runs=1))

    def test_a_page_without_marks_is_refused_and_left_alone(self):
        self.page.write_text("Nothing here.\n", encoding="utf-8")
        with self.assertRaises(SystemExit) as refused:
            self.write()
        self.assertIn("has no table to write over", str(refused.exception))
        self.assertEqual(self.page.read_text(encoding="utf-8"), "Nothing here.\n")


if __name__ == "__main__":
    sys.path.insert(0, sys.argv.pop(1))
    import compile_time
    unittest.main()
