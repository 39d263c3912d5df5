#pragma once

#include <larder/format/segment_record.hpp>

#include <cstdint>

namespace larder::storage {

/// Eight bytes per entry: the record's place, and what this process knows of it.
class record_handle {
 public:
  record_handle() noexcept = default;
  record_handle(format::record_place at, bool has_file, bool expires) noexcept
      : segment_(at.segment), unit_(at.unit << 4 | (has_file ? file_bit : 0U) | (expires ? expires_bit : 0U)) {}
  format::record_place place() const noexcept { return {segment_, unit_ >> 4}; }
  bool has_file() const noexcept { return (unit_ & file_bit) != 0; }
  /// Whether the record has a deadline of its own.
  bool expires() const noexcept { return (unit_ & expires_bit) != 0; }
  /// Whether the payload was found right; whether it was asked for since it was written where it is.
  bool verified() const noexcept { return (unit_ & verified_bit) != 0; }
  bool used() const noexcept { return (unit_ & used_bit) != 0; }
  void set_verified() noexcept { unit_ |= verified_bit; }
  void set_used() noexcept { unit_ |= used_bit; }
  bool operator==(const record_handle&) const noexcept = default;

 private:
  static constexpr std::uint32_t file_bit = 1;
  static constexpr std::uint32_t verified_bit = 2;
  static constexpr std::uint32_t used_bit = 4;
  static constexpr std::uint32_t expires_bit = 8;
  std::uint32_t segment_ = 0;
  std::uint32_t unit_ = 0;
};

}  // namespace larder::storage
