"""What a header says of itself: its opening comment, and each declaration with the `///` comment above it or the `///<` behind it.

It reads the house's own style, not C++ at large: a declaration ends with `;` or with the body in braces, which is left out. Namespaces, classes
and structs are entered; what is private or protected in them is passed over.
"""
import dataclasses
import pathlib
import re


@dataclasses.dataclass
class Entry:
    name: str                    # as it is declared: `put`, `operator==`
    kind: str                    # namespace, type, enum, concept, alias, function, variable
    scope: tuple                 # of namespaces and types around it: ("larder", "cache")
    in_type: bool                # whether the innermost of these is a type
    declaration: str
    comment: str
    line: int
    hidden: bool = False         # private, or in a namespace without a name: not shown
    anchor: str = ""

    @property
    def qualified(self):
        return "::".join([*self.scope, self.name])


@dataclasses.dataclass
class Header:
    path: str                    # larder/eviction/lru.hpp
    opening: str                 # the `//` comment below #pragma once
    entries: list
    includes: list

    @property
    def documented(self):
        return [entry for entry in self.entries if entry.comment]


@dataclasses.dataclass
class Scope:
    name: str                    # "" for an anonymous namespace
    is_type: bool
    visible: bool                # at this point of it


class Reader:
    """Walks through one header."""

    def __init__(self, text):
        self.text = text
        self.at = 0
        self.scopes = []
        self.entries = []
        self.doc = []
        self.last = None         # what a `///<` belongs to

    def read(self):
        while self.at < len(self.text):
            c = self.text[self.at]
            if c.isspace() or c == ";":
                self.at += 1
            elif self.text.startswith("//", self.at):
                self.comment()
            elif c == "#":
                self.preprocessor()
            elif c == "}":
                if self.scopes:
                    self.scopes.pop()
                self.doc, self.last = [], None
                self.at += 1
            elif (label := re.compile(r"(public|private|protected)\s*:(?!:)").match(self.text, self.at)):
                self.scopes[-1].visible = label[1] == "public"
                self.doc = []
                self.at = label.end()
            else:
                self.declaration()
        return self.entries

    def line_end(self):
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def comment(self):
        line = self.text[self.at:self.line_end()]
        if line.startswith("///<"):
            if self.last is not None:
                self.last.comment = (self.last.comment + " " + line[4:].strip()).strip()
        elif line.startswith("///"):
            self.doc.append(line[4:] if line.startswith("/// ") else line[3:])
        else:
            self.doc = []        # a remark for who reads the code: what stood above it was no declaration's
        self.at = self.line_end()

    def preprocessor(self):
        line = self.text[self.at:self.line_end()]
        if (macro := re.match(r"#define (\w+)(.*)", line)) and self.doc:
            self.entries.append(Entry(macro[1], "macro", (), False, line.rstrip("\\ "), "\n".join(self.doc), self.text.count("\n", 0, self.at) + 1))
            self.doc = []
        while self.text[self.at:self.line_end()].endswith("\\"):
            self.at = self.line_end() + 1
        self.at = self.line_end()

    def skip_text(self):
        """Past a comment, a string or a character, if one begins here."""
        if self.text.startswith("//", self.at):
            self.at = self.line_end()
        elif self.text.startswith("/*", self.at):
            self.at = self.text.index("*/", self.at) + 2
        elif (raw := re.compile(r'R"([^(\s]*)\(').match(self.text, self.at)):
            self.at = self.text.index(")" + raw[1] + '"', self.at) + len(raw[1]) + 2
        elif self.text[self.at] == '"' or (self.text[self.at] == "'" and self.text[self.at - 1] not in "0123456789abcdefABCDEF"):
            quote = self.text[self.at]
            self.at += 1
            while self.text[self.at] != quote:
                self.at += 2 if self.text[self.at] == "\\" else 1
            self.at += 1
        else:
            return False
        return True

    def skip_braces(self):
        depth = 0
        while self.at < len(self.text):
            if self.skip_text():
                continue
            depth += {"{": 1, "}": -1}.get(self.text[self.at], 0)
            self.at += 1
            if depth == 0:
                return

    def declaration(self):
        begin, depth, entered = self.at, 0, False
        while self.at < len(self.text):
            if self.skip_text():
                continue
            c = self.text[self.at]
            if c in "([":
                depth += 1
            elif c in ")]":
                depth -= 1
            elif c == ";" and depth == 0:
                break
            elif c == "{":
                before = self.text[begin:self.at]
                if depth == 0 and self.opens_scope(before):
                    entered = True
                    break
                end_of_signature = self.at
                self.skip_braces()
                following = self.text[self.at:].lstrip()[:1]
                if depth != 0 or ends_in_requires(before) or following in tuple(",{()=&|"):
                    continue
                if following == ";":
                    break
                self.add(begin, end_of_signature)
                return
            self.at += 1
        if not entered:
            self.add(begin, self.at)
            self.at += 1
            return
        head = self.text[begin:self.at].strip()
        if re.match(r"(inline\s+)?namespace\b", head):
            if self.doc:
                self.add(begin, self.at, kind="namespace")
            self.doc = []
            self.scopes.append(Scope(re.sub(r"^(inline\s+)?namespace\s*", "", head), False, True))
            self.at += 1
        elif re.search(r"\benum\b", without_template(head)):
            body = self.at
            self.skip_braces()
            self.add(begin, self.at, kind="enum", head=self.text[begin:body])
        else:
            visible = self.is_visible()
            name = self.add(begin, self.at)
            self.scopes.append(Scope(name, True, visible and not re.search(r"\bclass\s", without_template(head))))
            if not visible:
                self.scopes[-1].visible = False
            self.at += 1
            self.last = None

    def opens_scope(self, before):
        head = without_template(before.strip())
        if re.match(r"(inline\s+)?namespace\b", head):
            return True
        return bool(re.match(r"(struct|class|union|enum)\b[^=()]*$", re.sub(r"\[\[[^\]]*\]\]|\([^()]*\)", "", without_alignment(head))))

    def is_visible(self):
        return all(scope.visible for scope in self.scopes if scope.is_type) and all(scope.name for scope in self.scopes if not scope.is_type)

    def add(self, begin, end, kind=None, head=None):
        raw = self.text[begin:end].strip()
        name, found_kind = name_of(head or raw)
        comment, self.doc = "\n".join(self.doc), []
        path = tuple(part for scope in self.scopes for part in scope.name.split("::"))
        if not self.is_visible() or raw.startswith(("static_assert", "friend", "using namespace")) or not name:
            self.last = None if not comment else self.last
            if not comment:
                return name
        in_type = bool(self.scopes) and self.scopes[-1].is_type
        if not in_type and found_kind == "function" and not comment and re.search(r"[\w>]::" + re.escape(name) + r"\s*\(", raw):
            return name          # the definition of a member that was declared in its class
        entry = Entry(name or raw[:40], kind or found_kind, path, in_type, tidy(raw, self.text, begin), comment,
                      self.text.count("\n", 0, begin) + 1)
        entry.hidden = not self.is_visible()
        self.entries.append(entry)
        self.last = entry
        return name


