#pragma once

// What a layer cache knows of each layer: where it lies, who loads it, and the sums and counters over all of them. The
// residency decides, the table does. Everything here runs under the cache's lock.

#include <larder/core/time.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/layer_reader.hpp>
#include <larder/layer/layer_schedule.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/layer_stats.hpp>
#include <larder/layer/planned_residency.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace larder::layers {

template <class Residency>
class layer_table {
 public:
  /// `for_good`: memory that is planned stays when there is nothing in it.
  layer_table(layer_memory& memory, Residency residency, bool for_good)
      : memory_(memory), entries_(memory.catalog().size()), residency_(std::move(residency)), is_for_good_(for_good) {
    follow_plan();
  }
  layer_table(const layer_table&) = delete;
  layer_table& operator=(const layer_table&) = delete;
  ~layer_table() {
    for (entry& e : entries_)
      if (e.block != nullptr) e.block->release();
  }

  const std::vector<layer_info>& catalog() const noexcept { return memory_.catalog(); }
  const Residency& residency() const noexcept { return residency_; }
  layer_stats& counters() noexcept { return stats_; }
  std::size_t size() const noexcept { return cached_; }
  std::uint64_t weight() const noexcept { return weight_; }
  bool is_complete() const noexcept { return cached_ == entries_.size(); }

  layer_block* block(std::size_t i) const noexcept { return entries_[i].block; }
  const std::shared_ptr<layer_load>& loading(std::size_t i) const noexcept { return entries_[i].loading; }
  instant loaded_at(std::size_t i) const noexcept { return entries_[i].loaded; }

