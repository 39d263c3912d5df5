#!/usr/bin/env python3
"""Builds the site: README, docs/ and the comments of the headers as static pages, without a network. scripts/docs runs it.

Needs python3-markdown and python3-pygments. The pages ask for nothing from elsewhere and work from a folder (file://). Every link is resolved; one that
points to what is not there ends the build.
"""
import argparse
import json
import pathlib
import re
import shutil
import sys

import figures
import headers
import layout
import pages
import reference

here = pathlib.Path(__file__).resolve().parent

# Which page stands where. A page of docs/ that no group names is a guide, so that a new page is seen at once;
# one that is named and not there is left out.
GROUPS = [
    ("Begin", ["README.md", "docs/install.md", "docs/tutorial.md", "docs/which_policy.md", "docs/recipes.md", "docs/coming_from.md"]),
    ("Guides", ["docs/datasets.md", "docs/passes.md", "docs/resolution.md", "docs/packages.md", "docs/configuration.md", "docs/observability.md"]),
    ("The command", ["docs/command.md", "docs/disk_command.md", "docs/dataset_command.md"]),
    ("How it is made", ["docs/promises.md", "docs/coverage.md", "docs/mutation.md", "docs/compile_time.md", "docs/pictures.md", "docs/disk_format.md", "docs/model_manifest.md", "docs/status.md", "CHANGELOG.md"]),
]
TITLES = {"README.md": "larder", "CHANGELOG.md": "Changes"}


