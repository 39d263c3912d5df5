#include "options.hpp"

#include "../option_values.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

const char* const usage =
    "usage: bench_disk [--help] [--case NAME,...] [--only SUBJECT,...] [--rounds N] [--scale X] [--quick] [--dir FOLDER] "
    "[--out FILE.json]\n"
    "  --rounds N       rounds, in each of which every subject has its turn (default 5)\n"
    "  --scale X        X times as many values (0.5: half of them); 1 is 50,000 of 4 KiB, 5,000 of 64 KiB, twice, 25 of 16 MiB, "
    "1000 "
    "flushed\n"
    "  --quick          2 rounds of a tenth of the values: shows that it runs, not how fast\n"
    "  --dir FOLDER     where the stores are made, in a folder that is removed at the end (default: beside the program);\n"
    "                   takes up to 3 GB, and should be on the file system whose figures are asked for\n"
    "The two floors are measured whatever --only says: they are what the others are divided by.\n";

bool options::wants(std::string_view subject) const { return among(only, subject); }
std::size_t options::scaled(std::size_t count) const {
  return std::max<std::size_t>(4, static_cast<std::size_t>(std::llround(static_cast<double>(count) * scale)));
}

options parse(int count, char** arguments) {
  options result;
  const auto said = result.read(count, arguments, {"--only", "--scale"});
  if (result.quick) result.scale = 0.1;
  for (const auto& [option, value] : said) {
    if (option == "--only") result.only = names_of(value);
    if (option == "--scale") result.scale = scale_of(option, value);
  }
  return result;
}

}  // namespace bench
