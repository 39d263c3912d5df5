#pragma once

#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/epoch_order.hpp>
#include <larder/dataset/rank_share.hpp>
#include <larder/dataset/sample_counts.hpp>
#include <larder/dataset/sample_table.hpp>
#include <larder/dataset/stream_options.hpp>
#include <larder/dataset/stream_position.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace larder::datasets {

/// The shards of one window and the order of their samples, with the tables that say where these are.
struct open_window {
  open_window(const epoch_order& order, std::size_t window, const std::vector<std::uint64_t>& counts)
      : samples(order, window, counts) {}
  window_order samples;
  std::vector<std::shared_ptr<sample_table>> tables;
};

/// One sample of a batch that is to be made.
struct planned_sample {
  sample_table* table = nullptr;
  std::size_t shard = 0;
  std::uint64_t index = 0;
};

/// A batch that is to be made: its samples, and where the next one begins.
struct planned_batch {
  std::vector<planned_sample> samples;
  std::vector<std::shared_ptr<const open_window>> windows;  // that the samples are of
  std::uint64_t epoch = 0;
  stream_position next{};

  void clear() noexcept {
    samples.clear();
    windows.clear();
  }
};

/// Says batch by batch which samples come next, by the order alone. One thread at a time.
///
/// `Tables` gives `tables(shard) -> shared_ptr<sample_table>`, which may read the shard; `tables.expect(order, window)` says which window comes next.
template <class Tables>
class stream_plan {
 public:
  /// `order`: what a position is compared with. Throws `larder::error` for a position of another order.
  stream_plan(const stream_options& options, std::size_t shards, std::size_t window, std::uint64_t order, Tables tables)
      : batch_size_(options.batch_size),
        drop_last_(options.drop_last),
        settings_{options.seed, options.shuffle, window},
        shards_(shards),
        order_id_(order),
        share_{options.rank, options.world},
        tables_(std::move(tables)),
        epoch_(options.epoch),
        last_epoch_(options.epoch + options.epochs - 1) {
    share_.validate();
    if (options.from)
      resume(*options.from);
    else
      enter(epoch_);
  }

  /// Fills `batch`; false when there is none any more.
  bool next(planned_batch& batch) {
    for (;;) {
      batch.clear();
      batch.epoch = epoch_;
      while (batch.samples.size() < batch_size_ && advance()) take(batch);
      const bool whole = batch.samples.size() == batch_size_;
      const bool wanted = !batch.samples.empty() && (whole || !drop_last_) && (!drop_last_ || round_is_whole());
      if (wanted) {
        batch.next = position();
        fruitless_ = false;
        return true;
      }
      if (epoch_ == last_epoch_ || fruitless_) return false;
      enter(epoch_ + 1);
      fruitless_ = true;  // an epoch without a batch is followed by such ones alone
    }
  }
  /// How many samples an epoch has, of all ranks; nothing before one was gone through.
  std::optional<std::uint64_t> total() const noexcept { return total_; }
  /// Where the next batch begins.
  stream_position position() const {
    stream_position at{};
    at.epoch = epoch_;
    at.seed = settings_.seed;
    at.order = order_id_;
    if (number_ >= order_->windows()) {  // this rank has no more, and at most what is under way in other ranks is left
      at.window = number_;
      at.before = before_;
      return at;
    }
    const std::uint64_t round =
        next_ - share_.rank;  // where the round of the next sample begins; rounds go on from where a plan was resumed
    const auto in =
        std::find_if(begins_.rbegin(), begins_.rend(), [&](const begin_of_window& one) { return one.before <= round; });
    const begin_of_window& found = in == begins_.rend() ? begins_.front() : *in;
    at.window = found.window;
    at.before = found.before;
    at.within = round - found.before;
    return at;
  }

 private:
  struct begin_of_window {
    std::size_t window;
    std::uint64_t before;  // samples of the windows before it
  };

