#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder layers` and its subcommands to the command line. The function runs the one that was asked for once the arguments are
/// read, and returns the exit code: 0 done, 1 it could not be done (digest --check: something differs), 2 wrong use (digest --check:
/// something could not be read), 130 interrupted.
std::function<int()> add_layers(CLI::App& larder);

}  // namespace tools
