#pragma once

// What who moves large objects and who wants them agree on.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// How a caller follows a long transfer, and ends it.
struct transfer_control {
  std::stop_token stop{};  ///< ends it with `larder::error` (cancelled), also while it waits
  /// Told of the bytes that are there, of so many: by one thread at a time, not always the caller's. Goes back when an object changed, or a
  /// part of it came damaged. Must be short; what it throws ends the transfer and reaches the caller.
  std::function<void(std::uint64_t landed, std::uint64_t total)> progress{};
};

/// A part of an object and the memory that it is to fill.
struct download_piece {
  std::uint64_t offset = 0;  ///< in the object
  std::span<std::byte> room;
  std::uint64_t filled = 0;  ///< bytes of the room that are there already, from its start
};

/// Where an object lands. Asked anew, from the start, when the object turned out to be another one meanwhile.
class download_target {
 public:
  virtual ~download_target() = default;

  /// The object, when one request brought all of it.
  virtual void take(const blob_info& info, bytes whole) = 0;
  /// The beginning of a longer one. Says what is still to come and where to put it: rooms stay valid until the download has ended.
  /// Nothing when the beginning is damaged: it is fetched once more, and then the download fails.
  virtual std::optional<std::vector<download_piece>> plan(const blob_info& info, const bytes& beginning) = 0;
  /// A piece is in its room; whether it is right. One that is not is fetched once more, and then the download fails. Called from several
  /// threads, for different pieces at once.
  virtual bool landed(std::size_t piece) = 0;
};

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
