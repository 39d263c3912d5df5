#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace larder::remote {

/// Takes an answer's body as it comes, straight into the memory that is handed out in the end: one allocation when the
/// length is announced, or the caller's own room. Keeps a window of the body and never more than `limit` bytes.
class body_sink {
 public:
  /// What a transfer may read in vain past its window so as to keep the connection.
  static constexpr std::uint64_t drain_limit = std::uint64_t{1} << 20U;

  /// `subject` (the request) begins the message when a body is refused.
  explicit body_sink(std::string subject) : subject_(std::move(subject)) {}

  /// Before the first byte. `announced` is the Content-Length, `offset` and `size` the window, `limit` what the caller
  /// can take. `room(size)`, if given, lends the memory for the window of an announced body. Throws `larder::error` when the window is
  /// larger than the limit, or the room smaller than the window.
  void begin(std::optional<std::uint64_t> announced, std::uint64_t offset, std::uint64_t size, std::uint64_t limit,
             const std::function<std::span<std::byte>(std::uint64_t)>& room = {}) {
    received_ = filled_ = 0;
    offset_ = offset;
    size_ = size;
    limit_ = limit;
    announced_ = announced;
    buffer_ = mutable_bytes{};
    lent_ = {};
    lends_ = false;
    if (!announced) return;
    const std::uint64_t wanted = std::min(size, *announced > offset ? *announced - offset : 0);
    if (wanted > limit) refuse(wanted);
    size_ = wanted;
    if (room) {
      lends_ = true;
      lent_ = room(wanted);
      if (lent_.size() < wanted) core::fail(error_cause::invalid_argument, subject_ + ": room for " + std::to_string(lent_.size()) + " bytes was lent for an answer of " + std::to_string(wanted));
      return;
    }
    buffer_ = mutable_bytes(static_cast<std::size_t>(wanted));
  }

  /// The next bytes; false when the rest is of no use and too long to be read in vain.
  bool write(std::span<const std::byte> piece) {
    const std::uint64_t from = std::max(offset_, received_);
    const std::uint64_t end = received_ + piece.size();
    if (end > from && filled_ < size_) {
      const std::uint64_t n = std::min(end - from, size_ - filled_);
      if (n > limit_ - filled_) refuse(filled_ + n);
      reserve(static_cast<std::size_t>(filled_ + n));
      std::memcpy((lends_ ? lent_.data() : buffer_.data()) + filled_, piece.data() + (from - received_), static_cast<std::size_t>(n));
      filled_ += n;
    }
    received_ = end;
    if (filled_ < size_) return true;
    const std::uint64_t rest = announced_ ? *announced_ - std::min(*announced_, received_) : 0;
    return rest <= drain_limit && (announced_ || received_ - std::min(received_, offset_) - filled_ <= drain_limit);
  }

  std::uint64_t received() const noexcept { return received_; }
  /// How many bytes lie in the lent room; nothing when none was lent.
  std::optional<std::uint64_t> landed() const noexcept { return lends_ ? std::optional<std::uint64_t>(filled_) : std::nullopt; }

  /// What was kept, unless it lies in the lent room.
  bytes take() && {
    if (lends_) return {};
    return std::move(buffer_).freeze(static_cast<std::size_t>(filled_));
  }

 private:
  void reserve(std::size_t needed) {
    if (lends_ || needed <= buffer_.size()) return;
    constexpr std::size_t first = std::size_t{64} << 10U;
    mutable_bytes larger(std::max({needed, first, buffer_.size() * 2}));
    if (filled_ != 0) std::memcpy(larger.data(), buffer_.data(), static_cast<std::size_t>(filled_));
    buffer_ = std::move(larger);
  }
  [[noreturn]] void refuse(std::uint64_t size) const {
    core::fail(error_cause::server, subject_ + ": the answer has " + std::to_string(size) + " bytes or more where at most " +
                                        std::to_string(limit_) + " are taken; raise max_object if the object may be that large");
  }

  std::string subject_;
  mutable_bytes buffer_;
  std::span<std::byte> lent_;  // instead of buffer_
  bool lends_ = false;
  std::optional<std::uint64_t> announced_;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t limit_ = 0;
  std::uint64_t received_ = 0;  // bytes of the body seen so far
  std::uint64_t filled_ = 0;    // bytes of the window kept so far
};

}  // namespace larder::remote
