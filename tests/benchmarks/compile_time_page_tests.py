#!/usr/bin/env python3
"""The tables that the benchmark of compile times writes into pages, and what docs/compile_time.md and README.md have of them.

compile_time_page_tests.py FOLDER_OF_THE_BENCHMARK"""
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

    def write(self, headers=(), **wanted):
        defaults = {"compiler": "g++", "runs": 3, "beside": "includes", "only": []}
        compile_time.write_page(self.page, self.rows, types.SimpleNamespace(**defaults | wanted), headers)
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

    def test_a_run_of_some_headers_leaves_the_others_rows_and_drops_those_of_headers_that_are_gone(self):
        self.page.write_text(f"{compile_time.PAGE_BEGIN}\n{compile_time.PAGE_END}\n", encoding="utf-8")
        self.rows += [{"subject": "larder/gone.hpp", "metric": "user+sys", "value": 2.0}, {"subject": "larder/z.hpp", "metric": "user+sys", "value": 3.0}]
        said = self.write().splitlines()[1]
        self.rows = [{"subject": compile_time.BASELINE, "metric": "user+sys", "value": 1.0}, {"subject": "larder/b.hpp", "metric": "user+sys", "value": 1.5},
                     {"subject": "larder/b.hpp", "metric": "over includes", "value": 0.1}, {"subject": "larder/larder.hpp", "metric": "user+sys", "value": 1.4}]
        text = self.write(only=["b.hpp", "larder/larder.hpp"], headers=["larder/a.hpp", "larder/b.hpp", "larder/larder.hpp", "larder/z.hpp"])
        self.assertIn(said, text)
        self.assertIn("| `larder/larder.hpp` | 1.40 | +0.40 |  |\n| `larder/a.hpp` | 1.25 | +0.45 | +0.04 |\n| `larder/b.hpp` | 1.50 | +0.50 | +0.10 |\n"
                      "| `larder/z.hpp` | 3.00 | +2.20 |  |\n", text)
        self.assertNotIn("gone.hpp", text)
        with self.assertRaises(SystemExit):
            self.write(only=["b.hpp"], beside=None)

    def test_a_page_without_marks_is_refused_and_left_alone(self):
        self.page.write_text("Nothing here.\n", encoding="utf-8")
        with self.assertRaises(SystemExit) as refused:
            self.write()
        self.assertIn("has no table to write over", str(refused.exception))
        self.assertEqual(self.page.read_text(encoding="utf-8"), "Nothing here.\n")

    def test_the_readme_has_the_page_s_rows_of_what_is_included_first(self):
        self.rows.insert(1, {"subject": "larder/cache.hpp", "metric": "user+sys", "value": 1.2})
        self.rows.append({"subject": "larder/larder.hpp", "metric": "user+sys", "value": 1.5})
        self.page.write_text(f"{compile_time.PAGE_BEGIN}\n{compile_time.PAGE_END}\n", encoding="utf-8")
        self.write()
        readme = self.page.with_name("readme.md")
        readme.write_text(f"Before.\n{compile_time.README_BEGIN}\nold\n{compile_time.PAGE_END}\nAfter.\n", encoding="utf-8")
        compile_time.write_readme(readme, self.page)
        text = readme.read_text(encoding="utf-8")
        self.assertTrue(text.startswith(f"Before.\n{compile_time.README_BEGIN}\n`g++ -std=c++20 -O2 -fsyntax-only`, medians of 3 rounds; "))
        self.assertTrue(text.endswith(f"| --- | --- | --- |\n| `larder/larder.hpp` | 1.50 | +0.70 |\n| `larder/cache.hpp` | 1.20 | +0.40 |\n{compile_time.PAGE_END}\nAfter.\n"))
        compile_time.write_readme(readme, self.page)
        self.assertEqual(text, readme.read_text(encoding="utf-8"))

    def test_what_costs_more_than_it_may_is_found_and_who_is_excused_is_read(self):
        table = ("| `larder/larder.hpp` | 1.54 | +0.41 | -0.04 |\n| `larder/a.hpp` | 9.00 | +8.00 | +0.31 |\n| `larder/b.hpp` | 9.00 | +8.00 | +0.30 |\n"
                 "| `larder/c.hpp` | 9.00 | +8.00 |  |\n| `larder/d.hpp` | 1.00 | +0.41 | +0.00 |\n")
        self.assertEqual(list(compile_time.rows_of(table)), [f"larder/{name}.hpp" for name in ("larder", "a", "b", "c", "d")])
        self.assertEqual(compile_time.above_limit(table), ["larder/larder.hpp", "larder/a.hpp"])
        text = ("| `larder/x.hpp` | before |\n\n## Above the limit\n\n| header | why |\n| --- | --- |\n| `larder/a.hpp` | a reason |\n| `larder/b.hpp` |  |\n\n"
                "## Next\n\n| `larder/y.hpp` | behind |\n")
        self.assertEqual(compile_time.exceptions_of(text), {"larder/a.hpp": "a reason"})


class OurPages(unittest.TestCase):
    def setUp(self):
        root = pathlib.Path(compile_time.__file__).resolve().parent.parent.parent
        self.page, self.readme = root / "docs/compile_time.md", root / "README.md"
        self.text = self.page.read_text(encoding="utf-8")
        self.table = compile_time.table_between(self.text, compile_time.PAGE_BEGIN, self.page)[1]

    def test_every_row_is_read(self):
        self.assertEqual(len(compile_time.rows_of(self.table)), self.table.count("\n| `"))
        self.assertGreater(len(compile_time.rows_of(self.table)), 600)

    def test_the_readme_has_what_the_page_has(self):
        """Else: benchmarks/compile_time/compile_time.py --runs 0 --page docs/compile_time.md --readme README.md"""
        short = compile_time.table_between(self.readme.read_text(encoding="utf-8"), compile_time.README_BEGIN, self.readme)[1]
        self.assertEqual(short, "\n" + compile_time.short_table(self.page))
        self.assertEqual(list(compile_time.rows_of(short)), compile_time.FIRST)

    def test_who_costs_more_than_he_may_is_named_with_a_reason(self):
        self.assertEqual(sorted(compile_time.exceptions_of(self.text)), sorted(compile_time.above_limit(self.table)))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv.pop(1))
    import compile_time
    unittest.main()