def without_alignment(text):
    at = text.find("alignas(")
    return text if at < 0 else text[:at] + text[matching(text, at + len("alignas"), "(", ")"):]


def ends_in_requires(before):
    """Whether a brace behind this is that of a requires expression. Behind a requires clause it is a function's."""
    before = before.rstrip()
    if before.endswith(")"):
        depth = 0
        for at in range(len(before) - 1, -1, -1):
            depth += {")": 1, "(": -1}.get(before[at], 0)
            if depth == 0:
                before = before[:at].rstrip()
                break
    return bool(re.search(r"(=|\brequires|&&|\|\||\()\s*requires$", before))


def matching(text, at, opening, closing):
    """The place behind the bracket that closes the one at `at`. In C++ an arrow and a comparison are no brackets."""
    depth = 0
    while at < len(text):
        if text[at] == opening:
            depth += 1
        elif text[at] == closing and text[at - 1] not in "-=":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(text)


def without_requirement(text):
    """The text behind a requires clause at its beginning."""
    text = text[len("requires"):].lstrip()
    while text:
        text = text.removeprefix("!")
        if text.startswith("("):
            text = text[matching(text, 0, "(", ")"):].lstrip()
        elif text.startswith("requires"):
            text = text[len("requires"):].lstrip()
            if text.startswith("("):
                text = text[matching(text, 0, "(", ")"):].lstrip()
            text = text[matching(text, 0, "{", "}"):].lstrip()
        else:
            found = re.match(r"[\w:]+\s*", text)
            if not found:
                return text
            text = text[found.end():]
            if text.startswith("<"):
                text = text[matching(text, 0, "<", ">"):]
                text = re.sub(r"^::\w+", "", text).lstrip()
        if not text.startswith(("&&", "||")):
            return text
        text = text[2:].lstrip()
    return text


