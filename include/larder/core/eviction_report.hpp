#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// What an eviction policy that changes its behaviour does at present, and why.
struct eviction_report {
  struct candidate {
    std::string_view name;
    double hit_ratio;  ///< of late, among the keys it was tried on
  };

  std::string_view behaves_as;
  std::string reason;
  std::uint64_t switches = 0;         ///< how often the behaviour has changed
  double sampled_share = 1;           ///< of all keys, on which the candidates are tried
  std::vector<candidate> candidates;  ///< one of them is `behaves_as`
  std::size_t parts = 1;              ///< of the cache, each of which decides by itself
  std::size_t parts_alike = 1;        ///< those that behave as this one does
};

/// The report of the parts' most common behaviour, with all their changes; `parts` must not be empty.
inline eviction_report in_common(const std::vector<eviction_report>& parts) {
  std::size_t chosen = 0;
  std::size_t most = 0;
  std::uint64_t switches = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    switches += parts[i].switches;
    const auto alike = static_cast<std::size_t>(
        std::count_if(parts.begin(), parts.end(), [&](const eviction_report& p) { return p.behaves_as == parts[i].behaves_as; }));
    if (alike > most) {
      most = alike;
      chosen = i;
    }
  }
  eviction_report common = parts[chosen];
  common.switches = switches;
  common.parts = parts.size();
  common.parts_alike = most;
  return common;
}

}  // namespace larder
