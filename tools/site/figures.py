#!/usr/bin/env python3
"""The pictures of the site, from figures that are kept in docs/figures/, so that building it runs no benchmark.

  figures.py curves simulate.json            keeps the curves of `larder simulate --json` (by entries or by bytes, as they were made)
  figures.py keep memory build/bench/memory.json
                                             keeps of a benchmark's output what the pictures show: their cases and metrics

A page asks for one by `<!-- figure: NAME arguments -->`: `curves lru` (the order among all others), `all_curves`, or the name of one of BARS.
"""
import json
import pathlib
import statistics
import sys

import svg

# What the pages show of a benchmark: its file, case, metric and unit, the title, and who is a peer rather than larder.
BARS = {
    "hits": ("memory", "get_u64", "ratio to flat_map", "x", "A hit against a bare flat_map find, 1 M resident 64-bit keys, Zipf 0.99 (less is better)"),
    "mixed": ("memory", "mixed_u64", "ratio to list_lru", "x", "Get or insert, room for 10 % of the keys, Zipf 0.9: time against the textbook LRU (less is better)"),
    "mixed_hit_ratio": ("memory", "mixed_u64", "hit ratio", "", "The same: hit ratio (more is better)"),
    "puts": ("disk", "4KiB", "put ratio to floor_pwrite", "x", "A put of 4 KiB on disk, processor time against pwrite into one file (less is better)"),
    "gets": ("disk", "4KiB", "get2 ratio to floor_mmap", "x", "A warm get of 4 KiB from disk that reads every byte, against a mapping (less is better)"),
}
PEERS = {"flat_map", "list_lru", "rocksdb_lru", "rocksdb_hyper_clock", "tbb_lru", "quick_cache", "moka", "caffeine", "lmdb", "lmdb_b100", "rocksdb", "rocksdb_blob", "sqlite", "files"}
LABELS = {"larder": "mmap_disk", "larder_b100": "mmap_disk, put_many of 100", "list_lru": "textbook LRU", "rocksdb_lru": "RocksDB, LRUCache",
          "rocksdb_hyper_clock": "RocksDB, HyperClockCache", "tbb_lru": "oneTBB", "caffeine": "Caffeine", "lmdb": "LMDB, one put a transaction",
          "lmdb_b100": "LMDB, 100 puts a transaction", "rocksdb": "RocksDB", "rocksdb_blob": "RocksDB with BlobDB", "sqlite": "SQLite", "files": "a file each",
          "clock_sharded": "clock, sharded<>", "s3_fifo_sharded": "s3_fifo, sharded<>"}
PANELS = {"entries": ["c2k_web12", "arc_OLTP", "lirs_2_pools", "lirs_loop"], "bytes": ["adaptsize_req", "cp_io"]}
WHAT = {"c2k_web12": "web requests", "arc_OLTP": "a database's pages", "lirs_2_pools": "two pools of pages", "lirs_loop": "a loop", "cp_io": "block I/O, by bytes",
        "adaptsize_req": "web requests, by bytes"}


def folder(root):
    return pathlib.Path(root) / "docs/figures"


def load(root, name):
    path = folder(root) / f"{name}.json"
    if not path.exists():
        sys.exit(f"docs: a page asks for figures of docs/figures/{name}.json, which is not there")
    return json.loads(path.read_text(encoding="utf-8"))


def caption(picture, words):
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def draw(root, arguments):
    name = arguments[0]
    if name == "curves":
        return curves(root, arguments[1])
    if name == "all_curves":
        return all_curves(root)
    if name in BARS:
        return bars(root, name)
    sys.exit(f"docs: there is no figure \"{name}\"; there are: curves ORDER, all_curves, {', '.join(BARS)}")


def bars(root, name):
    file, case, metric, unit, title = BARS[name]
    rows = []
    for figure in load(root, file):
        if figure["case"] == case and figure["metric"].removesuffix(", own process") == metric:
            runs = figure["runs"] or [figure["value"]]
            rows.append((LABELS.get(figure["subject"], figure["subject"]), figure["subject"] in PEERS, figure["value"], min(runs), max(runs)))
    if not rows:
        sys.exit(f"docs: docs/figures/{file}.json has nothing of {case}, {metric}")
    rows.sort(key=lambda row: (row[1], row[2]))              # larder's own first, each group by its figures
    return caption(svg.bars(rows, unit), f"{title}. The lines are the spread of the runs; grey: others.")


