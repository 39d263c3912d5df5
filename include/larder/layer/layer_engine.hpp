#pragma once

// The moving part of a layer cache: one load per layer at a time, whoever asks; one loader thread that works off warm-ups,
// prefetches and the layers that a pass will come to; the residency decides under the lock, loads run without it.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/layer/layer.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/layer_reader.hpp>
#include <larder/layer/layer_schedule.hpp>
#include <larder/layer/layer_stats.hpp>
#include <larder/layer/load_retries.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/sync/task.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace larder::layers {

template <class Source, class Residency, class Time>
class layer_engine {
 public:
  template <class MakeResidency>
  layer_engine(Source source, MakeResidency&& make, Time time, load_retries retries)
      : reader_(std::move(source), time, retries),
        memory_(std::make_shared<layer_memory>(reader_.catalog())),
        entries_(memory_->catalog().size()),
        residency_(make(std::span<const layer_info>(memory_->catalog()))) {
    memory_->set_footprint(residency_.footprint());
  }
  layer_engine(const layer_engine&) = delete;
  layer_engine& operator=(const layer_engine&) = delete;

  ~layer_engine() {
    {
      const std::lock_guard lock(memory_->mutex());
      reader_.stop();
      schedule_ = nullptr;
    }
    memory_->bell().notify_all();
    if (loader_.joinable()) loader_.join();
    requests_.clear();  // each task that waits for them fails with `cancelled`
    memory_->set_footprint(0);
    for (entry& e : entries_)
      if (e.block != nullptr) e.block->release();
  }

  const std::vector<layer_info>& catalog() const noexcept { return memory_->catalog(); }
  const Source& source() const noexcept { return reader_.source(); }

  /// A lease on layer `i`, which is in the catalog; loads it when nobody has. `schedule` is the pass that asks, at `step`.
  layer get(std::size_t i, const std::shared_ptr<layer_schedule>* schedule = nullptr, std::uint64_t step = 0) {
    std::unique_lock lock(memory_->mutex());
    if (schedule != nullptr) {
      schedule_ = *schedule;
      schedule_->next = step;
    }
    entry& e = entries_[i];
    const auto hand_out = [&](layer_block& block) {
      layer lease(block, i);
      if (schedule != nullptr) {
        (*schedule)->next = step + 1;
        wake_loader();
      }
      return lease;
    };
    if (e.block != nullptr) {
      ++stats_.hits;
      if (std::exchange(e.unused, false)) ++stats_.prefetch_hits;
      residency_.used(i);
      return hand_out(*e.block);
    }
    ++stats_.misses;
    bool counted_as_joined = false;
    const auto began = std::chrono::steady_clock::now();
    for (;;) {
      if (e.block != nullptr) {  // somebody else loaded it after a load that this one had joined was called off
        e.unused = false;
        residency_.used(i);
        stats_.wait_time += std::chrono::steady_clock::now() - began;
        return hand_out(*e.block);
      }
      std::shared_ptr<layer_load> f = e.loading;
      if (f == nullptr) {
        const room place = residency_.make_room(i, load_kind::demand, *this);
        f = begin_load(i, load_kind::demand, place);
        if (schedule != nullptr) wake_loader();
        run_load(lock, i, *f, nullptr);
        finish_load(i, f);
      } else {
        if (f->loader == std::this_thread::get_id())
          core::fail(error_cause::reentrant, "the loader of layer \"" + catalog()[i].name + "\" asks the cache for that same layer");
        if (!std::exchange(counted_as_joined, true)) ++stats_.joined;
        f->demanded.store(true, std::memory_order_relaxed);
        over_.wait(lock, [&] { return f->over; });
        if (f->called_off && !reader_.stopping()) continue;
      }
      stats_.wait_time += std::chrono::steady_clock::now() - began;
      if (f->failure) std::rethrow_exception(f->failure);
      layer lease = hand_out(*f->block);
      f = nullptr;  // before the lock, so that the block counts as held by the lease alone
      return lease;
    }
  }

  /// Queues loads of these layers, which are in the catalog.
  task request(std::vector<std::size_t> layers, load_kind kind) {
    task_worker worker(layers.size());
    task watcher = worker.watch();
    {
      const std::lock_guard lock(memory_->mutex());
      requests_.push_back(request_state{std::move(layers), 0, kind, std::move(worker)});
      start_loader();
    }
    memory_->bell().notify_one();
    return watcher;
  }

  void begin_pass(const std::shared_ptr<layer_schedule>& schedule) {
    const std::lock_guard lock(memory_->mutex());
    schedule_ = schedule;
    for (entry& e : entries_) e.failed = false;
    if (cached_ < entries_.size()) {
      start_loader();
      memory_->bell().notify_one();
    }
  }
  void end_pass(const std::shared_ptr<layer_schedule>& schedule) noexcept {
    const std::lock_guard lock(memory_->mutex());
    if (schedule_ == schedule) schedule_ = nullptr;
  }

