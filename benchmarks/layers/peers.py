#!/usr/bin/env python3
"""Runs bench_layers beside loaders of Python.   peers.py PATH_OF_BENCH_LAYERS [options of bench_layers]

Makes an environment of Python in the build folder of bench_layers, once, installs numpy and safetensors there, and tells bench_layers of
it by --python. Where that does not work the loaders that the machine's own Python has take part, with a sentence. torch is installed there
as well when --only names torch_load or torch_load_mmap: it takes several gigabytes with what it needs.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from python_environment import become, install  # noqa: E402

PACKAGES = ["numpy", "safetensors"]
LARGE = ["torch"]


def wanted(options):
    """What is to be installed for these options."""
    said = " ".join(options)
    return PACKAGES + (LARGE if re.search(r"--only[ =]\S*\btorch_load", said) else [])


def environment(program_folder, options):
    """With the wanted packages; without the large ones when these cannot be had."""
    folder, packages = program_folder / "layers_python", wanted(options)
    return install(folder, packages) or (install(folder, PACKAGES) if packages != PACKAGES else None)


if __name__ == "__main__":
    become(sys.argv[1:], environment)
