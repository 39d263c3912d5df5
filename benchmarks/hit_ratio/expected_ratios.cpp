#include "expected_ratios.hpp"

#include <larder/core/error.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

std::vector<expected_case> read_expected(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<expected_case> cases;
  std::string line;
  std::getline(in, line);  // trace mode policy fraction capacity miss_ratio byte_miss_ratio
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    std::istringstream fields(line);
    expected_case row{};
    std::string policy;
    std::string fraction;
    expected_case::ratios ratios{};
    if (!(fields >> row.trace >> row.mode >> policy >> fraction >> row.capacity >> ratios.miss_ratio >> ratios.byte_miss_ratio))
      throw larder::error(larder::error_cause::corruption, file.string() + ", line " + std::to_string(number) +
                                                               ": not seven fields with numbers in the last four");
    auto same = std::find_if(cases.begin(), cases.end(), [&](const expected_case& c) { return c.name() == row.name(); });
    if (same == cases.end()) same = cases.insert(cases.end(), row);
    same->of[policy] = ratios;
  }
  return cases;
}
