#include "exit_code.hpp"
#include "models_command.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

namespace tools {

/// In place of the command where the component `artifact` is not built.
std::function<int()> add_models(CLI::App& larder) {
  larder.add_subcommand("models", "The packages of a package_store (not in this build)")->allow_extras();
  return [] {
    std::fputs("larder models: this larder was built without the component artifact; configure with LARDER_WITH_ARTIFACT=ON\n",
               stderr);
    return exit_code::failed;
  };
}

}  // namespace tools
