#pragma once

// Fetches one file by ranges side by side into a partial file. What a provider cannot do is found out on the way: it may not know the size, not take
// ranges, break off, or change the file meanwhile. The digest of the whole is computed behind the data.

#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/ordered_digest.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/transfer_streams.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// What is fetched, and what is known of it before.
struct wanted_file {
  std::string url;
  std::optional<content_digest> digest{};
  std::optional<std::uint64_t> size{};
};

/// What came.
struct fetched_file {
  content_digest digest{};  ///< as it was asked for; XXH3-128 where none was
  chunk_list chunks{};
  std::uint64_t fetched = 0;  ///< bytes that the provider gave
  std::uint64_t resumed = 0;  ///< bytes that were there already, and right
};

/// One fetch of one file. Everything that it is made of is borrowed.
class blob_fetch {
 public:
  blob_fetch(partial_file& to, const wanted_file& wanted, const fetch_function& fetch, remote::transfer_streams& streams,
             std::size_t side_by_side, const transfer_control& control)
      : to_(to), wanted_(wanted), fetch_(fetch), streams_(streams), side_by_side_(side_by_side), control_(control) {}

  /// Returns when all of it is in the partial file and has the digest. Throws what the provider throws, and `larder::error`: (corruption) when the
  /// bytes are not what they should be: nothing is left of them then; (cancelled). Otherwise chunks that came stay, for the next try.
  fetched_file run() {
    fetched_file result;
    result.resumed = resume();
    for (unsigned restarts = 0;; ++restarts) {
      try {
        fetch_all();
      } catch (const started_anew&) {
        if (restarts == 3) core::fail(error_cause::io, subject() + " changes all the time while it is fetched; try again later");
        to_.restart();
        result.resumed = landed_ = 0;
        continue;
      }
      const content_digest found = digest_->finish();
      result.fetched = fetched_;
      if (wanted_.digest && found != *wanted_.digest) {
        if (result.resumed != 0 && restarts < 3) {  // what an earlier process left may be of another file
          to_.restart();
          result.resumed = landed_ = 0;
          continue;
        }
        to_.discard();
        core::fail(error_cause::corruption, subject() + " came with the digest " + found.text() + " and should have " +
                                                wanted_.digest->text() + "; nothing of it was kept");
      }
      result.digest = found;
      result.chunks = to_.chunks();
      return result;
    }
  }

 private:
  struct started_anew {};  // the file is another one than it was
  struct ranges_are_ignored {};
  class in_order;

  std::string subject() const { return "\"" + remote::printable_url(wanted_.url) + "\""; }

  std::uint64_t resume() {
    std::uint64_t resumed = to_.resume(control_);
    // Without a digest nobody would notice that what came before is of another version, unless the provider says so.
    if (resumed != 0 && ((!wanted_.digest && to_.version() == digest{}) || (wanted_.size && *wanted_.size != to_.size()))) {
      to_.restart();
      resumed = 0;
    }
    landed_ = resumed;
    return resumed;
  }

  void fetch_all() {
    digest_.reset();
    if (to_.started()) {
      begin();
    } else {
      open();
    }
    for (std::vector<std::size_t> missing = count(); !missing.empty(); missing = count()) {
      try {
        if (to_.ignores_ranges())
          whole();
        else
          streams_.run(missing.size(), side_by_side_, control_.stop,
                       [&](std::size_t i, const std::stop_token& stop) { complete(missing[i], stop); });
      } catch (const ranges_are_ignored&) {
        to_.start(to_.size(), to_.version(), true);
      } catch (const error& e) {
        if (!to_.ignores_ranges() || !may_go_on(e) || count().size() == missing.size()) throw;
      }
    }
  }

  /// The chunks that are missing; what is there of them already does not count.
  std::vector<std::size_t> count() {
    std::vector<std::size_t> missing;
    landed_ = 0;
    for (std::size_t i = 0; i < to_.count(); ++i) {
      if (to_.has(i))
        landed_ += to_.size_of(i);
      else
        missing.push_back(i);
    }
    return missing;
  }

