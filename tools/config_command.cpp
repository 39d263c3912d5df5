#include "config_command.hpp"

#include "exit_code.hpp"
#include "subcommand.hpp"

#include <larder/config/settings.hpp>
#include <larder/config/settings_schema.hpp>
#include <larder/config/settings_text.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tools {
namespace {

using larder::settings;

std::optional<std::string> no_environment(const std::string&) { return std::nullopt; }

/// The settings of a file, what the environment says laid over them.
settings read(const std::string& file, bool alone) {
  return settings::load(file, {}, alone ? &no_environment : &larder::environment_of_process);
}

subcommand add_show(CLI::App& config) {
  struct given {
    std::string file;
    std::string format = "explained";
    bool json = false;
    bool alone = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = *config.add_subcommand("show", "What holds: each key, its value, and where it was said");
  app.add_option("FILE", chosen->file, "settings: .json, .toml, .yaml or .yml")->required();
  app.add_option("--as", chosen->format, "explained, or a file that says the same: json, toml, yaml")
      ->check(CLI::IsMember({"explained", "json", "toml", "yaml"}))
      ->capture_default_str();
  app.add_flag("--json", chosen->json, "the same as --as json");
  app.add_flag("--file-only", chosen->alone, "without what the environment says");
  app.footer(R"(Examples:
  larder config show larder.toml
  CACHE_MEMORY_SIZE=4GB larder config show larder.yaml
  larder config show larder.yaml --as toml --file-only > larder.toml

Exit codes: 0 done; 1 the settings cannot be read or cannot work; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            const settings all = read(chosen->file, chosen->alone);
            const std::map<std::string, larder::settings_format> formats{{"json", larder::settings_format::json},
                                                                         {"toml", larder::settings_format::toml},
                                                                         {"yaml", larder::settings_format::yaml}};
            const auto format = formats.find(chosen->json ? "json" : chosen->format);
            std::fputs((format == formats.end() ? explained(all) : to_text(all, format->second)).c_str(), stdout);
            for (const std::string& warning : all.warnings()) std::fprintf(stderr, "larder: %s\n", warning.c_str());
            return exit_code::done;
          }};
}

subcommand add_check(CLI::App& config) {
  struct given {
    std::string file;
    bool alone = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = *config.add_subcommand("check", "Whether settings can work; nothing is printed when they can");
  app.add_option("FILE", chosen->file, "settings: .json, .toml, .yaml or .yml")->required();
  app.add_flag("--file-only", chosen->alone, "without what the environment says");
  app.footer(R"(Examples:
  larder config check larder.toml

Exit codes: 0 they can; 1 they cannot be read or cannot work; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            for (const std::string& warning : read(chosen->file, chosen->alone).warnings())
              std::fprintf(stderr, "larder: %s\n", warning.c_str());
            return exit_code::done;
          }};
}

subcommand add_text(CLI::App& config, const char* name, const char* what, std::string (*text)()) {
  CLI::App& app = *config.add_subcommand(name, what);
  return {&app, [] {},
          [text] {
            std::fputs(text().c_str(), stdout);
            return exit_code::done;
          }};
}

}  // namespace

std::function<int()> add_config(CLI::App& larder) {
  CLI::App& config =
      *larder.add_subcommand("config", "Settings of caches: what holds, whether they can work, which keys there are");
  config.require_subcommand(1);
  return one_of({add_show(config), add_check(config),
                 add_text(config, "keys", "Every key, as a table in Markdown", &::larder::settings_keys),
                 add_text(config, "schema", "The JSON Schema of settings, for editors", &::larder::settings_schema)});
}

}  // namespace tools
