#pragma once

#include "../round_options.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options : round_options {
  options() : round_options{.rounds = 5} {}
  double scale = 1;               ///< of the number of values of each case
  std::vector<std::string> only;  ///< names of subjects; empty: all

  bool wants(std::string_view subject) const;
  /// `count` at this scale, and never less than 4.
  std::size_t scaled(std::size_t count) const;
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
