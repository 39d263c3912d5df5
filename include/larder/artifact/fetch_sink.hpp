#pragma once

// What a provider of files and the store that keeps them agree on: `fetch(url, range, sink)` is asked for a range of a file and gives its bytes to
// the sink, in order, in pieces of any size.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string_view>

namespace larder {

namespace artifacts {

/// Who stands behind a sink.
class fetch_receiver {
 public:
  virtual void take(std::span<const std::byte> piece) = 0;
  virtual void total(std::uint64_t size) = 0;
  virtual void version(std::string_view tag) = 0;
  virtual void begins_at(std::uint64_t offset) = 0;
  virtual const std::stop_token& stop() const noexcept = 0;

 protected:
  ~fetch_receiver() = default;
};

}  // namespace artifacts

/// Where a fetch puts what it fetches. Valid until the fetch returns; for one thread at a time. Copies are the same sink.
class fetch_sink {
 public:
  explicit fetch_sink(artifacts::fetch_receiver& to) noexcept : to_(&to) {}

  /// The next bytes of the range, or of the whole file from a provider that knows no ranges: more than was asked for is fine. Throws
  /// `larder::error`: (cancelled) when nobody wants them any more, others when they cannot be kept; let it pass through.
  void operator()(std::span<const std::byte> piece) const { to_->take(piece); }
  void operator()(std::string_view piece) const { to_->take(std::as_bytes(std::span(piece))); }
  void operator()(const bytes& piece) const { to_->take(piece.span()); }

  /// The size of the whole file, if it is known before the bytes come: then further ranges are asked for side by side.
  void total(std::uint64_t size) const { to_->total(size); }
  /// What tells this version of the file from another (an ETag): ranges of two versions are not mixed.
  void version(std::string_view tag) const { to_->version(tag); }
  /// The bytes begin here and not where the range does. Before the first of them.
  void begins_at(std::uint64_t offset) const { to_->begins_at(offset); }
  /// Requested when nobody wants the bytes any more.
  const std::stop_token& stop() const noexcept { return to_->stop(); }

 private:
  artifacts::fetch_receiver* to_;
};

/// A provider: gives the bytes of a range of a file, fewer only where the file ends, or throws. `byte_range::size` is the largest number where the
/// range goes to the end. Called from several threads at once.
using fetch_function = std::function<void(std::string_view url, const byte_range& range, fetch_sink& sink)>;

}  // namespace larder
