#pragma once

#include <larder/layer/submission_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bench {

/// Reads of one file through io_uring, so many at a time.
class uring {
 public:
  /// Throws std::runtime_error where the kernel does not have it or does not allow it.
  explicit uring(unsigned depth);

  /// Whether the kernel has it and lets this process.
  static bool allowed();

  /// Fills `room` from the offset in reads of `unit` bytes, `depth` of them on their way; what the file does not have any more is
  /// left alone. Throws std::runtime_error.
  void read(int descriptor, std::uint64_t offset, std::span<std::byte> room, std::size_t unit);

 private:
  std::unique_ptr<larder::layers::submission_ring> ring_;
};

}  // namespace bench
