#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder pass` and its subcommands to the command line. The function runs the one that was asked for once the arguments are read, and
/// returns the exit code: 0 done, 1 it could not be done, or not for all of them, 2 wrong use, 130 interrupted.
std::function<int()> add_pass(CLI::App& larder);

}  // namespace tools
