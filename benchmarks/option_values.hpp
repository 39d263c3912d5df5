#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What a command line says: its options, with the value of those that have one; the last one counts. `-h` is `--help`. Throws
/// std::invalid_argument for an option that is neither of the `flags` nor of those `with_value`, and for one whose value is missing.
std::map<std::string, std::string, std::less<>> options_said(int count, char** arguments,
                                                             const std::vector<std::string_view>& flags,
                                                             const std::vector<std::string_view>& with_value);

/// The names of a list with commas, without the empty ones.
std::vector<std::string> names_of(std::string_view list);

/// A whole number from 1 on. Throws std::invalid_argument, which names the option and the text.
std::size_t number_of(std::string_view option, std::string_view text);

/// How much of everything: a number above 0 and up to 1000. Throws std::invalid_argument likewise.
double scale_of(std::string_view option, std::string_view text);

/// Whether the name is one of these; of no names, every one is.
bool among(const std::vector<std::string>& names, std::string_view name);

}  // namespace bench
