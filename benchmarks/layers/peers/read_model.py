#!/usr/bin/env python3
"""Goes once through a safetensors model of bench_layers, layer by layer, and touches every page.

    read_model.py WAY FILE      prints: seconds, seconds of the processor, bytes that it grew by at most, mark
    read_model.py torch_save MODEL FILE    writes a safetensors model as torch.load reads it

The mark is what bench_layers takes of every layer: the first word of each page, all of them by exclusive or. Starting Python, and
importing, is not counted.
"""
import importlib
import json
import pathlib
import resource
import struct
import sys
import time


def resident(name):
    """What /proc says under this name, in bytes."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


def layers(path):
    """The tensors of each layer in the order of the file: (name, begin in the file, end)."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    found = {}
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = tensor["data_offsets"]
        found.setdefault(".".join(name.split(".")[:3]), []).append((name, 8 + size + begin, 8 + size + end))
    return list(found.values())


def mark_of(array):
    """Of an array of bytes: its layer's pages begin where its own do, as every tensor is whole pages long."""
    import numpy
    return int(numpy.bitwise_xor.reduce(array.view(numpy.uint64)[::512]))


def memmap(path):
    import numpy
    whole = numpy.memmap(path, numpy.uint8, "r")
    for layer in layers(path):
        for _, begin, end in layer:
            yield mark_of(whole[begin:end])


def safetensors(path):
    import numpy
    from safetensors import safe_open
    with safe_open(path, framework="np") as file:
        for layer in layers(path):
            for tensor in [file.get_tensor(name) for name, _, _ in layer]:  # a layer at a time
                yield mark_of(tensor.reshape(-1).view(numpy.uint8))


def safetensors_all(path):
    import numpy
    from safetensors.numpy import load_file
    tensors = load_file(path)
    for layer in layers(path):
        for name, _, _ in layer:
            yield mark_of(tensors[name].reshape(-1).view(numpy.uint8))


def torch_save(path, into):
    import numpy
    import torch
    whole = numpy.memmap(path, numpy.uint8, "c")
    torch.save({name: torch.from_numpy(whole[begin:end]) for layer in layers(path) for name, begin, end in layer}, into)


def torch_marks(path, mapped):
    import torch
    for tensor in torch.load(path, map_location="cpu", mmap=mapped, weights_only=True).values():
        yield mark_of(tensor.numpy())


def torch_load(path):
    return torch_marks(path, False)


def torch_load_mmap(path):
    return torch_marks(path, True)


WAYS = {"memmap": (memmap, ["numpy"]), "safetensors": (safetensors, ["numpy", "safetensors"]),
        "safetensors_all": (safetensors_all, ["numpy", "safetensors.numpy"]),
        "torch_load": (torch_load, ["numpy", "torch"]), "torch_load_mmap": (torch_load_mmap, ["numpy", "torch"])}


def main():
    way, what, *more = sys.argv[1:]
    if way == "torch_save":
        torch_save(what, *more)
        return
    read, modules = WAYS[way]
    for module in modules:
        importlib.import_module(module)
    before = resident("VmRSS:")
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    mark = 0
    for of_tensor in read(what):
        mark ^= of_tensor
    wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(wall, cpu, resident("VmHWM:") - before, mark)


if __name__ == "__main__":
    main()
