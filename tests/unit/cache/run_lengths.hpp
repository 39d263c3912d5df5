#pragma once

// A compression policy from outside the library, as its user would write it.

#include <larder/core/axis.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// Two bytes for a run of one character: what its author would write outside the library.
struct run_lengths {
  using policy_axis = larder::axis::compression;
  static constexpr std::string_view name = "runs";
  std::uint64_t from = 2;
  double saving = 0.25;

  struct compressor {
    explicit compressor(const run_lengths&) {}
    std::size_t compress(std::span<const std::byte> value, std::span<std::byte> to) const {
      std::size_t used = 0;
      for (std::size_t i = 0; i < value.size();) {
        std::size_t end = i + 1;
        while (end < value.size() && end - i < 255 && value[end] == value[i]) ++end;
        if (to.size() - used < 2) return 0;
        to[used++] = static_cast<std::byte>(end - i);
        to[used++] = value[i];
        i = end;
      }
      return used;
    }
    bool may_become(std::span<const std::byte> frame, std::uint64_t size) const { return frame.size() / 2 * 255 >= size; }
    bool decompress(std::span<const std::byte> frame, std::span<std::byte> to) const {
      std::size_t filled = 0;
      for (std::size_t i = 0; i + 1 < frame.size(); i += 2) {
        const auto count = static_cast<std::size_t>(frame[i]);
        if (count > to.size() - filled) return false;
        std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(filled), count, frame[i + 1]);
        filled += count;
      }
      return filled == to.size();
    }
  };
};
