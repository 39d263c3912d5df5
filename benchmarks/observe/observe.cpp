// What it costs to watch a cache, in CPU time per operation, each beside the same cache unwatched.
//
// Every turn is a process of its own, in turns with the others of its case; ratios are to the first one of the same round.
//   hit        get of 64-bit keys, all there, clock, sharded<>, one thread
//   evicting   puts of new keys into a full cache of that kind
//   collect    stats() of a cache, and its figures as Prometheus text and as JSON
//   log        a failure told to a log: held back by the rate, and let through

#include "../lap.hpp"
#include "../program.hpp"
#include "../round_options.hpp"
#include "../rounds.hpp"

#include <larder/larder.hpp>
#include <larder/observe/key_history.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/observe/log_events.hpp>
#include <larder/observe/metrics.hpp>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

const std::vector<std::string> case_names{"hit", "evicting", "collect", "log"};
const char* const usage =
    "usage: bench_observe [--help] [--case NAME,...] [--rounds N] [--quick] [--out FILE.json]\n"
    "  --rounds N    rounds, in each of which every subject has its turn (default 11)\n"
    "  --quick       2 rounds of a twentieth: shows that it runs, not how fast\n";

constexpr std::uint64_t room = 100'000;

/// Nanoseconds of CPU time for each of so many operations.
template <class Work>
std::vector<double> each(std::uint64_t times, Work&& work) {
  return {time([&] { work(); }).cpu * 1e9 / static_cast<double>(times)};
}

template <class... Observers>
std::vector<double> hits(std::uint64_t times, Observers... observers) {
  auto cache =
      larder::make_cache<std::uint64_t, std::uint64_t>(larder::clock{}, larder::max_entries{2 * room}, std::move(observers)...);
  for (std::uint64_t key = 0; key < room; ++key) cache.put(key, key);
  std::uint64_t sum = 0;
  std::uint64_t state = 1;
  const std::vector<double> took = each(times, [&] {
    for (std::uint64_t i = 0; i < times; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      cache.visit((state >> 40U) % room, [&](std::uint64_t value) { sum += value; });
    }
  });
  if (sum == 0 || cache.stats().hits != times) throw std::runtime_error("not every look-up was a hit");
  return took;
}
template <class... Observers>
std::vector<double> evictions(std::uint64_t times, Observers... observers) {
  auto cache =
      larder::make_cache<std::uint64_t, std::uint64_t>(larder::clock{}, larder::max_entries{room}, std::move(observers)...);
  for (std::uint64_t key = 0; key < room; ++key) cache.put(key, key);
  return each(times, [&] {
    for (std::uint64_t i = 0; i < times; ++i) cache.put(room + i, i);
  });
}

enum class form { stats, prometheus, json };
std::vector<double> collect(std::uint64_t times, form what) {
  auto cache =
      larder::make_cache<std::uint64_t, std::uint64_t>(larder::clock{}, larder::max_entries{room}, larder::latency_histogram{1});
  for (std::uint64_t key = 0; key < room; ++key) cache.put(key, key);
  for (std::uint64_t key = 0; key < room; ++key) cache.get(key);
  std::size_t size = 0;
  const std::vector<double> took = each(times, [&] {
    for (std::uint64_t i = 0; i < times; ++i) {
      if (what == form::stats) {
        size += cache.stats().hits;
        continue;
      }
      larder::metrics all;
      all.add("cache", cache);
      size += what == form::json ? all.json().size() : all.prometheus().size();
    }
  });
  if (size == 0) throw std::runtime_error("nothing was collected");
  return took;
}
std::vector<double> log(std::uint64_t times, double per_second) {
  std::uint64_t told = 0;
  const larder::log_events events{[&](const larder::log_line& line) { told += 1 + line.held_back; },
                                  {.per_second = per_second, .burst = 1}};
  const larder::error_event failure{
      larder::error_cause::network,
      "GET https://account.blob.core.windows.net/models/x?sig=abc: no connection; is the network up?"};
  const std::vector<double> took = each(times, [&] {
    for (std::uint64_t i = 0; i < times; ++i) events.f(failure);
  });
  if (told == 0) throw std::runtime_error("nothing was told");
  return took;
}

int measure(const round_options& wanted) {
  check_names("case", wanted.cases, case_names);
  std::printf("%zu rounds, in each of which every subject has its turn%s\n", wanted.rounds,
              wanted.quick ? "; --quick: too short to be a figure" : "");
  std::fflush(stdout);
  const std::uint64_t scale = wanted.quick ? 1 : 20;
  const std::uint64_t many = 500'000 * scale;
  const std::uint64_t some = 100'000 * scale;
  const std::uint64_t few = 500 * scale;
  const std::vector<metric> per_operation{{"time", "ns", 1}};
  const larder::key_history none{};
  const larder::key_history one_of_100{.share = 0.01};
  const larder::key_history all{.share = 1.0};
  const std::vector<contest> contests{
      {"hit",
       per_operation,
       {{"unwatched", [=] { return hits(many); }},
        {"latency_histogram", [=] { return hits(many, larder::latency_histogram{}); }},
        {"latency_histogram{1}", [=] { return hits(many, larder::latency_histogram{1}); }},
        {"key_history", [=] { return hits(many, one_of_100); }}}},
      {"evicting",
       per_operation,
       {{"unwatched", [=] { return evictions(some); }},
        {"latency_histogram", [=] { return evictions(some, larder::latency_histogram{}); }},
        {"key_history, nobody followed", [=] { return evictions(some, none); }},
        {"key_history, one of 100", [=] { return evictions(some, one_of_100); }},
        {"key_history, all", [=] { return evictions(some, all); }}}},
      {"collect",
       per_operation,
       {{"stats()", [=] { return collect(few, form::stats); }},
        {"Prometheus", [=] { return collect(few, form::prometheus); }},
        {"JSON", [=] { return collect(few, form::json); }}}},
      {"log", per_operation, {{"held back", [=] { return log(some, 0); }}, {"let through", [=] { return log(some, 1e12); }}}}};
  figure_list figures;
  const bool all_right = run(contests, wanted, figures);
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return all_right ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  return bench::run_program("bench_observe", bench::usage, [&] {
    bench::round_options wanted{.rounds = 11};
    wanted.read(count, arguments);
    if (!wanted.help) return bench::measure(wanted);
    bench::print_help(bench::usage, bench::case_names);
    return 0;
  });
}
