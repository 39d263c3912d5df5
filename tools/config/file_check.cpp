#include "config/file_check.hpp"

#include "config/settings_source.hpp"
#include "disk/json_object.hpp"
#include "simulate/escaped_text.hpp"

#include <larder/config/settings_mistakes.hpp>

#include <optional>

namespace settings_files {
namespace {

using larder::setting_origin;
using larder::settings_mistake;

std::string line_of(const settings_mistake& one) {
  const bool has_place = one.where.where != setting_origin::kind::nowhere;
  return "larder: " + simulate::printable((has_place ? one.where.text() + ": " : "") + one.why);
}

std::optional<std::string> unless_empty(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

std::string json_of(const settings_mistake& one, const std::string& checked) {
  disk::json_object out;
  const setting_origin& where = one.where;
  const bool is_in_file = where.where == setting_origin::kind::file;
  const bool is_of_variable = where.where == setting_origin::kind::variable;
  out.add("file", is_of_variable ? std::nullopt : std::optional(is_in_file ? where.name : checked));
  out.add("line", is_in_file ? std::optional(where.line) : std::nullopt);
  out.add("column", is_in_file ? std::optional(where.column) : std::nullopt);
  out.add("variable", is_of_variable ? std::optional(where.name) : std::nullopt);
  return out.add("cache", unless_empty(one.owner)).add("message", one.why).add("nearest", unless_empty(one.nearest)).text();
}

}  // namespace

file_check file_check::of(const std::string& file, bool alone) {
  file_check out{file};
  out.mistakes = larder::mistakes_in(file, environment_for(alone));
  if (out.works()) out.warnings = read(file, alone).warnings();
  return out;
}

std::string file_check::lines() const {
  std::string out;
  for (const settings_mistake& one : mistakes) out += line_of(one) + "\n";
  for (const std::string& warning : warnings) out += "larder: " + simulate::printable(warning) + "\n";
  return out;
}

std::string file_check::json() const {
  std::string all;
  for (const settings_mistake& one : mistakes) all += (all.empty() ? "" : ", ") + json_of(one, file);
  disk::json_object out;
  out.add("file", file).add("works", works());
  out.add("error", works() ? std::nullopt : std::optional(line_of(mistakes.front())));
  return out.member("mistakes", "[" + all + "]").add("warnings", warnings).text();
}

}  // namespace settings_files
