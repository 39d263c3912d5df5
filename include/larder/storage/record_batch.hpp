#pragma once

#include <larder/core/bytes.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/posix_file.hpp>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

namespace larder::storage {

/// Records that lie side by side in a segment, written with one system call: the payloads from where they are, and what lies between them
/// (the end of one, the head and key of the next) from one buffer.
class record_batch {
 public:
  /// So many records go into one batch: the log remembers as many changes, so that nothing is written twice (`recent_changes`).
  static constexpr std::size_t most = 64;
  static_assert(2 * most <= IOV_MAX);

  /// The records have their places, one behind the other. `Staged` has `record`, `key`, `payload` and `at`.
  template <class Staged>
  explicit record_batch(std::span<const Staged> records) : heads_(size_of_heads(records)) {
    parts_.reserve(2 * records.size());
    std::byte* to = heads_.data();
    std::size_t padding = 0;
    for (const Staged& one : records) {
      const std::size_t head = one.record.payload_offset;
      std::memset(to, 0, padding);
      format::encode_record_head(one.record, one.key.span(), one.at, to + padding);
      add(to, padding + head);
      add(one.payload.data(), one.payload.size());
      to += padding + head;
      padding = padding_of(one);
    }
  }

  /// Throws `file_error`.
  void write(const file_descriptor& file, std::uint64_t offset, const std::string& path) {
    for (std::span<iovec> left(parts_); !left.empty();) {
      const ssize_t count =
          uninterrupted([&] { return ::pwritev(file.get(), left.data(), static_cast<int>(left.size()), static_cast<off_t>(offset)); });
      if (count < 0) fail_file("write", path, errno);
      if (count == 0) fail_file("write", path, ENOSPC);
      offset += static_cast<std::uint64_t>(count);
      auto written = static_cast<std::size_t>(count);
      while (!left.empty() && written >= left.front().iov_len) {
        written -= left.front().iov_len;
        left = left.subspan(1);
      }
      if (written == 0) continue;
      left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + written;
      left.front().iov_len -= written;
    }
  }

 private:
  template <class Staged>
  static std::size_t padding_of(const Staged& one) noexcept {
    return static_cast<std::size_t>(one.record.size() - one.record.payload_offset - one.record.payload_size);
  }
  template <class Staged>
  static std::size_t size_of_heads(std::span<const Staged> records) noexcept {
    std::size_t size = 0;
    for (const Staged& one : records) size += one.record.payload_offset + padding_of(one);
    return size;
  }
  void add(const std::byte* data, std::size_t size) {
    if (size != 0) parts_.push_back({const_cast<std::byte*>(data), size});  // pwritev does not write through it
  }

  mutable_bytes heads_;
  std::vector<iovec> parts_;
};

}  // namespace larder::storage
