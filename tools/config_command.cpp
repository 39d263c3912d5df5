#include "config_command.hpp"

#include "config/file_check.hpp"
#include "config/settings_json.hpp"
#include "config/settings_source.hpp"
#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "subcommand.hpp"

#include <larder/config/cache_settings.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_schema.hpp>
#include <larder/config/settings_text.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tools {
namespace {

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
  CLI::Option* const as = app.add_option("--as", chosen->format, "explained, or a file that says the same: json, toml, yaml")
                              ->check(CLI::IsMember({"explained", "json", "toml", "yaml"}))
                              ->capture_default_str();
  app.add_flag("--json", chosen->json, "what explained says, for programs: each key's value, default and origin")->excludes(as);
  app.add_flag("--file-only", chosen->alone, "without what the environment says");
  app.footer(R"(Examples:
  larder config show larder.toml
  CACHE_MEMORY_SIZE=4GB larder config show larder.yaml
  larder config show larder.yaml --as toml --file-only > larder.toml
  larder config show larder.yaml --json | jq '.caches.cache["memory.size"].origin'

Exit codes: 0 done; 1 the settings cannot be read or cannot work; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            const larder::settings all = settings_files::read(chosen->file, chosen->alone);
            const std::map<std::string, larder::settings_format> formats{{"json", larder::settings_format::json},
                                                                         {"toml", larder::settings_format::toml},
                                                                         {"yaml", larder::settings_format::yaml}};
            const auto format = formats.find(chosen->format);
            std::fputs((chosen->json              ? settings_files::settings_json(chosen->file, all)
                        : format == formats.end() ? explained(all)
                                                  : to_text(all, format->second))
                           .c_str(),
                       stdout);
            for (const std::string& warning : all.warnings()) std::fprintf(stderr, "larder: %s\n", warning.c_str());
            return exit_code::done;
          }};
}

subcommand add_check(CLI::App& config) {
  struct given {
    std::vector<std::string> files;
    bool json = false;
    bool alone = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app =
      *config.add_subcommand("check", "Whether settings can work; nothing is printed when they can, else every mistake");
  app.add_option("FILE", chosen->files, "settings: .json, .toml, .yaml or .yml; each is checked by itself")->required();
  app.add_flag("--json", chosen->json,
               "an object that says whether they can, the warnings, and each mistake with its place; an array for several files");
  app.add_flag("--file-only", chosen->alone, "without what the environment says");
  app.footer(R"(Examples:
  larder config check larder.toml
  larder config check settings/*.yaml
  larder config check larder.toml --json | jq '.mistakes[] | {line, column, message, nearest}'

Exit codes: 0 they can; 1 some cannot be read or cannot work; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            bool all_work = true;
            std::string objects;
            for (const std::string& file : chosen->files) {
              const settings_files::file_check found = settings_files::file_check::of(file, chosen->alone);
              all_work = all_work && found.works();
              if (chosen->json)
                objects += (objects.empty() ? "" : ",\n") + found.json();
              else
                std::fputs(found.lines().c_str(), stderr);
            }
            const bool is_array = chosen->files.size() > 1;
            if (chosen->json) std::printf("%s%s%s\n", is_array ? "[\n" : "", objects.c_str(), is_array ? "\n]" : "");
            return all_work ? exit_code::done : exit_code::failed;
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