def panels(root, kinds, lines_of, entries, words):
    """Panels side by side, two in a row, with one legend."""
    chosen = [(by, trace, kept["traces"][trace]) for by in kinds for kept in [load(root, f"miss_ratio_{by}")] for trace in PANELS[by]]
    width, height, gap = 300, 170, 70
    out = [svg.legend(44, 14, entries)]
    for i, (_, trace, kept) in enumerate(chosen):
        x, y = 44 + (i % 2) * (width + gap), 54 + (i // 2) * (height + 62)
        out.append(svg.panel(x, y, width, height, f"{trace}: {WHAT[trace]}, {kept['keys']:,} keys", kept["sizes"], lines_of(kept["curves"])))
    total = 54 + ((len(chosen) + 1) // 2) * (height + 62) - 24
    return caption(svg.picture(2 * width + gap + 70, total, "".join(out), "miss ratios by cache size"), words)


def curves(root, order):
    """One order among the others. Orders that weigh are shown by bytes, the others by entries."""
    by = "bytes" if order in ("gdsf", "largest_first") else "entries"

    def lines(kept):
        if order not in kept:
            sys.exit(f"docs: docs/figures/miss_ratio_{by}.json has no curve of {order}")
        others = [("other", name, values) for name, values in kept.items() if name not in (order, "lru", "belady")]
        reference = [] if order == "lru" else [("line dash s2", "lru", kept["lru"])]
        return [*others, ("line dash s3", "belady", kept["belady"]), *reference, ("line s1", order, kept[order])]
    entries = [("line s1", "s1", order), *([] if order == "lru" else [("line dash s2", "s2", "lru")]), ("line dash s3", "s3", "belady, which knows the future"),
               ("other", "quiet", "the others")]
    of = "the trace's bytes" if by == "bytes" else "the trace's keys"
    return panels(root, [by], lines, entries, f"Miss ratio (less is better) by cache size, as a share of {of}: <code>larder simulate</code> on the shared traces."
                  + (" Belady's order knows the future, but not the sizes." if by == "bytes" else ""))


def all_curves(root):
    shown = [("line s1", "adaptive"), ("line s2", "lru"), ("line s3", "s3_fifo"), ("line s4", "w_tinylfu"), ("line s5", "lirs"), ("line dash s3", "belady")]

    def lines(kept):
        return [("other", name, values) for name, values in kept.items() if name not in [n for _, n in shown]] + [(kind, name, kept[name]) for kind, name in shown]
    return panels(root, ["entries"], lines, [(kind, kind.split()[-1], name) for kind, name in shown],
                  "Miss ratio (less is better) by cache size, as a share of the trace's keys; grey: the other orders.")


def keep_curves(root, source):
    """The rows of `larder simulate --json` as curves: {traces: {name: {keys, requests, sizes, curves: {order: miss ratios}}}}."""
    rows = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    by = {row["by"] for row in rows}
    if len(by) != 1:
        sys.exit(f"{source}: expected rows of one kind of limit, found {sorted(by)}")
    by = by.pop()
    traces = {}
    for row in rows:
        whole = row["footprint_bytes"] if by == "bytes" else row["keys"]
        trace = traces.setdefault(row["trace"], {"keys": row["keys"], "requests": row["requests"], "sizes": [], "curves": {}})
        share = round(row["capacity"] / whole, 4)
        if share not in trace["sizes"]:
            trace["sizes"].append(share)
        trace["curves"].setdefault(row["policy"], []).append(round(row["miss_ratio"], 4))
    for name, trace in traces.items():
        if any(len(values) != len(trace["sizes"]) for values in trace["curves"].values()):
            sys.exit(f"{source}: the curves of {name} have different sizes")
    lines = [f'  "{name}": {{"keys": {t["keys"]}, "requests": {t["requests"]}, "sizes": {json.dumps(t["sizes"])}, "curves": {{\n'
             + ",\n".join(f'    "{order}": {json.dumps(values)}' for order, values in t["curves"].items()) + "\n  }}" for name, t in traces.items()]
    target = folder(root) / f"miss_ratio_{by}.json"
    target.write_text('{"by": "' + by + '", "traces": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    print(f"wrote {target.relative_to(root)}: {len(traces)} traces")


def keep(root, name, source):
    """Of a benchmark's output what the pictures show, and of many runs the least, the median and the most. Where some are kept already, others are left out
    and named: the README has to have them, too."""
    wanted = {(case, metric) for file, case, metric, _, _ in BARS.values() if file == name}
    if not wanted:
        sys.exit(f"no picture shows anything of the benchmark {name}")
    target = folder(root) / f"{name}.json"
    kept = {(f["case"], f["subject"], f["metric"]): f for f in (json.loads(target.read_text(encoding="utf-8")) if target.exists() else [])}
    shown, left_out = set(kept), []
    for figure in json.loads(pathlib.Path(source).read_text(encoding="utf-8")):
        if (figure["case"], figure["metric"].removesuffix(", own process")) in wanted:
            runs = figure["runs"]
            spread = [min(runs), statistics.median(runs), max(runs)] if len(runs) > 1 else []
            which = (figure["case"], figure["subject"], figure["metric"])
            if shown and which not in shown:
                left_out.append(" ".join(which))
            else:
                kept[which] = {**figure, "runs": spread}
    target.write_text("[\n" + ",\n".join("  " + json.dumps(f) for f in kept.values()) + "\n]\n", encoding="utf-8")
    print(f"wrote {target.relative_to(root)}: {len(kept)} figures" + "".join(f"\n  left out: {which}" for which in left_out))


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    match sys.argv[1:]:
        case ["curves", source]:
            keep_curves(root, source)
        case ["keep", name, source]:
            keep(root, name, source)
        case _:
            print(__doc__)
            return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
