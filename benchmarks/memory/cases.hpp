#pragma once

#include "options.hpp"
#include "report.hpp"
#include "subject.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// Everybody that this program was built with.
struct everybody {
  candidates<std::uint64_t> u64;
  candidates<std::string> strings;
  candidates<std::uint64_t> byte_values;
  candidates<std::uint64_t> string_values;

  everybody();
  bool has(const std::string& name) const;
};

/// A case: a name, and what runs it, prints its table and adds its figures.
struct scenario {
  std::string name;
  void (*run)(const std::string& name, const everybody& all, const options& wanted, report& figures);
};

/// In the order in which they run.
const std::vector<scenario>& scenarios();

}  // namespace bench
