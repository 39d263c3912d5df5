#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

/// A trace at one capacity, and the miss ratios that libCacheSim reports there.
struct expected_case {
  struct ratios {
    double miss_ratio;
    double byte_miss_ratio;
  };
  std::string trace;
  std::string mode;  ///< `obj`: capacities count entries; `byte`: bytes
  std::uint64_t capacity;
  std::map<std::string, ratios> of;  ///< by libCacheSim's name of the policy

  bool by_bytes() const { return mode == "byte"; }
  std::string name() const { return trace + " " + mode + " " + std::to_string(capacity); }
};

/// The cases of an expected.tsv, in its order. Throws `larder::error` when it is not one.
std::vector<expected_case> read_expected(const std::filesystem::path& file);
