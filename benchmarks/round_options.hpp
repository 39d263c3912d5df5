#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What one may say to every benchmark that runs in rounds.
struct round_options {
  std::size_t rounds;
  std::vector<std::string> cases{};  ///< empty: all
  std::string out{};                 ///< the JSON file
  std::string folder{};              ///< where it writes; empty: beside the program
  bool quick = false;
  bool help = false;

  bool wants_case(std::string_view name) const;
  /// The folder; by default that of the program: in the build folder, on a disk and not in memory.
  std::filesystem::path parent_folder() const;

  /// Takes over what a command line says; --quick is two rounds unless it says how many. Gives all that it says, that of the
  /// `further` options, which have values, too. Throws std::invalid_argument with a sentence.
  std::map<std::string, std::string, std::less<>> read(int count, char** arguments, std::vector<std::string_view> further = {});
};

}  // namespace bench
