#pragma once

// What stands before a compressed value where it is stored: 16 bytes, little-endian.
//
//   0  8  name of the compression policy, zeros behind it
//   8  8  size of the value

#include <larder/core/concepts.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace larder::format {

static_assert(std::endian::native == std::endian::little, "larder: byte storages are written for little-endian machines");

struct compressed_head {
  static constexpr std::size_t encoded_size = 16;

  static void encode(const compressed_form& form, std::byte* to) noexcept {
    std::memcpy(to, form.name.data(), form.name.size());
    std::memcpy(to + form.name.size(), &form.size, sizeof form.size);
  }
  static std::optional<compressed_form> decode(std::span<const std::byte> from) noexcept {
    if (from.size() < encoded_size) return std::nullopt;
    compressed_form form;
    std::memcpy(form.name.data(), from.data(), form.name.size());
    std::memcpy(&form.size, from.data() + form.name.size(), sizeof form.size);
    return form;
  }
};

}  // namespace larder::format
