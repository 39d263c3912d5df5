#pragma once

#include "../rounds.hpp"
#include "options.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// The server that the HTTP cases share: nginx, and the folder of its files, which hold `fill`ed objects `large` and `small`.
struct site {
  std::string url;
  std::uint16_t port;
  std::filesystem::path files;
  std::size_t large;
  static constexpr std::size_t small = 1024;
};

// A contest for each case, each list in the file of its name. The first contender is the bare loop that the others are compared with.
std::vector<contest> downloads(const site& where);
std::vector<contest> uploads(const site& where);
std::vector<contest> small_objects(const site& where);
std::vector<contest> recovery(const site& where);
std::vector<contest> redis_values(const std::string& host, std::uint16_t port);

/// Their names, for who has no server to ask.
inline const std::vector<std::string> case_names{"download_1", "download_4", "download_8", "upload",
                                                 "small",      "recovery",   "redis_get"};

}  // namespace bench
