#include "../remote/options.hpp"

#include "../option_values.hpp"

namespace bench {

const char* const usage =
    "usage: bench_serve [--help] [--case NAME,...] [--rounds N] [--quick] [--dir FOLDER] [--out FILE.json]\n"
    "  --rounds N    rounds, in each of which every server has its turn (default 11)\n"
    "  --quick       2 rounds: shows that it runs, not how fast\n"
    "  --dir FOLDER  where the chunks lie, in a folder that is removed at the end (default: beside the program)\n";

bool options::wants_case(std::string_view name) const { return among(cases, name); }

options parse(int count, char** arguments) {
  options result;
  const auto said = options_said(count, arguments, {"--quick", "--help"}, {"--case", "--rounds", "--dir", "--out"});
  if (said.contains("--quick")) {
    result.quick = true;
    result.rounds = 2;
  }
  for (const auto& [option, value] : said) {
    if (option == "--help") result.help = true;
    if (option == "--case") result.cases = names_of(value);
    if (option == "--out") result.out = value;
    if (option == "--dir") result.folder = value;
    if (option == "--rounds") result.rounds = number_of(option, value);
  }
  return result;
}

}  // namespace bench