class Site:
    def __init__(self, root):
        self.root = root
        self.written = {}        # page -> text
        self.places = {}         # path in the repository -> page
        self.names = {}
        self.index = []
        self.version = re.search(r'LARDER_VERSION_STRING "([^"]+)"', (root / "include/larder/core/version.hpp").read_text())
        self.version = self.version[1] if self.version else ""
        self.headers = headers.read_all(root / "include")
        self.documents = ["README.md", "CHANGELOG.md", *(p.relative_to(root).as_posix() for p in sorted((root / "docs").rglob("*.md")))]
        self.examples = [p.relative_to(root).as_posix() for p in sorted((root / "examples").glob("*.cpp"))]
        for path in self.documents:
            page = path.removeprefix("docs/").removesuffix(".md").lower() + ".html"
            self.places[path] = "index.html" if path == "README.md" else page.replace("/readme.html", "/index.html")
        for path in self.examples:
            self.places[path] = path.removesuffix(".cpp") + ".html"
        for header in self.headers:
            self.places["include/" + header.path] = reference.page_of(header.path)
        for folder, page in (("docs/decisions", "decisions/index.html"), ("docs/policies", "policies/index.html"), ("include/larder", "reference/index.html"),
                             ("examples", "examples/index.html"), ("docs", "index.html")):
            self.places.setdefault(folder, page)
        self.titles = {path: self.title(path) for path in self.documents}
        self.name_all()
        self.linker = pages.Linker(root, self.places, self.names)
        self.groups = self.grouped()
        self.components = component_of_headers(root)

    def title(self, path):
        if path in TITLES:
            return TITLES[path]
        found = re.search(r"^# (.+)$", (self.root / path).read_text(encoding="utf-8"), re.MULTILINE)
        return found[1].replace("`", "") if found else pathlib.Path(path).stem

    def name_all(self):
        """What words in code are links: policies to their pages, other public names to the header that declares them."""
        for header in self.headers:
            stem = pathlib.Path(header.path).stem
            for entry in header.entries:
                if entry.hidden or entry.in_type or entry.scope[:1] != ("larder",) or entry.kind in ("guide", "namespace") or len(entry.name) < 3:
                    continue
                if entry.scope != ("larder",) and not (len(entry.scope) == 2 and entry.scope[1] in ("presets", "testing")):
                    continue
                target = f"{reference.page_of(header.path)}#{entry.anchor}"
                full = "::".join([*entry.scope[1:], entry.name])
                if full not in self.names or (entry.comment and entry.name == stem):
                    self.names[full] = target
                    self.names["larder::" + full] = target
        for path in self.documents:
            if path.startswith("docs/policies/"):
                for name in (pathlib.Path(path).stem, "larder::" + pathlib.Path(path).stem):
                    if name in self.names:
                        self.names[name] = self.places[path]

    def grouped(self):
        named = {path for _, paths in GROUPS for path in paths}
        policies = self.policies()
        decisions = [p for p in self.documents if p.startswith("docs/decisions/")]
        others = [p for p in self.documents if p not in named and p not in policies and p not in decisions]
        groups = []
        for heading, paths in GROUPS:
            if heading == "Guides":
                paths = paths + others
            groups.append((heading, True, [(self.places[p], self.titles[p]) for p in paths if p in self.places]))
        groups.insert(2, ("Policies", False, [(self.places[p], self.titles[p]) for p in policies]))
        groups.append(("Decisions", False, [("decisions/index.html", "All of them"), *((self.places[p], self.titles[p]) for p in decisions)]))
        groups.append(("Code", True, [("reference/index.html", "Headers"), ("examples/index.html", "Examples")]))
        return groups

    def policies(self):
        """The pages of the policies, in the order in which the first of them names them."""
        first = "docs/policies/README.md"
        named = re.findall(r"\]\((\w+\.md)\)", (self.root / first).read_text(encoding="utf-8"))
        listed = [first, *dict.fromkeys("docs/policies/" + name for name in named)]
        return [p for p in listed if p in self.places] + [p for p in self.documents if p.startswith("docs/policies/") and p not in listed]

    def write(self, page, title, body, headings, source):
        body = self.linker.rewrite(page, source, body)
        self.written[page] = layout.frame(page, title, body, self.groups, headings, self.version)

    def document(self, path):
        text = (self.root / path).read_text(encoding="utf-8")
        body, contents, wanted = pages.to_html(text)
        for number, arguments in enumerate(wanted):
            body = body.replace(f"<p>FIGURE-{number}-HERE</p>", figures.draw(self.root, arguments))
        page = self.places[path]
        if path.startswith("docs/policies/"):
            body += self.said_by_header(pathlib.Path(path).stem)
        self.write(page, self.titles[path], body, contents, path)
        self.index_sections(page, self.titles[path], body)

    def said_by_header(self, name):
        """The opening comment of the header that a policy is in: what the code says of it."""
        header = next((h for h in self.headers if pathlib.Path(h.path).stem == name and any(e.name == name and e.scope == ("larder",) for e in h.entries)), None)
        if header is None:
            return ""
        said = header.opening or next((e.comment for e in header.entries if e.name == name and e.comment), "")
        return f'\n<h2 id="from-the-header">From the header</h2>\n<p class="where"><code>{header.path}</code></p>\n' + pages.comment_html(said)

    def index_sections(self, page, title, body):
        """A place of the index for the page and for each of its sections."""
        parts = re.split(r'<h([1-3]) id="([^"]*)">(.*?)</h\1>', body, flags=re.DOTALL)
        if len(parts) == 1:
            self.index.append([title, page, pages.plain(body)[:300]])
        for level, anchor, heading, text in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4]):
            heading = pages.plain(heading)
            name = title if level == "1" else f"{heading} ({title})"
            self.index.append([name, page if level == "1" else f"{page}#{anchor}", pages.plain(text)[:400]])

    def listing(self, page, title, about, prefix):
        rows = "".join(f"<li>{layout.link(page, self.places[p], self.titles[p])}</li>" for p in self.documents if p.startswith(prefix))
        self.write(page, title, f"<h1>{title}</h1><p>{about}</p><ul>{rows}</ul>", [], None)

    def build(self):
        for path in self.documents:
            self.document(path)
        self.listing("decisions/index.html", "Decisions", "Why it is built this way, a page each: the context, what was decided, what follows.",
                     "docs/decisions/")
        self.build_examples()
        for header in self.headers:
            body, contents = reference.header_page(header, self.components.get(header.path))
            page = reference.page_of(header.path)
            self.write(page, header.path, body, contents, None)
            self.index.append([header.path, page, reference.about(header)])
            for entry in reference.shown(header):
                if entry.comment and not entry.in_type and entry.scope[:1] == ("larder",) and reference.is_public(header):
                    self.index.append([entry.name, f"{page}#{entry.anchor}", " ".join(entry.comment.split())[:160]])
                elif entry.comment and entry.in_type and entry.scope[:1] == ("larder",) and len(entry.scope) == 2:
                    self.index.append([f"{entry.scope[-1]}::{entry.name}", f"{page}#{entry.anchor}", " ".join(entry.comment.split())[:100]])
        body, contents = reference.index_page(self.headers)
        self.write("reference/index.html", "Headers", body, contents, None)
        self.written["search_index.js"] = "window.larder_index = " + json.dumps(self.index, ensure_ascii=False, separators=(",", ":")) + ";\n"

    def build_examples(self):
        rows = []
        for path in self.examples:
            code = (self.root / path).read_text(encoding="utf-8")
            said = " ".join(line[3:] for line in code.split("\n#include")[0].splitlines() if line.startswith("// ") and not line.startswith("// links:"))
            name = pathlib.Path(path).stem
            self.write(self.places[path], name, f"<h1>{name}</h1>\n{pages.comment_html(said)}\n{reference.colored(code)}", [], None)
            rows.append(f'<dt>{layout.link("examples/index.html", self.places[path], name)}</dt><dd>{pages.one_line(said)}</dd>')
            self.index.append([f"example {name}", self.places[path], said[:300]])
        self.write("examples/index.html", "Examples", '<h1>Examples</h1><p>In reading order; each is a program, and a test.</p><dl class="files">' + "".join(rows) + "</dl>",
                   [], None)


def component_of_headers(root):
    """Header -> component, by the patterns of cmake/larder-components.cmake: the core's win, then those of the later component."""
    text = (root / "cmake/larder-components.cmake").read_text(encoding="utf-8")
    patterns = dict(re.findall(r'^set\(larder_(\w+)_headers "(.*?)"\)', text, re.MULTILINE))
    core = patterns.pop("core")
    found = {}
    for path in (p.relative_to(root / "include").as_posix() for p in (root / "include/larder").rglob("*.hpp")):
        inner = path.removeprefix("larder/")
        owners = [name for name, pattern in patterns.items() if re.search(pattern, inner)]
        found[path] = owners[-1] if owners and not re.search(core, inner) else "larder"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=here.parent.parent / "build/site", help="where to write it (default: build/site)")
    options = parser.parse_args()
    site = Site(here.parent.parent)
    site.build()
    if site.linker.broken:
        sys.exit("docs: these links lead nowhere:\n  " + "\n  ".join(sorted(set(site.linker.broken))))
    if (options.out / "index.html").exists():
        shutil.rmtree(options.out)               # pages of headers that are gone
    for page, text in site.written.items():
        path = options.out / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("site.css", "search.js"):
        shutil.copyfile(here / name, options.out / name)
    print(f"wrote {options.out}/index.html and {len(site.written) - 1} more files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
