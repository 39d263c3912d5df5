#!/usr/bin/env python3
"""Checks that the version is the same everywhere it is written: version.hpp (the source), vcpkg.json, the port, CHANGELOG.md, and what
pages tell people to write (tags, files of a release, the version that find_package asks for). CMake, CPack and the Conan recipe read version.hpp."""
import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
header = (root / "include/larder/core/version.hpp").read_text(encoding="utf-8")
numbers = [re.search(rf"LARDER_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
version = ".".join(numbers)
headings = re.findall(r"^## \[(.+?)\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

found = {
    "LARDER_VERSION_STRING in version.hpp": re.search(r'LARDER_VERSION_STRING "(.+?)"', header)[1],
    "vcpkg.json": json.loads((root / "vcpkg.json").read_text(encoding="utf-8"))["version-semver"],
    "the port's vcpkg.json": json.loads((root / "packaging/vcpkg/ports/larder/vcpkg.json").read_text(encoding="utf-8"))["version-semver"],
    "newest heading of CHANGELOG.md": next((h for h in headings if h != "Unreleased"), "none"),
}
# Three numbers as in `v0.1.0`, `larder-0.1.0.tar.gz`, `larder/0.1.0`, `larder_0.1.0-1_amd64.deb`; two as in `find_package(larder 0.1`.
WRITTEN = re.compile(r"(?:GIT_TAG v|larder[-/@_]v?|liblarder-dev_)(\d+\.\d+\.\d+)|find_package\(larder (\d+\.\d+)[ )]")
for page in [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "tests/consumers").glob("*/CMakeLists.txt"))]:
    for found_here in WRITTEN.finditer(page.read_text(encoding="utf-8")):
        said = found_here[1] or found_here[2]
        expected = version if found_here[1] else ".".join(numbers[:2])
        if said != expected:
            found[f"{page.relative_to(root)} ({found_here[0]})"] = said
wrong = {place: value for place, value in found.items() if value != version}
for place, value in wrong.items():
    print(f"{place} says {value}, but LARDER_VERSION_MAJOR/MINOR/PATCH say {version}")
if headings[:1] != ["Unreleased"]:
    print("CHANGELOG.md must have [Unreleased] on top")
    wrong["CHANGELOG.md"] = "order"
print("version", version, "WRONG somewhere" if wrong else "in all of: " + ", ".join(found))
sys.exit(1 if wrong else 0)
