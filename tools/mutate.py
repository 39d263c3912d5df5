#!/usr/bin/env python3
"""Changes headers a little, one place at a time, and says which changes no test notices.

    tools/mutate.py [--each N] [--seed N] [--constants] [--only TEXT]... [--jobs N] [--list] [FILES]   FILES: headers of COVERED_BY; all of them when none is named

A change (a mutant) is a relational or arithmetic operator, a constant that is one more, a condition that is negated, && for ||, a
statement that is left out, or another result. N places of each header are drawn with the seed. Nothing in the tree is changed: the
mutants of all headers stand in copies that come first on the include path, each behind a switch, so that every test source is
compiled once, and LARDER_MUTANT chooses one when it runs. A mutant that does not compile is taken out and counted. With --constants
`constexpr` constants are changed too, which cannot be switched: they cost a compilation each. Left out are comments, includes,
assertions of the compiler, declarations, statements over several lines, and hints to the processor.

Prints what survived, a table, and writes both to build/mutation/. Exit code 1 when a mutant survived: a hole in the tests, or a change that nobody can see.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/mutation"
COMPILER = [*os.environ.get("CXX", "g++").split(), "-std=c++20", "-O0", "-w", "-DXXH_NO_INLINE_HINTS=1"]
LIBRARIES = ["-lrapidcheck", "-lxxhash", "-lzstd", "-lpthread"]
TOGETHER = 4                                                # so many test files of a folder become one source, as in cmake/larder-test-batches.cmake

# Which tests look at a header: those that were written for it, quick ones.
PLAIN = ["unit/eviction/plain_orders_tests.cpp"]
PARTS = ["unit/storage/segment_parts_tests.cpp"]
DISK = ["unit/storage/mmap_disk_tests.cpp", "unit/storage/mmap_disk_index_tests.cpp", "unit/storage/mmap_disk_put_many_tests.cpp",
        "unit/storage/mmap_disk_reservation_tests.cpp", "unit/storage/segment_use_tests.cpp"]
WHOLE = [*DISK, "unit/storage/mmap_disk_range_tests.cpp", "unit/storage/mmap_disk_adoption_tests.cpp", "unit/storage/compression_tests.cpp",
         "unit/storage/segment_inspection_tests.cpp"]      # every way into a cache on disk, and out of it
COVERED_BY = {
    "eviction/adaptive.hpp": ["unit/eviction/adaptive_tests.cpp"],
    "eviction/arc.hpp": ["unit/eviction/arc_tests.cpp"],
    "eviction/clock.hpp": PLAIN,
    "eviction/cyclic.hpp": ["unit/eviction/cyclic_tests.cpp"],
    "eviction/epoch_pin.hpp": ["unit/eviction/epoch_pin_tests.cpp"],
    "eviction/fifo.hpp": PLAIN,
    "eviction/frequency_sketch.hpp": ["unit/eviction/frequency_sketch_tests.cpp", "unit/eviction/w_tinylfu_tests.cpp"],
    "eviction/gdsf.hpp": ["unit/eviction/gdsf_tests.cpp"],
    "eviction/ghost_lists.hpp": ["unit/eviction/ghosts_tests.cpp", "unit/eviction/arc_tests.cpp"],
    "eviction/ghost_ring.hpp": ["unit/eviction/ghosts_tests.cpp", "unit/eviction/s3_fifo_tests.cpp"],
    "eviction/ghost_table.hpp": ["unit/eviction/ghost_table_tests.cpp", "unit/eviction/two_queues_tests.cpp"],
    "eviction/largest_first.hpp": PLAIN,
    "eviction/lfu.hpp": ["unit/eviction/lfu_tests.cpp"],
    "eviction/lirs.hpp": ["unit/eviction/lirs_tests.cpp"],
    "eviction/lru.hpp": PLAIN,
    "eviction/rule_contest.hpp": ["unit/eviction/rule_contest_tests.cpp"],
    "eviction/rule_trial.hpp": ["unit/eviction/shadow_caches_tests.cpp", "unit/eviction/two_queues_tests.cpp", "unit/eviction/adaptive_tests.cpp"],
    "eviction/s3_fifo.hpp": ["unit/eviction/s3_fifo_tests.cpp"],
    "eviction/shadow_caches.hpp": ["unit/eviction/shadow_caches_tests.cpp", "unit/eviction/adaptive_tests.cpp"],
    "eviction/sieve.hpp": PLAIN,
    "eviction/slot_heap.hpp": ["unit/eviction/slot_heap_tests.cpp", "unit/eviction/gdsf_tests.cpp"],
    "eviction/slot_list.hpp": ["unit/eviction/slot_list_tests.cpp", "unit/eviction/arc_tests.cpp"],
    "eviction/two_queues.hpp": ["unit/eviction/two_queues_tests.cpp"],
    "eviction/use_count.hpp": ["unit/eviction/s3_fifo_tests.cpp"],
    "eviction/w_tinylfu.hpp": ["unit/eviction/w_tinylfu_tests.cpp"],
    "format/chunk_checksums.hpp": ["unit/format/chunk_checksums_tests.cpp"],
    "format/entry_frame.hpp": ["unit/format/entry_frame_tests.cpp", "unit/format/entry_frame_chunks_tests.cpp"],
    "format/segment_footer.hpp": ["unit/format/segment_footer_tests.cpp", "unit/format/compressed_record_tests.cpp"],
    "format/segment_record.hpp": ["unit/format/segment_record_tests.cpp", "unit/format/compressed_record_tests.cpp"],
    "storage/lease_table.hpp": ["unit/storage/lease_table_tests.cpp"],
    "storage/newest_records.hpp": PARTS,
    "storage/record_batch.hpp": ["unit/storage/record_batch_tests.cpp"],
    "storage/segment.hpp": [*PARTS, *WHOLE],
    "storage/segment_contents.hpp": [*PARTS, *WHOLE],
    "storage/segment_folder.hpp": [*PARTS, *DISK],
    "storage/segment_inspection.hpp": ["unit/storage/segment_inspection_tests.cpp"],
    "storage/segment_opening.hpp": WHOLE,
    "storage/segment_reader.hpp": WHOLE,
    "storage/segment_replica.hpp": WHOLE,
    "storage/segment_room.hpp": ["unit/storage/segment_room_tests.cpp", *DISK],
    "storage/segment_scan.hpp": [*PARTS, *DISK],
    "storage/segment_sizing.hpp": ["unit/storage/segment_sizing_tests.cpp"],
    "storage/segment_store.hpp": WHOLE,
    "storage/segment_table.hpp": ["unit/storage/segment_table_tests.cpp", *DISK],
    "storage/segment_transfers.hpp": WHOLE,
    "storage/segment_upkeep.hpp": WHOLE,
    "storage/segment_window.hpp": ["unit/storage/segment_inspection_tests.cpp"],
    "storage/segment_writer.hpp": ["unit/storage/segment_room_tests.cpp", *WHOLE],
    "storage/shared_log.hpp": ["unit/storage/shared_log_tests.cpp", *DISK],
    "storage/value_files.hpp": [*PARTS, *WHOLE],
    "storage/value_in_transit.hpp": ["unit/storage/value_in_transit_tests.cpp"],
    "storage/value_range.hpp": ["unit/storage/mmap_disk_range_tests.cpp"],
    "storage/value_references.hpp": [*PARTS, *DISK],
}

# Included before everything: what is the same for all tests is compiled once.
PRELUDE = """#include <doctest/doctest.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <vector>
inline const int larder_mutant_chosen = std::getenv("LARDER_MUTANT") != nullptr ? std::atoi(std::getenv("LARDER_MUTANT")) : 0;
constexpr bool larder_mutant(int number) noexcept { return !std::is_constant_evaluated() && larder_mutant_chosen == number; }
"""

# ----------------------------------------------------------------------------------------------------- places and changes

SWAPS = {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ", " + ": " - ", " - ": " + ",
         " * ": " / ", " / ": " * ", " % ": " / ", " << ": " >> ", " >> ": " << ", " & ": " | ", " | ": " & ", " && ": " || ",
         " || ": " && ", " += ": " -= ", " -= ": " += ", " |= ": " &= ", " &= ": " |= "}
OPERATOR = re.compile("|".join(re.escape(each) for each in sorted(SWAPS, key=len, reverse=True)))
NUMBER = re.compile(r"(?<![\w.'<])(\d[\d']*|0x[\da-fA-F']+)(?=[uUlL]*\b)(?![\w.']*>)")
WORDS = {"true": "false", "false": "true", "std::min": "std::max", "std::max": "std::min", "++": "--", "--": "++"}
WORD = re.compile(r"\b(?:true|false|std::min|std::max)\b|\+\+|--")
HIDDEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![\da-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
NO_PLACE = re.compile(r"\b(static_assert|prefetch\w*|using|typedef|friend|operator)\b|\[[&=\w, ]*\] *[({]|\)[ a-z]*= (default|delete|0)$")
CALL = re.compile(r"(\(.*\)\.|\*|::)?[A-Za-z_][\w:.\[\]>-]*(<[\w:, ]+>)?\(.*\)$|(\+\+|--)[\w(*].*$|[\w.\[\]]+(\+\+|--)$|(break|continue|return)$|throw .*")
ASSIGNMENT = re.compile(r"[\w:.\[\]*>()-]+( \? [^=]*\))?[\w.\[\]]* (=|\+=|-=|\|=|&=|\^=|<<=|>>=) .*")
DECLARATION = re.compile(r"(?P<left>[\w:<>,&* \[\]]+ [\w, \]]+ = )(?P<right>.+)$")


class Mutant:
    """A change: `before` at [begin, end) of the header becomes `after`, written in the copy as `code`."""

    def __init__(self, header, line, begin, end, before, after, code, switched=True):
        self.header, self.line, self.begin, self.end = header, line, begin, end
        self.before, self.after, self.code, self.switched = before, after, code, switched
        self.number, self.outcome = 0, ""

    def __str__(self):
        return f"include/larder/{self.header}:{self.line}: `{self.before}` became `{self.after}`"


def hide(text):
    """The text with blanks for comments and for what strings say."""
    return HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]) if found[0][0] == "/" else found[0][0] + "_" * (len(found[0]) - 2) + found[0][-1], text)


def closing(text, at):
    """Where the bracket at `at` is closed on the same line; -1 when it is not."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    return -1


