"""The pages of the headers: what each declares, with its comments."""
import html
import posixpath
import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import CppLexer

from pages import comment_html, first_sentence, one_line

ABOUT = {                        # what the folders of include/larder are, from the bottom up: the layers of the code
    "core": "bytes, digests, errors, time, units, contracts, statistics",
    "eviction": "who leaves", "limit": "how much may stay", "expiry": "how long it may stay", "hash": "how a key becomes 64 bits",
    "codec": "how values become bytes", "sync": "how threads share", "observe": "who is told, and who learns from look-ups",
    "format": "what parses files and records", "remote": "what talks to a network", "storage": "where values live",
    "": "the cache, tiers, and the light door", "layer": "models, layer by layer", "dataset": "samples for training", "artifact": "outputs of passes, resolutions, packages",
    "config": "settings, and caches that are made from them", "serve": "the weight server", "testing": "for users' own parts",
}


def page_of(path):
    return "reference/" + path.removeprefix("larder/").removesuffix(".hpp") + ".html"


def folder_of(path):
    return posixpath.dirname(path.removeprefix("larder/"))


def shown(header):
    """What a reader of the page sees: everything that is documented, and what is public in the types that are."""
    told = {(*e.scope, e.name) for e in header.entries if e.kind == "type" and e.comment and not e.hidden}
    told |= {(*e.scope, e.name) for e in header.entries if e.kind == "type" and not e.hidden and e.scope == ("larder",)}
    for entry in header.entries:
        if entry.hidden:
            continue
        if entry.comment or entry.scope == ("larder",) or (entry.in_type and any(entry.scope[:n] in told for n in range(1, len(entry.scope) + 1))):
            yield entry


def colored(code):
    return highlight(code, CppLexer(), HtmlFormatter(cssclass="code", wrapcode=True))


def members_of(entries):
    """Runs of members without comments are one block of code; the others have their comments below them."""
    block = []
    for entry in entries:
        plain_member = entry.in_type and entry.kind not in ("type", "enum", "concept") and (not entry.comment or "\n" not in entry.declaration and entry.kind == "variable")
        if plain_member:
            block.append(entry)
            continue
        if block:
            yield block
            block = []
        yield [entry]
    if block:
        yield block


def block_html(block):
    first = block[0]
    member = " member" if first.in_type else ""
    if len(block) == 1 and not (first.in_type and first.kind == "variable"):
        comment = comment_html(first.comment) if first.comment else ""
        declaration = first.declaration + (";" if first.kind not in ("macro", "namespace") else "")
        if first.in_type:
            declaration = re.sub(r"\n\s*\n", "\n", declaration)
        return f'<section class="entry{member}" id="{html.escape(first.anchor)}">{colored(declaration)}{comment}</section>'
    anchors = "".join(f'<span id="{html.escape(e.anchor)}"></span>' for e in block)
    lines = []
    for e in block:
        comment = " ".join(e.comment.split())
        lines.append(e.declaration + ";" + (f"  // {comment}" if comment else ""))
    return f'<section class="entry{member}">{anchors}{colored(chr(10).join(lines))}</section>'


def header_page(header, component):
    """Its body, and its headings."""
    entries = list(shown(header))
    out = [f"<h1>{html.escape(header.path)}</h1>"]
    part = f" Of the component <code>larder::{component}</code>." if component else ""
    out.append(f'<p class="where"><code>#include &lt;{header.path}&gt;</code>.{part}</p>')
    if header.opening:
        out.append(comment_html(header.opening))
    headings = []
    for block in members_of(entries):
        out.append(block_html(block))
        for entry in block:
            if not entry.in_type:
                headings.append((2, entry.name, entry.anchor))
    seen, once = set(), []
    for level, name, anchor in headings:
        if name not in seen:
            once.append((level, name, anchor))
        seen.add(name)
    return "\n".join(out), once


def about(header):
    """One line on a header: of the thing that it is named after, of its opening comment, or of what comes first."""
    stem = posixpath.basename(header.path).removesuffix(".hpp")
    entries = [e for e in header.entries if e.comment and not e.hidden]
    named = next((e for e in entries if e.name == stem), None)
    text = named.comment if named else header.opening or (entries[0].comment if entries else "")
    return first_sentence(text)


def is_public(header):
    """Whether it declares what users name: something documented that is directly in the namespace larder."""
    return any(e.scope == ("larder",) and e.comment and not e.hidden for e in header.entries)


def index_page(headers):
    folders = {}
    for header in headers:
        folders.setdefault(folder_of(header.path), []).append(header)
    order = [name for name in ABOUT if name in folders] + sorted(set(folders) - set(ABOUT))
    out = ["<h1>Headers</h1>",
           "<p>What you name is listed first in each folder; what it is made of is below it. The folders are the layers of the code: an include only points down. "
           "<code>larder/larder.hpp</code> has the core, all policies, memory and tiers.</p>"]
    headings = []
    for folder in order:
        title = "larder/" + (folder + "/" if folder else "")
        anchor = folder or "larder"
        headings.append((2, title, anchor))
        out.append(f'<h2 id="{anchor}">{title}</h2><p>{html.escape(ABOUT.get(folder, ""))}</p>')
        for summary, wanted in (("", True), ("what they are made of", False)):
            listed = [h for h in folders[folder] if is_public(h) == wanted]
            if not listed:
                continue
            rows = "".join(f'<dt><a href="{posixpath.relpath(page_of(h.path), "reference")}">{posixpath.basename(h.path)}</a></dt>'
                           f"<dd>{one_line(about(h))}</dd>" for h in listed)
            files = f'<dl class="files">{rows}</dl>'
            out.append(f"<details><summary>{summary}: {len(listed)} headers</summary>{files}</details>" if summary else files)
    return "\n".join(out), headings
