#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder config` to the command line. The function does what was asked for, once the arguments are read, and returns the exit code:
/// 0 done, 1 the settings cannot be read or cannot work, 2 wrong use.
std::function<int()> add_config(CLI::App& larder);

}  // namespace tools
