// What a put and a get cost on a local disk, what opening costs, cleanly and after a SIGKILL, and how much room the values take:
// `mmap_disk` beside LMDB, RocksDB, SQLite and plain files, all of them compared with one preallocated file.
//
// Compare the ratios: times of the processor, of all threads and in the kernel (wall times of a shared machine say little), each
// divided by what the floor took in the same round. put and fsync are divided by floor_pwrite, gets by floor_mmap. get1 is the first
// read of a value in a new process, get2 the second, both of every byte; touch reads one byte of a value that was read before. All
// reads come from the page cache. What was put is compared with what was read, each time. How: turn.hpp.

#include "cases.hpp"
#include "catalogue.hpp"
#include "../child.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>

namespace {

/// Subjects that a machine may not have.
constexpr const char* elsewhere[] = {"larder_zstd", "lmdb", "lmdb_b100", "rocksdb", "rocksdb_blob", "sqlite"};

bool has(const bench::candidates& all, const std::string& name) {
  return std::any_of(all.begin(), all.end(), [&](const bench::candidate& c) { return c.name == name; });
}

void print_help(const bench::candidates& all) {
  std::printf("%scases:", bench::usage);
  for (const bench::scenario& s : bench::scenarios({})) std::printf(" %s", s.name.c_str());
  std::printf("\nsubjects:");
  for (const bench::candidate& c : all) std::printf(" %s", c.name.c_str());
  for (const char* const name : elsewhere)
    if (!has(all, name)) std::printf(" %s", name);
  std::printf("\n");
}

void check_names(const bench::options& wanted, const bench::candidates& all) {
  const std::vector<bench::scenario> cases = bench::scenarios(wanted);
  for (const std::string& name : wanted.cases)
    if (std::none_of(cases.begin(), cases.end(), [&](const bench::scenario& s) { return s.name == name; }))
      throw std::invalid_argument("no case \"" + name + "\" (--help lists them)");
  for (const std::string& name : wanted.only)
    if (!has(all, name) &&
        std::none_of(std::begin(elsewhere), std::end(elsewhere), [&](const char* other) { return name == other; }))
      throw std::invalid_argument("no subject \"" + name + "\" (--help lists them)");
}

/// Beside the program: in the build folder, on a disk and not in memory.
std::filesystem::path default_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

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
  const bench::scratch_folder scratch(wanted.folder.empty() ? default_folder() : std::filesystem::path(wanted.folder),
                                      room_for(wanted));
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
  try {
    const bench::options wanted = bench::parse(count, arguments);
    const bench::candidates all = bench::everybody();
    if (wanted.help) {
      print_help(all);
      return 0;
    }
    check_names(wanted, all);
    return measure(wanted, all);
  } catch (const std::invalid_argument& wrong) {
    std::fprintf(stderr, "bench_disk: %s\n%s", wrong.what(), bench::usage);
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "bench_disk: %s\n", failure.what());
    return 1;
  }
}
