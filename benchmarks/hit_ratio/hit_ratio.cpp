// How often each policy misses on real traces, beside what libCacheSim reports for the same traces and capacities, and by how much
// each is worse than the best. The traces are those of LARDER_SHARED_DIR/traces; the caches are what `larder simulate` runs.

#include "expected_ratios.hpp"

#include "simulate/simulation.hpp"
#include "simulate/trace_reader.hpp"

#include <larder/core/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// libCacheSim's name of a policy of larder; empty when it has none that does the same.
std::string name_there(std::string_view name) {
  if (name == "s3_fifo") return "s3-fifo";
  if (name == "w_tinylfu") return "wtinyLFU";
  for (const std::string_view same : {"lru", "fifo", "clock", "sieve", "lfu", "arc", "lirs", "gdsf", "belady"})
    if (name == same) return std::string(name);
  return {};
}
/// What libCacheSim's best is taken of: its thirteen policies that know nothing of the future.
constexpr std::array<std::string_view, 13> online{"lru",  "fifo", "clock", "sieve", "s3-fifo", "arc", "wtinyLFU",
                                                  "lirs", "lfu",  "2q",    "slru",  "gdsf",    "lhd"};

double rounded(double ratio) { return std::round(ratio * 1e4) / 1e4; }  // as libCacheSim prints them

struct row {
  std::string scenario;
  std::string subject;
  std::string metric;
  double value;
};
std::vector<row> rows;

/// The simulations of all cases and policies, in the order of `cases`, then of the table of policies.
struct outcome {
  std::vector<expected_case> cases;
  std::vector<simulate::simulation> simulations;
  std::size_t policies = simulate::all_policies().size();

  const simulate::request_counts& of(std::size_t c, std::size_t policy) const {
    return simulations[c * policies + policy].counts;
  }
};

outcome simulate_cases(const std::filesystem::path& directory, std::deque<simulate::request_trace>& traces) {
  outcome result;
  result.cases = read_expected(directory / "expected.tsv");
  std::map<std::string, const simulate::request_trace*> by_name;
  for (const expected_case& c : result.cases) {
    const simulate::request_trace*& trace = by_name[c.trace];
    if (trace == nullptr) trace = &traces.emplace_back(simulate::read_trace((directory / (c.trace + ".txt.zst")).string()));
    for (const simulate::policy& order : simulate::all_policies())
      result.simulations.push_back({.trace = trace,
                                    .order = &order,
                                    .capacity = c.capacity,
                                    .by = c.by_bytes() ? simulate::counted::bytes : simulate::counted::entries});
  }
  simulate::run(result.simulations, 0);
  return result;
}

void compare(const outcome& result) {
  struct summary {
    std::string policy;
    std::string mode;
    std::size_t cases = 0;
    std::size_t equal = 0;
    double sum = 0;
    double sum_absolute = 0;
    double largest = 0;
    std::string where;
  };
  std::vector<summary> summaries;
  for (std::size_t p = 0; p < result.policies; ++p) {
    const std::string_view ours = simulate::all_policies()[p].name;
    const std::string theirs = name_there(ours);
    std::printf("\n%-24s %10s  %10s %10s %11s   %10s %10s %11s\n", std::string(ours).c_str(), "capacity", "libCacheSim", "larder",
                "difference", "bytes: lCS", "larder", "difference");
    for (const std::string_view mode : {"obj", "byte"}) {
      summary s{std::string(ours), std::string(mode), 0, 0, 0, 0, 0, {}};
      for (std::size_t i = 0; i < result.cases.size(); ++i) {
        const expected_case& c = result.cases[i];
        if (c.mode != mode) continue;
        const double ratio = rounded(result.of(i, p).miss_ratio());
        const double byte_ratio = rounded(result.of(i, p).byte_miss_ratio());
        rows.push_back({c.name(), std::string(ours), "miss ratio", ratio});
        if (c.by_bytes()) rows.push_back({c.name(), std::string(ours), "byte miss ratio", byte_ratio});
        std::printf("  %-22s %10llu ", (c.trace + " " + c.mode).c_str(), static_cast<unsigned long long>(c.capacity));
        const auto there = c.of.find(theirs);
        if (there == c.of.end()) {
          std::printf(" %10s %10.4f\n", "-", ratio);
          continue;
        }
        const double difference = ratio - there->second.miss_ratio;
        std::printf(" %10.4f %10.4f %+11.4f", there->second.miss_ratio, ratio, difference);
        if (c.by_bytes())
          std::printf("   %10.4f %10.4f %+11.4f", there->second.byte_miss_ratio, byte_ratio,
                      byte_ratio - there->second.byte_miss_ratio);
        std::printf("\n");
        rows.push_back({c.name(), std::string(ours), "miss ratio minus libCacheSim's", rounded(difference)});
        ++s.cases;
        s.equal += std::abs(difference) < 5e-5 ? 1U : 0U;
        s.sum += difference;
        s.sum_absolute += std::abs(difference);
        if (std::abs(difference) > std::abs(s.largest)) {
          s.largest = difference;
          s.where = c.trace + " " + std::to_string(c.capacity);
        }
      }
      if (s.cases != 0) summaries.push_back(s);
    }
  }
  std::printf("\nlarder's miss ratio minus libCacheSim's\n%-12s %-5s %6s %6s %14s %10s %12s  %s\n", "policy", "mode", "cases",
              "equal", "mean absolute", "mean", "largest", "where");
  for (const summary& s : summaries) {
    const auto n = static_cast<double>(s.cases);
    std::printf("%-12s %-5s %6zu %6zu %14.4f %+10.4f %+12.4f  %s\n", s.policy.c_str(), s.mode.c_str(), s.cases, s.equal,
                s.sum_absolute / n, s.sum / n, s.largest, s.where.c_str());
    rows.push_back({"all " + s.mode, s.policy, "mean absolute difference from libCacheSim", s.sum_absolute / n});
    rows.push_back({"all " + s.mode, s.policy, "largest absolute difference from libCacheSim", std::abs(s.largest)});
  }
}

