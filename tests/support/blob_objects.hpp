#pragma once

// Objects of a blob store as strings.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace support {

/// In parts of which one is empty, as an entry's may be.
template <class Store>
bool put(Store& store, std::string_view name, std::string_view text, larder::put_mode mode = larder::put_mode::replace) {
  const larder::bytes whole = larder::bytes::copy_of(text);
  const std::array<larder::bytes, 3> parts{whole.slice(0, whole.size() / 3), larder::bytes{}, whole.slice(whole.size() / 3)};
  return store.put(name, parts, mode);
}

template <class Store>
std::optional<std::string> get(Store& store, std::string_view name, larder::byte_range range = {}) {
  const std::optional<larder::bytes> found = store.get(name, range);
  return found ? std::optional<std::string>(found->text()) : std::nullopt;
}

/// Names and sizes; each name may come once.
template <class Store>
std::map<std::string, std::uint64_t> listed(Store& store, std::string_view prefix) {
  std::map<std::string, std::uint64_t> all;
  store.list(prefix, [&](std::string_view name, const larder::blob_info& info) { CHECK(all.emplace(name, info.size).second); });
  return all;
}

}  // namespace support
