#!/usr/bin/env python3
"""Runs bench_layers beside loaders of Python.   peers.py PATH_OF_BENCH_LAYERS [options of bench_layers]

Makes an environment of Python in the build folder of bench_layers, once, installs numpy and safetensors there, and tells bench_layers of
it by --python. Where that does not work the loaders that the machine's own Python has take part, with a sentence. torch is installed there
as well when --only names torch_load or torch_load_mmap: it takes several gigabytes with what it needs.
"""
import os
import pathlib
import re
import subprocess
import sys

PACKAGES = ["numpy", "safetensors"]
LARGE = ["torch"]
SECONDS = 300


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def wanted(options):
    """What is to be installed for these options."""
    said = " ".join(options)
    return PACKAGES + (LARGE if re.search(r"--only[ =]\S*\btorch_load", said) else [])


def works(python, packages):
    check = [python, "-c", "import " + ", ".join(packages)]
    return python.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0


def install(folder, packages):
    """The Python of the environment with these packages; nothing when it cannot be made."""
    python = folder / "bin" / "python"
    if works(python, packages):
        return python
    try:
        for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", *packages]):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS * len(packages), check=True)
    except (OSError, subprocess.SubprocessError) as failure:
        lines = (getattr(failure, "stderr", None) or str(failure)).strip().splitlines()
        say(f"{' and '.join(packages)} are not installed: {lines[-1][:200] if lines else failure}")
        return None
    return python


def environment(folder, packages):
    """The same; without the large ones when these cannot be had."""
    return install(folder, packages) or (install(folder, PACKAGES) if packages != PACKAGES else None)


def main():
    program, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if not {"--help", "-h", "--python"} & set(options):
        python = environment(program.resolve().parent / "layers_python", wanted(options))
        if python:
            options += ["--python", str(python)]
    os.execv(program, [str(program), *options])


if __name__ == "__main__":
    main()
