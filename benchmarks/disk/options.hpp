#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options {
  std::size_t rounds = 5;
  double scale = 1;                ///< of the number of values of each case
  std::vector<std::string> cases;  ///< empty: all
  std::vector<std::string> only;   ///< names of subjects; empty: all
  std::string out;                 ///< the JSON file
  std::string folder;              ///< where the stores are made; empty: beside the program
  bool quick = false;
  bool help = false;

  bool wants_case(std::string_view name) const;
  bool wants(std::string_view subject) const;
  /// `count` at this scale, and never less than 4.
  std::size_t scaled(std::size_t count) const;
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
