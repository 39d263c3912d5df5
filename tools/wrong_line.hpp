#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace tools {

/// What to say of a command line that could not be parsed: the word that is wrong, what was likely meant, and what lists all.
std::string wrong_line(const CLI::App& larder, const CLI::ParseError& why);

}  // namespace tools
