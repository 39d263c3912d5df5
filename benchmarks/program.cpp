#include "program.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace bench {
namespace {

void print_names(const char* kind, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::printf("%s:", kind);
  for (const std::string& name : names) std::printf(" %s", name.c_str());
  std::printf("\n");
}

}  // namespace

int run_program(std::string_view name, std::string_view usage, const std::function<int()>& work) {
  const std::string program(name);
  try {
    return work();
  } catch (const std::invalid_argument& wrong) {
    std::fprintf(stderr, "%s: %s\n%s", program.c_str(), wrong.what(), std::string(usage).c_str());
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), failure.what());
    return 1;
  }
}

void print_help(std::string_view usage, const std::vector<std::string>& cases, const std::vector<std::string>& subjects) {
  std::printf("%s", std::string(usage).c_str());
  print_names("cases", cases);
  print_names("subjects", subjects);
}

void check_names(std::string_view kind, const std::vector<std::string>& wanted, const std::vector<std::string>& known) {
  for (const std::string& name : wanted)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw std::invalid_argument("no " + std::string(kind) + " \"" + name + "\" (--help lists them)");
}

}  // namespace bench
