#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// Takes an object as it is, unchecked, into memory of its own or of the caller.
class memory_download final : public download_target {
 public:
  memory_download() = default;
  /// The caller's room, at least as large as the object may be.
  explicit memory_download(std::span<std::byte> room) noexcept : lent_(room), lends_(true) {}

  void take(const blob_info& info, bytes whole) override {
    size_ = whole.size();
    if (!lends_) {
      whole_ = std::move(whole);
      return;
    }
    check(info.size);
    if (size_ != 0) std::memcpy(lent_.data(), whole.data(), whole.size());
  }
  std::optional<std::vector<download_piece>> plan(const blob_info& info, const bytes& beginning) override {
    check(info.size);
    size_ = info.size;
    if (!lends_) room_ = mutable_bytes(static_cast<std::size_t>(info.size));
    const std::span<std::byte> room = lends_ ? lent_.first(static_cast<std::size_t>(info.size)) : room_.span();
    return pieces_of(room, 0, beginning);
  }
  bool landed(std::size_t) noexcept override { return true; }

  std::uint64_t size() const noexcept { return size_; }
  /// What came; empty when it lies in the caller's room.
  bytes result() && { return room_.size() != 0 ? std::move(room_).freeze() : std::move(whole_); }

  /// The pieces of a room for the object's bytes from `offset` on, with what the beginning has of them already.
  static std::vector<download_piece> pieces_of(std::span<std::byte> room, std::uint64_t offset, const bytes& beginning,
                                               std::size_t size = piece_size) {
    std::vector<download_piece> pieces;
    for (std::size_t at = 0; at < room.size(); at += size) {
      download_piece piece{offset + at, room.subspan(at, std::min(size, room.size() - at)), 0};
      if (piece.offset < beginning.size()) {
        piece.filled = std::min<std::uint64_t>(piece.room.size(), beginning.size() - piece.offset);
        std::memcpy(piece.room.data(), beginning.data() + piece.offset, static_cast<std::size_t>(piece.filled));
      }
      pieces.push_back(piece);
    }
    return pieces;
  }

 private:
  static constexpr std::size_t piece_size = std::size_t{8} << 20U;

  void check(std::uint64_t size) const {
    if (lends_ && size > lent_.size())
      core::fail(error_cause::invalid_argument, "an object of " + std::to_string(size) + " bytes does not fit the room of " +
                                                    std::to_string(lent_.size()) + " that was given for it");
  }

  std::span<std::byte> lent_;
  bool lends_ = false;
  mutable_bytes room_;
  bytes whole_;
  std::uint64_t size_ = 0;
};

}  // namespace larder
