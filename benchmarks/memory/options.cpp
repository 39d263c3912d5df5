#include "options.hpp"

#include "../option_values.hpp"

namespace bench {

const char* const usage =
    "usage: bench_memory [--help] [--case NAME,...] [--only SUBJECT,...] [--chunks N] [--quick] [--out FILE.json] [--beside FILE] "
    "[--draws FOLDER]\n"
    "  --chunks N       chunks of 1,000,000 requests of each subject, interleaved (default 11)\n"
    "  --quick          3 chunks of 100,000 requests over 100,000 keys: shows that it runs, not how fast\n"
    "  --beside FILE    lines \"case<TAB>subject<TAB>metric<TAB>unit<TAB>numbers\" of other programs, into the same tables and "
    "JSON\n"
    "  --draws FOLDER   writes the requests there, as ranks of keys, for those programs, and ends\n";

bool options::wants_case(std::string_view name) const { return among(cases, name); }
bool options::wants(std::string_view subject) const { return among(only, subject); }

options parse(int count, char** arguments) {
  options result;
  const auto said = options_said(count, arguments, {"--quick", "--help"}, {"--case", "--only", "--chunks", "--out", "--beside", "--draws"});
  for (const auto& [option, value] : said) {
    if (option == "--quick") result.quick = true;
    if (option == "--help") result.help = true;
    if (option == "--case") result.cases = names_of(value);
    if (option == "--only") result.only = names_of(value);
    if (option == "--out") result.out = value;
    if (option == "--beside") result.beside = value;
    if (option == "--draws") result.draws = value;
    if (option == "--chunks") result.chunks = number_of(option, value);
  }
  if (result.quick) {
    result.chunk = result.keys = 100'000;
    if (!said.contains("--chunks")) result.chunks = 3;
  }
  return result;
}

}  // namespace bench
