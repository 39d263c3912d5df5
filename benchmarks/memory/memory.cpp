// What a hit and what a miss cost in memory, on one thread and on two, and how many bytes an entry takes: larder's policies beside
// peers. Subjects take turns in one process (race.hpp), so that their ratios hold on a machine that does something else too; programs
// in other languages run before it, with the same requests (benchmarks/memory/peers.py), and their figures are joined.

#include "cases.hpp"
#include "draws.hpp"
#include "options.hpp"
#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace {

/// Subjects that a machine may not have, or that are programs of their own.
constexpr const char* elsewhere[] = {"rocksdb_lru", "rocksdb_hyper_clock", "tbb_lru", "quick_cache", "quick_cache_sync", "moka",
                                     "caffeine"};

void print_help(const bench::everybody& all) {
  std::printf("%scases:", bench::usage);
  for (const bench::scenario& s : bench::scenarios()) std::printf(" %s", s.name.c_str());
  std::printf("\nsubjects:");
  for (const auto& c : all.u64) std::printf(" %s", c.name.c_str());
  for (const auto& c : all.byte_values)
    if (std::none_of(all.u64.begin(), all.u64.end(), [&](const auto& other) { return other.name == c.name; }))
      std::printf(" %s", c.name.c_str());
  for (const char* name : elsewhere)
    if (!all.has(name)) std::printf(" %s", name);
  std::printf("\n");
}

void check_names(const bench::options& wanted, const bench::everybody& all) {
  for (const std::string& name : wanted.cases)
    if (std::none_of(bench::scenarios().begin(), bench::scenarios().end(),
                     [&](const bench::scenario& s) { return s.name == name; }))
      throw std::invalid_argument("no case \"" + name + "\" (--help lists them)");
  for (const std::string& name : wanted.only)
    if (!all.has(name) &&
        std::none_of(std::begin(elsewhere), std::end(elsewhere), [&](const char* other) { return name == other; }))
      throw std::invalid_argument("no subject \"" + name + "\" (--help lists them)");
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const bench::options wanted = bench::parse(count, arguments);
    if (wanted.help) {
      print_help(bench::everybody{});
      return 0;
    }
    if (!wanted.draws.empty()) {
      bench::write_draws(wanted.draws, wanted);
      return 0;
    }
    const bench::everybody all;
    check_names(wanted, all);
    bench::report figures;
    if (!wanted.beside.empty()) figures.read_beside(wanted.beside);
    std::printf("%zu chunks of %zu requests each, interleaved; medians, spread in brackets%s\n", wanted.chunks, wanted.chunk,
                wanted.quick ? "; --quick: too short and too small to be a figure" : "");
    for (const bench::scenario& s : bench::scenarios())
      if (wanted.wants_case(s.name)) s.run(s.name, all, wanted, figures);
    if (!wanted.out.empty()) figures.write_json(wanted.out);
    return 0;
  } catch (const std::invalid_argument& wrong) {
    std::fprintf(stderr, "bench_memory: %s\n%s", wrong.what(), bench::usage);
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "bench_memory: %s\n", failure.what());
    return 1;
  }
}
