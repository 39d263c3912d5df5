#include "targets.hpp"

#include <algorithm>
#include <cstdio>

namespace bench {

std::string report_of(const std::vector<target>& targets, const figure_list& all) {
  std::string text;
  for (const target& t : targets) {
    const figure* const f = all.find(t.scenario, t.subject, t.metric);
    if (f == nullptr) continue;
    const auto meets = [&](double value) { return t.at_least ? value >= t.bound : value <= t.bound; };
    const bool any = std::any_of(f->runs.begin(), f->runs.end(), meets);
    char line[256];
    std::snprintf(line, sizeof line, "  %-14s %-30s %-26s %9.3f   %s %9.3f   %s\n", t.scenario.c_str(), t.subject.c_str(),
                  t.metric.c_str(), f->value, t.at_least ? "at least" : "at most ", t.bound,
                  meets(f->value) ? "met"
                  : any           ? "within the spread"
                                  : "MISSED");
    text += line;
  }
  return text.empty() ? text : "targets\n" + text;
}

}  // namespace bench
