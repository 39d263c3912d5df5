#pragma once

#include <functional>
#include <stdexcept>
#include <vector>

namespace bench {

/// A signal asked for the end of everything.
struct stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How a child comes to its end.
enum class ending { by_itself, by_sigkill };

/// What `work` answers in a process of its own, whose threads, memory and open files are therefore those of `work` alone. With
/// `by_sigkill` the child is killed as soon as it has answered, with everything that it has open. Throws std::runtime_error with what
/// `work` threw, or when the child died.
std::vector<double> in_child(ending how, const std::function<std::vector<double>()>& work);

/// From here on SIGINT, SIGTERM and SIGHUP end the child that runs, and `in_child` throws `stopped`: what has a destructor cleans up.
void stop_children_on_signals();

}  // namespace bench
