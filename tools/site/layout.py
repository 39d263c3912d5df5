"""The frame around every page: navigation, search, contents of the page. No page asks for anything from another host."""
import html
import posixpath


def link(page, target, text, marked=False):
    href = posixpath.relpath(target.partition("#")[0], posixpath.dirname(page) or ".")
    anchor = "#" + target.partition("#")[2] if "#" in target else ""
    here = ' aria-current="page"' if marked else ""
    return f'<a href="{html.escape(href + anchor)}"{here}>{text}</a>'


def navigation(page, groups):
    """groups: (heading, whether it is open on every page, [(target, title)]). One that is not is a link to its first page elsewhere."""
    out = []
    for heading, always_open, pages in groups:
        here = any(target == page for target, _ in pages)
        if not (here or always_open):
            out.append(f'<p>{link(page, pages[0][0], html.escape(heading))}</p>')
            continue
        items = "".join(f"<li>{link(page, target, html.escape(title), target == page)}</li>" for target, title in pages)
        out.append(f"<details open><summary>{html.escape(heading)}</summary><ul>{items}</ul></details>")
    return "\n".join(out)


def contents(entries):
    """The headings of the second and third level, as a list beside the page."""
    entries = [entry for entry in entries if entry[0] in (2, 3)]
    if len(entries) < 3:
        return ""
    items = "".join(f'<li class="level{level}"><a href="#{html.escape(anchor)}">{html.escape(text)}</a></li>' for level, text, anchor in entries)
    return f'<nav class="contents" aria-label="On this page"><p>On this page</p><ul>{items}</ul></nav>'


def frame(page, title, body, groups, headings, version):
    up = posixpath.relpath(".", posixpath.dirname(page) or ".")
    up = "" if up == "." else up + "/"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}{"" if title == "larder" else " - larder"}</title>
<link rel="stylesheet" href="{up}site.css">
<script src="{up}search.js" data-root="{up}" defer></script>
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<a class="brand" href="{up}index.html">larder</a><span class="version">{html.escape(version)}</span>
<div class="search" role="search">
<input id="query" type="search" placeholder="Search (press /)" aria-label="Search" autocomplete="off">
<ol id="found" hidden></ol>
</div>
</header>
<div class="columns">
<nav class="pages" aria-label="Pages">
{navigation(page, groups)}
</nav>
<main id="main">
{body}
</main>
{contents(headings)}
</div>
</body>
</html>
"""
