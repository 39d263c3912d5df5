// The command `larder`: one subcommand per file <name>_command.cpp.

#include "completions_command.hpp"
#include "config_command.hpp"
#include "dataset_command.hpp"
#include "disk_command.hpp"
#include "exit_code.hpp"
#include "layers_command.hpp"
#include "models_command.hpp"
#include "pass_command.hpp"
#include "serve_command.hpp"
#include "simulate_command.hpp"
#include "top_command.hpp"
#include "wrong_line.hpp"

#include <larder/core/version.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <string>

namespace {

/// CLI11's own help of everything goes one level deep.
void print_all_help(const CLI::App& app, const std::string& above = {}) {
  std::printf("%s%s", above.empty() ? "" : "\n", app.help(above).c_str());
  const std::string name = above.empty() ? app.get_name() : above + " " + app.get_name();
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) print_all_help(*below, name);
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app{"Tools around the caches of larder. `larder SUBCOMMAND --help` explains a subcommand.", "larder"};
  app.set_version_flag("--version", "larder " LARDER_VERSION_STRING);
  app.set_help_all_flag("--help-all", "Print the help of every subcommand");
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done; 1 something could not be read or written; 2 wrong use; 130 interrupted (docs/command.md)");
  const std::function<int()> completions = tools::add_completions(app);
  const std::function<int()> config = tools::add_config(app);
  const std::function<int()> dataset = tools::add_dataset(app);
  const std::function<int()> disk = tools::add_disk(app);
  const std::function<int()> layers = tools::add_layers(app);
  const std::function<int()> models = tools::add_models(app);
  const std::function<int()> pass = tools::add_pass(app);
  const std::function<int()> serve = tools::add_serve(app);
  const std::function<int()> simulate = tools::add_simulate(app);
  const std::function<int()> top = tools::add_top(app);
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForAllHelp&) {
    print_all_help(app);
    return tools::exit_code::done;
  } catch (const CLI::ParseError& stop) {
    if (stop.get_exit_code() == 0) return app.exit(stop);  // --help and --version
    std::fprintf(stderr, "larder: %s\n", tools::wrong_line(app, stop).c_str());
    return tools::exit_code::wrong_use;
  }
  if (app.got_subcommand("completions")) return completions();
  if (app.got_subcommand("config")) return config();
  if (app.got_subcommand("dataset")) return dataset();
  if (app.got_subcommand("disk")) return disk();
  if (app.got_subcommand("layers")) return layers();
  if (app.got_subcommand("models")) return models();
  if (app.got_subcommand("pass")) return pass();
  if (app.got_subcommand("top")) return top();
  return app.got_subcommand("serve") ? serve() : simulate();
}
