#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder top` to the command line. The function shows, once the arguments are read, what a directory or a server does, and returns
/// the exit code: 0 done or stopped, 1 it cannot be read, 2 wrong use.
std::function<int()> add_top(CLI::App& larder);

}  // namespace tools