def changes(plain, hidden):
    """An expression with one small change, for each."""
    for found in OPERATOR.finditer(hidden):
        yield plain[:found.start()] + SWAPS[found[0]] + plain[found.end():]
    for found in NUMBER.finditer(hidden):
        yield plain[:found.start()] + str(int(found[0].replace("'", ""), 0) + 1) + plain[found.end():]
    for found in WORD.finditer(hidden):
        yield plain[:found.start()] + WORDS[found[0]] + plain[found.end():]


def parts(line):
    """The conditions and statements of a line, as (kind, begin, end); a statement's end is its semicolon's."""
    at = 0
    while at < len(line):
        skipped = re.compile(r"[\s{};]+|else\b|do\b|(case [^:]+|default|public|private|protected):(?!:)").match(line, at)
        if skipped:
            at = skipped.end()
            continue
        head = re.compile(r"(if|while|for|switch|if constexpr) \(").match(line, at)
        if head:
            close = closing(line, head.end() - 1)
            if close < 0:
                return
            begin, end = head.end(), close
            inside = line[begin:end]
            if head[1] == "for" and inside.count("; ") == 2:
                yield "loop", begin + inside.index("; ") + 2, begin + inside.rindex("; ")
            elif head[1] in ("if", "while") and not DECLARATION.match(inside.rpartition("; ")[2]):
                yield "condition", begin + inside.rfind("; ") + 2 if "; " in inside else begin, end
            at = close + 1
            continue
        depth, end, body = 0, at, False
        while end < len(line) and not (depth == 0 and line[end] == ";"):
            if line[end] == "{" and depth == 0 and not re.match(r"return\b|.* = |throw\b", line[at:end]):
                body = True                                 # what stood before it was the head of a function or a class
                break
            depth += (line[end] in "([{") - (line[end] in ")]}")
            end += 1
            if depth < 0:
                return
        if end == len(line):
            return
        if not body:
            yield "statement", at, end
        at = end + 1


