#pragma once

// The moving part of a layer cache: one load per layer at a time, whoever asks, and a loader that works off warm-ups, prefetches
// and the layers that a pass will come to: one thread, or as many as its source says (files: two, so that the disk is busy across
// the end of a layer). The table changes under one lock; loads run without it. The loader starts when it is first needed. A child
// after `fork` has a cache that works, with a loader of its own: it keeps what was cached, unless the parent's loader was at the
// table at that very moment; then it begins with an empty one.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/layer_pool.hpp>
#include <larder/layer/layer_reader.hpp>
#include <larder/layer/layer_requests.hpp>
#include <larder/layer/layer_schedule.hpp>
#include <larder/layer/layer_stats.hpp>
#include <larder/layer/layer_table.hpp>
#include <larder/layer/load_retries.hpp>
#include <larder/layer/pass_meter.hpp>
#include <larder/layer/pass_prediction.hpp>
#include <larder/layer/plan_memory.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/residency_plan.hpp>
#include <larder/sync/fork_mark.hpp>
#include <larder/sync/task.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace larder::layers {

template <class Source, class Residency, class Time>
class layer_engine {
 public:
  template <class MakeResidency>
  layer_engine(Source source, MakeResidency&& make, Time time, load_retries retries, read_path path, verify when,
               std::shared_ptr<layer_pool> pool, bool is_prefaulted)
      : is_prefaulted_(is_prefaulted),
        reader_(std::move(source), time, retries, when, std::move(pool)),
        memory_(std::make_shared<layer_memory>(reader_.catalog())),
        table_(*memory_, make(std::span<const layer_info>(memory_->catalog())), is_prefaulted) {
    std::uint64_t total = 0;
    for (const layer_info& l : catalog()) total += l.size;
    reader_.read_by(path, table_.residency().footprint() < total ? total : 0);
    take_memory();
  }
  layer_engine(const layer_engine&) = delete;
  layer_engine& operator=(const layer_engine&) = delete;

  ~layer_engine() {
    {
      const auto lock = enter();
      reader_.stop();
      schedule_ = nullptr;
    }
    memory_->bell().notify_all();
    for (std::thread& loader : loaders_) loader.join();
    requests_.clear();  // each task that waits for them fails with `cancelled`
    memory_->set_footprint(0);
  }

  const std::vector<layer_info>& catalog() const noexcept { return memory_->catalog(); }
  const Source& source() const noexcept { return reader_.source(); }

  /// A lease on layer `i`, which is in the catalog; loads it when nobody has. `schedule` is the pass that asks, at `step`.
  layer get(std::size_t i, const std::shared_ptr<layer_schedule>* schedule = nullptr, std::uint64_t step = 0) {
    std::unique_lock lock = enter();
    std::chrono::steady_clock::time_point now;
    if (schedule != nullptr) {
      if (schedule_ != *schedule) meter_.pass_over();
      schedule_ = *schedule;
      schedule_->next = step;
      now = std::chrono::steady_clock::now();
      meter_.asked(step, now);
    }
    table_.asked(i);
    if (layer_block* block = table_.block(i)) {
      ++table_.counters().hits;
      if (table_.use(i)) ++table_.counters().prefetch_hits;
      return hand_out(*block, i, schedule, step, now);
    }
    ++table_.counters().misses;
    const auto began = std::chrono::steady_clock::now();
    std::shared_ptr<layer_load> load = table_.loading(i);
    if (load != nullptr) {
      if (load->loader == std::this_thread::get_id())
        core::fail(error_cause::reentrant, "the loader of layer \"" + catalog()[i].name + "\" asks the cache for that same layer");
      ++table_.counters().joined;
    }
    for (;;) {
      if (load == nullptr) {
        load = table_.begin_load(i, load_kind::demand);
        if (schedule != nullptr) wake_loader();
        run_load(lock, i, *load);
      } else {
        load->demanded.store(true, std::memory_order_relaxed);
        over_.wait(lock, [&] { return load->over; });
      }
      if (!load->called_off || reader_.stopping()) break;
      load = table_.loading(i);  // it was called off before its loader saw that somebody waits
      if (layer_block* block = table_.block(i)) {
        now = std::chrono::steady_clock::now();
        table_.counters().wait_time += now - began;
        table_.use(i);
        return hand_out(*block, i, schedule, step, now);
      }
    }
    now = std::chrono::steady_clock::now();
    table_.counters().wait_time += now - began;
    if (load->failure) std::rethrow_exception(load->failure);
    layer lease = hand_out(*load->block, i, schedule, step, now);
    load = nullptr;  // before the lock, so that the block counts as held by the lease alone
    return lease;
  }

