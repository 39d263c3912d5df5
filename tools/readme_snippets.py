#!/usr/bin/env python3
"""Takes the ```cpp blocks out of Markdown files, as sources that a test builds.

A block with `int main(` is a program; it is built and run. Any other block is a fragment: its includes, `using` lines and
`struct` definitions at the start of a line stay at file scope, the rest becomes the body of a function. It is built, not run.

What a fragment uses but does not show comes from a comment before it, which readers of the page do not see:

    <!-- prelude
    larder::bytes read_layer(const std::string& key);
    -->

A prelude holds from there to the next prelude or the next heading. `<!-- skip: reason -->` right before a block leaves it out; the
reason is printed. Fragments see <larder/larder.hpp> and the usual standard headers.

With --together all fragments of all files become one source, each in a namespace of its own, since most of the time goes into reading headers.
Their preludes then specialise nothing of larder's.

Writes <output>/snippet_<line>.cpp (only when changed) and prints one line for each: `program` or `fragment`, then the path.
"""
import argparse
import pathlib
import re
import sys

STANDARD = ["chrono", "cstddef", "cstdint", "cstdio", "filesystem", "functional", "future", "iostream", "memory", "optional", "span",
            "stop_token", "string", "string_view", "thread", "utility", "vector"]
FILE_SCOPE = re.compile(r"^(#|using |struct |class |template |enum |namespace )")


def parse(text):
    """Yields (line number, code, prelude) for each block; prints what is skipped."""
    prelude, skip, block, start = "", None, None, 0
    comment = None
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.startswith("```"):
                if skip is None:
                    yield start, "\n".join(block), prelude
                else:
                    print(f"skipped line {start}: {skip}", file=sys.stderr)
                block, skip = None, None
            else:
                block.append(line)
        elif comment is not None:
            if line.strip() == "-->":
                prelude, comment = "\n".join(comment), None
            else:
                comment.append(line)
        elif re.match(r"```(cpp|c\+\+)\b", line):
            block, start = [], number
        elif line.startswith("```"):
            block, start, skip = [], number, skip if skip is not None else "another language"
        elif line.strip() == "<!-- prelude":
            comment = []
        elif line.startswith("#"):
            prelude = ""
        elif (found := re.fullmatch(r"<!-- skip: (.+) -->", line.strip())):
            skip = found[1]
    if block is not None:
        sys.exit(f"readme_snippets: the block that starts in line {start} does not end")


def divided(code):
    """The lines of a fragment for file scope, and those of its function. A definition at file scope reaches to its closing line in column 0."""
    outside, inside, open_definition = [], [], False
    for line in code.splitlines():
        if open_definition or FILE_SCOPE.match(line):
            outside.append(line)
            starts = not open_definition and not line.startswith(("#", "using ")) and "{" in line and "}" not in line
            open_definition = starts or (open_definition and not line.startswith("}"))
        else:
            inside.append(line)
    return outside, inside


def together(fragments):
    """One translation unit of (page, line number, code, prelude)."""
    includes, spaces = [], []
    for page, number, code, prelude in fragments:
        outside, inside = divided(code)
        before = prelude.splitlines()
        includes += [line for line in before + outside if line.startswith("#") and line not in includes]
        spaces += [
            f"namespace {re.sub(r'[^a-z0-9]', '_', page.stem.lower())}_{number} {{  // {page.name}",
            *[line for line in before + outside if not line.startswith("#")],
            "[[maybe_unused]] void snippet() {", *inside, "}", "}", "",
        ]
    return "\n".join([*[f"#include <{name}>" for name in STANDARD], "#include <larder/larder.hpp>", *includes,
                      "using namespace larder::literals;", *spaces])


def fragment(code, prelude, number, source):
    """A translation unit with the fragment as a function."""
    outside, inside = divided(code)
    return "\n".join([
        f"// Generated from line {number} of {source}.",
        *[f"#include <{name}>" for name in STANDARD],
        "#include <larder/larder.hpp>",
        *[line for line in outside if line.startswith("#")],
        "using namespace larder::literals;",
        prelude,
        *[line for line in outside if not line.startswith("#")],
        f"[[maybe_unused]] void snippet_{number}() {{",
        *inside,
        "}",
        "",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("markdown", type=pathlib.Path, nargs="+")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--together", action="store_true", help="one source for all fragments: snippet_together.cpp")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    written, fragments = set(), []

    def write(name, kind, text):
        path = options.output / f"snippet_{name}.cpp"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        written.add(path)
        print(kind, path)

    for page in options.markdown:
        for number, code, prelude in parse(page.read_text(encoding="utf-8")):
            if "int main(" in code:
                write(number, "program", prelude + code + "\n")
            elif options.together:
                fragments.append((page, number, code, prelude))
            else:
                write(number, "fragment", fragment(code, prelude, number, page.name))
    if fragments:
        write("together", "fragment", together(fragments))
    for stale in set(options.output.glob("snippet_*.cpp")) - written:
        stale.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
