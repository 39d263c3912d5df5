#include "options.hpp"

#include "../option_values.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

const char* const usage =
    "usage: bench_dataset [--help] [--case NAME,...] [--only SUBJECT,...] [--rounds N] [--scale X] [--quick] [--dir FOLDER]\n"
    "                     [--python PROGRAM] [--out FILE.json]\n"
    "  --rounds N        rounds, in each of which every subject has its turn (default 5)\n"
    "  --scale X         X times as many samples (0.5: half of them); 1 is 100,000 of 10 KiB\n"
    "  --quick           2 rounds of a twentieth of the samples: shows that it runs, not how fast\n"
    "  --dir FOLDER      where the samples and the caches are written, in a folder that is removed at the end (default: beside\n"
    "                    the program); takes up to 7 GB, and should be on the disk whose figures are asked for\n"
    "  --python PROGRAM  what runs the peers in Python (default python3; scripts/bench makes one that has them, MosaicML\n"
    "                    Streaming where --only names mosaicml_streaming)\n"
    "The first subject of a case is measured whatever --only says: it is what the others are divided by.\n";

bool options::wants(std::string_view subject) const { return among(only, subject); }
std::size_t options::samples() const {
  const auto scaled = static_cast<std::size_t>(std::llround(100'000 * scale));
  return std::max<std::size_t>(1024, scaled / 8 * 8);
}

options parse(int count, char** arguments) {
  options result;
  const auto said = result.read(count, arguments, {"--only", "--scale", "--python"});
  if (result.quick) result.scale = 0.05;
  for (const auto& [option, value] : said) {
    if (option == "--only") result.only = names_of(value);
    if (option == "--scale") result.scale = scale_of(option, value);
    if (option == "--python") result.python = value;
  }
  return result;
}

}  // namespace bench
