#pragma once

// What a `value_file` record says of its file beside the reference, so that a part of it can be checked without the rest:
//
//  32  8    size of a chunk, a power of two from 4096 to 2^30; the last chunk may be shorter
//  40  8 n  of each chunk XXH3-64, seeded with its number
//
// The reference's `content` is then the XXH3-128 of these bytes, so that the value is read once. A record without them (its payload has
// 32 bytes, and `content` is the XXH3-128 of the value) is one of an earlier writer.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/format/segment_record.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace larder::format {

/// The checksums of a value that is being written.
class chunk_checksums {
 public:
  static constexpr std::uint64_t chunk_size = 256 * 1024;

  static chunk_checksums of(std::span<const std::byte> value) {
    chunk_checksums result;
    for (; !value.empty(); value = value.subspan(std::min<std::size_t>(value.size(), chunk_size)))
      result.add(value.first(std::min<std::size_t>(value.size(), chunk_size)));
    return result;
  }
  /// The next chunk; all but the last have `chunk_size` bytes.
  void add(std::span<const std::byte> chunk) { numbers_.push_back(core::hash_64(chunk.data(), chunk.size(), numbers_.size() - 1)); }

  /// What stands for the whole content.
  digest content() const noexcept { return digest_of(std::as_bytes(std::span(numbers_))); }
  /// The payload of a record that refers to a file with this content.
  bytes payload(const file_reference& to) const {
    std::vector<std::byte> result;
    result.reserve(file_reference::encoded_size + numbers_.size() * sizeof(std::uint64_t));
    const auto head = to.encode();
    result.insert(result.end(), head.begin(), head.end());
    const auto sums = std::as_bytes(std::span(numbers_));
    result.insert(result.end(), sums.begin(), sums.end());
    return bytes::copy_of(result);
  }

 private:
  std::vector<std::uint64_t> numbers_{chunk_size};  // as they lie in the record
};

/// The checksums that a record has; without any where it has none.
class stored_checksums {
 public:
  /// Of a payload that is a reference. Nothing when it is not a whole one.
  static std::optional<stored_checksums> find(std::span<const std::byte> payload, const file_reference& of) noexcept {
    stored_checksums result;
    result.size_ = of.size;
    if (payload.size() == file_reference::encoded_size) return result;
    payload = payload.subspan(std::min(payload.size(), file_reference::encoded_size));
    if (payload.size() < 8) return std::nullopt;
    std::memcpy(&result.chunk_size_, payload.data(), 8);
    if (!std::has_single_bit(result.chunk_size_) || result.chunk_size_ < 4096 || result.chunk_size_ > (std::uint64_t{1} << 30)) return std::nullopt;
    result.sums_ = payload.subspan(8);
    if (result.sums_.size() % 8 != 0 || result.sums_.size() / 8 != result.count()) return std::nullopt;
    return result;
  }

  explicit operator bool() const noexcept { return chunk_size_ != 0; }
  std::uint64_t chunk_size() const noexcept { return chunk_size_; }
  std::uint64_t count() const noexcept { return size_ / chunk_size_ + (size_ % chunk_size_ != 0 ? 1 : 0); }
  /// Where a chunk ends.
  std::uint64_t end_of(std::uint64_t number) const noexcept { return std::min(size_, (number + 1) * chunk_size_); }
  bool matches(std::uint64_t number, std::span<const std::byte> chunk) const noexcept {
    std::uint64_t sum = 0;
    std::memcpy(&sum, sums_.data() + number * 8, 8);
    return core::hash_64(chunk.data(), chunk.size(), number) == sum;
  }

 private:
  std::uint64_t size_ = 0;
  std::uint64_t chunk_size_ = 0;
  std::span<const std::byte> sums_;
};

}  // namespace larder::format
