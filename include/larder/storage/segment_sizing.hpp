#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

namespace larder::storage {

/// How large new segments are: as asked, else a 32nd of the capacity. Without a capacity they grow with what is there, so that a large
/// store has as few of them as one that was told how large it would be: each takes a mapping, of which a process has some 65,000.
class segment_sizing {
 public:
  /// `asked` in bytes, 0 for what is best.
  constexpr segment_sizing(std::uint64_t asked, std::optional<std::uint64_t> capacity) noexcept
      : fixed_(asked != 0 ? std::clamp<std::uint64_t>(asked / 4096 * 4096, least / 2, most_of_all)
               : capacity ? share_of(*capacity, least)
                          : 0) {}

  /// The length in bytes of the next segment of a store whose segments have so many.
  constexpr std::uint64_t next(std::uint64_t bytes_in_segments) const noexcept {
    return fixed_ != 0 ? fixed_ : share_of(bytes_in_segments, least_without_capacity);
  }

  /// How many changes the log of such a store remembers: of a segment that takes records it always knows all, so one is full after half as many.
  /// Those that grow have room for 64 MiB of 4 KiB from the start, since a log does not.
  constexpr std::uint64_t log_slots(std::uint64_t bytes_in_segments) const noexcept {
    return std::clamp<std::uint64_t>(next(bytes_in_segments) / 512, fixed_ != 0 ? 4096 : 32'768, 131'072);
  }

 private:
  static constexpr std::uint64_t least = 128 * 1024;
  static constexpr std::uint64_t least_without_capacity = 1024 * 1024;
  static constexpr std::uint64_t most = 64 * 1024 * 1024;
  static constexpr std::uint64_t most_of_all = 1024 * 1024 * 1024;

  /// No more than 64 MiB up to 256 GiB, where there are some 4,000 of them; then so many more with each doubling.
  static constexpr std::uint64_t share_of(std::uint64_t bytes, std::uint64_t at_least) noexcept {
    const std::uint64_t at_most = std::clamp(std::bit_floor(bytes / 4096), most, most_of_all);
    return std::clamp(std::bit_floor(bytes / 32), at_least, at_most);
  }

  std::uint64_t fixed_;
};

}  // namespace larder::storage
