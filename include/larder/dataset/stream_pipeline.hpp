#pragma once

// Batches made ahead. The order of the samples is planned by one thread at a time, whoever needs the next batch; batches are filled by all threads at
// once and handed out in order. Where the caller comes and nothing is under way he plans and fills his batch himself: if all of it was in the cache
// he goes on so, which is faster than taking it from another thread; if not, the workers begin to run ahead.

#include <larder/core/error.hpp>
#include <larder/dataset/batch_writer.hpp>
#include <larder/dataset/preprocess.hpp>
#include <larder/dataset/sample_counts.hpp>
#include <larder/dataset/sample_random.hpp>
#include <larder/dataset/stream_options.hpp>
#include <larder/dataset/stream_plan.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::datasets {

/// How many threads make batches when nobody says.
inline std::size_t usual_workers() noexcept { return std::max(std::thread::hardware_concurrency(), 2U) - 1; }

/// The batches of a stream, one after the other. `next` is for one thread.
template <class Sample, class Maker, class After>
class stream_pipeline {
 public:
  static constexpr bool augments = !std::is_same_v<After, unchanged>;

  /// `order`: what positions are compared with. `window`: how many shards are shuffled together.
  stream_pipeline(std::unique_ptr<Maker> maker, After after, const stream_options& options, std::size_t window,
                  std::uint64_t order)
      : maker_(std::move(maker)),
        after_(std::move(after)),
        options_(options),
        workers_wanted_(options.prefetch == 0 ? 0 : options.workers.value_or(usual_workers())),
        plan_(options, maker_->source().shards(), window, order, table_of{this}),
        slots_(options.prefetch + 1),
        position_(plan_.position()),
        at_stop_(options.stop, [this] {
          cancel_.request_stop();
          end_workers();
        }) {
    for (auto& one : slots_) one = std::make_unique<slot>(options.mode == batch_mode::copy);
  }
  stream_pipeline(const stream_pipeline&) = delete;
  stream_pipeline& operator=(const stream_pipeline&) = delete;
  ~stream_pipeline() {
    cancel_.request_stop();
    end_workers();
    threads_.clear();  // joins
  }

