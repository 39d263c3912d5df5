#pragma once

#include <larder/core/concepts.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace larder {

/// A blob store of which objects that others wrote can be read in parts: `find(name) -> optional<blob_info>` says how large one
/// is and which version, `read(name, info, offset, room)` fills the room with its bytes from `offset`, of that version, or
/// throws.
template <class S>
concept part_reading_store = blob_store<S> && requires(S store, const std::string_view name, const blob_info& object,
                                                       const std::uint64_t offset, const std::span<std::byte> room) {
  { store.find(name) } -> std::same_as<std::optional<blob_info>>;
  store.read(name, object, offset, room);
};

}  // namespace larder
