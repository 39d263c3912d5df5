#pragma once

// Which server of a Redis cluster has a key: CRC16 (XMODEM) of the key, or of what its first braces hold, names one of 16384 slots
// (Redis Cluster Specification, "Key distribution model" and "Hash tags"); `CLUSTER SLOTS` says who serves which.

#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_reply.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::remote {

constexpr std::uint16_t crc16(std::string_view text) noexcept {
  constexpr std::array<std::uint16_t, 256> table = [] {
    std::array<std::uint16_t, 256> rows{};
    for (unsigned i = 0; i < 256; ++i) {
      unsigned crc = i << 8U;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
      rows[i] = static_cast<std::uint16_t>(crc);
    }
    return rows;
  }();
  unsigned crc = 0;
  for (const char c : text) crc = ((crc << 8U) & 0xffffU) ^ table[((crc >> 8U) ^ static_cast<unsigned char>(c)) & 0xffU];
  return static_cast<std::uint16_t>(crc);
}

/// The slot of a key.
constexpr std::uint16_t redis_slot(std::string_view key) noexcept {
  if (const std::size_t open = key.find('{'); open != std::string_view::npos)
    if (const std::size_t close = key.find('}', open + 1); close != std::string_view::npos && close != open + 1)
      key = key.substr(open + 1, close - open - 1);
  return static_cast<std::uint16_t>(crc16(key) % redis_slot_count);
}

/// Who serves the slots, as far as is known: masters only.
class redis_slots {
 public:
  /// Reads a reply to `CLUSTER SLOTS` that `asked` gave; nothing when it cannot be used. A server that is named without a host is the one asked.
  static std::optional<redis_slots> read(const redis_reply& reply, const redis_address& asked) {
    if (!reply.is(redis_reply::type::array)) return std::nullopt;
    redis_slots out;
    for (const redis_reply& range : reply.elements) {
      if (range.elements.size() < 3 || range.elements[2].elements.size() < 2) return std::nullopt;
      const std::int64_t first = range.elements[0].number;
      const std::int64_t last = range.elements[1].number;
      const redis_reply& host = range.elements[2].elements[0];
      const std::int64_t port = range.elements[2].elements[1].number;
      if (first < 0 || last < first || last >= redis_slot_count || port < 1 || port > 65535) return std::nullopt;
      redis_address master{host.text.empty() ? asked.host : host.text, static_cast<std::uint16_t>(port), {}};
      if (!is_redis_host(master.host)) continue;  // "?": nobody knows at the moment; a redirection may tell
      for (std::int64_t slot = first; slot <= last; ++slot) out.assign(static_cast<std::uint16_t>(slot), master);
    }
    return out;
  }

  void assign(std::uint16_t slot, const redis_address& master) {
    std::size_t i = 0;
    while (i < masters_.size() && masters_[i] != master) ++i;
    if (i == masters_.size()) masters_.push_back(master);
    of_[slot] = static_cast<std::uint16_t>(i + 1);
  }

  /// Nothing when nobody is known.
  const redis_address* find(std::uint16_t slot) const noexcept {
    return of_[slot] == 0 ? nullptr : &masters_[of_[slot] - std::size_t{1}];
  }
  const std::vector<redis_address>& masters() const noexcept { return masters_; }

 private:
  std::vector<redis_address> masters_;
  std::vector<std::uint16_t> of_ = std::vector<std::uint16_t>(redis_slot_count);  // place in masters_ plus one
};

}  // namespace larder::remote