def without_template(text):
    text = text.strip()
    while True:
        if text.startswith("template"):
            text = text[matching(text, text.index("<"), "<", ">"):].lstrip() if "<" in text else ""
        elif re.match(r"requires\b", text):
            text = without_requirement(text).lstrip()
        elif text.startswith("[["):
            text = text[text.index("]]") + 2:].lstrip()
        else:
            return text


def name_of(declaration):
    """The declared name, and what kind of thing it is."""
    text = without_template(without_alignment(re.sub(r"//[^\n]*", "", declaration)))
    if (found := re.match(r"(?:inline\s+)?namespace\s+([\w:]+)", text)):
        return found[1], "namespace"
    if (found := re.match(r"(?:struct|class|union)\s+(?:\[\[.*?\]\]\s*)*([\w:]+)\s*", text)):
        name = found[1]
        if text[found.end():].startswith("<"):           # a specialization, or a member of a template
            end = matching(text, found.end(), "<", ">")
            name += text[found.end():end] + re.match(r"(?:::\w+)*", text[end:])[0]
        return re.sub(r"\s+", " ", name), "type"
    if (found := re.match(r"enum\s+(?:class\s+)?(\w+)", text)):
        return found[1], "enum"
    if (found := re.match(r"concept\s+(\w+)", text)):
        return found[1], "concept"
    if (found := re.match(r"using\s+(\w+)\s*=", text)):
        return found[1], "alias"
    if (found := re.match(r"using\s+(?:typename\s+)?[\w:<>, ]*?::(\w+)$", text)):
        return found[1], "alias"
    if (found := re.search(r"\boperator\s*(\(\)|\[\]|\"\"\s*\w+|[^\w\s(]+)\s*\(", text)):
        return "operator" + found[1], "function"
    if (found := re.search(r"\boperator\s+(\w[\w:<>&* ]*?)\s*\(", text)):
        return "operator " + found[1], "function"
    depth = 0
    for at, c in enumerate(text):
        if c == "<":
            depth += 1
        elif c == ">" and text[at - 1] != "-":
            depth = max(0, depth - 1)
        elif c in "={" and depth == 0:
            break
        elif c == "(" and depth == 0:
            found = re.search(r"(~?\w+)\s*$", text[:at])
            if found and found[1] not in ("noexcept", "explicit", "decltype", "alignas", "requires", "if"):
                guide = "->" in text and re.match(r"[A-Z_a-z]\w*\s*$|explicit", text[:at])
                return found[1], "guide" if guide else "function"
    found = re.match(r"[^={]*?(\w+)\s*(?:\[[^\]]*\]\s*)?(?:[={].*)?$", text, re.DOTALL)
    return (found[1], "variable") if found else ("", "")


def tidy(raw, text, begin):
    """A declaration as it stands, moved to the left margin, without the initializers of a constructor."""
    indent = begin - (text.rfind("\n", 0, begin) + 1)
    lines = [line[indent:] if line[:indent].isspace() else line for line in raw.split("\n")]
    raw = "\n".join(line.rstrip() for line in lines)
    depth, called = 0, False
    for at, c in enumerate(raw):
        if c in "(<[{":
            depth += 1
        elif c in ")]}" or (c == ">" and raw[at - 1] not in "-="):
            depth -= 1
            called = called or c == ")"
        elif c == ":" and depth == 0 and called and raw[at - 1] in " \n" and raw[at + 1:at + 2] == " " and "?" not in raw[:at]:
            raw = raw[:at].rstrip()
            break
    return raw.rstrip()


def opening_comment(text):
    found = re.match(r"#pragma once\n\n((?://(?!/)[^\n]*\n)+)\n", text)
    if not found:
        return ""
    return "\n".join(line[3:] if line.startswith("// ") else line[2:] for line in found[1].splitlines())


def read(root, path):
    """The header at `path` (as it is included) below `root`."""
    text = (pathlib.Path(root) / path).read_text(encoding="utf-8")
    entries = Reader(text).read()
    used = {}
    for entry in entries:
        inside = [part for part in entry.scope if part != "larder"]
        anchor = re.sub(r"[^\w.~+*/=<>!&|\[\]()-]+", "_", ".".join([*inside, entry.name]))
        used[anchor] = used.get(anchor, 0) + 1
        entry.anchor = anchor if used[anchor] == 1 else f"{anchor}-{used[anchor]}"
    return Header(path, opening_comment(text), entries, re.findall(r"^#include <(larder/[^>]+)>", text, re.MULTILINE))


def read_all(root):
    root = pathlib.Path(root)
    return [read(root, path.relative_to(root).as_posix()) for path in sorted(root.rglob("*.hpp"))]