  layer_stats stats() const {
    layer_stats copy = stats_;
    const std::uint64_t in_use = memory_.in_use();
    const std::uint64_t ours = weight_ - shared_weight_ + loading_bytes_;
    copy.shared_bytes = shared_weight_ + lent_weight_;
    copy.kept_bytes = part_ != nullptr && part_->is_there() ? part_->size() : 0;
    copy.pinned_bytes = in_use > ours ? in_use - ours : 0;
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].block != nullptr && entries_[i].block->is_mapping()) copy.mapped_bytes += catalog()[i].size;
    copy.overhead_bytes = memory_.idle_bytes() + (part_ != nullptr ? part_->idle_bytes() : 0) + entries_.size() * sizeof(entry);
    return copy;
  }

  /// Somebody asks for layer `i`; a pass begins. Either may move what is resident.
  void asked(std::size_t i) {
    if (residency_.asked(i, *this)) follow_plan();
  }
  void offered(const layer_schedule& schedule) {
    if (residency_.offered(schedule.order(), schedule.passes(), *this)) follow_plan();
  }

  /// A demand finds the layer there; whether it is there because of a prefetch that nobody had used.
  bool use(std::size_t i) noexcept {
    residency_.used(i);
    return std::exchange(entries_[i].unused, false);
  }

  /// A load of layer `i`, which is neither there nor being loaded; nothing when there is no room for it now.
  std::shared_ptr<layer_load> begin_load(std::size_t i, load_kind kind) {
    auto load = std::make_shared<layer_load>(kind);
    const room place = residency_.make_room(i, kind, *this);
    if (place == room::none) return nullptr;
    load->to_be_stored = place == room::granted;
    if (place == room::uncached) ++stats_.refused;
    load->block_size = residency_.block_size(i);
    load->is_stream_slot = residency_.is_streamed(i);
    entries_[i].loading = load;
    loading_bytes_ += catalog()[i].size;
    if (part_ != nullptr && part_->layer() == i) {
      load->part = part_;
      load->use = part_->lend();
      load->part_is_good = load->use == part_use::copied;
    }
    return load;
  }

  /// Stores what was loaded, unless it was forgotten meanwhile.
  void finish_load(std::size_t i, layer_load& load, instant now) noexcept {
    entry& e = entries_[i];
    loading_bytes_ -= catalog()[i].size;
    stats_.load_time += load.took;
    stats_.damaged += load.damaged;
    if (e.loading.get() == &load) e.loading = nullptr;
    if (load.use != part_use::none) load.part->give_back(std::exchange(load.use, part_use::none), load.part_is_good);
    load.over = true;
    if (load.failure) {
      if (load.to_be_stored) residency_.abandoned(i);
      if (load.called_off) return;
      ++stats_.load_failures;
      e.failed = true;
      return;
    }
    e.failed = false;
    if (load.shared)
      ++stats_.shared_layers;
    else
      count_load(load);
    if (!load.to_be_stored || !residency_.stored(i, *this)) return;
    load.block->acquire();
    e.block = load.block;
    e.unused =
        (load.kind == load_kind::prefetch || load.kind == load_kind::pass) && !load.demanded.load(std::memory_order_relaxed);
    e.loaded = now;
    e.shared = load.shared && load.block->home().get() != &memory_;  // a lease may have kept our own
    if (e.shared) shared_weight_ += catalog()[i].size;
    if (!e.shared && load.block->pages() != nullptr) e.lent = load.block->pages()->bytes_of_others(load.block->home());
    lent_weight_ += e.lent;
    weight_ += catalog()[i].size;
    ++cached_;
    ++stats_.insertions;
  }

  /// Begins the load of the first layer that the schedule comes to and for which there is room; layers whose load failed
  /// are left to whoever asks for them.
  struct started {
    std::size_t layer = 0;
    std::shared_ptr<layer_load> load;
  };
  started begin_load_for(const layer_schedule& schedule) {
    ++scan_;
    const std::uint64_t rest = schedule.steps() - std::min(schedule.steps(), schedule.next);
    const std::uint64_t end = schedule.next + std::min(rest, schedule.length());
    bool only_residents = false;
    for (std::uint64_t step = schedule.next; step < end; ++step) {
      const std::size_t i = schedule.at(step);
      entry& e = entries_[i];
      if (e.block != nullptr || e.loading != nullptr) {
        e.ahead = scan_;
        continue;
      }
      if (e.failed || (only_residents && residency_.is_streamed(i))) continue;
      if (auto load = begin_load(i, load_kind::pass)) return {i, std::move(load)};
      if (!Residency::looks_beyond) break;
      only_residents = true;
    }
    return {};
  }
  void forget_failures() noexcept {
    for (entry& e : entries_) e.failed = false;
  }

  bool erase(std::size_t i) noexcept {
    if (entries_[i].loading != nullptr) {  // who waits gets it; it is not stored, and who asks from now on loads anew
      give_up_place(i, *entries_[i].loading);
      entries_[i].loading = nullptr;
    }
    if (part_ != nullptr && part_->layer() == i) part_->forget();
    if (entries_[i].block == nullptr) return false;
    residency_.erased(i);
    remove(i);
    return true;
  }
  void clear() noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) erase(i);
  }
  void set_limits(const limits& capacity) {
    residency_.set_limits(capacity, *this);
    follow_plan();
  }
  std::vector<std::uint64_t> missing_blocks() const { return residency_.missing_blocks(*this); }
  /// What is kept of a streamed layer; nothing where the plan has no such part.
  const std::shared_ptr<kept_part>& part() const noexcept { return part_; }
  /// In a child after `fork`: the parent's loads go on in the parent only. Whoever loads there is not here to let go of the block.
  void orphan_loads() noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (const std::shared_ptr<layer_load> load = std::exchange(entries_[i].loading, nullptr)) {
        give_up_place(i, *load);
        if (load->block != nullptr && load->loader != std::this_thread::get_id()) std::exchange(load->block, nullptr)->release();
      }
    loading_bytes_ = 0;
    if (part_ == nullptr || part_->orphan_loads()) return;
    part_ = nullptr;
    follow_plan();
  }

  // What the residency asks and does.
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
  /// Loads in progress reach those who wait but are not stored.
  void forget_loads() noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].loading != nullptr) give_up_place(i, *entries_[i].loading);
  }

 private:
  struct entry {
    layer_block* block = nullptr;  // one reference, while cached
    std::shared_ptr<layer_load> loading;
    instant loaded{0};
    std::uint64_t ahead = 0;  // the scan that came to it
    bool unused = false;      // loaded ahead, not asked for yet
    bool failed = false;      // its last load failed
    bool shared = false;      // its memory is another cache's
    std::uint64_t lent = 0;   // bytes of its tensors, where the rest is ours
  };

  void count_load(const layer_load& load) noexcept {
    ++stats_.loads;
    ++(load.kind == load_kind::demand   ? stats_.demand_loads
       : load.kind == load_kind::warmup ? stats_.warmup_loads
                                        : stats_.prefetch_loads);
    stats_.bytes_read += load.bytes_read;
    stats_.bytes_verified += load.bytes_verified;
  }
  /// After the plan: bounds what blocks take, and begins a new part where that is another one. A part for which there is no memory is none.
  void follow_plan() noexcept {
    memory_.set_footprint(residency_.footprint());
    const std::optional<partial_layer> wanted = residency_.partial();
    if (part_ != nullptr && wanted && *wanted == partial_layer{part_->layer(), part_->size()}) return;
    part_ = nullptr;
    try {
      if (wanted) part_ = std::make_shared<kept_part>(wanted->index, wanted->kept_bytes, is_for_good_);
    } catch (const std::bad_alloc&) {
    }
  }
  void give_up_place(std::size_t i, layer_load& load) noexcept {
    if (std::exchange(load.to_be_stored, false)) residency_.abandoned(i);
  }
  void remove(std::size_t i) noexcept {
    entry& e = entries_[i];
    if (std::exchange(e.unused, false)) ++stats_.wasted_prefetches;
    if (std::exchange(e.shared, false)) shared_weight_ -= catalog()[i].size;
    lent_weight_ -= std::exchange(e.lent, 0);
    weight_ -= catalog()[i].size;
    --cached_;
    std::exchange(e.block, nullptr)->release();
  }

  layer_memory& memory_;
  std::vector<entry> entries_;
  Residency residency_;
  const bool is_for_good_;
  std::shared_ptr<kept_part> part_;
  std::size_t cached_ = 0;
  std::uint64_t weight_ = 0;
  std::uint64_t shared_weight_ = 0;  // of it, in the memory of other caches
  std::uint64_t lent_weight_ = 0;    // of it, tensors in pages of other caches
  std::uint64_t loading_bytes_ = 0;
  std::uint64_t scan_ = 1;
  layer_stats stats_;
};

}  // namespace larder::layers
