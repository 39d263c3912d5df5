#include "wrong_line.hpp"

#include "simulate/escaped_text.hpp"

#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace tools {
namespace {

using larder::format::printable_name;

std::string nearest_of(const std::string& asked, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return std::string(larder::format::nearest_name(asked, views));
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(one->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* one : app.get_options())
    for (const std::string& name : one->get_lnames()) names.push_back("--" + name);
  return names;
}

/// `there is no command "dsk"; did you mean "disk"? ("larder --help" lists all)`
std::string unknown(const std::string& kind, const std::string& asked, const std::string& meant, const std::string& list) {
  const std::string all = printable_name(list) + " lists all";
  return "there is no " + kind + " " + printable_name(asked) + "; " +
         (meant.empty() ? all : "did you mean " + printable_name(meant) + "? (" + all + ")");
}

}  // namespace

std::string wrong_line(const CLI::App& larder, const CLI::ParseError& why) {
  const CLI::App* at = &larder;  // the subcommand that the line got to
  std::string above;             // what is before a name in it: "disk "
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    above += at->get_name() + " ";
  }
  const std::string help = "larder " + above + "--help";
  const std::vector<std::string> left = at->remaining();
  const bool wants_command = at->get_require_subcommand_min() != 0;
  const bool is_left_over = dynamic_cast<const CLI::ExtrasError*>(&why) != nullptr;
  const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&why) != nullptr;
  if (is_left_over || is_missing) {
    if (wants_command && !left.empty() && !left.front().starts_with('-')) {
      const std::string meant = nearest_of(left.front(), commands_of(*at));
      return unknown("command", above + left.front(), meant.empty() ? meant : above + meant, help);
    }
    // A mistyped option leaves its value over, or takes it for what is missing.
    const auto option = std::find_if(left.begin(), left.end(), [](const std::string& word) { return word.starts_with('-'); });
    if (option != left.end()) {
      const std::string name = option->substr(0, option->find('='));
      return unknown("option", name, nearest_of(name, options_of(*at)), help);
    }
    if (wants_command) return "say which command; " + printable_name(help) + " lists all";
  }
  return simulate::printable(why.what()) + "; " + printable_name(help) + " explains it";
}

}  // namespace tools