  /// Everything in one answer, of a provider that knows no ranges.
  void whole() {
    in_order all(*this);
    ask(all, {0, to_.size()});
    all.end();
  }

  /// The first request: of the beginning, by which the rest becomes known.
  void open() {
    in_order first(*this);
    try {
      ask(first, {0, chunk_size});
      first.end_of_range(chunk_size);
    } catch (const error& e) {
      if (!may_go_on(e) || !to_.started() || first.position() == 0) throw;
      if (first.position() > chunk_size) to_.start(to_.size(), to_.version(), true);
      return;  // the rest is asked for by itself
    }
    if (!to_.started()) look_beyond(first);
    while (!to_.started()) {
      first.go_on();
      ask(first, {first.position(), chunk_size});
      first.end_of_range(chunk_size);
    }
  }

  /// As much as was asked for has come, of an unknown whole: that may be all of it, from a provider that knows no ranges. One byte more tells.
  void look_beyond(in_order& first) {
    few_bytes more(control_.stop);
    ask(more, {first.position(), 1});
    first.go_on();
    if (more.came() == 1)
      first.take(more.first());
    else
      first.ends_here();
  }

  /// All of a chunk, whatever it takes.
  void complete(std::size_t chunk, const std::stop_token& stop) {
    one_chunk part(*this, chunk, stop);
    for (unsigned barren = 0; !part.is_whole();) {
      const std::uint64_t before = part.filled();
      try {
        ask(part, part.missing());
        if (!part.is_whole() && part.filled() == before)
          core::fail(error_cause::server, subject() + " gave no byte of a range that lies inside it");
      } catch (const error& e) {
        barren = part.filled() > before ? 0 : barren + 1;
        if (!may_go_on(e) || barren == 2) throw;
      }
    }
    part.land();
  }

  /// Whether what was thrown may pass by asking for the rest.
  static bool may_go_on(const error& e) noexcept {
    return e.cause() == error_cause::network || e.cause() == error_cause::timeout || e.cause() == error_cause::server ||
           e.cause() == error_cause::io;
  }

  template <class Receiver>
  void ask(Receiver& receiver, const byte_range& range) {
    fetch_sink sink(receiver);
    try {
      fetch_(wanted_.url, range, sink);
    } catch (...) {
      receiver.throw_if_broken();  // whatever became of that exception on its way through the provider
      throw;
    }
    receiver.throw_if_broken();
  }

