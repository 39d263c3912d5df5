#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

bool is_ratio(const figure& f) { return f.metric.starts_with("ratio to "); }
constexpr std::string_view own_process = ", own process";

std::string with_spread(const figure& f) {
  char text[64];
  if (f.runs.size() < 2) {
    std::snprintf(text, sizeof text, "%.2f", f.value);
  } else {
    const auto [low, high] = std::minmax_element(f.runs.begin(), f.runs.end());
    std::snprintf(text, sizeof text, "%.2f (%.2f-%.2f)", f.value, *low, *high);
  }
  return text;
}

}  // namespace

void report::read_beside(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("\"" + path + "\" cannot be read");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    figure f;
    std::string numbers;
    if (!std::getline(fields, f.scenario, '\t') || !std::getline(fields, f.subject, '\t') ||
        !std::getline(fields, f.metric, '\t') || !std::getline(fields, f.unit, '\t') || !std::getline(fields, numbers))
      throw std::runtime_error("\"" + path + "\": this line has not five fields: " + line);
    std::istringstream values(numbers);
    for (double value; values >> value;) f.runs.push_back(value);
    if (f.runs.empty()) throw std::runtime_error("\"" + path + "\": this line has no number: " + line);
    f.value = median(f.runs);
    beside_.push_back(std::move(f));
  }
}

void report::join_beside(std::string_view scenario, std::string_view baseline) {
  for (const figure& other : beside_) {
    if (other.scenario != scenario) continue;
    add(other);
    const figure* const base = find(scenario, baseline, other.metric);
    if (base == nullptr || base->value <= 0) continue;
    if (other.metric == "memory") {
      add({other.scenario, other.subject, "above " + std::string(baseline), other.unit, other.value - base->value, {}});
      continue;
    }
    if (other.metric != "time") continue;
    figure ratio{other.scenario, other.subject, "ratio to " + std::string(baseline) + std::string(own_process), "x", 0, {}};
    for (const double run : other.runs) ratio.runs.push_back(run / base->value);
    ratio.value = median(ratio.runs);
    add(std::move(ratio));
  }
}

void report::close(std::string_view scenario, std::string_view about, std::string_view baseline) {
  join_beside(scenario, baseline);
  std::vector<std::string> subjects;
  std::vector<std::string> metrics;  // the columns: every metric but the ratios, which share one
  for (const figure& f : figures()) {
    if (f.scenario != scenario) continue;
    if (std::find(subjects.begin(), subjects.end(), f.subject) == subjects.end()) subjects.push_back(f.subject);
    if (!is_ratio(f) && std::find(metrics.begin(), metrics.end(), f.metric) == metrics.end()) metrics.push_back(f.metric);
  }
  std::printf("\n%s: %s\n%-22s", std::string(scenario).c_str(), std::string(about).c_str(), "");
  for (const std::string& metric : metrics) {
    const auto of_it = [&](const figure& f) { return f.scenario == scenario && f.metric == metric; };
    const std::string unit = std::find_if(figures().begin(), figures().end(), of_it)->unit;
    std::printf(" %18s", (unit == "1" || unit == "x" ? metric : metric + ", " + unit).c_str());
  }
  std::printf("   ratio\n");
  for (const std::string& subject : subjects) {
    std::printf("%-22s", subject.c_str());
    for (const std::string& metric : metrics) {
      const figure* const f = find(scenario, subject, metric);
      if (f == nullptr)
        std::printf(" %18s", "");
      else
        std::printf(" %18.*f", f->unit == "1" ? 4 : f->unit == "x" ? 2 : 1, f->value);
    }
    for (const figure& f : figures()) {
      if (f.scenario != scenario || f.subject != subject || !is_ratio(f)) continue;
      const std::string to = f.metric.substr(std::string("ratio to ").size());
      std::printf("   %-22s%s", with_spread(f).c_str(), to == baseline ? "" : (" to " + to).c_str());
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

}  // namespace bench
