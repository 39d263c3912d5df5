#!/usr/bin/env python3
"""Runs bench_dataset beside loaders of Python.   peers.py PATH_OF_BENCH_DATASET [options of bench_dataset]

Makes an environment of Python in the build folder of bench_dataset, once, installs numpy, WebDataset and Hugging Face's datasets there, and
tells bench_dataset of it by --python. One that cannot be installed is left out, with a sentence. MosaicML Streaming is installed there as well
when --only names mosaicml_streaming: it takes several gigabytes with torch, which it needs.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from python_environment import become, install  # noqa: E402

PACKAGES = {"numpy": "numpy", "webdataset": "webdataset", "datasets": "datasets"}    # and the module that each brings
LARGE = {"mosaicml-streaming": "streaming"}


def wanted(options):
    """What is to be installed for these options."""
    said = " ".join(options)
    return {**PACKAGES, **(LARGE if re.search(r"--only[ =]\S*\bmosaicml_streaming\b", said) else {})}


def environment(program_folder, options):
    """With each of the packages that can be had, all at once if they can."""
    folder, packages = program_folder / "dataset_python", wanted(options)
    together = install(folder, list(packages), list(packages.values()))
    if together:
        return together
    one_by_one = [install(folder, [package], [module]) for package, module in packages.items()]
    return next((python for python in one_by_one if python), None)


if __name__ == "__main__":
    become(sys.argv[1:], environment)
