#pragma once

// The caches that the tests of `mmap_disk` open, their values, and where these lie.

#include <larder/cache.hpp>
#include <larder/core/units.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "store_driver.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace store_driver {

inline auto open(const fs::path& directory, std::uint64_t capacity = std::uint64_t{1} << 30, larder::mmap_disk_options options = {}) {
  return larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{capacity}, larder::mmap_disk{directory, options});
}
inline larder::bytes value(std::size_t size, unsigned seed = 1) { return larder::bytes::copy_of(text_of(size, seed)); }

/// What a mapping of a file below the directory lets this process do at an address, as the kernel says it: `r--s`; nothing where none is.
inline std::optional<std::string> rights_in_mapping(const void* pointer, const fs::path& directory) {
  std::ifstream maps("/proc/self/maps");
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string rights;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights;
    if (address < begin || address >= end) continue;
    if (line.find(directory.string()) == std::string::npos) return std::nullopt;
    return rights;
  }
  return std::nullopt;
}

}  // namespace store_driver
