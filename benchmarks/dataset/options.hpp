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
  double scale = 1;                ///< of the number of samples
  std::vector<std::string> only;   ///< names of subjects; empty: all
  std::string python = "python3";  ///< what runs the peers in Python

  bool wants(std::string_view subject) const;
  /// How many samples there are: 100,000 at this scale, a multiple of 8 and never less than 1024.
  std::size_t samples() const;
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
