#include "completions/shell_script.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace completions {
namespace {

/// Every command with its full name, `larder disk ls`.
using visitor = std::function<void(const command& one, const std::string& full_name)>;

void visit(const command& tree, const visitor& f, const std::string& above = {}) {
  const std::string full_name = above.empty() ? tree.name : above + " " + tree.name;
  f(tree, full_name);
  for (const command& below : tree.subcommands) visit(below, f, full_name);
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

/// In single quotes; `escape` stands before each of `special`.
std::string quoted(std::string_view text, std::string_view special, std::string_view escape) {
  std::string result = "'";
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) result += escape;
    result += c;
  }
  return result + "'";
}
std::string for_posix(std::string_view text) { return quoted(text, "'", "'\\'"); }  // ends, a quote, begins again
std::string for_fish(std::string_view text) { return quoted(text, "'\\", "\\"); }

/// The full names of all subcommands, quoted.
std::string subcommand_names(const command& tree, std::string_view between) {
  std::vector<std::string> names;
  visit(tree, [&](const command& one, const std::string& full_name) {
    if (&one != &tree) names.push_back(for_posix(full_name));
  });
  return joined(names, between);
}

/// The lines `'larder disk ls --sort') ...` of a `case` for options with a value; `offer` writes what is done.
std::string choosing_cases(const command& tree, const std::function<std::string(const argument&)>& offer) {
  std::string text;
  visit(tree, [&](const command& one, const std::string& full_name) {
    for (const argument& option : one.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(for_posix(full_name + " " + name));
      text += "    " + joined(patterns, " | ") + ") " + offer(option) + " ;;\n";
    }
  });
  return text;
}

std::vector<std::string> words_after(const command& one) {
  std::vector<std::string> words;
  for (const command& below : one.subcommands) words.push_back(below.name);
  for (const argument& place : one.places) words.insert(words.end(), place.choices.begin(), place.choices.end());
  return words;
}

std::vector<std::string> option_names(const command& one) {
  std::vector<std::string> names;
  for (const argument& option : one.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

}  // namespace

std::string bash_script(const command& tree) {
  const std::string function = "_" + tree.name;
  std::string text = "# bash completion of " + tree.name + "; printed by: " + tree.name + " completions bash\n";
  text += function + "() {\n"
          "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=" + tree.name + " word words= options=\n"
          "  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
          "    case \"$command $word\" in\n"
          "    " + subcommand_names(tree, " | ") + ") command=\"$command $word\" ;;\n"
          "    esac\n"
          "  done\n"
          "  COMPREPLY=()\n"
          "  case \"$command $before\" in\n";
  text += choosing_cases(tree, [](const argument& option) {
    return option.choices.empty() ? std::string("return")   // files: complete -o default
                                  : "COMPREPLY=($(compgen -W " + for_posix(joined(option.choices, " ")) + " -- \"$current\")); return";
  });
  text += "  esac\n"
          "  case \"$command\" in\n";
  visit(tree, [&](const command& one, const std::string& full_name) {
    text += "    " + for_posix(full_name) + ") words=" + for_posix(joined(words_after(one), " ")) + " options=" +
            for_posix(joined(option_names(one), " ")) + " ;;\n";
  });
  text += "  esac\n"
          "  [[ $current == -* ]] && words=$options\n"
          "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "}\n"
          "complete -o bashdefault -o default -F " + function + " " + tree.name + "\n";
  return text;
}

std::string zsh_script(const command& tree) {
  const std::string function = "_" + tree.name;
  std::string text = "#compdef " + tree.name + "\n# zsh completion of " + tree.name + "; printed by: " + tree.name + " completions zsh\n";
  text += function + "() {\n"
          "  local command=" + tree.name + " word\n"
          "  local -a offered options\n"
          "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
          "    case \"$command $word\" in\n"
          "    (" + subcommand_names(tree, " | ") + ") command=\"$command $word\" ;;\n"
          "    esac\n"
          "  done\n"
          "  case \"$command ${words[CURRENT-1]}\" in\n";
  text += choosing_cases(tree, [](const argument& option) {
    return option.choices.empty() ? std::string("_files; return") : "compadd -- " + joined(option.choices, " ") + "; return";
  });
  text += "  esac\n"
          "  case \"$command\" in\n";
  visit(tree, [&](const command& one, const std::string& full_name) {
    text += "    " + for_posix(full_name) + ")\n      offered=(";
    for (const command& below : one.subcommands) text += "\n        " + for_posix(below.name + ":" + below.what);
    for (const argument& place : one.places)
      for (const std::string& choice : place.choices) text += "\n        " + for_posix(choice);
    text += ")\n      options=(";
    for (const argument& option : one.options)
      for (const std::string& name : option.names) text += "\n        " + for_posix(name + ":" + option.what);
    text += ")\n      ;;\n";
  });
  text += "  esac\n"
          "  if [[ $PREFIX == -* ]]; then _describe option options; return; fi\n"
          "  if (( $#offered )); then _describe command offered; else _files; fi\n"
          "}\n"
          "if [[ ${funcstack[1]} == " + function + " ]]; then " + function + " \"$@\"; else compdef " + function + " " + tree.name + "; fi\n";
  return text;
}

std::string fish_script(const command& tree) {
  const std::string is = "__" + tree.name + "_is";
  std::string text = "# fish completion of " + tree.name + "; printed by: " + tree.name + " completions fish\n";
  text += "function " + is + "\n"
          "  set -l command " + tree.name + "\n"
          "  set -l words (commandline -opc)\n"
          "  for word in $words[2..-1]\n"
          "    switch \"$command $word\"\n"
          "      case " + subcommand_names(tree, " ") + "\n"
          "        set command \"$command $word\"\n"
          "    end\n"
          "  end\n"
          "  test \"$command\" = \"$argv\"\n"
          "end\n";
  visit(tree, [&](const command& one, const std::string& full_name) {
    const std::string here = "complete -c " + tree.name + " -n " + for_fish(is + " " + full_name);
    for (const command& below : one.subcommands) text += here + " -f -a " + for_fish(below.name) + " -d " + for_fish(below.what) + "\n";
    for (const argument& place : one.places)
      if (!place.choices.empty()) text += here + " -f -a " + for_fish(joined(place.choices, " ")) + "\n";
    for (const argument& option : one.options) {
      text += here;
      for (const std::string& name : option.names) text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value) text += option.choices.empty() ? " -r" : " -x -a " + for_fish(joined(option.choices, " "));
      text += " -d " + for_fish(option.what) + "\n";
    }
  });
  return text;
}

}  // namespace completions
