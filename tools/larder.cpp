// The command `larder`: one subcommand per file <name>_command.cpp.

#include "config_command.hpp"
#include "dataset_command.hpp"
#include "disk_command.hpp"
#include "exit_code.hpp"
#include "layers_command.hpp"
#include "models_command.hpp"
#include "pass_command.hpp"
#include "serve_command.hpp"
#include "simulate_command.hpp"

#include <larder/core/version.hpp>

#include <CLI/CLI.hpp>

#include <functional>

int main(int count, char** arguments) {
  CLI::App app{"Tools around the caches of larder. `larder SUBCOMMAND --help` explains a subcommand.", "larder"};
  app.set_version_flag("--version", "larder " LARDER_VERSION_STRING);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done; 1 something could not be read or written; 2 wrong use");
  const std::function<int()> config = tools::add_config(app);
  const std::function<int()> dataset = tools::add_dataset(app);
  const std::function<int()> disk = tools::add_disk(app);
  const std::function<int()> layers = tools::add_layers(app);
  const std::function<int()> models = tools::add_models(app);
  const std::function<int()> pass = tools::add_pass(app);
  const std::function<int()> serve = tools::add_serve(app);
  const std::function<int()> simulate = tools::add_simulate(app);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? tools::exit_code::done : tools::exit_code::wrong_use;  // --help and --version stop here too
  }
  if (app.got_subcommand("config")) return config();
  if (app.got_subcommand("dataset")) return dataset();
  if (app.got_subcommand("disk")) return disk();
  if (app.got_subcommand("layers")) return layers();
  if (app.got_subcommand("models")) return models();
  if (app.got_subcommand("pass")) return pass();
  return app.got_subcommand("serve") ? serve() : simulate();
}
