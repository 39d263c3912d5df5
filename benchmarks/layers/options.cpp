#include "options.hpp"

#include "../option_values.hpp"

#include <stdexcept>

namespace bench {

const char* const usage =
    "usage: bench_layers [--help] [--case NAME,...] [--only SUBJECT,...] [--rounds N] [--layers N] [--layer-size MIB] [--quick]\n"
    "                    [--dir FOLDER] [--python PROGRAM] [--out FILE.json]\n"
    "  --rounds N        rounds, in each of which every subject has its turn (default 5)\n"
    "  --layers N        layers of the model (default 32, at least 8)\n"
    "  --layer-size MIB  size of each (default 64)\n"
    "  --quick           2 rounds with 8 layers of 8 MiB: shows that it runs, not how fast\n"
    "  --dir FOLDER      where the model is written, in a folder that is removed at the end (default: beside the program); it\n"
    "                    should be on the disk whose figures are asked for\n"
    "  --python PROGRAM  what runs the peers in Python (default python3; scripts/bench makes one that has them, torch where "
    "--only\n"
    "                    names torch_load or torch_load_mmap)\n"
    "The first subject of a case is measured whatever --only says: it is what the others are divided by. --cases is --case, and\n"
    "--folder is --dir.\n";

bool options::wants(std::string_view subject) const { return among(only, subject); }

options parse(int count, char** arguments) {
  options result;
  const auto said = result.read(count, arguments, {"--cases", "--only", "--layers", "--layer-size", "--folder", "--python"});
  if (result.quick) {
    result.layers = 8;
    result.layer_size = std::size_t{8} << 20U;
  }
  for (const auto& [option, value] : said) {
    if (option == "--cases") result.cases = names_of(value);
    if (option == "--only") result.only = names_of(value);
    if (option == "--folder") result.folder = value;
    if (option == "--python") result.python = value;
    if (option == "--layers") result.layers = number_of(option, value);
    if (option == "--layer-size") result.layer_size = number_of(option, value) << 20U;
  }
  if (result.layers < 8) throw std::invalid_argument("--layers: a budget of half of fewer than 8 layers says nothing");
  return result;
}

}  // namespace bench
