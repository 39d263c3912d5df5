#!/usr/bin/env python3
"""Goes through the samples of bench_dataset with a loader of Python, in batches of 64, and looks at the first and the last byte of each.

    read_samples.py WAY prepare SAMPLES FOLDER             writes the samples in the loader's own form
    read_samples.py WAY view|copy SAMPLES FOLDER [ORDER]   prints seconds, seconds of the processor, samples, mark

SAMPLES is the file of all samples, ORDER one of their numbers (32 bits each) in a shuffled order, which loaders that have an order of their
own take for a word to shuffle. The figures are the median of some epochs behind one that is not counted. The mark is what bench_dataset takes
of every sample: its first byte and 256 times its last one, added up.
"""
import pathlib
import statistics
import sys
import time

SIZE = 10 * 1024
BATCH = 64
EPOCHS = 5         # that are counted,
LONG = 3.0         # or as many as begin within so many seconds


class Numpy:
    """The file as it is: rows of a mapping, or 64 of them at a time by their numbers."""

    def __init__(self, samples, folder, order, copies):
        import numpy
        self.numpy = numpy
        self.rows = numpy.memmap(samples, numpy.uint8, "r").reshape(-1, SIZE)
        self.order = numpy.fromfile(order, numpy.uint32) if order else None
        self.copies = copies

    def epoch(self):
        count = len(self.rows)
        if not self.copies:
            for k in range(count):
                row = self.rows[k if self.order is None else self.order[k]]
                yield ((row[0], row[-1]),)
            return
        room = self.numpy.empty((BATCH, SIZE), self.numpy.uint8)
        for begin in range(0, count, BATCH):
            end = min(begin + BATCH, count)
            part = room[:end - begin]
            if self.order is None:
                part[:] = self.rows[begin:end]
            else:
                self.numpy.take(self.rows, self.order[begin:end], axis=0, out=part)
            yield part

    @staticmethod
    def prepare(samples, folder):
        pass


class WebDataset:
    """One tar archive; shuffled as its users do, in a buffer of 1000 samples."""

    def __init__(self, samples, folder, order, copies):
        import webdataset
        dataset = webdataset.WebDataset(str(folder / "samples.tar"), shardshuffle=False)
        if order:
            dataset = dataset.shuffle(1000)
        self.batches = dataset.to_tuple("bin").batched(BATCH, collation_fn=None)

    def epoch(self):
        for batch in self.batches:
            yield [sample for sample, in batch]

    @staticmethod
    def prepare(samples, folder):
        import webdataset
        with webdataset.TarWriter(str(folder / "samples.tar")) as to:
            for number, sample in enumerate(samples_of(samples)):
                to.write({"__key__": f"{number:08}", "bin": sample})


class HuggingFace:
    """An Arrow table of binary values that is mapped; shuffled by a list of indices, as its shuffle does."""

    def __init__(self, samples, folder, order, copies):
        import datasets
        datasets.disable_progress_bars()
        self.dataset = datasets.load_from_disk(str(folder / "table"))
        if order:
            self.dataset = self.dataset.shuffle(seed=1, keep_in_memory=True)

    def epoch(self):
        for batch in self.dataset.iter(BATCH):
            yield batch["sample"]

    @staticmethod
    def prepare(samples, folder):
        import datasets
        datasets.disable_progress_bars()
        features = datasets.Features({"sample": datasets.Value("binary")})
        made = datasets.Dataset.from_generator(lambda: ({"sample": sample} for sample in samples_of(samples)), features=features,
                                               cache_dir=str(folder / "cache"))
        made.save_to_disk(str(folder / "table"))


class Mosaic:
    """Local MDS shards of 64 MiB, read in this process."""

    def __init__(self, samples, folder, order, copies):
        import streaming
        streaming.base.util.clean_stale_shared_memory()
        self.dataset = streaming.StreamingDataset(local=str(folder / "mds"), shuffle=bool(order), batch_size=BATCH)

    def epoch(self):
        batch = []
        for sample in self.dataset:
            batch.append(sample["sample"])
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    @staticmethod
    def prepare(samples, folder):
        import streaming
        with streaming.MDSWriter(out=str(folder / "mds"), columns={"sample": "bytes"}) as to:
            for sample in samples_of(samples):
                to.write({"sample": sample})


WAYS = {"numpy": Numpy, "webdataset": WebDataset, "datasets": HuggingFace, "streaming": Mosaic}


def samples_of(path):
    with open(path, "rb") as file:
        while sample := file.read(SIZE):
            yield sample


def go_through(loader):
    """One epoch: seconds, seconds of the processor, samples, mark."""
    began, used = time.perf_counter(), time.process_time()
    count = mark = 0
    for batch in loader.epoch():
        for sample in batch:
            count += 1
            mark += int(sample[0]) + 256 * int(sample[-1])
    return time.perf_counter() - began, time.process_time() - used, count, mark


def main():
    way, what, samples, folder, *order = sys.argv[1:]
    folder = pathlib.Path(folder)
    if what == "prepare":
        folder.mkdir(parents=True, exist_ok=True)
        WAYS[way].prepare(samples, folder)
        return
    loader = WAYS[way](samples, folder, order[0] if order else "", what == "copy")
    began = time.perf_counter()
    epochs = [go_through(loader)]
    while len(epochs) <= EPOCHS and (len(epochs) < 2 or time.perf_counter() - began < LONG):
        epochs.append(go_through(loader))
    *_, count, mark = epochs[-1]
    print(statistics.median(e[0] for e in epochs[1:]), statistics.median(e[1] for e in epochs[1:]), count, mark)


if __name__ == "__main__":
    main()
