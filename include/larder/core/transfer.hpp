#pragma once

// What who moves large objects and who wants them agree on.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
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

}  // namespace larder
