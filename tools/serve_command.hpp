#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder serve` to the command line. The function serves, once the arguments are read, until SIGINT or SIGTERM, and returns the exit
/// code: 0 it was stopped, 1 it could not serve, 2 wrong use.
std::function<int()> add_serve(CLI::App& larder);

}  // namespace tools