  void begin() {
    digest_.emplace(to_, wanted_.digest ? wanted_.digest->algorithm() : digest_algorithm::xxh3_128);
    tell(0);
  }
  void land(std::size_t chunk, const digest& content) {
    to_.landed(chunk, content);
    digest_->landed(chunk);
  }
  /// So many more bytes are there, or (negative) are not after all.
  void tell(std::int64_t more) {
    const std::lock_guard lock(telling_);
    landed_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(landed_) + more);
    if (control_.progress && to_.started()) control_.progress(std::min(landed_, to_.size()), to_.size());
  }

  /// What both receivers do: the head of an answer is compared with what is known.
  class receiver_base : public fetch_receiver {
   public:
    receiver_base(blob_fetch& of, std::stop_token stop) : of_(of), stop_(std::move(stop)) {}
    void total(std::uint64_t size) final { total_ = size; }
    void version(std::string_view tag) final {
      if (!tag.empty()) version_ = digest_of(tag);
    }
    const std::stop_token& stop() const noexcept final { return stop_; }
    void throw_if_broken() const {
      if (changed_) throw started_anew{};
      if (ignored_) throw ranges_are_ignored{};
    }

   protected:
    ~receiver_base() = default;
    void stop_if_asked() const {
      if (stop_.stop_requested())
        core::fail(error_cause::cancelled, "the transfer of " + of_.subject() + " was given up because a stop was requested");
    }
    void check_head() {
      if (of_.wanted_.size && total_ && *total_ != *of_.wanted_.size)
        core::fail(error_cause::corruption, of_.subject() + " has " + std::to_string(*total_) + " bytes and should have " +
                                                std::to_string(*of_.wanted_.size));
      if (!of_.to_.started()) return;
      const bool same =
          (!total_ || *total_ == of_.to_.size()) && (of_.wanted_.digest || !version_ || *version_ == of_.to_.version());
      if (same) return;
      changed_ = true;
      throw_if_broken();
    }

    blob_fetch& of_;
    std::stop_token stop_;
    std::optional<std::uint64_t> total_;
    std::optional<digest> version_;
    bool changed_ = false;
    bool ignored_ = false;
  };

  /// Takes a file from its beginning on, as far as it comes, and passes over the chunks that are there.
  class in_order final : public receiver_base {
   public:
    explicit in_order(blob_fetch& of) : receiver_base(of, of.control_.stop) { total_ = of.wanted_.size; }

    void begins_at(std::uint64_t offset) override {
      if (offset == expected_) return;
      if (offset > expected_)
        core::fail(error_cause::server, of_.subject() + " was answered with another range than was asked for");
      skip_ = expected_ - offset;
    }
    void take(std::span<const std::byte> piece) override {
      stop_if_asked();
      start_if_known();
      of_.fetched_ += piece.size();
      const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, piece.size()));
      skip_ -= skipped;
      piece = piece.subspan(skipped);
      while (!piece.empty()) {
        if (of_.to_.started() && position_ == of_.to_.size())
          core::fail(error_cause::corruption, of_.subject() + " came with more bytes than it was said to have");
        const std::size_t chunk = static_cast<std::size_t>(position_ / chunk_size);
        const std::uint64_t end = of_.to_.started() ? chunk * chunk_size + of_.to_.size_of(chunk) : (chunk + 1) * chunk_size;
        const std::span<const std::byte> now =
            piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - position_)));
        const bool wanted = !of_.to_.started() || !of_.to_.has(chunk);
        if (wanted) {
          of_.to_.write(now, position_);
          running_.update(now);
        }
        position_ += now.size();
        piece = piece.subspan(now.size());
        if (wanted) of_.tell(static_cast<std::int64_t>(now.size()));
        if (position_ == end) close(chunk, wanted);
      }
    }
    /// A request for so many bytes has ended; fewer came only where the file ends.
    void end_of_range(std::uint64_t asked) {
      start_if_known();
      const std::uint64_t came = position_ - expected_;
      if (came > asked && of_.to_.started() && position_ < of_.to_.size()) of_.to_.start(of_.to_.size(), of_.to_.version(), true);
      if (!of_.to_.started() && came != asked) total_ = position_;
      if (of_.to_.started() && came < asked && position_ < of_.to_.size())
        core::fail(error_cause::network, of_.subject() + " broke off after " + std::to_string(position_) + " of " +
                                             std::to_string(of_.to_.size()) + " bytes");
      start_if_known();
    }
    /// All of it should have come.
    void end() {
      start_if_known();
      if (of_.to_.started() && position_ < of_.to_.size())
        core::fail(error_cause::network, of_.subject() + " broke off after " + std::to_string(position_) + " of " +
                                             std::to_string(of_.to_.size()) + " bytes");
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
      if (of_.to_.started() || !total_) return;
      if (*total_ < position_)
        core::fail(error_cause::corruption, of_.subject() + " came with more bytes than it was said to have");
      of_.to_.start(*total_, version_.value_or(digest{}), false);
      of_.begin();
      for (std::size_t i = 0; i < early_.size(); ++i) of_.land(i, early_[i]);
      early_.clear();
      if (position_ != 0 && position_ == *total_ && position_ % chunk_size != 0)
        close(static_cast<std::size_t>(position_ / chunk_size), true);
    }
    void close(std::size_t chunk, bool wanted) {
      const digest content = std::exchange(running_, digest_stream{}).finish();
      if (!wanted) return;
      if (of_.to_.started())
        of_.land(chunk, content);
      else
        early_.push_back(content);
    }

    std::uint64_t expected_ = 0;  // where the range that was asked for begins
    std::uint64_t position_ = 0;  // of the next byte
    std::uint64_t skip_ = 0;
    digest_stream running_;
    std::vector<digest> early_;  // whole chunks from before the size was known
  };

  /// Counts what comes.
  class few_bytes final : public fetch_receiver {
   public:
    explicit few_bytes(std::stop_token stop) : stop_(std::move(stop)) {}
    void take(std::span<const std::byte> piece) override {
      if (came_ == 0 && !piece.empty()) first_ = piece.front();
      came_ += piece.size();
    }
    void total(std::uint64_t) override {}
    void version(std::string_view) override {}
    void begins_at(std::uint64_t) override {}
    const std::stop_token& stop() const noexcept override { return stop_; }
    void throw_if_broken() const noexcept {}

    std::uint64_t came() const noexcept { return came_; }
    std::span<const std::byte> first() const noexcept { return {&first_, 1}; }

   private:
    std::stop_token stop_;
    std::byte first_{};
    std::uint64_t came_ = 0;
  };

  /// Takes one chunk, in as many answers as it takes.
  class one_chunk final : public receiver_base {
   public:
    one_chunk(blob_fetch& of, std::size_t chunk, const std::stop_token& stop)
        : receiver_base(of, stop), chunk_(chunk), begin_(chunk * chunk_size), size_(of.to_.size_of(chunk)) {}
    one_chunk(const one_chunk&) = delete;
    one_chunk& operator=(const one_chunk&) = delete;
    ~one_chunk() {
      if (!landed_ && filled_ != 0) give_up();
    }

    void begins_at(std::uint64_t offset) override {
      if (offset == begin_ + filled_) return;
      if (offset > begin_ + filled_)
        core::fail(error_cause::server, of_.subject() + " was answered with another range than was asked for");
      ignored_ = true;
      throw_if_broken();
    }
    void take(std::span<const std::byte> piece) override {
      stop_if_asked();
      check_head();
      of_.fetched_ += piece.size();
      if (piece.size() > size_ - filled_) {  // everything, and not what was asked for
        ignored_ = true;
        throw_if_broken();
      }
      of_.to_.write(piece, begin_ + filled_);
      running_.update(piece);
      filled_ += piece.size();
      of_.tell(static_cast<std::int64_t>(piece.size()));
    }
    bool is_whole() const noexcept { return filled_ == size_; }
    std::uint64_t filled() const noexcept { return filled_; }
    byte_range missing() const noexcept { return {begin_ + filled_, size_ - filled_}; }
    void land() {
      landed_ = true;
      of_.land(chunk_, running_.finish());
    }

   private:
    void give_up() noexcept {
      try {
        of_.tell(-static_cast<std::int64_t>(filled_));
      } catch (...) {  // another exception is on its way already
      }
    }

    std::size_t chunk_;
    std::uint64_t begin_;
    std::uint64_t size_;
    std::uint64_t filled_ = 0;
    bool landed_ = false;
    digest_stream running_;
  };

  partial_file& to_;
  const wanted_file& wanted_;
  const fetch_function& fetch_;
  remote::transfer_streams& streams_;
  std::size_t side_by_side_;
  const transfer_control& control_;
  std::optional<ordered_digest> digest_;
  std::atomic<std::uint64_t> fetched_{0};
  std::mutex telling_;
  std::uint64_t landed_ = 0;  // bytes that are there
};

}  // namespace larder::artifacts
