#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the command line says.
struct options {
  std::size_t chunks = 11;
  std::size_t chunk = 1'000'000;  ///< requests in one
  std::size_t keys = 1'000'000;
  std::vector<std::string> cases;  ///< empty: all
  std::vector<std::string> only;   ///< names of subjects; empty: all
  std::string out;                 ///< the JSON file
  std::string beside;              ///< figures that other programs measured, to be shown with ours
  std::string draws;               ///< a folder that the requests go to, for other programs
  bool quick = false;
  bool help = false;

  bool wants_case(std::string_view name) const;
  bool wants(std::string_view subject) const;
};

/// Throws std::invalid_argument with a sentence.
options parse(int count, char** arguments);
extern const char* const usage;

}  // namespace bench
