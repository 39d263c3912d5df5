#pragma once

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
};

}  // namespace larder