def mutants_of(header):
    text = (ROOT / "include/larder" / header).read_text(encoding="utf-8")
    start, before = 0, ";"
    for number, (line, hidden) in enumerate(zip(text.split("\n"), hide(text).split("\n")), 1):
        begins = before[-1] in ";{}:" or (before[-1] == ")" and re.match(r"\s*(if|for|while|else)\b", before))
        if begins and not re.match(r"\s*(#|:|template\b|static_assert)", hidden):
            for kind, begin, end in parts(hidden):
                if not NO_PLACE.search(hidden[begin:end]):
                    yield from mutants_at(header, number, start, kind, begin, end, line, hidden)
        start += len(line) + 1
        before = hidden.rstrip() if hidden.strip() and not hidden.startswith("#") else before


def mutants_at(header, number, start, kind, begin, end, line, hidden):
    plain, bare = line[begin:end], hidden[begin:end]

    def mutant(after, code, last=end, switched=True):
        return Mutant(header, number, start + begin, start + last, plain, after, code, switched)

    if kind in ("condition", "loop"):
        for changed in [*changes(plain, bare), *([f"!({plain})"] if kind == "condition" else [])]:
            yield mutant(changed, f"larder_mutant(@) ? static_cast<bool>({changed}) : static_cast<bool>({plain})")
    elif bare.startswith("return ") and not bare.startswith("return {"):
        results = list(changes(plain, bare))
        if re.search(r"[a-z]", bare[7:]) and bare[7:] not in ("*this", "true", "false"):
            results.append("return {}")
        for changed in results:
            yield mutant(changed, f"{{ if (larder_mutant(@)) {changed}; {plain}; }}", end + 1)
    elif CALL.fullmatch(bare) or ASSIGNMENT.fullmatch(bare):
        for changed in changes(plain, bare):
            yield mutant(changed, f"{{ if (larder_mutant(@)) {changed}; else {plain}; }}", end + 1)
        yield mutant("", f"{{ if (!larder_mutant(@)) {plain}; }}", end + 1)
    elif (found := DECLARATION.match(bare)):
        left, right = plain[:found.end("left")], plain[found.end("left"):]
        for changed in changes(right, found["right"]):
            if "constexpr" in left:
                yield mutant(left + changed, left + changed, switched=False)
            elif not right.startswith("{"):
                yield mutant(left + changed, f"{left}larder_mutant(@) ? ({changed}) : ({right})")


