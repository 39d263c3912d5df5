#!/usr/bin/env python3
"""Checks that wrong uses of larder do not compile, and that the compiler then prints the sentence that was promised.

A case is a .cpp file with lines `// expect: <text>` and the wrong lines inside `#ifdef LARDER_COMPILE_FAIL`. It is compiled twice:
without the macro (the twin), which must succeed, and with it, which must fail and print every expected text, the first of them
in the first error. The twin is what keeps a broken include path or a typo from counting as a refusal.

A file may hold several cases, which share the twin: `// expect 2: <text>` and `#if LARDER_COMPILE_FAIL == 2`.

The light umbrella is precompiled once, since nearly every case includes it first.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys


def compile_case(command, source, *extra):
    done = subprocess.run([*command, *extra, "-fsyntax-only", str(source)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def tail(text, lines=25):
    return "\n".join("    " + line for line in text.splitlines()[:lines])


def cases_of(text):
    """The cases of a file: what defines the macro, the line that guards the wrong use, and the expected texts."""
    numbers = dict.fromkeys(re.findall(r"^// expect (\d+): ", text, re.MULTILINE))
    cases = [("-DLARDER_COMPILE_FAIL=" + n, "#if LARDER_COMPILE_FAIL == " + n, rf"^// expect {n}: (.+?)\s*$") for n in numbers]
    if re.search(r"^// expect: ", text, re.MULTILINE):
        cases.append(("-DLARDER_COMPILE_FAIL", "#ifdef LARDER_COMPILE_FAIL", r"^// expect: (.+?)\s*$"))
    return [(define, guard, re.findall(pattern, text, re.MULTILINE)) for define, guard, pattern in cases]


def check_case(command, source, define, expected):
    code, output = compile_case(command, source, define)
    if code == 0:
        return "compiles, although it must not"
    missing = [sentence for sentence in expected if sentence not in output]
    if missing:
        return "the compiler did not say: " + " | ".join(missing) + "\n" + tail(output)
    first = next((line for line in output.splitlines() if re.search(r"\berror: ", line)), "")
    if expected[0] not in first:
        return "the sentence is not the first error:\n" + tail(output)
    return None


def check(compiler, precompiled, paths, source):
    """How many cases a file has and what is wrong with them, as texts."""
    text = source.read_text(encoding="utf-8")
    umbrella = precompiled if "#include <larder/larder.hpp>" in text else []   # clang would include it unasked
    command = [*compiler, *umbrella, *paths]
    cases = cases_of(text)
    if not cases:
        return 1, ["has no `// expect: <text>` line"]
    code, output = compile_case(command, source)
    if code != 0:
        return len(cases), ["its twin does not compile:\n" + tail(output)]
    problems = []
    for define, guard, expected in cases:
        if guard not in text.splitlines():
            problems.append(f"has no `{guard}` block")
        elif problem := check_case(command, source, define, expected):
            problems.append(f"{define}: {problem}")
    return len(cases), problems


def precompile(command, includes, work):
    """Precompiles larder/larder.hpp; returns the options that use it (none when there is no umbrella or it cannot be done)."""
    umbrella = next((path for path in (pathlib.Path(i) / "larder/larder.hpp" for i in includes) if path.is_file()), None)
    if umbrella is None:
        return []
    folder = work / "precompiled"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "larder").mkdir(parents=True)
    clang = "clang" in subprocess.run([command[0], "--version"], capture_output=True, text=True).stdout
    target = folder / "larder" / ("larder.pch" if clang else "larder.hpp.gch")
    done = subprocess.run([*command, "-x", "c++-header", str(umbrella), "-o", str(target)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode != 0:
        print("larder/larder.hpp itself does not compile:\n" + tail(done.stderr))
        sys.exit(1)
    return ["-include-pch", str(target)] if clang else ["-I", str(folder)]   # g++ takes the .gch that it meets first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for temporary files")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    options = parser.parse_args()

    includes = [i for i in dict.fromkeys(options.include) if i]
    compiler = [options.compiler, "-std=c++20", "-pthread"]
    paths = [argument for include in includes for argument in ("-I", include)]
    precompiled = precompile([*compiler, *paths], includes, options.work)
    total = failures = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for source, (count, problems) in zip(options.cases, pool.map(lambda c: check(compiler, precompiled, paths, c), options.cases)):
            for problem in problems:
                print(f"FAIL  {source.name}: {problem}", flush=True)
            if not problems:
                print(f"ok    {source.name} ({count})", flush=True)
            total += count
            failures += len(problems)
    print(f"{total - failures} of {total} cases are refused as promised ({options.compiler})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
