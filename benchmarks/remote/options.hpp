#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options {
  std::size_t rounds = 11;
  std::size_t large = std::size_t{1} << 30U;  ///< bytes of the large object
  std::vector<std::string> cases;             ///< empty: all
  std::string out;                            ///< the JSON file
  std::string folder;                         ///< where nginx keeps its files; empty: beside the program
  bool quick = false;
  bool help = false;

  bool wants_case(std::string_view name) const;
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