  void enter(std::uint64_t epoch) {
    epoch_ = epoch;
    order_.emplace(settings_, epoch, shards_);
    window_.reset();
    number_ = 0;
    before_ = 0;
    next_ = share_.rank;
    begins_.clear();
    begins_.push_back({0, 0});
  }
  void resume(const stream_position& from) {
    if (from.order != order_id_ || from.seed != settings_.seed)
      core::fail(error_cause::invalid_argument,
                 "stream: the position belongs to another order (other data, seed, shuffle or window); stream with the settings "
                 "that it was taken with");
    constexpr std::uint64_t most = std::uint64_t{1} << 62U;
    if (from.before > most || from.within > most)
      core::fail(error_cause::invalid_argument,
                 "stream: the position is behind the last window of the data; is it the same data?");
    enter(from.epoch);
    last_epoch_ = std::max(last_epoch_, from.epoch);  // which was begun
    if (from.window > order_->windows() || (from.window == order_->windows() && from.within != 0 && from.window != 0))
      core::fail(error_cause::invalid_argument,
                 "stream: the position is behind the last window of the data; is it the same data?");
    number_ = static_cast<std::size_t>(from.window);
    before_ = from.before;
    next_ = from.before + from.within + share_.rank;
    begins_.front() = {number_, before_};
  }
  /// Opens windows until the next sample lies in the open one; false at the end of the epoch.
  bool advance() {
    for (;;) {
      if (window_ && next_ - before_ < window_->samples.size()) return true;
      if (window_) {
        before_ += window_->samples.size();
        ++number_;
        window_.reset();
        begins_.push_back({number_, before_});
        while (begins_.size() > 1 && begins_[1].before + share_.world <= next_) begins_.pop_front();
      }
      if (number_ >= order_->windows()) {
        total_ = before_;
        return false;
      }
      window_ = open(number_);
    }
  }
  std::shared_ptr<const open_window> open(std::size_t number) {
    std::vector<std::shared_ptr<sample_table>> tables;
    std::vector<std::uint64_t> counts;
    const std::size_t shards = order_->shards_in(number);
    tables.reserve(shards);
    counts.reserve(shards);
    by_shard_.resize(shards_);
    for (std::size_t i = 0; i < shards; ++i) {
      const std::size_t shard = order_->shard(number, i);
      tables.push_back(tables_(shard));
      counts.push_back(tables.back()->size());
      by_shard_[shard] = tables.back().get();
    }
    tables_.expect(*order_, number);
    auto opened = std::make_shared<open_window>(*order_, number, counts);
    opened->tables = std::move(tables);
    return opened;
  }
  void take(planned_batch& batch) {
    if (batch.windows.empty() || batch.windows.back() != window_) batch.windows.push_back(window_);
    const sample_place at = window_->samples[next_ - before_];
    batch.samples.push_back({by_shard_[at.shard], at.shard, at.index});
    next_ += share_.world;
  }
  /// Under `drop_last`: whether every rank has as many samples as the batch that was just planned makes of this one.
  bool round_is_whole() {
    const std::uint64_t last = next_ - share_.world;                 // of this rank, just taken
    const std::uint64_t needed = last - share_.rank + share_.world;  // so many samples has an epoch in which all have theirs
    std::uint64_t known = before_ + (window_ ? window_->samples.size() : 0);
    // Only at the end of a window may the others' samples lie in one that is not open yet.
    for (std::size_t w = number_ + 1; known < needed && w < order_->windows(); ++w) known += open(w)->samples.size();
    return known >= needed;
  }

  std::size_t batch_size_;
  bool drop_last_;
  order_settings settings_;
  std::size_t shards_;
  std::uint64_t order_id_;
  partition share_;
  Tables tables_;
  std::uint64_t epoch_;
  std::uint64_t last_epoch_;
  std::optional<epoch_order> order_;
  std::shared_ptr<const open_window> window_;
  std::size_t number_ = 0;              // of the window
  std::uint64_t before_ = 0;            // samples of all ranks in the windows before it
  std::uint64_t next_ = 0;              // global number of this rank's next sample
  bool fruitless_ = false;              // there was no batch since the beginning of this epoch
  std::deque<begin_of_window> begins_;  // of this window, and of those before in which the round may have begun
  std::optional<std::uint64_t> total_;
  std::vector<sample_table*> by_shard_;
};

}  // namespace larder::datasets
