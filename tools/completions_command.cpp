#include "completions_command.hpp"

#include "completions/command_tree.hpp"
#include "completions/shell_script.hpp"
#include "exit_code.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

namespace tools {

std::function<int()> add_completions(CLI::App& larder) {
  auto shell = std::make_shared<std::string>();
  CLI::App& app = *larder.add_subcommand("completions", "Print what makes a shell complete this command's line");
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->option_text("bash|zsh|fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(R"(Subcommands, options, the values that options choose from, and files.

Examples:
  bash: larder completions bash > ~/.local/share/bash-completion/completions/larder
  zsh:  larder completions zsh > _larder      in a folder of $fpath
  fish: larder completions fish > ~/.config/fish/completions/larder.fish

Exit codes: 0 done; 1 it could not be written; 2 wrong use)");
  return [shell, &larder] {
    const completions::command tree = completions::tree_of(larder);
    const std::string script = *shell == "bash"  ? completions::bash_script(tree)
                               : *shell == "zsh" ? completions::zsh_script(tree)
                                                 : completions::fish_script(tree);
    return std::fputs(script.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? exit_code::done : exit_code::failed;
  };
}

}  // namespace tools