def draw(header, count, seed, constants):
    """At most so many of a header's mutants, on different lines."""
    by_line = collections.defaultdict(list)
    for mutant in mutants_of(header):
        if mutant.switched or constants:
            by_line[mutant.line].append(mutant)
    chance = random.Random(f"{seed} {header}")
    lines = chance.sample(sorted(by_line), min(count, len(by_line)))
    drawn = [chance.choice(by_line[line]) for line in sorted(lines)]
    return [m for m in drawn if m.after != "return {}" or m.before not in ("return nullptr", "return std::nullopt")]  # the same in other words


# ----------------------------------------------------------------------------------------------------- building and running

def say(text):
    print(text, file=sys.stderr, flush=True)


def write_copies(folder, mutants):
    """The headers with their mutants in them."""
    shutil.rmtree(folder, ignore_errors=True)
    for header in {mutant.header for mutant in mutants}:
        text = (ROOT / "include/larder" / header).read_text(encoding="utf-8")
        for mutant in sorted((m for m in mutants if m.header == header), key=lambda m: -m.begin):
            text = text[:mutant.begin] + mutant.code.replace("@", str(mutant.number)) + text[mutant.end:]
        path = folder / "larder" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def sources_of(tests):
    """Files to compile: some tests that lie in one folder and can stand in a namespace become one."""
    unfit = re.compile(r"^(namespace (larder|std|rc|doctest)|template ?<>|extern|#if|#define|#undef|int main)|operator new|STRINGIFY", re.MULTILINE)
    alone, folders = [], collections.defaultdict(list)
    for test in tests:
        text = (ROOT / "tests" / test).read_text(encoding="utf-8")
        if not test.startswith("unit/") or unfit.search(text):
            alone.append([test])
        else:
            folders[os.path.dirname(test)].append(test)
    return alone + [group[i:i + TOGETHER] for group in folders.values() for i in range(0, len(group), TOGETHER)]


