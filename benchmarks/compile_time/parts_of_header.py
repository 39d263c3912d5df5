"""What a header of larder includes: by itself, and of others."""
import re

INCLUDE = re.compile(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", re.MULTILINE)
DEFINED_BEFORE = {"xxhash.h": "#define XXH_INLINE_ALL"}     # core/long_hash.hpp: it makes that header cost more


def direct_includes(include_dir, header):
    """What `header` includes itself."""
    return list(dict.fromkeys(INCLUDE.findall((include_dir / header).read_text(encoding="utf-8"))))


def outside_includes(include_dir, header):
    """The headers of the standard library and of dependencies that `header` includes, itself or through others of larder, in the order in
    which a compiler meets them."""
    found = {}
    seen = set()

    def walk(name):
        if name in seen:
            return
        seen.add(name)
        for target in INCLUDE.findall((include_dir / name).read_text(encoding="utf-8")):
            if (include_dir / target).is_file():
                walk(target)
            else:
                found.setdefault(target)

    walk(header)
    return list(found)


def text_of(includes):
    """A file that includes them, those that are there: larder does without some."""
    lines = []
    for one in includes:
        lines += [f"#if __has_include(<{one}>)", *([DEFINED_BEFORE[one]] if one in DEFINED_BEFORE else []), f"#include <{one}>", "#endif"]
    return "\n".join(lines) + "\n"
