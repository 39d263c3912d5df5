#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options {
  std::size_t rounds = 5;
  std::size_t layers = 32;
  std::size_t layer_size = std::size_t{64} << 20U;  ///< bytes
  std::vector<std::string> cases;                   ///< empty: all
  std::vector<std::string> only;                    ///< names of subjects; empty: all
  std::string out;                                  ///< the JSON file
  std::string folder;                               ///< where the model is written; empty: beside the program
  std::string python = "python3";                   ///< what runs the peers in Python
  bool quick = false;
  bool help = false;

  bool wants_case(std::string_view name) const;
  bool wants(std::string_view subject) const;
  std::uint64_t model_size() const { return static_cast<std::uint64_t>(layers) * layer_size; }
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