  bool contains(std::size_t i) const {
    const std::lock_guard lock(memory_->mutex());
    return entries_[i].block != nullptr;
  }
  bool erase(std::size_t i) {
    const std::lock_guard lock(memory_->mutex());
    forget_load(i);
    return drop(i);
  }
  void clear() {
    {
      const std::lock_guard lock(memory_->mutex());
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        forget_load(i);
        drop(i);
      }
    }
    memory_->drop_spares();
  }
  /// `change(limits&)` under the lock; a change that the residency refuses (it throws) is undone.
  template <class F>
  void set_limits(limits& current, F&& change) {
    {
      const std::lock_guard lock(memory_->mutex());
      limits next = current;
      change(next);
      residency_.set_limits(next, *this);
      current = next;
      memory_->set_footprint(residency_.footprint());
      memory_->bell().notify_one();
    }
    memory_->drop_spares();
  }

  /// f(index, when it was loaded) for each cached layer; under the lock, so short.
  template <class F>
  void visit_cached(F&& f) const {
    const std::lock_guard lock(memory_->mutex());
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].block != nullptr) f(i, entries_[i].loaded);
  }
  std::size_t size() const {
    const std::lock_guard lock(memory_->mutex());
    return cached_;
  }
  std::uint64_t weight() const {
    const std::lock_guard lock(memory_->mutex());
    return weight_;
  }
  layer_stats stats() const {
    const std::lock_guard lock(memory_->mutex());
    layer_stats copy = stats_;
    const std::uint64_t in_use = memory_->in_use();
    const std::uint64_t ours = weight_ + loading_bytes_;
    copy.pinned_bytes = in_use > ours ? in_use - ours : 0;
    copy.overhead_bytes = memory_->idle_bytes() + entries_.size() * sizeof(entry);
    return copy;
  }
  void reset_stats() {
    const std::lock_guard lock(memory_->mutex());
    stats_ = layer_stats{};
  }
  /// f(residency) under the lock.
  template <class F>
  auto ask_residency(F&& f) const {
    const std::lock_guard lock(memory_->mutex());
    return f(residency_);
  }
  std::uint64_t allocations() const noexcept { return memory_->allocations(); }
  instant now() const { return reader_.now(); }

  // What the residency asks and does, under the lock.
  occupancy look(std::size_t i) const noexcept {
    const entry& e = entries_[i];
    return {e.block != nullptr, e.block != nullptr && e.block->references() > 1, e.unused, e.ahead == scan_};
  }
  void evict(std::size_t i) noexcept {
    ++stats_.evictions;
    remove(i);
  }
  void count_extra_buffer() noexcept { ++stats_.extra_buffers; }
  struct ahead {
    std::uint64_t count;
    std::uint64_t bytes;
  };
  ahead loaded_ahead() const noexcept {
    ahead sum{0, 0};
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].unused || entries_[i].loading != nullptr) {
        ++sum.count;
        sum.bytes += catalog()[i].size;
      }
    return sum;
  }
  void forget_loads() noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].loading == nullptr) continue;
      give_up_place(i, *entries_[i].loading);
    }
  }

 private:
  struct entry {
    layer_block* block = nullptr;  // one reference, while cached
    std::shared_ptr<layer_load> loading;
    instant loaded{0};
    std::uint64_t ahead = 0;  // the scan that came to it
    bool unused = false;      // loaded ahead, not asked for yet
    bool failed = false;      // a load for a pass failed: left to whoever asks for it
  };
  struct request_state {
    std::vector<std::size_t> layers;
    std::size_t next;
    load_kind kind;
    task_worker worker;
  };
  struct job {
    std::size_t layer = 0;
    std::shared_ptr<layer_load> load;  // nothing: there is nothing to do
    request_state* request = nullptr;
  };

  std::shared_ptr<layer_load> begin_load(std::size_t i, load_kind kind, room place) {
    std::shared_ptr<layer_load> f;
    try {
      f = std::make_shared<layer_load>(kind);
    } catch (...) {
      if (place == room::granted) residency_.abandoned(i);
      throw;
    }
    f->to_be_stored = place == room::granted;
    if (place == room::uncached) ++stats_.refused;
    entries_[i].loading = f;
    loading_bytes_ += catalog()[i].size;
    return f;
  }

  void run_load(std::unique_lock<std::mutex>& lock, std::size_t i, layer_load& f, const task_worker* request) {
    const std::uint64_t capacity = residency_.block_size(i);
    const bool is_streamed = residency_.is_streamed(i);
    lock.unlock();
    reader_.load(i, f, *memory_, capacity, is_streamed, request);
    lock.lock();
  }

  void finish_load(std::size_t i, const std::shared_ptr<layer_load>& f) noexcept {
    entry& e = entries_[i];
    loading_bytes_ -= catalog()[i].size;
    stats_.load_time += f->took;
    if (e.loading == f) e.loading = nullptr;
    if (f->failure) {
      if (!f->called_off) ++stats_.load_failures;
      if (f->to_be_stored) residency_.abandoned(i);
      e.failed = true;
    } else {
      e.failed = false;
      ++stats_.loads;
      ++(f->kind == load_kind::demand ? stats_.demand_loads : f->kind == load_kind::warmup ? stats_.warmup_loads : stats_.prefetch_loads);
      stats_.bytes_read += catalog()[i].size;
      if (f->to_be_stored && residency_.stored(i, *this)) {
        f->block->acquire();
        e.block = f->block;
        e.unused = (f->kind == load_kind::prefetch || f->kind == load_kind::pass) && !f->demanded.load(std::memory_order_relaxed);
        e.loaded = reader_.now();
        weight_ += catalog()[i].size;
        ++cached_;
        ++stats_.insertions;
      }
    }
    f->over = true;
    over_.notify_all();
    wake_loader();
  }

  void give_up_place(std::size_t i, layer_load& f) noexcept {
    if (std::exchange(f.to_be_stored, false)) residency_.abandoned(i);
  }
  /// Who waits for the load gets it, but it is not stored, and who asks later loads anew.
  void forget_load(std::size_t i) noexcept {
    if (entries_[i].loading == nullptr) return;
    give_up_place(i, *entries_[i].loading);
    entries_[i].loading = nullptr;
  }
  bool drop(std::size_t i) noexcept {
    if (entries_[i].block == nullptr) return false;
    residency_.erased(i);
    remove(i);
    return true;
  }
  void remove(std::size_t i) noexcept {
    entry& e = entries_[i];
    if (std::exchange(e.unused, false)) ++stats_.wasted_prefetches;
    weight_ -= catalog()[i].size;
    --cached_;
    std::exchange(e.block, nullptr)->release();
  }

  void start_loader() {
    if (!loader_.joinable()) loader_ = std::thread([this] { run(); });
  }
  void wake_loader() noexcept {
    if (memory_->loader_sleeps() && (!requests_.empty() || cached_ < entries_.size())) memory_->bell().notify_one();
  }

  void run() {
    std::unique_lock lock(memory_->mutex());
    while (!reader_.stopping()) {
      job next = pick();
      if (next.load == nullptr) {
        memory_->announce_sleep(true);
        next = pick();  // a lease may have been dropped before the announcement
        if (next.load == nullptr) memory_->bell().wait(lock);
        memory_->announce_sleep(false);
        if (next.load == nullptr) continue;
      }
      run_load(lock, next.layer, *next.load, next.request == nullptr ? nullptr : &next.request->worker);
      finish_load(next.layer, next.load);
      if (next.request != nullptr && next.load->failure) {
        if (next.load->called_off)
          next.request->worker.cancel();
        else
          next.request->worker.fail(next.load->failure);
        requests_.pop_front();
      }
      next = job{};
    }
  }

  job pick() {
    while (!requests_.empty()) {
      request_state& r = requests_.front();
      if (r.worker.stop_requested() && r.next < r.layers.size()) {
        r.worker.cancel();
        requests_.pop_front();
        continue;
      }
      if (r.next == r.layers.size()) {
        r.worker.finish();
        requests_.pop_front();
        continue;
      }
      const std::size_t i = r.layers[r.next];
      if (entries_[i].block == nullptr) {
        if (entries_[i].loading != nullptr) break;  // somebody else loads it: come back when that is over
        if (residency_.make_room(i, r.kind, *this) == room::granted) return job{i, begin_load(i, r.kind, room::granted), &r};
      }
      ++r.next;  // it is there, or there is no room for it
      r.worker.advance();
    }
    if (schedule_ == nullptr) return {};
    ++scan_;
    const std::uint64_t end = schedule_->steps() - std::min(schedule_->steps(), schedule_->next) > schedule_->length()
                                  ? schedule_->next + schedule_->length()
                                  : schedule_->steps();
    bool only_residents = false;
    for (std::uint64_t step = schedule_->next; step < end; ++step) {
      const std::size_t i = schedule_->at(step);
      entry& e = entries_[i];
      if (e.block != nullptr || e.loading != nullptr) {
        e.ahead = scan_;
        continue;
      }
      if (e.failed || (only_residents && residency_.is_streamed(i))) continue;
      if (residency_.make_room(i, load_kind::pass, *this) == room::granted) return job{i, begin_load(i, load_kind::pass, room::granted), nullptr};
      if (!Residency::looks_beyond) break;
      only_residents = true;
    }
    return {};
  }

  layer_reader<Source, Time> reader_;
  std::shared_ptr<layer_memory> memory_;

  // Guarded by memory_->mutex().
  std::vector<entry> entries_;
  Residency residency_;
  std::size_t cached_ = 0;
  std::uint64_t weight_ = 0;
  std::uint64_t loading_bytes_ = 0;
  layer_stats stats_;
  std::uint64_t scan_ = 1;
  std::shared_ptr<layer_schedule> schedule_;
  std::deque<request_state> requests_;
  std::condition_variable over_;
  std::thread loader_;
};

}  // namespace larder::layers
