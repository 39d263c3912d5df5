#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/value_landing.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace larder::storage {

/// Memory of the caller's in which a value is to end: a large one of a remote storage lands in it, others are copied.
class lent_room final : public value_landing {
 public:
  explicit lent_room(std::span<std::byte> room) noexcept : room_(room) {}

  bool wants(std::uint64_t size) noexcept override {
    wanted_ = size;
    return size <= room_.size();
  }
  std::span<std::byte> room(std::uint64_t size, const digest&, std::size_t) noexcept override {
    return room_.first(static_cast<std::size_t>(size));
  }
  bool may_have(std::size_t) const noexcept override { return false; }
  void keep(std::size_t) noexcept override {}
  bytes whole(std::uint64_t size) override {
    struct nobody {};  // the caller's memory outlives the look-up
    return bytes::adopt(nobody{}, room_.data(), static_cast<std::size_t>(size));
  }
  void discard() noexcept override {}

  /// Throws `larder::error` (invalid_argument) when there was a value that does not fit.
  void check() const {
    if (wanted_ > room_.size())
      core::fail(error_cause::invalid_argument, "the value has " + std::to_string(wanted_) + " bytes, and the room that was given for it " +
                                                    std::to_string(room_.size()) + "; give a larger one, or take the value with get");
  }

 private:
  std::span<std::byte> room_;
  std::uint64_t wanted_ = 0;  // bytes of the value
};

/// Brings a value into the room; its size, or nothing when there is none. It is what `find() -> optional<bytes>` finds, or where values
/// `Land`, `find(control, landing)`.
template <bool Land, class Find>
std::optional<std::size_t> find_into(std::span<std::byte> room, [[maybe_unused]] const transfer_control& control, Find&& find) {
  lent_room lent(room);
  std::optional<bytes> found;
  if constexpr (Land)
    found = find(control, static_cast<value_landing*>(&lent));
  else
    found = find();
  if (found) lent.wants(found->size());
  lent.check();
  if (!found) return std::nullopt;
  if (!found->empty() && found->data() != room.data()) std::memcpy(room.data(), found->data(), found->size());
  return found->size();
}

}  // namespace larder::storage
