#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// A request that a client repeats, and the content that must come.
struct wanted_chunk {
  std::string path;
  std::size_t size;
};

/// One thread keeps `connections` busy with a small chunk: asks on all, then hears all. Seconds for `requests` in all.
double many_small(std::uint16_t port, const wanted_chunk& chunk, std::size_t connections, std::size_t requests);

/// `connections`, each with a thread, get a large chunk `times` each. Seconds.
double some_large(std::uint16_t port, const wanted_chunk& chunk, std::size_t connections, std::size_t times);

}  // namespace bench
