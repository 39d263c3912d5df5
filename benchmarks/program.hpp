#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The exit code of a benchmark: what `work` gives. What it throws is told on standard error: wrong use (std::invalid_argument)
/// with the usage, and the code is 2; anything else, and it is 1.
int run_program(std::string_view name, std::string_view usage, const std::function<int()>& work);

/// Prints the usage, and the names that --case and --only take.
void print_help(std::string_view usage, const std::vector<std::string>& cases, const std::vector<std::string>& subjects = {});

/// Throws std::invalid_argument, which begins with `no <kind>`, for a name that is none of the known ones.
void check_names(std::string_view kind, const std::vector<std::string>& wanted, const std::vector<std::string>& known);

}  // namespace bench
