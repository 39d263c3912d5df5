#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder simulate` to the command line. The function runs it once the arguments are read, and returns the exit code:
/// 0 done, 1 a trace could not be read or a file not be written, 2 wrong use.
std::function<int()> add_simulate(CLI::App& larder);

}  // namespace tools
