#!/usr/bin/env python3
"""Every block of settings in these pages is given to `larder config check`: ```toml, ```yaml and ```json.   settings_blocks_tests.py PATH_OF_LARDER

A block that is none is marked by `<!-- no settings: reason -->` in the line before it.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = ["README.md", "docs/configuration.md", "docs/tutorial.md", "docs/recipes.md", "docs/coming_from.md"]
LARDER = ""


def blocks(text):
    """(line of the page, format, text) of each block of settings."""
    fence, marked = None, False
    for number, line in enumerate(text.splitlines(), 1):
        opens = re.match(r" *(```+)\s*(\w*)", line)
        if fence is None and opens:
            fence, form, start, held, skipped = opens[1], opens[2].lower(), number, [], marked
        elif fence is not None and line.strip() == fence:
            if form in ("toml", "yaml", "yml", "json") and not skipped:
                yield start, form, "\n".join(held) + "\n"
            fence = None
        elif fence is not None:
            held.append(line)
        marked = fence is None and re.fullmatch(r"<!-- no settings: .+ -->", line.strip()) is not None
    if fence is not None:
        raise AssertionError(f"the block that starts in line {start} does not end")


def faults(page, text):
    """What the command says of the blocks that cannot work, and how many blocks there are."""
    said, count = [], 0
    with tempfile.TemporaryDirectory(prefix="larder_blocks_") as folder:
        for line, form, settings in blocks(text):
            count += 1
            file = pathlib.Path(folder, f"line_{line}.{form}")
            file.write_text(settings, encoding="utf-8")
            run = subprocess.run([LARDER, "config", "check", "--file-only", file], capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ, LC_ALL="C"))
            if run.returncode != 0 or run.stdout or run.stderr:
                said.append(f"{page}, block of line {line}: exit code {run.returncode} {run.stdout}{run.stderr}".replace(folder + "/", "").strip())
    return said, count


class Settings(unittest.TestCase):
    def test_every_block_of_our_pages_works_without_a_warning(self):
        wrong, total = [], 0
        for page in PAGES:
            said, count = faults(page, (ROOT / page).read_text(encoding="utf-8"))
            wrong, total = wrong + said, total + count
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(total, 2)

    def test_a_block_that_is_wrong_is_told_with_its_line(self):
        said, count = faults("page.md", "# A\n\n```toml\n[cache]\nsize = \"4GB\"\n```\n\n```yaml\ncache:\n  sise: 4GB\n```\n\n```json\n{\"cache\": {\"size\": \"4XB\"}}\n```\n")
        self.assertEqual((len(said), count), (2, 3), said)
        self.assertIn("page.md, block of line 8: exit code 1 larder: line_8.yaml:2:3: there is no key \"sise\" in cache", said[0])
        self.assertIn("page.md, block of line 13", said[1])

    def test_a_warning_is_a_fault(self):
        said, _ = faults("page.md", "```toml\n[training_cache]\nsize = \"4GB\"\npolicy = \"lru\"\n```\n")
        self.assertEqual(len(said), 1)
        self.assertIn("epoch_pin is used", said[0])

    def test_blocks_that_are_marked_or_of_another_language_are_left_out(self):
        text = "<!-- no settings: a manifest -->\n```json\n{}\n```\n```json\n{\"a\": 1}\n```\n```sh\nlarder\n```\n```\n[cache]\n```\n"
        self.assertEqual([(line, form) for line, form, _ in blocks(text)], [(5, "json")])
        with self.assertRaises(AssertionError):
            list(blocks("```toml\n[cache]\n"))


if __name__ == "__main__":
    LARDER = sys.argv.pop(1)
    unittest.main()
