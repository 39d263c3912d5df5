#include "config/settings_json.hpp"

#include "disk/json_object.hpp"

#include <larder/config/setting_table.hpp>
#include <larder/config/settings_text.hpp>

#include <string_view>
#include <vector>

namespace settings_files {
namespace {

namespace config = larder::config;
using disk::json_object;
using larder::setting_origin;

std::string json_of(const setting_origin& origin) {
  json_object out;
  switch (origin.where) {
    case setting_origin::kind::file:
      return out.add("kind", "file").add("file", origin.name).add("line", origin.line).add("column", origin.column).text();
    case setting_origin::kind::variable:
      return out.add("kind", "variable").add("variable", origin.name).text();
    case setting_origin::kind::code:
      return out.add("kind", "code").text();
    default:
      return out.add("kind", "default").text();
  }
}

/// A key a line.
template <class Settings>
std::string keys_json(std::string_view owner, const Settings& of, const std::string& indent) {
  std::string out;
  for (const config::setting_key<Settings>& key : config::keys_of<Settings>()) {
    if (!key.only_for.empty() && key.only_for != owner) continue;
    config::with_member(key, of, [&](const auto& member) {
      json_object one;
      one.member("value", member ? config::scalar_text(*member, key.type) : "null");
      one.add("default", key.fallback).member("origin", json_of(member.origin()));
      out += (out.empty() ? "" : ",") + ("\n" + indent) + simulate::quoted_for_json(key.name) + ": " + one.text();
    });
  }
  return "{" + out + "\n" + indent.substr(2) + "}";
}

}  // namespace

std::string settings_json(const std::string& file, const larder::settings& all) {
  std::string caches;
  for (const auto& [name, of] : all.caches)
    caches += (caches.empty() ? "\n    " : ",\n    ") + simulate::quoted_for_json(name) + ": " + keys_json(name, of, "      ");
  json_object out;
  out.add("file", file);
  out.member("caches", "{" + caches + (caches.empty() ? "}" : "\n  }"));
  out.member("manager", keys_json(config::manager_section, all.manager, "    "));
  return out.add("warnings", all.warnings()).text() + "\n";
}

}  // namespace settings_files
