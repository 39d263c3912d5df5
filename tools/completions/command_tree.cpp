#include "completions/command_tree.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace completions {
namespace {

std::vector<std::string> divided(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(separator, from), text.size());
    parts.emplace_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

/// `a|b|c` in the place of the value's name, or the set that a check names: `TEXT:{a,b,c}`.
std::vector<std::string> choices_of(const CLI::Option& option) {
  if (const std::string& text = option.get_option_text(); text.find('|') != std::string::npos) return divided(text, '|');
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return {};
  return divided(std::string_view(type).substr(open + 1, close - open - 1), ',');
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

argument argument_of(const CLI::Option& option) {
  argument one;
  for (const std::string& name : option.get_snames()) one.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) one.names.push_back("--" + name);
  if (one.names.empty()) one.names.push_back(option.get_name(true));
  one.what = first_line(option.get_description());
  one.takes_value = option.get_items_expected_max() > 0;
  if (one.takes_value) one.choices = choices_of(option);
  return one;
}

}  // namespace

command tree_of(const CLI::App& app) {
  command tree;
  tree.name = app.get_name();
  tree.what = first_line(app.get_description());
  for (const CLI::Option* option : app.get_options())
    (option->nonpositional() ? tree.options : tree.places).push_back(argument_of(*option));
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) tree.subcommands.push_back(tree_of(*below));
  return tree;
}

}  // namespace completions
