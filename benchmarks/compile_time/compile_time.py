#!/usr/bin/env python3
"""What including each public header costs: user + system seconds of `g++ -std=c++20 -O2 -fsyntax-only`.

Every round compiles every header once, so that a busy moment of the machine hits all of them; printed are the medians of the
rounds and their spread, and each header against boost/unordered/unordered_flat_map.hpp of the same run, which is what the umbrella
is held to (at most 0.4 s more).

With --beside each header is compiled beside a file that has only a part of what it includes, and the difference is printed as well:
--beside others: what it takes, also through headers of larder, from the standard library and from dependencies; so all that is larder's.
--beside includes: what it includes itself; so what this one header adds. --max-over 0.3 fails when the difference is larger anywhere.

--page docs/compile_time.md writes the table of this run into that page, over the one that is there. --readme README.md besides writes the rows
of the headers that people include first from the page into that one; with --runs 0 nothing is compiled, and the page is taken as it is.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

from parts_of_header import direct_includes, outside_includes, text_of

BASELINE = "boost/unordered/unordered_flat_map.hpp"
UMBRELLA = "larder/larder.hpp"
PART = "a part of "
PAGE_BEGIN = "<!-- the table of scripts/bench compile_time -->"
PAGE_END = "<!-- its end -->"
README_BEGIN = "<!-- of docs/compile_time.md, by scripts/bench compile_time -->"

# Seconds that a header may add to what it includes, and the umbrella to the baseline. A page that has more names who, and why.
MOST_OVER = 0.3
MOST_OF_UMBRELLA = 0.4

# What people include first, in the order in which a reader meets it.
FIRST = [f"larder/{name}.hpp" for name in """larder cache tiered storage/mmap_disk storage/http_blob storage/redis presets layer/layer_cache dataset/dataset_cache
artifact/pass_cache artifact/resolution_cache artifact/package_store serve/weight_server serve/metrics_server config/cache_manager""".split()]


def seconds(command):
    """User + system time of one run; None when the compiler refuses."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return None if code else after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def table_between(text, begin, page):
    """What stands between the marks of a page, and what before and behind it."""
    before, found, rest = text.partition(begin)
    end = rest.find(PAGE_END)
    if not found or end < 0:
        sys.exit(f"compile_time: {page} has no table to write over: it lies between {begin} and {PAGE_END}")
    return before + begin + "\n", rest[:end], rest[end:]


def rows_of(table):
    """header -> its numbers, of a table as write_page writes it."""
    found = {}
    for line in table.splitlines():
        if row := re.fullmatch(r"\| `(\S+\.hpp)` \|((?: [-+]?[\d.]* ?\|)+)", line):
            found[row[1]] = [float(cell) if cell.strip() else None for cell in row[2].split("|")[:-1]]
    return found


def above_limit(table):
    """The headers of a page's table that cost more than they may."""
    above = []
    for header, (_, over_baseline, *over) in rows_of(table).items():
        if (over and over[0] is not None and over[0] > MOST_OVER) or (header == UMBRELLA and over_baseline > MOST_OF_UMBRELLA):
            above.append(header)
    return above


def exceptions_of(text):
    """header -> why, of the page's list of those that cost more than they may."""
    listed = text.partition("\n## Above the limit\n")[2].partition("\n## ")[0].partition(PAGE_BEGIN)[0]
    return dict(re.findall(r"^\| `(\S+\.hpp)` \| (\S.*) \|$", listed, re.MULTILINE))


def short_table(page):
    """The rows of FIRST, without the last column, under what the page says of the run."""
    table = table_between(page.read_text(encoding="utf-8"), PAGE_BEGIN, page)[1]
    rows = rows_of(table)
    lines = [table.strip().partition("\n")[0], "", "| header | seconds | over the flat map |", "| --- | --- | --- |"]
    lines += [f"| `{header}` | {rows[header][0]:.2f} | {rows[header][1]:+.2f} |" for header in FIRST if header in rows]
    return "\n".join(lines) + "\n"


def write_readme(readme, page):
    """Puts the short table of a page between the marks of another."""
    before, _, after = table_between(readme.read_text(encoding="utf-8"), README_BEGIN, readme)
    readme.write_text(before + short_table(page) + after, encoding="utf-8")


