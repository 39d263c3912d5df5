#pragma once

#include "../round_options.hpp"

#include <cstddef>

namespace bench {

/// What the command line says.
struct options : round_options {
  options() : round_options{.rounds = 11} {}
  std::size_t large = std::size_t{1} << 30U;  ///< bytes of the large object
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
