#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

namespace support {

/// The pages of this process at this moment that were touched where they are mapped, each counted once however often it is.
struct memory_of_process {
  std::uint64_t shared_bytes = 0;   // in pages of shared memory
  std::uint64_t all_bytes = 0;      // and in its own
  std::uint64_t shared_places = 0;  // bytes of addresses at which there is shared memory, touched or not

  memory_of_process() {
    std::ifstream in("/proc/self/smaps_rollup");
    REQUIRE(in);
    std::uint64_t of_files = 0;
    for (std::string word; in >> word;) {
      std::uint64_t kibibytes = 0;
      if (word == "Pss:" && in >> kibibytes) all_bytes = kibibytes * 1024;
      if (word == "Pss_Shmem:" && in >> kibibytes) shared_bytes = kibibytes * 1024;
      if (word == "Pss_File:" && in >> kibibytes) of_files = kibibytes * 1024;
    }
    all_bytes -= of_files;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find("/dev/zero (deleted)") == std::string::npos) continue;
      std::size_t end = 0;
      const std::uint64_t from = std::stoull(line, &end, 16);
      shared_places += std::stoull(line.substr(end + 1), nullptr, 16) - from;
    }
  }
};

}  // namespace support
