#include "figures.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace bench {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

const figure* figure_list::find(std::string_view scenario, std::string_view subject, std::string_view metric) const {
  const auto at = std::find_if(figures_.begin(), figures_.end(), [&](const figure& f) {
    return f.scenario == scenario && f.subject == subject && f.metric == metric;
  });
  return at == figures_.end() ? nullptr : &*at;
}

void figure_list::write_json(const std::string& path) const {
  std::ofstream out(path);
  out << "[\n";
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    const figure& f = figures_[i];
    out << "  {\"case\": \"" << f.scenario << "\", \"subject\": \"" << f.subject << "\", \"metric\": \"" << f.metric
        << "\", \"unit\": \"" << f.unit << "\", \"value\": " << f.value << ", \"runs\": [";
    for (std::size_t j = 0; j < f.runs.size(); ++j) out << (j == 0 ? "" : ", ") << f.runs[j];
    out << "]}" << (i + 1 == figures_.size() ? "\n" : ",\n");
  }
  out << "]\n";
  if (!out.flush()) throw std::runtime_error("\"" + path + "\" cannot be written");
}

}  // namespace bench
