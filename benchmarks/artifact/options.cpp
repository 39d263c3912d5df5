#include "options.hpp"

#include "../option_values.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

const char* const usage =
    "usage: bench_artifact [--help] [--case NAME,...] [--rounds N] [--scale X] [--quick] [--dir FOLDER] [--out FILE.json]\n"
    "  --rounds N    rounds, in each of which every subject has its turn (default 11)\n"
    "  --scale X     X times as much (0.5: half) is hashed and listed; 1 is 512 MiB and 10,000 packages\n"
    "  --quick       2 rounds of a twentieth: shows that it runs, not how fast\n"
    "  --dir FOLDER  where files, records and packages are written, in a folder that is removed at the end (default: beside the\n"
    "                program); takes up to 1 GB\n";

namespace {

std::size_t scaled(double whole, double scale) { return static_cast<std::size_t>(std::llround(whole * scale)); }

}  // namespace

std::size_t options::packages() const { return std::max<std::size_t>(scaled(10'000, scale), 100); }
std::size_t options::hashed_bytes() const { return std::max<std::size_t>(scaled(512, scale), 16) << 20U; }

options parse(int count, char** arguments) {
  options result;
  const auto said = result.read(count, arguments, {"--scale"});
  if (result.quick) result.scale = 0.05;
  for (const auto& [option, value] : said)
    if (option == "--scale") result.scale = scale_of(option, value);
  return result;
}

}  // namespace bench
