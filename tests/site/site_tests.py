#!/usr/bin/env python3
"""Builds the site as scripts/docs does and looks at it as a reader would: every link, every anchor, every name.   site_tests.py"""
import html.parser
import json
import pathlib
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import mutate  # noqa: E402

VOID = {"meta", "link", "input", "br", "img", "hr"}

# What the design page names: each must be found, as a page or as an entry of a header.
MEMBERS = """get get_many visit peek contains for_each put put_if_absent get_or_load get_or_load_many get_or_load_async erase erase_if erase_prefix clear purge_expired size
empty weight capacity set_capacity pin stats reset_stats""".split()
NAMES = """lru fifo clock sieve s3_fifo w_tinylfu lfu arc lirs gdsf largest_first cyclic epoch_pin adaptive max_entries max_bytes max_weight weigher unbounded watermark
expire_after_write expire_after_access refresh_after_write ttl time_source memory mmap_disk http_blob redis directory xxh3 std_hash identity hash_with sharded unsynchronized bytes
codec task memoize presets::model_weights cache make_cache tiered read_only write_back removal_listener removal_cause error_listener error_event error manual_clock azure s3 webdav
layer_cache safetensors gguf weight_server dataset_cache preprocess pass_cache pass_settings resolution_cache request package_store package cache_stats""".split()
BYTES = "copy_of adopt data size empty slice as_span".split()


