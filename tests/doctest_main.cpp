// The one main() of all doctest executables, and what the build tells them.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdlib>

#include "support/folders.hpp"

std::filesystem::path support::shared_folder() {
  const char* const told = std::getenv("LARDER_SHARED_DIR");
  return told != nullptr ? told : LARDER_SHARED_DIR;
}
std::filesystem::path support::script_folder() { return LARDER_SCRIPT_DIR; }