  /// Queues loads of these layers, which are in the catalog.
  task request(std::vector<std::size_t> layers, load_kind kind) {
    task_worker worker(layers.size());
    task watcher = worker.watch();
    {
      const auto lock = enter();
      start_loader();
      requests_.add(std::move(layers), kind, std::move(worker));
    }
    memory_->bell().notify_all();
    return watcher;
  }

  void begin_pass(const std::shared_ptr<layer_schedule>& schedule) {
    const auto lock = enter();
    schedule_ = schedule;
    table_.forget_failures();
    table_.offered(*schedule);
    if (table_.is_complete()) return;
    start_loader();
    memory_->bell().notify_all();
  }
  void end_pass(const std::shared_ptr<layer_schedule>& schedule) noexcept {
    const auto lock = enter();
    if (schedule_ != schedule) return;
    meter_.asked(schedule->next, std::chrono::steady_clock::now());  // with its last layer
    meter_.pass_over();
    schedule_ = nullptr;
  }
  /// The plan, and what a pass by it takes as far as passes have shown.
  residency_plan plan() const {
    const auto lock = enter();
    residency_plan plan = table_.residency().plan();
    if (const std::optional<pass_costs> costs = meter_.costs(); costs && !plan.by_use) {
      const std::span<const std::size_t> order = table_.residency().pass();
      plan.predicted_pass = predicted_pass(plan, catalog(), order, *costs);
      plan.shortest_pass = shortest_pass(plan, catalog(), order, *costs);
    }
    return plan;
  }

  bool erase(std::size_t i) {
    const auto lock = enter();
    return table_.erase(i);
  }
  void clear() {
    {
      const auto lock = enter();
      table_.clear();
    }
    if (!is_prefaulted_) memory_->drop_spares();
  }
  /// `change(limits&)` under the lock; a change that the residency refuses (it throws) is undone. One for which there is no memory is
  /// in force when it throws, and memory comes with the layers.
  template <class F>
  void set_limits(limits& current, F&& change) {
    {
      const auto lock = enter();
      limits next = current;
      change(next);
      table_.set_limits(next);
      current = next;
      memory_->bell().notify_all();
    }
    if (is_prefaulted_)
      take_memory();
    else
      memory_->drop_spares();
  }

  void reset_stats() {
    const auto lock = enter();
    table_.counters() = layer_stats{};
  }
  /// f(table) under the lock; short, and calls nobody else.
  template <class F>
  auto look_up(F&& f) const {
    const auto lock = enter();
    return f(table_);
  }
  std::uint64_t allocations() const noexcept { return memory_->allocations(); }
  instant now() const { return reader_.now(); }

 private:
  using job = layer_requests::job;

  layer hand_out(layer_block& block, std::size_t i, const std::shared_ptr<layer_schedule>* schedule, std::uint64_t step,
                 std::chrono::steady_clock::time_point now) {
    layer lease(block, i);
    if (schedule != nullptr) {
      (*schedule)->next = step + 1;
      meter_.handed_out(i, step, now);
      wake_loader();
    }
    return lease;
  }

