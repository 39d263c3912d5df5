#pragma once

#include <larder/artifact/blob_landing.hpp>
#include <larder/artifact/blob_receiver.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// Takes a file from its beginning on, as far as it comes, and passes over the chunks that are there.
class in_order_receiver final : public blob_receiver {
 public:
  explicit in_order_receiver(blob_landing& landing) : blob_receiver(landing, landing.stop()) { total_ = landing.wanted().size; }

  void begins_at(std::uint64_t offset) override {
    if (offset == expected_) return;
    if (offset > expected_)
      core::fail(error_cause::server, landing_.subject() + " was answered with another range than was asked for");
    skip_ = expected_ - offset;
  }
  void take(std::span<const std::byte> piece) override {
    stop_if_asked();
    start_if_known();
    landing_.count(piece.size());
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, piece.size()));
    skip_ -= skipped;
    piece = piece.subspan(skipped);
    while (!piece.empty()) {
      if (landing_.file().started() && position_ == landing_.file().size())
        core::fail(error_cause::corruption, landing_.subject() + " came with more bytes than it was said to have");
      const std::size_t chunk = static_cast<std::size_t>(position_ / chunk_size);
      const std::uint64_t end =
          landing_.file().started() ? chunk * chunk_size + landing_.file().size_of(chunk) : (chunk + 1) * chunk_size;
      const std::span<const std::byte> now =
          piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - position_)));
      const bool wanted = !landing_.file().started() || !landing_.file().has(chunk);
      if (wanted) {
        landing_.file().write(now, position_);
        running_.update(now);
      }
      position_ += now.size();
      piece = piece.subspan(now.size());
      if (wanted) landing_.tell(static_cast<std::int64_t>(now.size()));
      if (position_ == end) close(chunk, wanted);
    }
  }
  /// A request for so many bytes has ended; fewer came only where the file ends.
  void end_of_range(std::uint64_t asked) {
    start_if_known();
    const std::uint64_t came = position_ - expected_;
    if (came > asked && landing_.file().started() && position_ < landing_.file().size())
      landing_.file().start(landing_.file().size(), landing_.file().version(), true);
    if (!landing_.file().started() && came != asked) total_ = position_;
    if (landing_.file().started() && came < asked && position_ < landing_.file().size())
      core::fail(error_cause::network, landing_.subject() + " broke off after " + std::to_string(position_) + " of " +
                                           std::to_string(landing_.file().size()) + " bytes");
    start_if_known();
  }
  /// All of it should have come.
  void end() {
    start_if_known();
    if (landing_.file().started() && position_ < landing_.file().size())
      core::fail(error_cause::network, landing_.subject() + " broke off after " + std::to_string(position_) + " of " +
                                           std::to_string(landing_.file().size()) + " bytes");
  }
  void ends_here() {
    total_ = position_;
    start_if_known();
  }
  /// Another request follows, for what comes next.
  void go_on() noexcept { expected_ = position_; }
  std::uint64_t position() const noexcept { return position_; }

 private:
  void start_if_known() {
    check_head();
    if (landing_.file().started() || !total_) return;
    if (*total_ < position_)
      core::fail(error_cause::corruption, landing_.subject() + " came with more bytes than it was said to have");
    landing_.file().start(*total_, version_.value_or(digest{}), false);
    landing_.begin();
    for (std::size_t i = 0; i < early_.size(); ++i) landing_.land(i, early_[i]);
    early_.clear();
    if (position_ != 0 && position_ == *total_ && position_ % chunk_size != 0)
      close(static_cast<std::size_t>(position_ / chunk_size), true);
  }
  void close(std::size_t chunk, bool wanted) {
    const digest content = std::exchange(running_, digest_stream{}).finish();
    if (!wanted) return;
    if (landing_.file().started())
      landing_.land(chunk, content);
    else
      early_.push_back(content);
  }

  std::uint64_t expected_ = 0;  // where the range that was asked for begins
  std::uint64_t position_ = 0;  // of the next byte
  std::uint64_t skip_ = 0;
  digest_stream running_;
  std::vector<digest> early_;  // whole chunks from before the size was known
};

}  // namespace larder::artifacts
