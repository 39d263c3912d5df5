#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The names of a list with commas, without the empty ones.
std::vector<std::string> names_of(std::string_view list);

/// A whole number from 1 on. Throws std::invalid_argument, which names the option and the text.
std::size_t number_of(std::string_view option, std::string_view text);

/// Whether the name is one of these; of no names, every one is.
bool among(const std::vector<std::string>& names, std::string_view name);

}  // namespace bench
