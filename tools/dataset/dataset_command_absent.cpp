#include "dataset_command.hpp"
#include "exit_code.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

namespace tools {

/// In place of the command where the component `dataset` is not built.
std::function<int()> add_dataset(CLI::App& larder) {
  larder.add_subcommand("dataset", "The data sets of a dataset_cache (not in this build)")->allow_extras();
  return [] {
    std::fputs("larder dataset: this larder was built without the component dataset; configure with LARDER_WITH_DATASET=ON\n",
               stderr);
    return exit_code::failed;
  };
}

}  // namespace tools
