#pragma once

#include <string>
#include <vector>

namespace bench {

/// What a program prints on its standard output: its name or path, and its arguments. Throws std::runtime_error unless it ends well.
std::string output_of(std::vector<std::string> words);

/// Whether this Python has a module; asked once for each, and the answer that is no is told.
bool has_module(const std::string& python, const std::string& module);

}  // namespace bench
