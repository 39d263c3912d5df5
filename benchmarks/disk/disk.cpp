// What a put and a get cost on a local disk, what opening costs, cleanly and after a SIGKILL, and how much room the values take:
// `mmap_disk` beside LMDB, RocksDB, SQLite and plain files, all of them compared with one preallocated file.
//
// Compare the ratios: times of the processor, of all threads and in the kernel (wall times of a shared machine say little), each
// divided by what the floor took in the same round. put and fsync are divided by floor_pwrite, gets by floor_mmap. get1 is the first
// read of a value in a new process, get2 the second, both of every byte; touch reads one byte of a value that was read before. All
// reads come from the page cache. What was put is compared with what was read, each time. How: turn.hpp.

#include "../child.hpp"
#include "../program.hpp"
#include "cases.hpp"
#include "catalogue.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

/// All subjects: those that are there, and those that a machine may not have.
std::vector<std::string> names_of_subjects(const bench::candidates& all) {
  std::vector<std::string> names;
  for (const bench::candidate& c : all) names.push_back(c.name);
  for (const char* const name : {"larder_zstd", "lmdb", "lmdb_b100", "rocksdb", "rocksdb_blob", "sqlite"})
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  return names;
}

std::vector<std::string> names_of_cases() {
  std::vector<std::string> names;
  for (const bench::scenario& s : bench::scenarios({})) names.push_back(s.name);
  return names;
}

/// Four times the largest case: peers write twice, and compact into new files before they remove the old ones.
std::uint64_t room_for(const bench::options& wanted) {
  std::uint64_t largest = 0;
  for (const bench::scenario& s : bench::scenarios(wanted))
    if (wanted.wants_case(s.name)) largest = std::max(largest, s.payload());
  return 4 * largest;
}

int measure(const bench::options& wanted, const bench::candidates& all) {
  bench::candidates field;
  for (const bench::candidate& c : all)
    if (wanted.wants(c.name) || c.name == bench::put_floor || c.name == bench::get_floor) field.push_back(c);
  bench::stop_children_on_signals();
  const bench::scratch_folder scratch(wanted.parent_folder(), room_for(wanted));
  std::printf("%zu rounds, in each of which every subject has its turn%s\n", wanted.rounds,
              wanted.quick ? "; --quick: too short and too small to be a figure" : "");
  bench::figure_list figures;
  bool all_right = true;
  for (const bench::scenario& s : bench::scenarios(wanted))
    if (wanted.wants_case(s.name)) all_right = bench::run(s, field, wanted, scratch, figures) && all_right;
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return all_right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_disk", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    const bench::candidates all = bench::everybody();
    if (wanted.help) {
      bench::print_help(bench::usage, names_of_cases(), names_of_subjects(all));
      return 0;
    }
    bench::check_names("case", wanted.cases, names_of_cases());
    bench::check_names("subject", wanted.only, names_of_subjects(all));
    return measure(wanted, all);
  });
}
