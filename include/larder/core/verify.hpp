#pragma once

#include <cstdint>

namespace larder {

/// When stored bytes are compared with their checksum. What says how they are stored (a head, a key, a length) is compared whatever
/// it says.
enum class verify : std::uint8_t {
  first_read,  ///< once in each process; by `directory` again when the file's time of change says that somebody wrote to it;
               ///< by `layer_cache` once while it is open
  always,      ///< at every read
  never,
};

}  // namespace larder
