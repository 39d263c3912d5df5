#include "config_command.hpp"

#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "subcommand.hpp"

#include <larder/config/cache_settings.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_schema.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/core/error.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
    bool json = false;
    bool alone = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = *config.add_subcommand("check", "Whether settings can work; nothing is printed when they can");
  app.add_option("FILE", chosen->file, "settings: .json, .toml, .yaml or .yml")->required();
  app.add_flag("--json", chosen->json, "an object that says whether they can, the warnings, and what is wrong");
  app.add_flag("--file-only", chosen->alone, "without what the environment says");
  app.footer(R"(Examples:
  larder config check larder.toml
  larder config check larder.toml --json

Exit codes: 0 they can; 1 they cannot be read or cannot work; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            std::optional<std::string> wrong;
            std::vector<std::string> warnings;
            try {
              warnings = read(chosen->file, chosen->alone).warnings();
            } catch (const larder::error& e) {
              if (!chosen->json) throw;
              wrong = e.what();
            }
            if (chosen->json) {
              disk::json_object seen;
              seen.add("file", chosen->file).add("works", !wrong).add("error", wrong).add("warnings", warnings);
              std::printf("%s\n", seen.text().c_str());
            } else {
              for (const std::string& warning : warnings) std::fprintf(stderr, "larder: %s\n", warning.c_str());
            }
            return wrong ? exit_code::failed : exit_code::done;
          }};
}

template <class Settings>
void append_keys(std::vector<std::string>& rows, const std::string& section) {
  for (const larder::config::setting_key<Settings>& key : larder::config::keys_of<Settings>()) {
    disk::json_object row;
    row.add("key", section + std::string(key.name)).add("type", larder::config::type_text(key.type));
    row.add("unit", key.unit).add("default", key.fallback).add("purpose", key.purpose).add("only_for", key.only_for);
    std::vector<std::string> spellings(key.spellings.begin(), key.spellings.end());
    std::erase(spellings, "");
    row.add("spellings", spellings).add("choices", std::vector<std::string>(key.choices.begin(), key.choices.end()));
    rows.push_back(row.text());
  }
}
std::string keys_as_json() {
  std::vector<std::string> rows;
  append_keys<larder::cache_settings>(rows, "");
  append_keys<larder::manager_settings>(rows, std::string(larder::config::manager_section) + ".");
  std::string out = "[\n";
  for (const std::string& row : rows) out += row + (&row == &rows.back() ? "\n" : ",\n");
  return out + "]\n";
}

subcommand add_keys(CLI::App& config) {
  auto json = std::make_shared<bool>(false);
  CLI::App& app = *config.add_subcommand("keys", "Every key, as a table in Markdown");
  app.add_flag("--json", *json, "an array with an object for each key");
  return {&app, [] {},
          [json] {
            std::fputs((*json ? keys_as_json() : larder::settings_keys()).c_str(), stdout);
            return exit_code::done;
          }};
}
subcommand add_schema(CLI::App& config) {
  CLI::App& app = *config.add_subcommand("schema", "The JSON Schema of settings, for editors");
  return {&app, [] {},
          [] {
            std::fputs(larder::settings_schema().c_str(), stdout);
            return exit_code::done;
          }};
}

}  // namespace

std::function<int()> add_config(CLI::App& larder) {
  CLI::App& config =
      *larder.add_subcommand("config", "Settings of caches: what holds, whether they can work, which keys there are");
  config.require_subcommand(1);
  return one_of({add_show(config), add_check(config), add_keys(config), add_schema(config)});
}

}  // namespace tools
