#include "exit_code.hpp"
#include "pass_command.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

namespace tools {

/// In place of the command where the component `artifact` is not built.
std::function<int()> add_pass(CLI::App& larder) {
  larder.add_subcommand("pass", "What passes made, in a pass_cache (not in this build)")->allow_extras();
  return [] {
    std::fputs("larder pass: this larder was built without the component artifact; configure with LARDER_WITH_ARTIFACT=ON\n",
               stderr);
    return exit_code::failed;
  };
}

}  // namespace tools
