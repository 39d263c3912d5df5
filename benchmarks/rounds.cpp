#include "rounds.hpp"

#include "child.hpp"
#include "lap.hpp"

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

namespace bench {
namespace {

void add(const contest& c, const std::vector<std::vector<std::vector<double>>>& numbers, figure_list& all) {
  for (std::size_t who = 0; who < c.contenders.size(); ++who)
    for (std::size_t m = 0; m < c.metrics.size(); ++m) {
      figure own{c.name, c.contenders[who].name, c.metrics[m].name, c.metrics[m].unit, 0, {}};
      figure ratio{c.name, own.subject, ratio_metric(own.metric, c.contenders.front().name), "x", 0, {}};
      for (const auto& round : numbers) {
        if (round[who].empty()) continue;
        own.runs.push_back(round[who][m]);
        if (who != 0 && c.metrics[m].compared && !round.front().empty() && round.front()[m] > 0)
          ratio.runs.push_back(round[who][m] / round.front()[m]);
      }
      if (own.runs.empty()) continue;
      own.value = median(own.runs);
      ratio.value = median(ratio.runs);
      all.add(std::move(own));
      if (!ratio.runs.empty()) all.add(std::move(ratio));
    }
}

}  // namespace

double status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name)) return 1024 * std::stod(line.substr(name.size()));
  return 0;
}

cost cost_of(const std::function<void()>& work) {
  const double before = status_bytes("VmRSS:");
  const lap taken = time(work);
  return {taken.wall, taken.cpu, status_bytes("VmHWM:"), before};
}

bool run(const contest& c, std::size_t rounds, figure_list& all) {
  std::vector<std::vector<std::vector<double>>> numbers;
  std::vector<bool> failed(c.contenders.size());
  bool all_right = true;
  for (std::size_t round = 0; round < rounds; ++round) {
    auto& row = numbers.emplace_back(c.contenders.size());
    for (std::size_t i = 0; i < c.contenders.size(); ++i) {
      const std::size_t who = (round + i) % c.contenders.size();
      if (failed[who]) continue;
      try {
        c.contenders[who].before_turn();
        row[who] = in_child(ending::by_itself, c.contenders[who].turn);
      } catch (const stopped&) {
        throw;
      } catch (const std::exception& failure) {
        std::printf("%s: %s fails: %s\n", c.name.c_str(), c.contenders[who].name.c_str(), failure.what());
        failed[who] = true;
        all_right = false;
      }
    }
  }
  for (auto& row : numbers)
    for (std::size_t who = 0; who < failed.size(); ++who)
      if (failed[who]) row[who].clear();
  add(c, numbers, all);
  std::vector<column> columns;
  for (const metric& m : c.metrics) columns.push_back({m.name, m.compared ? c.contenders.front().name : "", m.digits});
  std::printf("\n%s\n%s", c.name.c_str(), table_of(all, c.name, columns).c_str());
  std::fflush(stdout);
  return all_right;
}

bool run(const std::vector<contest>& contests, const round_options& wanted, figure_list& all) {
  bool all_right = true;
  for (const contest& c : contests)
    if (wanted.wants_case(c.name)) all_right = run(c, wanted.rounds, all) && all_right;
  return all_right;
}

}  // namespace bench