  /// Where memory is to be there before the layers: takes what the plan needs and does not have.
  void take_memory() {
    if (!is_prefaulted_) return;
    std::unique_lock lock = enter();
    std::vector<std::uint64_t> missing = table_.missing_blocks();
    const std::shared_ptr<kept_part> part = table_.part() != nullptr && table_.part()->lend_empty() ? table_.part() : nullptr;
    lock.unlock();
    std::exception_ptr refused;
    try {
      take_plan_memory(*memory_, std::move(missing), part.get());
    } catch (...) {
      refused = std::current_exception();
    }
    lock.lock();
    if (part != nullptr) part->give_back(part_use::filled, false);
    if (refused) std::rethrow_exception(refused);
  }

  void run_load(std::unique_lock<std::mutex>& lock, std::size_t i, layer_load& load, const std::stop_token& stop = {}) {
    meter_.load_began(std::chrono::steady_clock::now());
    lock.unlock();
    reader_.load(i, load, *memory_, stop);
    lock.lock();
    meter_.load_over(load.failure ? 0 : load.bytes_read, std::chrono::steady_clock::now());
    table_.finish_load(i, load, reader_.now());
    over_.notify_all();
    wake_loader();
  }

  void start_loader() {
    while (loaders_.size() < reader_.loads_at_once()) {
      try {
        loaders_.emplace_back([this] { run(); });
      } catch (...) {
        if (loaders_.empty()) throw;
        return;  // the one that there is does it all
      }
    }
  }
  void wake_loader() noexcept {
    if (memory_->loader_sleeps() && (!requests_.empty() || !table_.is_complete())) memory_->bell().notify_one();
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
      run_load(lock, next.layer, *next.load, next.request == nullptr ? std::stop_token() : next.request->worker.stop_token());
      if (next.request == nullptr) continue;
      if (requests_.loaded(next)) memory_->bell().notify_all();  // another loader may wait for the end of this request
    }
  }

  /// Memory that is not to be had fails the request that wants it; a layer that a pass will come to is left to whoever asks.
  job pick() noexcept {
    try {
      if (job next = requests_.pick(table_); next.load != nullptr) return next;
    } catch (...) {
      requests_.fail_first(std::current_exception());
    }
    try {
      if (schedule_ == nullptr) return {};
      auto begun = table_.begin_load_for(*schedule_);
      return {begun.layer, std::move(begun.load), nullptr};
    } catch (...) {
      return {};
    }
  }

  std::unique_lock<std::mutex> enter() const {
    if (mark_.is_in_child()) const_cast<layer_engine*>(this)->renew_after_fork();
    return std::unique_lock(memory_->mutex());
  }

  /// A child has the parent's memory but not its threads, which it can neither join nor wake. Whatever one of them may
  /// have held is made anew in its place; what it may have left half done is left alone.
  void renew_after_fork() noexcept {
    mark_.renew([&] {
      std::construct_at(&loaders_);
      std::construct_at(&over_);
      std::construct_at(&schedule_);
      std::construct_at(&requests_);
      reader_.renew();
      meter_.renew();
      if (memory_->renew_in_child()) {
        table_.orphan_loads();
        return;
      }
      Residency fresh = table_.residency().renewed();
      new std::shared_ptr<layer_memory>(memory_);  // for good: leases may still count on it
      memory_ = std::make_shared<layer_memory>(memory_->catalog());
      fresh.describe(memory_->catalog());
      std::construct_at(&table_, *memory_, std::move(fresh), is_prefaulted_);
    });
  }

  const bool is_prefaulted_;
  sync::fork_mark mark_;
  layer_reader<Source, Time> reader_;
  std::shared_ptr<layer_memory> memory_;

  // Guarded by memory_->mutex().
  layer_table<Residency> table_;
  pass_meter meter_{catalog().size()};
  std::shared_ptr<layer_schedule> schedule_;
  layer_requests requests_;
  std::condition_variable over_;
  std::vector<std::thread> loaders_;
};

}  // namespace larder::layers
