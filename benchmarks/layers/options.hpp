#pragma once

#include "../round_options.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options : round_options {
  options() : round_options{.rounds = 5} {}
  std::size_t layers = 32;
  std::size_t layer_size = std::size_t{64} << 20U;  ///< bytes
  std::vector<std::string> only;                    ///< names of subjects; empty: all
  std::string python = "python3";                   ///< what runs the peers in Python

  bool wants(std::string_view subject) const;
  std::uint64_t model_size() const { return static_cast<std::uint64_t>(layers) * layer_size; }
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
