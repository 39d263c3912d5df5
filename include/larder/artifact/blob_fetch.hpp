#pragma once

// Fetches one file by ranges side by side into a partial file. What a provider cannot do is found out on the way: it may not know the size, not take
// ranges, break off, or change the file meanwhile. The digest of the whole is computed behind the data.

#include <larder/artifact/blob_landing.hpp>
#include <larder/artifact/blob_receiver.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/chunk_receiver.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/in_order_receiver.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/transfer_streams.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::artifacts {

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
      : fetch_(fetch), streams_(streams), side_by_side_(side_by_side), landing_(to, wanted, control) {}

  /// Returns when all of it is in the partial file and has the digest. Throws what the provider throws, and `larder::error`: (corruption) when the
  /// bytes are not what they should be: nothing is left of them then; (cancelled). Otherwise chunks that came stay, for the next try.
  fetched_file run() {
    fetched_file result;
    result.resumed = landing_.resume();
    for (unsigned restarts = 0;; ++restarts) {
      try {
        fetch_all();
      } catch (const blob_receiver::started_anew&) {
        if (restarts == 3) core::fail(error_cause::io, subject() + " changes all the time while it is fetched; try again later");
        landing_.restart();
        result.resumed = 0;
        continue;
      }
      const content_digest found = landing_.finish();
      result.fetched = landing_.fetched();
      if (landing_.wanted().digest && found != *landing_.wanted().digest) {
        if (result.resumed != 0 && restarts < 3) {  // what an earlier process left may be of another file
          landing_.restart();
          result.resumed = 0;
          continue;
        }
        file().discard();
        core::fail(error_cause::corruption, subject() + " came with the digest " + found.text() + " and should have " +
                                                landing_.wanted().digest->text() + "; nothing of it was kept");
      }
      result.digest = found;
      result.chunks = file().chunks();
      return result;
    }
  }

 private:
  std::string subject() const { return landing_.subject(); }
  partial_file& file() noexcept { return landing_.file(); }

  void fetch_all() {
    landing_.forget_digest();
    if (file().started()) {
      landing_.begin();
    } else {
      open();
    }
    for (std::vector<std::size_t> missing = landing_.missing(); !missing.empty(); missing = landing_.missing()) {
      try {
        if (file().ignores_ranges())
          whole();
        else
          streams_.run(missing.size(), side_by_side_, landing_.stop(),
                       [&](std::size_t i, const std::stop_token& stop) { complete(missing[i], stop); });
      } catch (const blob_receiver::ranges_are_ignored&) {
        file().start(file().size(), file().version(), true);
      } catch (const error& e) {
        if (!file().ignores_ranges() || !may_go_on(e) || landing_.missing().size() == missing.size()) throw;
      }
    }
  }

  /// Everything in one answer, of a provider that knows no ranges.
  void whole() {
    in_order_receiver all(landing_);
    ask(all, {0, file().size()});
    all.end();
  }

  /// The first request: of the beginning, by which the rest becomes known.
  void open() {
    in_order_receiver first(landing_);
    try {
      ask(first, {0, chunk_size});
      first.end_of_range(chunk_size);
    } catch (const error& e) {
      if (!may_go_on(e) || !file().started() || first.position() == 0) throw;
      if (first.position() > chunk_size) file().start(file().size(), file().version(), true);
      return;  // the rest is asked for by itself
    }
    if (!file().started()) look_beyond(first);
    while (!file().started()) {
      first.go_on();
      ask(first, {first.position(), chunk_size});
      first.end_of_range(chunk_size);
    }
  }

  /// As much as was asked for has come, of an unknown whole: that may be all of it, from a provider that knows no ranges. One byte more tells.
  void look_beyond(in_order_receiver& first) {
    few_bytes more(landing_.stop());
    ask(more, {first.position(), 1});
    first.go_on();
    if (more.came() == 1)
      first.take(more.first());
    else
      first.ends_here();
  }

  /// All of a chunk, whatever it takes.
  void complete(std::size_t chunk, const std::stop_token& stop) {
    chunk_receiver part(landing_, chunk, stop);
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
      fetch_(landing_.wanted().url, range, sink);
    } catch (...) {
      receiver.throw_if_broken();  // whatever became of that exception on its way through the provider
      throw;
    }
    receiver.throw_if_broken();
  }

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

  const fetch_function& fetch_;
  remote::transfer_streams& streams_;
  std::size_t side_by_side_;
  blob_landing landing_;
};

}  // namespace larder::artifacts
