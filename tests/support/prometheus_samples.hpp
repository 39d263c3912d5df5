#pragma once

#include "support/folders.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <doctest/doctest.h>

namespace support {

/// What Prometheus' own parser reads in a text, a line per sample (prometheus_samples.py); nothing where it is not installed. A refusal fails
/// the test.
inline std::optional<std::vector<std::string>> prometheus_samples(const std::string& text) {
  const temporary_folder folder;
  const auto in = folder.path() / "metrics.txt";
  write_file(in, text);
  for (const char* const python : {"/usr/bin/python3", "python3"}) {
    const std::string command =
        std::string(python) + " '" + (script_folder() / "prometheus_samples.py").string() + "' < '" + in.string() + "'";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string said;
    std::array<char, 4096> part{};
    while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) said.append(part.data(), n);
    const int status = ::pclose(pipe);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127) continue;
    REQUIRE_MESSAGE(WEXITSTATUS(status) == 0, said);
    std::vector<std::string> lines;
    std::istringstream split(said);
    for (std::string line; std::getline(split, line);) lines.push_back(line);
    return lines;
  }
  return std::nullopt;
}

}  // namespace support
