#!/usr/bin/env python3
"""Runs bench_layers beside loaders of Python.   peers.py PATH_OF_BENCH_LAYERS [options of bench_layers]

Makes an environment of Python in the build folder of bench_layers, once, installs numpy and safetensors there, and tells bench_layers of
it by --python. Where that does not work the loaders that the machine's own Python has take part, with a sentence.
"""
import os
import pathlib
import subprocess
import sys

PACKAGES = ["numpy", "safetensors"]
SECONDS = 300


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def works(python):
    check = [python, "-c", "import " + ", ".join(PACKAGES)]
    return python.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0


def environment(folder):
    """The Python of the environment; nothing when it cannot be made."""
    python = folder / "bin" / "python"
    if works(python):
        return python
    try:
        for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", *PACKAGES]):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as failure:
        lines = (getattr(failure, "stderr", None) or str(failure)).strip().splitlines()
        say(f"{' and '.join(PACKAGES)} are not installed: {lines[-1][:200] if lines else failure}")
        return None
    return python


def main():
    program, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if not {"--help", "-h", "--python"} & set(options):
        python = environment(program.resolve().parent / "layers_python")
        if python:
            options += ["--python", str(python)]
    os.execv(program, [str(program), *options])


if __name__ == "__main__":
    main()
