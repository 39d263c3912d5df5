#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder models` and its subcommands to the command line. The function runs the one that was asked for once the arguments are read, and
/// returns the exit code: 0 done, 1 it could not be done, or something is damaged, 2 wrong use (verify: something could not be read), 130
/// interrupted.
std::function<int()> add_models(CLI::App& larder);

}  // namespace tools
