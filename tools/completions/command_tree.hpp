#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace completions {

/// An option of a command, or a place of its line.
struct argument {
  std::vector<std::string> names;    ///< as they are written, -q and --quiet; of a place one word
  std::string what;                  ///< the first sentence of its description
  std::vector<std::string> choices;  ///< what its value is one of; empty: anything
  bool takes_value = true;
};

/// A command or a subcommand, with what may follow its name.
struct command {
  std::string name;
  std::string what;
  std::vector<argument> options;
  std::vector<argument> places;
  std::vector<command> subcommands;
};

/// What the parser of the command line knows.
command tree_of(const CLI::App& app);

}  // namespace completions
