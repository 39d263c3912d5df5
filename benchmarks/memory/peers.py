#!/usr/bin/env python3
"""Runs bench_memory beside caches of other languages.   peers.py PATH_OF_BENCH_MEMORY [options of bench_memory]

Builds the drivers of benchmarks/peers into the build folder of bench_memory, gives them the requests that bench_memory writes, one process for each
subject and case, and hands what they print to bench_memory, which joins it to its own tables and JSON. Where cargo or maven, or the
registry behind it, is not reached, their caches are skipped, with a sentence.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "peers"
ALONE = ["memory", "get_u64", "get_str32", "evicting", "mixed_u64"]
TOGETHER = ["two_threads_read", "two_threads_95_5", "two_threads_mixed"]
SUBJECTS = {"quick_cache": ALONE, "quick_cache_sync": ALONE + TOGETHER, "moka": ALONE + TOGETHER, "caffeine": ALONE + TOGETHER}
REGISTRY_SECONDS, BUILD_SECONDS, CASE_SECONDS = 120, 900, 300


class Missing(Exception):
    """A driver that cannot be built here; says why."""


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def reason_in(text):
    """The line of a tool's output that says most: its first error, else the last."""
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip()]
    return next((line for line in lines if re.match(r"\W*error", line, re.IGNORECASE)), lines[-1] if lines else "").strip()[:200]


def done(command, seconds, what, **more):
    """Runs a command that may fail for reasons of the machine: its standard output, or Missing."""
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False, **more)
    except subprocess.TimeoutExpired:
        raise Missing(f"{what} took longer than {seconds} s") from None
    if result.returncode:
        raise Missing(f"{what} failed: {reason_in(result.stderr) or reason_in(result.stdout) or 'it said nothing'}")
    return result.stdout


def program(name):
    found = shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed")
    return found


def rust(built):
    cargo, project = program("cargo"), SOURCES / "rust"
    environment = dict(os.environ, CARGO_TARGET_DIR=str(built / "rust"), CARGO_NET_RETRY="1", CARGO_HTTP_TIMEOUT="20")
    done([cargo, "fetch", "--locked"], REGISTRY_SECONDS, "cargo fetch", cwd=project, env=environment)
    done([cargo, "build", "--release", "--locked", "--offline"], BUILD_SECONDS, "cargo build", cwd=project, env=environment)
    return [str(built / "rust" / "release" / "larder-peers")]


def java(built):
    maven, compiler, runner, project = program("mvn"), program("javac"), program("java"), SOURCES / "caffeine"
    jars, classes = built / "caffeine" / "jars", built / "caffeine" / "classes"
    shutil.rmtree(jars, ignore_errors=True)                 # of the version that pom.xml names, and no other
    done([maven, "-q", "-B", "-f", project / "pom.xml", "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies",
          f"-DoutputDirectory={jars}", "-DincludeScope=runtime"], REGISTRY_SECONDS, "mvn dependency:copy-dependencies")
    done([compiler, "-cp", f"{jars}/*", "-d", classes, *sorted(project.glob("*.java"))], BUILD_SECONDS, "javac")
    return [runner, "-Xms2g", "-Xmx4g", "-cp", f"{jars}/*:{classes}", "CaffeineDriver"]


def wanted(options):
    """The subjects and their cases that the options leave."""
    def chosen(text):
        return {name for name in text.split(",") if name}
    cases, only = chosen(options.case), chosen(options.only)
    left = {}
    for subject, its in SUBJECTS.items():
        its = [case for case in its if not cases or case in cases]
        if its and (not only or subject in only):
            left[subject] = its
    return left


def measure(bench, built, options, subjects):
    """What all drivers print."""
    drivers = {}
    for build, its in ((rust, ("quick_cache", "quick_cache_sync", "moka")), (java, ("caffeine",))):
        ours = [subject for subject in its if subject in subjects]
        if not ours:
            continue
        say(f"building the driver of {', '.join(ours)}")
        try:
            command = build(built)
            drivers.update({subject: command for subject in ours})
        except Missing as reason:
            print(f"{', '.join(ours)}: SKIPPED, {reason}", flush=True)
    draws = built / "draws"
    shape = (["--quick"] if options.quick else []) + (["--chunks", options.chunks] if options.chunks else [])
    if drivers:
        code = subprocess.run([bench, "--draws", draws, *shape], stdin=subprocess.DEVNULL, check=False).returncode
        if code:
            sys.exit(code)                                  # it said why
    lines = []
    for subject, command in drivers.items():
        for case in subjects[subject]:
            say(f"{subject}: {case}")
            try:
                lines.append(done([*command, str(draws), case, subject], CASE_SECONDS, f"its case {case}"))
            except Missing as reason:
                print(f"{subject}: {case} SKIPPED, {reason}", flush=True)
    shutil.rmtree(draws, ignore_errors=True)
    return "".join(lines)


def main():
    bench, arguments = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--case", "--only", "--chunks"):
        parser.add_argument(option, default="")
    for option in ("--quick", "--help"):
        parser.add_argument(option, action="store_true")
    options, _ = parser.parse_known_args(arguments)
    subjects = wanted(options)
    if subjects and not options.help:
        built = bench.parent.parent / "peers"
        built.mkdir(parents=True, exist_ok=True)
        beside = built / "memory.tsv"
        beside.write_text(measure(bench, built, options, subjects), encoding="utf-8")
        arguments += ["--beside", str(beside)]
    return subprocess.run([bench, *arguments], stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main())
