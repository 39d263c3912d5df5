// What a hit and what a miss cost in memory, on one thread and on two, and how many bytes an entry takes: larder's policies beside
// peers. Subjects take turns in one process (race.hpp), so that their ratios hold on a machine that does something else too; programs
// in other languages run before it, with the same requests (benchmarks/memory/peers.py), and their figures are joined.

#include "../program.hpp"
#include "cases.hpp"
#include "draws.hpp"
#include "options.hpp"
#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

std::vector<std::string> names_of_subjects(const bench::everybody& all) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& c : all.u64) add(c.name);
  for (const auto& c : all.byte_values) add(c.name);
  // A machine may not have these, or they are programs of their own.
  for (const char* const name :
       {"rocksdb_lru", "rocksdb_hyper_clock", "tbb_lru", "quick_cache", "quick_cache_sync", "moka", "caffeine"})
    add(name);
  return names;
}

std::vector<std::string> names_of_cases() {
  std::vector<std::string> names;
  for (const bench::scenario& s : bench::scenarios()) names.push_back(s.name);
  return names;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_memory", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    if (wanted.help) {
      bench::print_help(bench::usage, names_of_cases(), names_of_subjects(bench::everybody{}));
      return 0;
    }
    if (!wanted.draws.empty()) {
      bench::write_draws(wanted.draws, wanted);
      return 0;
    }
    const bench::everybody all;
    bench::check_names("case", wanted.cases, names_of_cases());
    bench::check_names("subject", wanted.only, names_of_subjects(all));
    bench::report figures;
    if (!wanted.beside.empty()) figures.read_beside(wanted.beside);
    std::printf("%zu chunks of %zu requests each, interleaved; medians, spread in brackets%s\n", wanted.chunks, wanted.chunk,
                wanted.quick ? "; --quick: too short and too small to be a figure" : "");
    for (const bench::scenario& s : bench::scenarios())
      if (wanted.wants_case(s.name)) s.run(s.name, all, wanted, figures);
    if (!wanted.out.empty()) figures.write_json(wanted.out);
    return 0;
  });
}