def write_page(page, rows, options, headers=()):
    """Puts the table of a run between the marks of a page, and above it what was run. A run of some headers only (--only) replaces their
    rows; the others stay, but for those of headers that are not among `headers` any more."""
    medians = {row["subject"]: row["value"] for row in rows if row["metric"] == "user+sys"}
    over = {row["subject"]: row["value"] for row in rows if row["metric"].startswith("over ")}
    before, old, after = table_between(page.read_text(encoding="utf-8"), PAGE_BEGIN, page)
    heads = ["header", "seconds", "over the flat map"] + ([f"over its {options.beside}"] if options.beside else [])
    head = "| " + " | ".join(heads) + " |"
    said = (f"`{options.compiler} -std=c++20 -O2 -fsyntax-only`, {'one round' if options.runs == 1 else f'medians of {options.runs} rounds'}; "
            f"`{BASELINE}` takes {medians[BASELINE]:.2f} s.")
    table = {}
    if options.only:
        if head not in old.splitlines():
            sys.exit(f"{page} has a table of other columns than this run; leave --only out to write all of it")
        said = old.strip().partition("\n")[0]
        table = {header: numbers for header, numbers in rows_of(old).items() if header in headers}
    table |= {subject: [medians[subject], medians[subject] - medians[BASELINE], *([over.get(subject)] if options.beside else [])]
              for subject in medians if subject != BASELINE}
    lines = [said, "", head, "| --- |" + " --- |" * (len(heads) - 1)]
    for header in sorted(table, key=lambda h: (h != UMBRELLA, h)):
        total, *differences = table[header]
        cells = [f"`{header}`", f"{total:.2f}", *("" if one is None else f"{one:+.2f}" for one in differences)]
        lines.append("| " + " | ".join(cells) + " |")
    page.write_text(before + "\n".join(lines) + "\n" + after, encoding="utf-8")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="also write the rows as JSON")
    parser.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT",
                        help="only headers whose path contains this, and the baseline; may be given more than once. With --page the others' rows stay")
    parser.add_argument("--max-over-baseline", type=float, metavar="SECONDS",
                        help="fail when the umbrella costs more than this over the baseline")
    parser.add_argument("--beside", choices=["others", "includes"], help="also what each header costs over these: takes twice the time")
    parser.add_argument("--page", type=pathlib.Path, help="also write the table into this page, between its marks")
    parser.add_argument("--readme", type=pathlib.Path, help="also write the page's rows of the headers that people include first into this one")
    parser.add_argument("--max-over", type=float, metavar="SECONDS", help="fail when that is more for any header")
    options = parser.parse_args()
    if options.max_over is not None and options.beside is None:
        parser.error("--max-over needs --beside others or --beside includes")
    if options.readme and not options.page:
        parser.error("--readme needs the --page that it is taken from")
    if options.runs == 0 and options.readme:
        write_readme(options.readme, options.page)
        return 0
    if options.runs < 1:
        parser.error("--runs is 1 at least; 0 is for --readme alone")
    part_of = {"others": outside_includes, "includes": direct_includes}.get(options.beside)

    include = root / "include"
    all_headers = sorted(str(path.relative_to(include)) for path in include.rglob("*.hpp"))
    headers = [header for header in all_headers if not options.only or any(text in header for text in options.only)]
    subjects = [BASELINE, *([UMBRELLA] if UMBRELLA in headers else []), *(h for h in headers if h != UMBRELLA)]
    texts = {subject: f"#include <{subject}>\n" for subject in subjects}
    if part_of:
        texts |= {PART + header: text_of(part_of(include, header)) for header in headers}
    times = {subject: [] for subject in texts}
    broken = set()
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts.values()):
            pathlib.Path(folder, f"{number}.cpp").write_text(text, encoding="utf-8")
        for run in range(options.runs):
            for number, subject in enumerate(texts):
                if subject in broken:
                    continue
                cost = seconds([options.compiler, "-std=c++20", "-O2", "-fsyntax-only", "-I", str(include), os.path.join(folder, f"{number}.cpp")])
                if cost is None:
                    broken.add(subject)
                else:
                    times[subject].append(cost)
            print(f"round {run + 1} of {options.runs}", file=sys.stderr)
    if BASELINE in broken:
        sys.exit(f"compile_time: {options.compiler} cannot compile {BASELINE}; scripts/bootstrap installs Boost")

    base = statistics.median(times[BASELINE])
    rows = []
    case = f"{options.compiler} -std=c++20 -O2 -fsyntax-only"
    too_dear = []
    print(f"{'header':<50} {'median s':>9} {'min':>7} {'max':>7} {'over flat_map':>14}{'  over ' + options.beside if part_of else ''}")
    for subject in subjects:
        if subject in broken:
            print(f"{subject:<50} does not compile")
            continue
        runs = times[subject]
        median = statistics.median(runs)
        line = f"{subject:<50} {median:9.2f} {min(runs):7.2f} {max(runs):7.2f} {median - base:+14.2f}"
        rows.append({"case": case, "subject": subject, "metric": "user+sys", "unit": "s",
                     "value": round(median, 4), "runs": [round(t, 4) for t in runs]})
        of_part = times.get(PART + subject)
        if of_part and len(of_part) == len(runs):
            differences = [whole - part for whole, part in zip(runs, of_part)]
            over = statistics.median(differences)
            line += f" {over:+6.2f}"
            rows.append({"case": case, "subject": subject, "metric": f"over {options.beside}", "unit": "s", "value": round(over, 4),
                         "runs": [round(t, 4) for t in differences]})
            if options.max_over is not None and over > options.max_over:
                too_dear.append(f"{subject} costs {over:.2f} s over its {options.beside}; {options.max_over} is the limit")
        print(line)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")

    if options.page:
        write_page(options.page, rows, options, all_headers)
    if options.readme:
        write_readme(options.readme, options.page)

    limit = options.max_over_baseline
    if limit is not None and UMBRELLA in times and UMBRELLA not in broken and statistics.median(times[UMBRELLA]) - base > limit:
        print(f"{UMBRELLA} costs more than the baseline + {limit} s")
        return 1
    print("\n".join(too_dear))
    return 1 if broken or too_dear else 0


if __name__ == "__main__":
    sys.exit(main())
