#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tools {

/// Adds `larder completions` to the command line; it writes for all subcommands that `larder` has when the function is called, once the
/// arguments are read. The exit code: 0 done, 1 it could not be written, 2 wrong use.
std::function<int()> add_completions(CLI::App& larder);

}  // namespace tools
