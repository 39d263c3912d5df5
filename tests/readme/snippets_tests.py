#!/usr/bin/env python3
"""What tools/readme_snippets.py makes of pages.   snippets_tests.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/readme_snippets.py"
FIRST = """# First

<!-- prelude
#include <map>
int f(int x);
-->

```cpp
#include <set>

struct pair {
  int a;
};
int here = f(1);
```

## Next

```cpp
int here = 2;
```
"""
SECOND = """```cpp
#include <set>
int there = 3;
```

<!-- skip: another day -->
```cpp
broken
```

```cpp
int main() { return 0; }
```
"""


class Snippets(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.pages = [self.root / "first.md", self.root / "second-page.md"]
        for page, text in zip(self.pages, (FIRST, SECOND)):
            page.write_text(text, encoding="utf-8")

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self, *arguments):
        done = subprocess.run([sys.executable, SCRIPT, *arguments, self.root / "out"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split(" ", 1)[0] + " " + pathlib.Path(line.split(" ", 1)[1]).name for line in done.stdout.splitlines()]

    def test_a_source_for_each_block(self):
        self.assertEqual(self.run_script(self.pages[0]), ["fragment snippet_8.cpp", "fragment snippet_19.cpp"])
        text = (self.root / "out/snippet_8.cpp").read_text(encoding="utf-8")
        self.assertLess(text.index("int f(int x);"), text.index("void snippet_8() {"))
        self.assertLess(text.index("struct pair {"), text.index("void snippet_8() {"))
        self.assertNotIn("int f(int x);", (self.root / "out/snippet_19.cpp").read_text(encoding="utf-8"))   # a prelude ends at a heading

    def test_one_source_for_all_fragments_and_one_for_each_program(self):
        self.assertEqual(self.run_script("--together", *self.pages), ["program snippet_11.cpp", "fragment snippet_together.cpp"])
        text = (self.root / "out/snippet_together.cpp").read_text(encoding="utf-8")
        self.assertEqual(text.count("#include <set>"), 1)
        self.assertLess(text.index("#include <map>"), text.index("namespace "))
        for space in ("namespace first_8 {", "namespace first_19 {", "namespace second_page_1 {"):
            self.assertEqual(text.count(space), 1)
        self.assertEqual(text.count("void snippet() {"), 3)
        self.assertNotIn("broken", text)
        self.assertEqual(text.count("{"), text.count("}"))

    def test_what_is_no_longer_on_the_page_goes(self):
        self.run_script("--together", *self.pages)
        self.run_script(self.pages[1])
        self.assertEqual(sorted(p.name for p in (self.root / "out").iterdir()), ["snippet_1.cpp", "snippet_11.cpp"])

    def test_a_block_without_an_end_is_an_error(self):
        self.pages[0].write_text("```cpp\nint x;\n", encoding="utf-8")
        done = subprocess.run([sys.executable, SCRIPT, self.pages[0], self.root / "out"], capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("line 1 does not end", done.stderr)


if __name__ == "__main__":
    unittest.main()
