#include "options.hpp"

#include "../option_values.hpp"

namespace bench {

const char* const usage =
    "usage: bench_remote [--help] [--case NAME,...] [--rounds N] [--large MIB] [--quick] [--dir FOLDER] [--out FILE.json]\n"
    "  --rounds N    rounds, in each of which every subject has its turn (default 11)\n"
    "  --large MIB   size of the large object (default 1024)\n"
    "  --quick       2 rounds with a large object of 64 MiB: shows that it runs, not how fast\n"
    "  --dir FOLDER  where nginx keeps its files, in a folder that is removed at the end (default: beside the program)\n";

options parse(int count, char** arguments) {
  options result;
  const auto said = result.read(count, arguments, {"--large"});
  if (result.quick) result.large = std::size_t{64} << 20U;
  if (const auto large = said.find("--large"); large != said.end()) result.large = number_of(large->first, large->second) << 20U;
  return result;
}

}  // namespace bench
