#pragma once

#include "../round_options.hpp"

#include <cstddef>
#include <string_view>

namespace bench {

/// What the command line says.
struct options : round_options {
  options() : round_options{.rounds = 11} {}
  double scale = 1;  ///< of what is hashed and listed

  std::size_t packages() const;      ///< in the store that is listed: 10,000 at this scale
  std::size_t hashed_bytes() const;  ///< 512 MiB at this scale
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
