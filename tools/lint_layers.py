#!/usr/bin/env python3
"""Checks the architecture by the include lines of the headers.

1. An include only points down: a folder may include itself, the folders of the layers below, and nothing else (LAYERS).
2. A header includes only headers of its own component and of those that the component needs, as cmake/larder-components.cmake
   assigns them; so that larder::disk alone, installed alone, is whole.
3. A dependency is included only by the components that link it; the core includes the standard library and xxHash, nothing else,
   except what it can do without: a header between `#if __has_include(<...>)` and `#endif`.
4. No header includes itself through others: folders of one layer may include each other, files may not go in a circle.
"""
import pathlib
import re
import sys

# From the bottom up. Folders of one line may include each other.
LAYERS = [
    {"core"},
    {"eviction", "limit", "expiry", "hash", "codec", "sync", "observe"},
    {"format"},
    {"remote"},
    {"storage"},
    {"cache and tiers"},                                    # cache.hpp and every other file beside it
    {"testing"},                                            # suites for users' parts look at caches from outside
    {"artifact"}, {"layer"}, {"dataset"},                   # none of them includes another: see SIBLINGS
    {"config"},
    {"presets.hpp"},
    {"serve"},
]
SIBLINGS = {"artifact", "layer", "dataset"}
PLAIN_C = {"xxhash.h"}
THIRD_PARTY = {"boost/": {"testing", "serve"}, "simdjson": {"json"}, "curl/": {"http"}, "expat.h": {"http"}, "openssl/": {"http", "artifact"}, "zstd": {"zstd"}, "hiredis/": {"redis"}, "toml++/": {"toml"}, "yaml-cpp/": {"yaml"}}
POSIX = re.compile(r"(sys/|netinet/|arpa/|linux/)|(dirent|fcntl|netdb|poll|signal|spawn|unistd|pthread)\.h$")

root = pathlib.Path(__file__).resolve().parent.parent
include = root / "include" / "larder"
components_file = (root / "cmake/larder-components.cmake").read_text(encoding="utf-8")


def variable(name):
    found = re.search(rf'^set\({name} "?(.*?)"?\)(\s*#.*)?$', components_file, re.MULTILINE)
    return found[1] if found else ""


components = variable("larder_components").split()
patterns = {name: re.compile(variable(f"larder_{name}_headers")) for name in components}


def component_of(header):
    if patterns["core"].search(header):
        return "core"
    return next((name for name in reversed(components) if name != "core" and patterns[name].search(header)), "core")


def reachable(component):
    result = {component}
    for need in variable(f"larder_{component}_needs").split():
        result |= reachable(need)
    return result


def rank(header):
    first = header.split("/")[0] if "/" in header or header == "presets.hpp" else "cache and tiers"
    return next((number for number, layer in enumerate(LAYERS) if first in layer), None)


def circles(included):
    """Circles of headers that include each other, each once, as lists whose last is the first."""
    found = []
    done = set()
    way = []

    def follow(header):
        if header in way:
            found.append([*way[way.index(header):], header])
        elif header not in done:
            way.append(header)
            for target in included.get(header, []):
                follow(target)
            way.pop()
            done.add(header)

    for header in included:
        follow(header)
    return found


problems = []
included = {}
headers = sorted(str(path.relative_to(include)) for path in include.rglob("*.hpp"))
for header in headers:
    component = component_of(header)
    if rank(header) is None:
        problems.append(f"{header}: its folder is in no layer (LAYERS in this script)")
        continue
    text = (include / header).read_text(encoding="utf-8")
    text = re.sub(r"#if __has_include\(<(.+?)>\)\n#include <\1>\n#endif", "", text)
    for line in text.splitlines():
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        target = found[1]
        if target.startswith("larder/"):
            target = target.removeprefix("larder/")
            included.setdefault(header, []).append(target)
            folder, other = header.split("/")[0], target.split("/")[0]
            if rank(target) is None or rank(target) > rank(header) or (folder != other and {folder, other} <= SIBLINGS):
                problems.append(f"{header}: includes {target}, which is not below it")
            elif component_of(target) not in reachable(component):
                problems.append(f"{header} (component {component}): includes {target} of component {component_of(target)}, "
                                f"which {component} does not need")
        elif "/" in target or target.endswith(".h"):
            owners = next((who for prefix, who in THIRD_PARTY.items() if target.startswith(prefix)), None)
            if owners is not None and not owners & reachable(component):
                problems.append(f"{header} (component {component}): includes {target}, which it does not link")
            elif owners is None and POSIX.search(target) and component == "core":
                problems.append(f"{header}: the core is plain ISO C++, without {target}")
            elif owners is None and not POSIX.search(target) and target not in PLAIN_C:
                problems.append(f"{header}: includes {target}, which no component is known to link (THIRD_PARTY in this script)")

problems += ["headers include each other in a circle: " + " -> ".join(circle) for circle in circles(included)]
print("\n".join(problems))
print(f"{len(headers)} headers, {len(problems)} includes that should not be")
sys.exit(1 if problems else 0)
