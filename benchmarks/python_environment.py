"""An environment of Python in a build folder, with what the peers of a benchmark need. For the peers.py beside a benchmark."""
import os
import pathlib
import subprocess
import sys

SECONDS = 300  # to wait for each package


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def works(python, modules):
    check = [python, "-c", "import " + ", ".join(modules)]
    return python.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0


def install(folder, packages, modules=None):
    """The Python of the environment with these packages, whose modules have other names when they are given; nothing when that fails."""
    python = folder / "bin" / "python"
    if works(python, modules or packages):
        return python
    try:
        for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", *packages]):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS * len(packages), check=True)
    except (OSError, subprocess.SubprocessError) as failure:
        lines = (getattr(failure, "stderr", None) or str(failure)).strip().splitlines()
        say(f"{' and '.join(packages)} are not installed: {lines[-1][:200] if lines else failure}")
        return None
    return python


def become(arguments, environment):
    """Runs the program that the arguments of this script begin with, with a Python of `environment(folder of the program, options)`
    where there is one and the options name none."""
    program, options = pathlib.Path(arguments[0]), arguments[1:]
    if not {"--help", "-h", "--python"} & set(options):
        python = environment(program.resolve().parent, options)
        if python:
            options += ["--python", str(python)]
    os.execv(program, [str(program), *options])
