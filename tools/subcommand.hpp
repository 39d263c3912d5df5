#pragma once

#include "exit_code.hpp"

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tools {

/// A subcommand of a command, and what runs it: `prepare` reads the options (wrong use when it throws larder::error), `work` does
/// the rest.
struct subcommand {
  CLI::App* app;
  std::function<void()> prepare;
  std::function<int()> work;
  std::function<int()> code_when_failed = [] { return exit_code::failed; };
};

/// What `prepare` throws for what an option may not be.
[[noreturn]] void refuse(const std::string& message);

/// Runs the one of them that the command line names, and gives its exit code. What it throws is told on standard error; a file that
/// the system keeps from us with `needed_rights` behind it.
std::function<int()> one_of(std::vector<subcommand> all, std::string needed_rights = {});

}  // namespace tools