def write_source(group):
    if len(group) == 1:
        return ROOT / "tests" / group[0]
    includes = {}
    for test in group:
        for name in re.findall(r"^#include (.+)$", (ROOT / "tests" / test).read_text(encoding="utf-8"), re.MULTILINE):
            beside = ROOT / "tests" / os.path.dirname(test) / name.strip('"')
            includes[f'#include "{beside}"' if name.startswith('"') and beside.exists() else f"#include {name}"] = True
    path = BUILD / (group[0].replace("/", "_").removesuffix(".cpp") + "_and_more.cpp")
    path.write_text("\n".join(includes) + "".join(f'\nnamespace batch_{i} {{\n#include "{ROOT / "tests" / test}"\n}}' for i, test in enumerate(group)) + "\n")
    return path


def compile(source, target, copies, *flags):
    done = subprocess.run([*COMPILER, "-I", str(copies), "-I", str(ROOT / "tests"), "-I", str(ROOT / "include"), f'-DLARDER_SCRIPT_DIR="{ROOT}/tests/support"',
                           f'-DLARDER_SHARED_DIR="{ROOT.parent}/shared"', *(flags or ("-c", "-include", str(BUILD / "prelude.hpp"))), str(source), "-o", str(target)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr


def build(tests, mutants, copies):
    """Programs, and which tests each has. Takes out of `mutants` what does not compile."""
    if not (BUILD / "main.o").exists():
        (BUILD / "prelude.hpp").write_text(PRELUDE)
        if said := (compile(BUILD / "prelude.hpp", BUILD / "prelude.hpp.gch", copies, "-x", "c++-header") or
                       compile(ROOT / "tests/doctest_main.cpp", BUILD / "main.o", copies, "-c")):
            sys.exit(f"mutate: the tests' main does not compile:\n{said}")
    programs = {}
    write_copies(copies, mutants)
    for group in sources_of(tests):
        source, began = write_source(group), time.monotonic()
        target = BUILD / (source.stem + ".o")
        while said := compile(source, target, copies):
            places = {(name, int(line)) for name, line in re.findall(rf"^{re.escape(str(copies))}/larder/(\S+?):(\d+):", said, re.MULTILINE)}
            errors = {(name, int(line)) for name, line in re.findall(rf"^{re.escape(str(copies))}/larder/(\S+?):(\d+):\d+: (?:fatal )?error", said, re.MULTILINE)}
            broken = [m for m in mutants if (m.header, m.line) in errors] or [m for m in mutants if (m.header, m.line) in places]
            if not broken:
                (BUILD / "errors.txt").write_text(said)
                sys.exit(f"mutate: {source} does not compile, and no mutant's line is named: {BUILD / 'errors.txt'}")
            for mutant in broken:
                mutant.outcome = "not compiled"
                mutants.remove(mutant)
            say(f"  {len(broken)} did not compile: " + ", ".join(f"{m.header}:{m.line} {m.after}" for m in broken))
            write_copies(copies, mutants)
        say(f"  compiled {' '.join(group)} in {time.monotonic() - began:.0f} s")
        program = target.with_suffix("")
        subprocess.run([*COMPILER, str(target), str(BUILD / "main.o"), *LIBRARIES, "-o", str(program)], check=True)
        programs[program] = group
    return programs


def run(program, tests, number, seconds):
    """Runs the tests that lie in these files: "passed", "failed" or "timeout", and the seconds of processor that it took."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="run_", dir=BUILD))

    def limited():
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    command = [str(program), "--no-intro", "--abort-after=1", "--source-file=" + ",".join("*/" + os.path.basename(test) for test in tests)]
    with open(BUILD / f"output_{program.stem}_{number}.txt", "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, env={**os.environ, "LARDER_MUTANT": str(number), "TMPDIR": str(scratch), "RC_PARAMS": "seed=20240601"},
                                   preexec_fn=limited, start_new_session=True, stdout=output, stderr=subprocess.STDOUT)
    deadline, ended = time.monotonic() + 60 + 20 * seconds, 0    # of wall: other work may have the processors
    while ended == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
    try:
        os.killpg(process.pid, signal.SIGKILL)              # and what it had started
    except ProcessLookupError:
        pass
    if ended == 0:
        _, status, used = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    shutil.rmtree(scratch, ignore_errors=True)
    return "passed" if code == 0 else "timeout" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "failed", used.ru_utime + used.ru_stime


def judge(mutants, programs, jobs):
    """Runs each mutant's tests until one fails."""
    wanted = {header: [(program, found) for program, tests in programs.items() if (found := tuple(t for t in COVERED_BY[header] if t in tests))]
              for header in {mutant.header for mutant in mutants}}
    usual, turns = {}, collections.defaultdict(threading.Lock)

    def seconds_of(what):
        """What the tests take without a mutant; found out when the first one needs it."""
        with turns[what]:
            if what not in usual:
                outcome, usual[what] = run(*what, 0, 600)
                if outcome != "passed":
                    raise RuntimeError(f"{' '.join(what[1])}: {outcome} without a mutant")
            return usual[what]

    def judge_one(mutant):
        outcome = "survived"
        for what in wanted[mutant.header]:
            if (ended := run(*what, mutant.number, 4 + 4 * seconds_of(what))[0]) != "passed":
                outcome = "killed" if ended == "failed" else ended
                break
        mutant.outcome = outcome
        say(f"  {outcome}: {mutant}")

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(judge_one, mutants))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--each", type=int, default=10, metavar="N", help="mutants per header (10)")
    arguments.add_argument("--seed", type=int, default=1, metavar="N", help="which ones (1)")
    arguments.add_argument("--constants", action="store_true", help="constexpr constants too: a compilation each")
    arguments.add_argument("--only", action="append", metavar="TEXT",
                           help="of those only the ones whose `FILE:LINE:` and change have this text, or one of these")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="so many run at once (as many as there are processors)")
    arguments.add_argument("--list", action="store_true", help="say which mutants there are; build nothing")
    arguments.add_argument("files", nargs="*", metavar="FILES", help="headers, as include/larder/eviction/arc.hpp or eviction/arc.hpp")
    given = arguments.parse_args()
    headers = [os.path.relpath(f, ROOT / "include/larder") if os.path.exists(f) else f.removeprefix("include/larder/") for f in given.files] or list(COVERED_BY)
    if unknown := [header for header in headers if header not in COVERED_BY]:
        sys.exit(f"mutate: no tests are named for {' '.join(unknown)}: add them to COVERED_BY in tools/mutate.py")

    all_mutants = [m for header in headers for m in draw(header, given.each, given.seed, given.constants)]
    for number, mutant in enumerate(all_mutants, 1):
        mutant.number = number
    all_mutants = [m for m in all_mutants if not given.only or any(text in str(m) for text in given.only)]
    if given.list:
        print(*all_mutants, sep="\n")
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    together = [m for m in all_mutants if m.switched]
    for mutants in [together, *([m] for m in all_mutants if not m.switched)]:
        tests = list(dict.fromkeys(test for m in mutants for test in COVERED_BY[m.header]))
        if mutants:
            judge(mutants, build(tests, mutants, BUILD / "include"), given.jobs)

    outcomes = ("killed", "timeout", "not compiled", "survived")
    report = [str(m) for m in all_mutants if m.outcome == "survived"]
    report.append("\n| header | mutants | " + " | ".join(outcomes) + " |\n| --- | --- | --- | --- | --- | --- |")
    for header in headers:
        those = [m.outcome for m in all_mutants if m.header == header]
        report.append(f"| `{header}` | {len(those)} | " + " | ".join(str(those.count(each)) for each in outcomes) + " |")
    (BUILD / "report.txt").write_text("\n".join(report) + "\n")
    print(*report, sep="\n")
    return 1 if any(m.outcome == "survived" for m in all_mutants) else 0


if __name__ == "__main__":
    sys.exit(main())
