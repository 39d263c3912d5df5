#pragma once

#include "completions/command_tree.hpp"

#include <string>

namespace completions {

// A script that a shell reads, which completes the line of the command: subcommands, options, the values that an option chooses from, and
// files wherever anything may stand.

std::string bash_script(const command& tree);
std::string zsh_script(const command& tree);
std::string fish_script(const command& tree);

}  // namespace completions
