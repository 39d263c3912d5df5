#include "config_command.hpp"
#include "exit_code.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

namespace tools {

/// In place of the command where the component `config` is not built.
std::function<int()> add_config(CLI::App& larder) {
  larder.add_subcommand("config", "Settings of caches (not in this build)")->allow_extras();
  return [] {
    std::fputs("larder config: this larder was built without the component config; configure with LARDER_WITH_CONFIG=ON\n",
               stderr);
    return exit_code::failed;
  };
}

}  // namespace tools