  /// The next batch, which stays until the next call; null at the end. Throws what making it threw, and `larder::error` (cancelled) after a
  /// stop; then the stream is over, and `position()` is where it was.
  const batch<Sample>* next() {
    const clock::time_point begun = clock::now();
    if (failed_) return nullptr;
    try {
      slot* const one = next_slot();
      if (one == nullptr) return nullptr;
      position_ = one->plan.next;
      const auto stalled = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - begun);
      maker_->store().counts().add_batch(stalled);
      counts_.add_batch(stalled);
      return &one->writer.result();
    } catch (...) {
      failed_ = true;
      end_workers();
      throw;
    }
  }
  /// Where a stream begins that is to give what this one has not yet.
  const stream_position& position() const noexcept { return position_; }
  /// In which form samples are kept by now.
  kept_form form() const noexcept { return maker_->form(); }
  /// What this stream did.
  dataset_stats stats() const noexcept {
    dataset_stats s;
    counts_.read_into(s);
    return s;
  }

 private:
  using clock = std::chrono::steady_clock;

  struct slot {
    explicit slot(bool copies) : writer(copies) {}
    planned_batch plan;
    batch_writer<Sample> writer;
    std::exception_ptr failure;
    std::uint64_t size = 0;
    bool ready = false;  // under `mutex_`
  };
  struct table_of {
    stream_pipeline* of;
    std::shared_ptr<sample_table> operator()(std::size_t shard) const { return of->maker_->table(shard, of->planning_); }
    void expect(const epoch_order& order, std::size_t window) const { of->maker_->expect(order, window); }
  };

  slot& at(std::uint64_t number) noexcept { return *slots_[static_cast<std::size_t>(number % slots_.size())]; }

  slot* next_slot() {
    release();
    check_stop();
    for (;;) {
      std::unique_lock lock(mutex_);
      if (planned_ != taken_) {
        slot& one = at(taken_);
        ready_.wait(lock, [&] { return one.ready || options_.stop.stop_requested(); });
        if (!one.ready) check_stop();
        return hand_out(one);
      }
      lock.unlock();
      std::unique_lock planning(plan_mutex_);
      lock.lock();
      if (planned_ != taken_) continue;  // a worker was first
      if (ended_) return nullptr;
      lock.unlock();
      slot& one = at(taken_);
      if (!plan(one)) return nullptr;
      planning.unlock();
      const bool found = fill(one);
      lock.lock();
      one.ready = true;
      hand_out(one);
      if (!found) run_ahead();
      return &one;
    }
  }
  /// The batch is used from now on, and does not wait any more; under `mutex_`.
  slot* hand_out(slot& one) {
    holds_one_ = true;
    bytes_ahead_ -= std::exchange(one.size, 0);
    work_.notify_one();
    if (one.failure) std::rethrow_exception(std::exchange(one.failure, nullptr));
    return &one;
  }
  /// The caller is done with the batch that he has.
  void release() {
    if (!std::exchange(holds_one_, false)) return;
    slot& one = at(taken_);
    one.writer.clear();
    one.plan.clear();
    const std::lock_guard lock(mutex_);
    one.ready = false;
    ++taken_;
    work_.notify_one();
  }
  void check_stop() const {
    if (options_.stop.stop_requested())
      core::fail(error_cause::cancelled, "the stream was stopped; its position says where to go on");
  }

  /// Plans the next batch into a slot; false at the end. Under `plan_mutex_`.
  bool plan(slot& one) {
    planning_ = {};
    bool any = false;
    try {
      any = plan_.next(one.plan);
    } catch (...) {
      one.failure = std::current_exception();
      one.plan.clear();
      any = true;
    }
    count(planning_);
    if (const std::optional<std::uint64_t> total = plan_.total()) maker_->store().note_samples(*total);
    const std::lock_guard lock(mutex_);
    if (one.failure || !any) ended_ = true;
    if (any) {
      ++planned_;
      ++under_way_;
      if (may_run_ahead() && !ended_) work_.notify_one();
    }
    return any;
  }
  /// Makes what is planned, or keeps why not. Whether all of it was there to be handed out.
  bool fill(slot& one) noexcept {
    batch_counts n;
    try {
      if (!one.failure) fill(one, n);
    } catch (...) {
      one.failure = std::current_exception();
    }
    if (one.failure) one.writer.clear();
    count(n);
    one.size = n.bytes_out;
    const std::lock_guard lock(mutex_);
    --under_way_;
    bytes_ahead_ += one.size;
    largest_ = std::max(largest_, one.size);
    return !augments && n.computed == 0;
  }
  void count(const batch_counts& n) noexcept {
    maker_->store().counts().add(n);
    counts_.add(n);
  }
  void fill(slot& one, batch_counts& n) {
    batch_writer<Sample>& to = one.writer;
    to.begin(one.plan.samples.size());
    for (const auto& window : one.plan.windows) to.hold(window);
    const std::stop_token stop = cancel_.get_token();
    for (const planned_sample& sample : one.plan.samples) {
      if constexpr (!augments) {
        if (const bytes* const known = sample.table->find(sample.index)) {
          ++n.hits;
          n.bytes_out += known->size();
          to.add_view(*known);
          continue;
        }
      }
      if (stop.stop_requested()) core::fail(error_cause::cancelled, "the stream was ended while it made a batch");
      bytes encoded = maker_->get(*sample.table, sample.shard, sample.index, stop, n);
      n.bytes_out += encoded.size();
      if constexpr (augments) {
        sample_random random(random_seed(one.plan.epoch, *sample.table, sample.index));
        if constexpr (std::is_invocable_v<const After&, Sample, sample_random&>)
          to.add_sample(std::invoke(after_, codec<Sample>::decode(encoded), random));
        else
          to.add_sample(std::invoke(after_, codec<Sample>::decode(encoded)));
      } else {
        to.add(std::move(encoded));
      }
    }
    to.end(one.plan.epoch, one.plan.next);
  }
  std::uint64_t random_seed(std::uint64_t epoch, const sample_table& table, std::uint64_t index) const noexcept {
    return fingerprint_builder().add(options_.seed).add(epoch).add(table.key().view()).add(index).finish().low;
  }

  /// Lets the workers make batches ahead; under `mutex_`.
  void run_ahead() {
    ahead_ = true;
    while (threads_.size() < workers_wanted_ && !ending_) threads_.emplace_back([this] { work(); });
    work_.notify_all();
  }
  void work() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return ending_ || (may_run_ahead() && !ended_); });
        if (ending_) return;
      }
      std::unique_lock planning(plan_mutex_);
      slot* one = nullptr;
      {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        if (ended_ || !may_run_ahead()) continue;
        one = &at(planned_);
      }
      if (!plan(*one)) continue;
      planning.unlock();
      const bool found = fill(*one);
      const std::lock_guard lock(mutex_);
      one->ready = true;
      if (found && !one->failure)
        ahead_ = false;  // the caller is faster by himself, once he has used what is made
      else
        ahead_ = true;
      ready_.notify_one();
      work_.notify_one();
    }
  }
  /// A batch that is being made counts as the largest so far: else all threads would begin one before the first of them is known to be too much.
  bool may_run_ahead() const noexcept {
    if (!ahead_ || planned_ - taken_ >= slots_.size()) return false;
    if (planned_ == taken_) return true;
    const std::uint64_t room = options_.bytes_ahead > bytes_ahead_ ? options_.bytes_ahead - bytes_ahead_ : 0;
    return room > 0 && (under_way_ == 0 || largest_ <= (room - 1) / under_way_);
  }
  void end_workers() noexcept {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    work_.notify_all();
    ready_.notify_all();
  }

  std::unique_ptr<Maker> maker_;
  After after_;
  stream_options options_;
  std::size_t workers_wanted_;
  std::stop_source cancel_;
  sample_counts counts_;

  std::mutex plan_mutex_;  // before `mutex_`
  batch_counts planning_;
  stream_plan<table_of> plan_;

  std::mutex mutex_;
  std::condition_variable work_, ready_;
  std::uint64_t planned_ = 0;      // batches
  std::uint64_t taken_ = 0;        // batches that the caller is done with
  std::uint64_t under_way_ = 0;    // planned and not ready yet
  std::uint64_t bytes_ahead_ = 0;  // of batches that are ready and not used yet
  std::uint64_t largest_ = 0;      // batch so far, in bytes
  bool ahead_ = false;
  bool ended_ = false;
  bool ending_ = false;

  std::vector<std::unique_ptr<slot>> slots_;
  bool holds_one_ = false;
  bool failed_ = false;
  stream_position position_;
  std::vector<std::jthread> threads_;
  std::stop_callback<std::function<void()>> at_stop_;
};

}  // namespace larder::datasets
