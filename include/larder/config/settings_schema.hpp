#pragma once

// What the table of keys says, for others: a JSON Schema for editors (docs/config.schema.json) and a table for people.

#include <larder/config/cache_settings.hpp>
#include <larder/config/policy_names.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/value_patterns.hpp>
#include <larder/format/json_text.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace larder {

namespace config {

class schema_writer {
 public:
  std::string text() {
    open("");
    member("$schema", R"("https://json-schema.org/draft/2020-12/schema")");
    member("title", R"("Settings of larder's caches")");
    member("type", R"("object")");
    open("properties");
    open(schema_name);
    member("description", R"("where editors find this schema")");
    member("type", R"("string")");
    close();
    for (const std::string_view name : usual_caches) member(name, reference(name));
    open(caches_section);
    member("description", R"("caches of any other names")");
    member("type", R"("object")");
    member("additionalProperties", reference("cache"));
    close();
    open(manager_section);
    object<manager_settings>("", manager_section);
    close();
    close();
    member("additionalProperties", reference("cache"));
    open("$defs");
    for (const std::string_view name : {usual_caches[0], usual_caches[2]}) {
      open(name);
      object<cache_settings>("", name);
      close();
    }
    close();
    close();
    return out_ + "\n";
  }

 private:
  static std::string quoted_text(std::string_view text) {
    std::string out;
    format::append_json_text(out, text);
    return out;
  }
  static std::string reference(std::string_view name) {
    return "{\"$ref\": \"#/$defs/" + std::string(name == "training_cache" ? name : std::string_view("cache")) + "\"}";
  }
  static std::string described(std::string_view text, std::string_view fallback, std::string_view unit) {
    return std::string(text) + "; default: " + std::string(fallback) +
           (unit.empty() ? "" : "; a bare number counts " + std::string(unit));
  }

  template <class Settings>
  void object(const std::string& section, std::string_view owner) {
    member("type", R"("object")");
    member("additionalProperties", "false");
    open("properties");
    for (const std::string_view name : names_in_section<Settings>(section)) {
      const std::string path = section + std::string(name);
      if (const setting_key<Settings>* const key = find_key<Settings>(path)) {
        if (!key->only_for.empty() && key->only_for != owner) continue;
        open(name);
        member("description", quoted_text(path == key->name ? described(key->purpose, key->fallback, key->unit)
                                                            : "the same as " + std::string(key->name)));
        type_of(*key);
        close();
      } else {
        open(name);
        object<Settings>(path + ".", owner);
        close();
      }
    }
    close();
  }
  template <class Settings>
  void type_of(const setting_key<Settings>& key) {
    switch (key.type) {
      case setting_type::count:
      case setting_type::count_or_zero:
        member("type", R"("integer")");
        member("minimum", key.type == setting_type::count ? "1" : "0");
        return;
      case setting_type::share:
        member("type", R"(["number", "string"])");
        member("exclusiveMinimum", "0");
        member("maximum", "1");
        member("pattern", quoted_text(patterns::share()));
        return;
      case setting_type::flag:
        member("type", R"("boolean")");
        return;
      case setting_type::variable:
        member("type", R"("string")");
        member("pattern", R"("^[A-Z_][A-Z0-9_]*$")");
        return;
      case setting_type::address:
        member("type", R"("string")");
        member("pattern", R"("^[^@?#]+://[^@?#]+$")");
        return;
      case setting_type::text:
        member("type", R"("string")");
        member("minLength", "1");
        return;
      case setting_type::name: {
        std::string all;
        for (const std::string_view choice : key.choices) all += (all.empty() ? "" : ", ") + quoted_text(choice);
        member("enum", "[" + all + "]");
        return;
      }
      case setting_type::size:
        member("type", R"(["number", "string"])");
        member("minimum", "1");
        member("pattern", quoted_text(patterns::size()));
        return;
      default:  // with a unit, or without one
        member("type", R"(["number", "string"])");
        member("exclusiveMinimum", "0");
        member("pattern",
               quoted_text(key.type == setting_type::memory_amount ? patterns::memory_amount() : patterns::period()));
    }
  }

  void begin(std::string_view name) {
    if (depth_ != 0) out_ += first_ ? "\n" : ",\n";
    out_ += std::string(2 * depth_, ' ');
    if (!name.empty()) out_ += quoted_text(name) + ": ";
    first_ = false;
  }
  void member(std::string_view name, const std::string& value) {
    begin(name);
    out_ += value;
  }
  void open(std::string_view name) {
    begin(name);
    out_ += '{';
    ++depth_;
    first_ = true;
  }
  void close() {
    --depth_;
    out_ += "\n" + std::string(2 * depth_, ' ') + "}";
    first_ = false;
  }

  std::string out_;
  std::size_t depth_ = 0;
  bool first_ = true;
};

template <class Settings>
void append_rows(std::string& out, std::string_view prefix) {
  for (const setting_key<Settings>& key : keys_of<Settings>()) {
    std::string spelled;
    for (const std::string_view one : key.spellings)
      if (!one.empty()) spelled += (spelled.empty() ? "`" : ", `") + std::string(one) + "`";
    std::string type(key.type == setting_type::name ? std::string_view() : type_text(key.type));
    for (const std::string_view choice : key.choices) type += (type.empty() ? "`" : ", `") + std::string(choice) + "`";
    if (key.choices.data() == policy_names.data()) type = "an order, `time` or `size`";
    if (!key.unit.empty()) type += " (" + std::string(key.unit) + ")";
    out += "| `" + std::string(prefix) + std::string(key.name) + "` | " + type + " | " + std::string(key.fallback) + " | " +
           spelled + " | " + std::string(key.purpose) +
           (key.only_for.empty() ? "" : " (`" + std::string(key.only_for) + "` alone)") + " |\n";
  }
}

}  // namespace config

/// The JSON Schema of settings, for editors that complete and check YAML, TOML and JSON by one.
inline std::string settings_schema() { return config::schema_writer().text(); }

/// All keys as a table in Markdown.
inline std::string settings_keys() {
  std::string out = "| key | is | default | also written | what it does |\n| --- | --- | --- | --- | --- |\n";
  config::append_rows<cache_settings>(out, "");
  config::append_rows<manager_settings>(out, std::string(config::manager_section) + ".");
  return out;
}

}  // namespace larder
