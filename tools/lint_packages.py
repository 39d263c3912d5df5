#!/usr/bin/env python3
"""Checks that the packages have what cmake/larder-components.cmake says: the features of the vcpkg port and what each needs, the options
and components of the Conan recipe, what the Debian package depends on, and the tables of targets in README.md and docs/install.md. The
port is formatted as vcpkg's format-manifest does, and names the homepage that the recipe does.
lint_packages.py --release DIR: checks the port and the recipe that scripts/release wrote into DIR, and what registries have beside them."""
import ast
import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
PORTS_OF_LINK = {
    "xxHash::xxhash": {"xxhash"},
    "Threads::Threads": set(),                              # the system's
    "simdjson::simdjson": {"simdjson"},
    "CURL::libcurl": {"curl"},
    "EXPAT::EXPAT": {"expat"},
    "OpenSSL::Crypto": {"openssl"},
    "hiredis::hiredis": {"hiredis"},
    "zstd::libzstd": {"zstd"},
    "tomlplusplus::tomlplusplus": {"tomlplusplus"},
    "yaml-cpp::yaml-cpp": {"yaml-cpp"},
    "Boost::headers": {"boost-asio", "boost-beast"},        # what the component includes of it
}


def text(path):
    return (root / path).read_text(encoding="utf-8")


def variable(source, name):
    found = re.search(rf'^set\({name} "?(.*?)"?\)(\s*#.*)?$', source, re.MULTILINE)
    return found[1].split() if found else []


table = text("cmake/larder-components.cmake")
components = variable(table, "larder_components")
needs = {name: set(variable(table, f"larder_{name}_needs")) for name in components}
links = {name: set(variable(table, f"larder_{name}_links")) for name in components}
problems = []


def same(what, found, expected):
    if found != expected:
        problems.append(f"{what}: {sorted(found)}, but cmake/larder-components.cmake says {sorted(expected)}")


# The port and the recipe, of this checkout or of a release.
release = pathlib.Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--release"] else None
port_folder = release / "vcpkg/ports/larder" if release else root / "packaging/vcpkg/ports/larder"
recipe_folder = release / "conan/recipes/larder/all" if release else root
port = json.loads(text(port_folder / "vcpkg.json"))


def name_of(dependency):
    return dependency if isinstance(dependency, str) else dependency["name"]


def formatted(manifest):
    """A manifest as `vcpkg format-manifest` writes it: members in its order, features and dependencies by their names, a line each."""
    order = ["name", "version-semver", "description", "homepage", "license", "supports", "host", "default-features", "dependencies", "features"]
    known = {key: manifest[key] for key in order if key in manifest}
    for key, value in known.items():
        if key == "dependencies":
            known[key] = [formatted(one) if isinstance(one, dict) else one for one in sorted(value, key=name_of)]
        elif key == "features":
            known[key] = {name: formatted(value[name]) for name in sorted(value)} if isinstance(value, dict) else sorted(value)
    return known


if text(port_folder / "vcpkg.json") != json.dumps(formatted(port), indent=2, ensure_ascii=False) + "\n":
    problems.append("port: vcpkg.json is not what vcpkg format-manifest would make of it")


def plain(dependencies):
    return {one for one in dependencies if isinstance(one, str)}


def features_of_larder(dependencies):
    return {feature for one in dependencies if isinstance(one, dict) and one["name"] == "larder" for feature in one["features"]}


def ports_of(component):
    return set().union(*(PORTS_OF_LINK[link] for link in links[component]))


same("port: features", set(port["features"]), set(components) - {"core"})
same("port: dependencies of the core", plain(port["dependencies"]), ports_of("core"))
for name, feature in port["features"].items():
    if name in components:
        same(f"port: feature {name}: dependencies", plain(feature.get("dependencies", [])), ports_of(name))
        same(f"port: feature {name}: features", features_of_larder(feature.get("dependencies", [])), needs[name] - {"core"})
portfile = text(port_folder / "portfile.cmake")
switches = dict(re.findall(r"^\s+(\w+) +(LARDER_WITH_\w+)$", portfile, re.MULTILINE))
same("portfile: switches", set(switches.items()), {(name, f"LARDER_WITH_{name.upper()}") for name in components if name != "core"})
usage = re.search(r"Components, one for each feature of this port: (.+), for instance", text(port_folder / "usage"))
same("port: usage", set(usage[1].split(", ")) if usage else set(), set(components) - {"core"})
manifest = plain(json.loads(text("vcpkg.json"))["dependencies"])
same("vcpkg.json: what the port's features need", manifest & set().union(*map(ports_of, components)), set().union(*map(ports_of, components)))

