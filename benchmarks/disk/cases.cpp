#include "cases.hpp"

#include "catalogue.hpp"
#include "../child.hpp"
#include "../table.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>

namespace bench {
namespace {

/// What a metric is divided by, in the order of the tables.
struct compared {
  const char* metric;
  const char* floor;
};
constexpr compared ratios[] = {{"put", put_floor}, {"get1", get_floor}, {"get2", get_floor}, {"touch", get_floor}};
constexpr compared flushed_ratios[] = {{"put wall", put_floor}, {"put", put_floor}};

const measurement* find(const measurements& of_turn, const std::string& metric) {
  const auto at = std::find_if(of_turn.begin(), of_turn.end(), [&](const measurement& m) { return m.metric == metric; });
  return at == of_turn.end() ? nullptr : &*at;
}

std::size_t place_of(const candidates& field, const std::string& name) {
  const auto at = std::find_if(field.begin(), field.end(), [&](const candidate& c) { return c.name == name; });
  return static_cast<std::size_t>(at - field.begin());
}

void add_ratio(figure_list& all, const scenario& s, const candidates& field, std::size_t subject, const compared& wanted,
               const std::vector<std::vector<measurements>>& rounds) {
  const std::size_t floor = place_of(field, wanted.floor);
  if (floor == field.size()) return;
  figure ratio{s.name, field[subject].name, ratio_metric(wanted.metric, wanted.floor), "x", 0, {}};
  for (const std::vector<measurements>& round : rounds) {
    const measurement* const own = find(round[subject], wanted.metric);
    const measurement* const base = find(round[floor], wanted.metric);
    if (own != nullptr && base != nullptr && base->value > 0) ratio.runs.push_back(own->value / base->value);
  }
  if (ratio.runs.empty()) return;
  ratio.value = median(ratio.runs);
  all.add(std::move(ratio));
}

void print_tables(const figure_list& all, const scenario& s) {
  if (s.flushed) {
    std::printf("%s", table_of(all, s.name, {{"put wall", put_floor}, {"put", put_floor}, {"lost by kill", "", 0}}).c_str());
  } else {  // touch without its ratio: what one load costs says nothing about a look-up
    std::printf("%s",
                table_of(all, s.name, {{"put", put_floor}, {"get1", get_floor}, {"get2", get_floor}, {"touch", "", 3}}).c_str());
    std::printf("\n%s", table_of(all, s.name,
                                 {{"open wall", ""},
                                  {"open", ""},
                                  {"open per entry", "", 0},
                                  {"open after kill wall", ""},
                                  {"lost by kill", "", 0},
                                  {"close wall", ""},
                                  {"disk amplification", "", 3},
                                  {"RssAnon after open", "", 0}})
                            .c_str());
  }
  std::fflush(stdout);
}

}  // namespace

bool scenario::has(const candidate& who) const {
  if (flushed && !who.flushes) return false;
  return among.empty() || who.name == put_floor || who.name == get_floor || std::find(among.begin(), among.end(), who.name) != among.end();
}

std::vector<scenario> scenarios(const options& wanted) {
  constexpr std::size_t kib = 1024;
  return {{"4KiB", wanted.scaled(50'000), 4 * kib},
          {"64KiB", wanted.scaled(5'000), 64 * kib},
          {"64KiB_text", wanted.scaled(5'000), 64 * kib, false, {"larder", "larder_zstd"}, content::text},
          {"16MiB", wanted.scaled(25), 16 * kib * kib},
          {"64B", wanted.scaled(1'000'000), 64, false, {"larder", "lmdb"}},  // what an entry costs, whatever its value
          {"fsync", wanted.scaled(1'000), 4 * kib, true}};
}

void add_figures(figure_list& all, const scenario& s, const candidates& field,
                 const std::vector<std::vector<measurements>>& rounds) {
  for (std::size_t subject = 0; subject < field.size(); ++subject) {
    std::vector<figure> its;
    for (const std::vector<measurements>& round : rounds) {
      for (const measurement& m : round[subject]) {
        auto at = std::find_if(its.begin(), its.end(), [&](const figure& f) { return f.metric == m.metric; });
        if (at == its.end()) at = its.insert(at, {s.name, field[subject].name, m.metric, m.unit, 0, {}});
        at->runs.push_back(m.value);
      }
    }
    for (figure& f : its) {
      f.value = median(f.runs);
      all.add(std::move(f));
    }
    if (s.flushed)
      for (const compared& c : flushed_ratios) add_ratio(all, s, field, subject, c, rounds);
    else
      for (const compared& c : ratios) add_ratio(all, s, field, subject, c, rounds);
  }
}

bool run(const scenario& s, const candidates& field, const options& wanted, const scratch_folder& scratch, figure_list& all) {
  const workload w(s.count, s.value_size, s.made_of);
  std::vector<std::vector<measurements>> rounds;
  std::vector<bool> failed(field.size());
  for (std::size_t round = 0; round < wanted.rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<measurements>& here = rounds.emplace_back(field.size());
    for (std::size_t i = 0; i < field.size(); ++i) {
      const std::size_t subject = (i + round) % field.size();  // nobody is always first, or always after the same
      const candidate& who = field[subject];
      if (failed[subject] || !s.has(who)) continue;
      try {
        here[subject] = s.flushed ? take_flushed_turn(who, w, scratch) : take_turn(who, w, scratch);
      } catch (const stopped&) {
        throw;
      } catch (const std::exception& failure) {
        std::printf("%s: FAILED in case %s, left out: %s\n", who.name.c_str(), s.name.c_str(), failure.what());
        failed[subject] = true;
        for (std::vector<measurements>& earlier : rounds) earlier[subject].clear();
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::fprintf(stderr, "%s: round %zu of %zu took %.0f s\n", s.name.c_str(), round + 1, wanted.rounds, took.count());
  }
  add_figures(all, s, field, rounds);
  std::printf("\n%s: %zu values of %zu bytes%s; medians of %zu rounds, ratios inside a round, their spread in brackets\n",
              s.name.c_str(), s.count, s.value_size, s.flushed ? ", each put flushed before the next" : "", wanted.rounds);
  print_tables(all, s);
  return std::find(failed.begin(), failed.end(), true) == failed.end();
}

}  // namespace bench