/// Regret: the miss ratio minus the best of libCacheSim's policies for the case; below zero where larder is better than all of them.
void print_regret(const outcome& result, std::string_view mode) {
  struct regret {
    std::string subject;
    std::size_t cases = 0;
    double sum = 0;
    double largest = -1;
    std::size_t near = 0;
    std::size_t best = 0;
    std::size_t worse_than_lru = 0;
  };
  std::vector<regret> all;
  const auto add = [&](const std::string& subject, const std::function<std::optional<double>(std::size_t)>& ratio_of) {
    regret r;
    r.subject = subject;
    for (std::size_t i = 0; i < result.cases.size(); ++i) {
      const expected_case& c = result.cases[i];
      const std::optional<double> ratio = c.mode == mode ? ratio_of(i) : std::nullopt;
      if (!ratio) continue;
      double best = 1;
      for (const std::string_view policy : online)
        if (const auto there = c.of.find(std::string(policy)); there != c.of.end())
          best = std::min(best, there->second.miss_ratio);
      const double value = *ratio - best;
      ++r.cases;
      r.sum += value;
      r.largest = std::max(r.largest, value);
      r.near += value < 0.01 + 5e-5 ? 1U : 0U;
      r.best += value < 5e-5 ? 1U : 0U;
      r.worse_than_lru += *ratio - c.of.at("lru").miss_ratio > 0.01 + 5e-5 ? 1U : 0U;
    }
    if (r.cases != 0) all.push_back(r);
  };
  for (std::size_t p = 0; p < result.policies; ++p)
    if (!simulate::all_policies()[p].is_reference)
      add("larder " + std::string(simulate::all_policies()[p].name),
          [&](std::size_t i) { return rounded(result.of(i, p).miss_ratio()); });
  for (const std::string_view policy : online)
    add("libCacheSim " + std::string(policy), [&](std::size_t i) -> std::optional<double> {
      const auto there = result.cases[i].of.find(std::string(policy));
      return there == result.cases[i].of.end() ? std::nullopt : std::optional(there->second.miss_ratio);
    });
  std::stable_sort(all.begin(), all.end(), [](const regret& a, const regret& b) {
    return a.sum / static_cast<double>(a.cases) < b.sum / static_cast<double>(b.cases);
  });
  std::printf("\nregret, mode %s: miss ratio minus the best of libCacheSim's %zu policies\n%-26s %6s %12s %12s %18s %8s %20s\n",
              std::string(mode).c_str(), online.size(), "policy", "cases", "mean regret", "max regret", "within 0.01 of it",
              "is best", "lru + 0.01 or worse");
  for (const regret& r : all) {
    const double mean = r.sum / static_cast<double>(r.cases);
    std::printf("%-26s %6zu %12.4f %12.4f %18zu %8zu %20zu\n", r.subject.c_str(), r.cases, mean, r.largest, r.near, r.best,
                r.worse_than_lru);
    const std::string scenario = "all " + std::string(mode);
    rows.push_back({scenario, r.subject, "mean regret", mean});
    rows.push_back({scenario, r.subject, "max regret", r.largest});
    rows.push_back({scenario, r.subject, "cases within 0.01 of the best", static_cast<double>(r.near)});
  }
}

void write_json(const char* path) {
  std::ofstream out(path);
  out << "[";
  const char* separator = "\n";
  for (const row& r : rows) {
    out << separator << "  {\"case\": \"" << r.scenario << "\", \"subject\": \"" << r.subject << "\", \"metric\": \"" << r.metric
        << "\", \"unit\": \"1\", \"value\": " << r.value << ", \"runs\": []}";
    separator = ",\n";
  }
  out << "\n]\n";
}

std::filesystem::path directory_of_traces() {
  if (const char* shared = std::getenv("LARDER_SHARED_DIR")) return std::filesystem::path(shared) / "traces";
  return std::filesystem::path(LARDER_SHARED_DIR) / "traces";
}

}  // namespace

int main(int count, char** arguments) {
  const char* out = nullptr;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--out") == 0 && i + 1 < count) {
      out = arguments[++i];
    } else {
      std::printf(
          "usage: bench_hit_ratio [--out FILE.json]   the traces and expected.tsv are taken from $LARDER_SHARED_DIR/traces\n");
      return std::strcmp(arguments[i], "--help") == 0 ? 0 : 2;
    }
  }
  const std::filesystem::path directory = directory_of_traces();
  if (!std::filesystem::exists(directory / "expected.tsv")) {
    std::printf("SKIPPED: no traces; set LARDER_SHARED_DIR to the directory that holds traces/expected.tsv\n");
  } else {
    try {
      std::deque<simulate::request_trace> traces;
      const outcome result = simulate_cases(directory, traces);
      compare(result);
      print_regret(result, "obj");
      print_regret(result, "byte");
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "bench_hit_ratio: %s\n", failure.what());
      return 1;
    }
  }
  if (out != nullptr) write_json(out);
  return 0;
}
