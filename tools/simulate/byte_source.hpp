#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace simulate {

/// Where the bytes of a trace come from, front to back.
class byte_source {
 public:
  virtual ~byte_source() = default;
  /// Up to `size` more bytes; 0 at the end only. Throws `larder::error` when they cannot be read or unpacked.
  virtual std::size_t read(char* into, std::size_t size) = 0;
};

/// The bytes of a file, or of standard input for `-`, unpacked when their first bytes say gzip or zstd (names are not looked at).
/// Throws `larder::error` when there is no such file or it cannot be read.
std::unique_ptr<byte_source> open_bytes(const std::string& path);

}  // namespace simulate