# The recipe: its tables, read without Conan.
parsed = ast.parse(text(recipe_folder / "conanfile.py")).body
tables = {node.targets[0].id: node.value for node in parsed if isinstance(node, ast.Assign) and node.targets[0].id in ("COMPONENTS", "PACKAGES")}
said = {node.targets[0].id: ast.literal_eval(node.value) for one in parsed if isinstance(one, ast.ClassDef) for node in one.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("description", "license", "url", "homepage", "topics")}
recipe = ast.literal_eval(tables["COMPONENTS"])
packages = ast.literal_eval(tables["PACKAGES"])
if list(recipe) != components:
    problems.append(f"recipe: components {list(recipe)}, but cmake/larder-components.cmake says {components}, in this order")
for name in set(recipe) & set(components):
    same(f"recipe: {name}: links", set(recipe[name][0]), links[name] - {"Threads::Threads"})
    same(f"recipe: {name}: needs", set(recipe[name][1]), needs[name])
same("recipe: packages", set(packages), set().union(*links.values()) - {"Threads::Threads"})
for member in ("homepage", "license"):
    if said.get(member) != port.get(member):
        problems.append(f"recipe: {member} {said.get(member)}, but the port says {port.get(member)}")
wanted = {"description", "license", "topics"} | ({"url"} if release else set())
if not wanted <= set(said):
    problems.append(f"recipe: says nothing of {sorted(wanted - set(said))}")
headers = dict(re.findall(r"^set\(header_of_(\w+) (.+)\)$", text(recipe_folder / "test_package/CMakeLists.txt"), re.MULTILINE))
same("test_package: headers", set(headers), set(components) - {"core"})
for header in headers.values():
    if not (root / "include/larder" / header).is_file():
        problems.append(f"test_package: there is no header {header}")

# The Debian package and the page.
debian = dict(re.findall(r'^set\(larder_debian_(\S+) "?(.*?)"?\)', text("cmake/larder-packages.cmake"), re.MULTILINE))
same("Debian: links", set(debian), {re.sub(r"::.*", "", link) for link in set().union(*links.values())})
page = text("docs/install.md")
same("docs/install.md: targets", set(re.findall(r"^\| `larder::(\w+)` \|", page, re.MULTILINE)), {"larder"} | (set(components) - {"core"}))
rows = re.findall(r"^\| ((?:`larder::\w+`(?:, )?)+) \|", text("README.md"), re.MULTILINE)
same("README.md: targets", {name for row in rows for name in re.findall(r"larder::(\w+)", row)}, {"larder"} | (set(components) - {"core"}))
line = re.search(r"apt-get install ((?:lib\S+\s)+lib\S+-dev)`; the core alone", page)
same("docs/install.md: Debian's packages", set(line[1].split()) if line else set(), {one.split(" ")[0] for one in debian.values() if one})

# What registries have beside a port and a recipe.
if release:
    version = re.search(r'LARDER_VERSION_STRING "(.+?)"', text("include/larder/core/version.hpp"))[1]
    versions = json.loads(text(release / "vcpkg/versions/l-/larder.json"))["versions"]
    named = {
        "port": port["version-semver"],
        "versions/l-/larder.json": versions[0]["version-semver"],
        "versions/baseline.json": json.loads(text(release / "vcpkg/versions/baseline.json"))["default"]["larder"]["baseline"],
        "config.yml": "".join(re.findall(r'^versions:\n  "(.+)":\n    folder: all\n\Z', text(recipe_folder.parent / "config.yml"))),
        "conandata.yml": "".join(re.findall(r'^sources:\n  "(.+)":\n', text(recipe_folder / "conandata.yml"))),
    }
    problems += [f"{place}: version {said_there}, but it is {version}" for place, said_there in named.items() if said_there != version]
    if not re.fullmatch(r"[0-9a-f]{40}", versions[0]["git-tree"]):
        problems.append(f"versions/l-/larder.json: no tree: {versions[0]['git-tree']}")

print("\n".join(problems))
print(f"{len(components)} components, {len(problems)} places that say something else")
sys.exit(1 if problems else 0)
