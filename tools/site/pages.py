"""Markdown of the repository as HTML of the site: headings with the anchors that GitHub gives them, code in colours, links between pages.

`<!-- figure: NAME arguments -->` on a line of its own is where a picture goes; other comments (preludes of code blocks) are left out.
"""
import html
import posixpath
import re

import markdown

COMMENT = re.compile(r"^<!--(.*?)-->[ \t]*$", re.DOTALL | re.MULTILINE)
TAG = re.compile(r"(<[^>]+>)")
DECISION = re.compile(r"docs/decisions/(\d{3})|\bdecisions? (\d{1,2})\b")


def anchor_of(heading, separator="-"):
    """What GitHub makes of a heading: lower case, words joined by hyphens, punctuation left out."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", separator)


def to_html(text):
    """The page's body, its table of contents (level, text, anchor), and the figures that it asks for, in their order."""
    figures = []

    def comment(found):
        wanted = re.fullmatch(r"\s*figure:\s*(.+?)\s*", found[1])
        if not wanted:
            return ""
        figures.append(wanted[1].split())
        return f"\n\nFIGURE-{len(figures) - 1}-HERE\n\n"

    fences = re.split(r"(^```.*?^```[ \t]*$)", text, flags=re.DOTALL | re.MULTILINE)
    text = "".join(part if i % 2 else COMMENT.sub(comment, part) for i, part in enumerate(fences))
    converter = markdown.Markdown(extensions=["fenced_code", "tables", "sane_lists", "toc", "codehilite"], extension_configs={
        "toc": {"slugify": anchor_of, "toc_depth": "1-3"},
        "codehilite": {"guess_lang": False, "css_class": "code"},
    })
    body = converter.convert(text)
    contents = []

    def walk(tokens):
        for token in tokens:
            contents.append((token["level"], html.unescape(token["name"]), token["id"]))
            walk(token["children"])
    walk(converter.toc_tokens)
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    return body, contents, figures


def escape_tags(text):
    """Markdown in which `<` outside of code is a character: what comments of headers mean by it."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if i % 2 else part.replace("&", "&amp;").replace("<", "&lt;") for i, part in enumerate(parts))


def with_paragraphs(text):
    """A comment in which a line that was ended early, behind a sentence, ends a paragraph: its author began a new thought on the next one."""
    lines = text.split("\n")
    width = max(map(len, lines))
    out = lines[:1]
    for before, line in zip(lines, lines[1:]):
        fits = len(before) + 1 + len(line.split(" ", 1)[0]) <= width
        if fits and re.search(r"[.:;)]$", before) and re.match(r"[A-Z`0-9]", line):
            out.append("")
        out.append(line)
    return "\n".join(out)


def comment_html(text):
    """A comment of a header. Its indented lines are code, its lists are lists, as in Markdown."""
    return markdown.markdown(re.sub(r"(?m)^((?!\s*(?:\*|-|\d+\.) ).+)\n((?:\*|-|\d+\.) )", r"\1\n\n\2", escape_tags(with_paragraphs(text))),
                             extensions=["sane_lists", "tables"])


def one_line(text):
    """A comment that becomes part of a line."""
    rendered = comment_html(" ".join(text.split()))
    return re.sub(r"^<p>(.*)</p>$", r"\1", rendered, flags=re.DOTALL)


def first_sentence(text):
    text = " ".join(text.split())
    found = re.match(r"(.+?[.:!?])(?=\s+[A-Z`(]|\s*$)", text)
    return found[1] if found else text


def plain(rendered):
    """The words of some HTML."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", rendered))).strip()


class Linker:
    """Rewrites what a page says of places in the repository into links of the site."""

    def __init__(self, root, places, names):
        self.root = root
        self.places = places     # path in the repository -> page of the site
        self.names = names       # `lru` -> page and anchor
        self.broken = []

    def relative(self, page, target):
        where, _, anchor = target.partition("#")
        path = posixpath.relpath(where, posixpath.dirname(page) or ".") if where != page else ""
        return (path + ("#" + anchor if anchor else "")) or "#"

    def link(self, page, source, address):
        """The href on `page` (made of `source`) for an address as `source` has it; None where the site has no such page."""
        if re.match(r"[a-z]+:", address):
            return address
        where, _, anchor = address.partition("#")
        if not where:
            return address
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), where))
        if path in self.places:
            return self.relative(page, self.places[path] + ("#" + anchor if anchor else ""))
        if not (self.root / path).exists():
            self.broken.append(f"{source}: there is no {address}")
        return None

    def code_target(self, text):
        """The page that words in code stand for, if any."""
        text = html.unescape(text)
        if text in self.names:
            return self.names[text]
        for prefix in ("", "docs/", "include/", "include/larder/", "examples/"):
            if prefix + text in self.places and re.search(r"[./]", text):
                return self.places[prefix + text]
        if (number := re.fullmatch(r"(?:docs/)?decisions/(\d{3})", text)):
            return self.decision(number[1])
        if (call := re.fullmatch(r"(?:larder::)?([a-z]\w*(?:::\w+)*)(?:\{.*\}|\(.*\)|<.*>)?", text)) and call[1] in self.names and call[1] != text:
            return self.names[call[1]]
        return None

    def decision(self, number):
        return next((page for path, page in self.places.items() if path.startswith(f"docs/decisions/{int(number):03d}-")), None)

    def rewrite(self, page, source, body):
        """The body with its links; those of a page that was not made of a file of the repository (source None) are the site's already."""
        out, inside_link, inside_pre, inside_heading, open_links = [], 0, 0, 0, []
        parts = TAG.split(body)
        at = 0
        while at < len(parts):
            part = parts[at]
            if part.startswith("<a "):
                href = html.unescape(re.search(r'href="([^"]*)"', part)[1])
                target = href if source is None else self.link(page, source, href)
                open_links.append(target is not None)
                if target is not None:
                    out.append(f'<a href="{html.escape(target)}">')
                inside_link += 1
            elif part == "</a>":
                inside_link -= 1
                if open_links.pop():
                    out.append(part)
            elif part == "<code>" and not inside_link and not inside_pre and not inside_heading and parts[at + 2] == "</code>":
                target = self.code_target(parts[at + 1])
                if target and target != page:
                    out.append(f'<a class="name" href="{html.escape(self.relative(page, target))}"><code>{parts[at + 1]}</code></a>')
                else:
                    out.append("".join(parts[at:at + 3]))
                at += 2
            elif part.startswith("<"):
                inside_pre += (part == "<pre>" or part.startswith("<pre ")) - (part == "</pre>")
                inside_heading += bool(re.match(r"<h\d", part)) - bool(re.match(r"</h\d", part))
                out.append(part)
            elif inside_link or inside_pre or inside_heading:
                out.append(part)
            else:
                def decision(found):
                    target = self.decision(found[1] or found[2])
                    return f'<a href="{self.relative(page, target)}">{found[0]}</a>' if target and target != page else found[0]
                out.append(DECISION.sub(decision, part))
            at += 1
        return "".join(out)