class Page(html.parser.HTMLParser):
    """What is in a page, and whether its tags match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.ids, self.links, self.loads = [], [], [], [], []
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.look(tag, dict(attributes))

    def handle_startendtag(self, tag, attributes):
        self.look(tag, dict(attributes))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]} closes {self.open[-1:]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def look(self, tag, attributes):
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes.get("href", ""))
        elif tag in ("link", "script", "img", "iframe", "source"):
            self.loads.append(attributes.get("href") or attributes.get("src") or "")


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name) / "site"
        done = subprocess.run([sys.executable, ROOT / "tools/site/build.py", "--out", cls.root], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        cls.texts = {p.relative_to(cls.root).as_posix(): p.read_text(encoding="utf-8") for p in sorted(cls.root.rglob("*.html"))}
        cls.pages = {name: Page(text) for name, text in cls.texts.items()}
        index = (cls.root / "search_index.js").read_text(encoding="utf-8")
        cls.index = json.loads(re.fullmatch(r"window\.larder_index = (.*);\n", index, re.DOTALL)[1])

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def resolves(self, page, address):
        where, _, anchor = address.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), where)) if where else page
        if target not in self.pages:
            return f"{page}: {address} leads nowhere"
        if anchor and anchor not in self.pages[target].ids:
            return f"{page}: {address} has no such place"
        return None

    def test_every_tag_is_closed_and_every_id_is_there_once(self):
        for name, page in self.pages.items():
            self.assertEqual(page.faults, [], name)
            self.assertEqual(len(page.ids), len(set(page.ids)), f"{name}: {sorted(i for i in page.ids if page.ids.count(i) > 1)}")

    def test_every_link_and_anchor_resolves(self):
        faults = [self.resolves(name, link) for name, page in self.pages.items() for link in page.links if not re.match(r"https?:|mailto:", link)]
        self.assertEqual([fault for fault in faults if fault], [])

    def test_every_address_of_the_search_resolves(self):
        self.assertGreater(len(self.index), 1000)
        self.assertEqual([fault for _, address, _ in self.index if (fault := self.resolves("index.html", address))], [])

    def test_nothing_is_loaded_from_elsewhere(self):
        for name, page in self.pages.items():
            for load in page.loads:
                self.assertNotRegex(load, r"^(https?:)?//", name)
                self.assertTrue((self.root / posixpath.dirname(name) / load).is_file(), f"{name}: {load}")
        for name in ("site.css", "search.js"):
            self.assertNotRegex((self.root / name).read_text(encoding="utf-8"), r"https?://|@import|url\(", name)

    def test_every_header_document_and_example_has_a_page(self):
        for header in (ROOT / "include/larder").rglob("*.hpp"):
            self.assertIn("reference/" + header.relative_to(ROOT / "include/larder").with_suffix(".html").as_posix(), self.pages)
        for document in (ROOT / "docs").rglob("*.md"):
            page = document.relative_to(ROOT / "docs").with_suffix(".html").as_posix().lower().replace("readme.html", "index.html")
            self.assertIn(page, self.pages)
        for example in (ROOT / "examples").glob("*.cpp"):
            self.assertIn(f"examples/{example.stem}.html", self.pages)

    def test_every_document_is_in_the_navigation(self):
        linked = {posixpath.normpath(posixpath.join(posixpath.dirname(page), link.partition("#")[0]))
                  for page in ("index.html", "policies/index.html", "decisions/index.html") for link in self.pages[page].links}
        for document in (ROOT / "docs").rglob("*.md"):
            page = document.relative_to(ROOT / "docs").with_suffix(".html").as_posix().lower().replace("readme.html", "index.html")
            self.assertIn(page, linked)

    def test_every_public_name_has_an_entry(self):
        titles = {title for title, _, _ in self.index}
        ids = {page: set(p.ids) for page, p in self.pages.items()}
        for name in MEMBERS:
            self.assertIn(f"cache.{name}", ids["reference/cache.html"])
        for name in BYTES:
            self.assertIn(f"bytes.{name}", ids["reference/core/bytes.html"])
        known = {i for page, of_page in ids.items() if page.startswith("reference/") for i in of_page}
        for name in NAMES:
            self.assertTrue(name in titles or name.replace("::", ".") in known, f"{name} has no entry")

    def test_every_policy_has_a_page_with_what_the_code_says_of_it(self):
        for axis in ("eviction", "limit", "expiry", "locking", "storage", "watermark", "refresh", "observer", "compression"):
            for header in (ROOT / "include/larder").rglob("*.hpp"):
                text = header.read_text(encoding="utf-8")
                if f"using policy_axis = axis::{axis};" not in text or "testing" in header.parts:
                    continue
                page = f"policies/{header.stem}.html"
                self.assertIn(page, self.pages)
                self.assertIn('id="from-the-header"', self.texts[page])

    def test_every_order_has_its_picture(self):
        for header in (ROOT / "include/larder/eviction").glob("*.hpp"):
            if "using policy_axis = axis::eviction;" in header.read_text(encoding="utf-8"):
                self.assertIn("<polyline", self.texts[f"policies/{header.stem}.html"], header.stem)

    def test_the_search_finds_from_a_folder(self):
        browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
        if not browser:
            self.skipTest("no chromium here (scripts/bootstrap installs it)")
        asks = """<script>addEventListener("load", () => { const query = document.getElementById("query"); query.focus();
            query.dispatchEvent(new Event("focus")); query.value = "get_or_load"; });</script></body>"""
        page = self.root / "policies" / "asking.html"
        page.write_text(self.texts["policies/lru.html"].replace("</body>", asks), encoding="utf-8")
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--virtual-time-budget=20000",
                                   "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
        page.unlink()
        if "</html>" not in done.stdout:
            self.skipTest("chromium does not run here: " + done.stderr[-300:])
        found = re.search(r'<ol id="found">(.*?)</ol>', done.stdout, re.DOTALL)
        self.assertTrue(found, "nothing was found")
        self.assertIn('href="../reference/cache.html#cache.get_or_load"', found[1].split("</li>")[0])

    def test_no_figure_and_no_prelude_is_left_in_a_page(self):
        for name, text in self.texts.items():
            self.assertNotRegex(text, r"FIGURE-\d+-HERE|<!-- |prelude\n", name)


class Documents(unittest.TestCase):
    def text(self, path):
        return (ROOT / path).read_text(encoding="utf-8")

    def test_the_tests_that_promises_name_are_there(self):
        named = re.findall(r"`(tests/[^`]+)`", self.text("docs/promises.md"))
        self.assertGreater(len(named), 60)
        self.assertEqual([path for path in named if not (ROOT / path).exists()], [])

    def test_the_scenarios_that_promises_name_are_in_their_files(self):
        named = re.findall(r"`(tests/[^`]+)` \(([A-Z]\d+(?:, [A-Z]\d+)*)\)", self.text("docs/promises.md"))
        self.assertGreater(len(named), 10)
        self.assertEqual([(path, name) for path, names in named for name in names.split(", ")
                          if not re.search(rf"TEST_CASE[A-Z_]*\(\s*\"[^\"]*\b{name}\b", self.text(path))], [])

    def test_the_page_of_mutations_has_or_excuses_every_header_of_the_tool(self):
        page = self.text("docs/mutation.md")
        run = re.findall(r"^\| `(\S+\.hpp)` \|", page, re.MULTILINE)
        not_run = re.findall(r"`(\w+/\w+\.hpp)`", re.search(r"\*\*Not run\*\*.*?\n\n", page, re.DOTALL)[0])
        self.assertEqual(sorted(run + not_run), sorted(mutate.COVERED_BY))
        self.assertIn(f"all {len(run)} headers", page)

    def test_figures_of_policies_are_the_readme_s(self):
        readme = self.text("README.md")
        for page in sorted((ROOT / "docs/policies").glob("*.md")):
            for figure in re.findall(r"\b\d+\.\d\d?x", page.read_text(encoding="utf-8")):
                self.assertIn(figure, readme, page.name)

    def test_bars_show_the_readme_s_figures(self):
        readme = self.text("README.md")
        for name in ("memory", "disk"):
            for figure in json.loads(self.text(f"docs/figures/{name}.json")):
                value, runs = figure["value"], figure["runs"]
                if value == 1:
                    continue
                shown = [f"{value:.3f}", f"{value:.2f}x", f"{value:.1f}x", f"{value:g}x"]
                if runs:
                    shown = [f"{text} ({low}-{high})" for text in shown[1:] for low, high in ((f"{runs[0]:.2f}", f"{runs[2]:.2f}"), (f"{runs[0]:.1f}", f"{runs[2]:.1f}"))]
                self.assertTrue(any(text in readme for text in shown), f"{name}.json: {figure['subject']} {shown}")

    def test_the_table_of_orders_is_that_of_the_curves(self):
        rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \|$", self.text("docs/which_policy.md"), re.MULTILINE)
        computed = {}
        for by in ("entries", "bytes"):
            traces = json.loads(self.text(f"docs/figures/miss_ratio_{by}.json"))["traces"].values()
            orders = [order for order in next(iter(traces))["curves"] if order != "belady"]
            for order in orders:
                distances = [round(trace["curves"][order][i] - min(trace["curves"][o][i] for o in orders), 4)
                             for trace in traces for i in range(len(trace["sizes"]))]
                near, mean = sum(d <= 0.01 for d in distances), f"{sum(distances) / len(distances):.3f}"
                computed.setdefault(order, []).extend([str(near), mean, f"{max(distances):.3f}"] if by == "entries" else [str(near), mean])
        self.assertEqual({row[0]: list(row[1:]) for row in rows}, computed)


if __name__ == "__main__":
    unittest.main()
