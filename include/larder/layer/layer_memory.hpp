#pragma once

// The memory behind layers. Blocks begin on a page and are used again: fresh memory costs two to four times the read
// that fills it. A block belongs to whoever counts a reference to it, the cache or a caller's lease; with the last one
// gone it comes back here, and stays while the whole keeps within its footprint; one that is a mapping of a file ends there.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/layer/aligned_pages.hpp>
#include <larder/layer/layer_pool.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/populate_pages.hpp>
#include <larder/layer/tensor_pages.hpp>
#include <larder/storage/file_mapping.hpp>
#include <larder/sync/fork_mark.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace larder::layers {

class layer_memory;

/// One layer's memory, page-aligned, counted.
class layer_block final : public core::byte_owner {
 public:
  explicit layer_block(std::uint64_t capacity, page_kind kind = page_kind::usual)
      : core::byte_owner(residence::heap),
        memory_(std::max<std::uint64_t>(capacity, 1) + slack_of(capacity), kind),
        capacity_(capacity) {}
  /// In memory of which others may have parts; it is not used again.
  layer_block(std::uint64_t capacity, std::unique_ptr<tensor_pages> pages) noexcept
      : core::byte_owner(residence::heap), pages_(std::move(pages)), capacity_(capacity) {}

  /// The layer itself, as pages of its file; they are not written to.
  explicit layer_block(storage::file_mapping mapping) noexcept
      : core::byte_owner(residence::mapping), mapping_(std::move(mapping)), capacity_(mapping_.span().size()) {}

  std::byte* data() const noexcept {
    if (pages_ != nullptr) return pages_->data();
    return is_mapping() ? const_cast<std::byte*>(mapping_.span().data()) : memory_.data() + begin_;
  }
  /// Its memory where others may have parts of it, else nothing.
  tensor_pages* pages() const noexcept { return pages_.get(); }
  bool is_mapping() const noexcept { return static_cast<bool>(mapping_); }
  /// The layer's memory begins so far into a page, where the block is large enough to have room for that; else on the page.
  void begin_at(std::size_t offset) noexcept { begin_ = offset <= slack_of(capacity_) ? offset : 0; }
  std::uint64_t capacity() const noexcept { return capacity_; }
  std::span<std::byte> memory() const noexcept { return memory_.whole(); }
  std::uint64_t used() const noexcept { return used_; }
  /// Whether the loader may want it for another layer as soon as nobody else holds it.
  bool is_stream_slot() const noexcept { return is_stream_slot_; }
  const std::shared_ptr<layer_memory>& home() const noexcept { return home_; }
  /// Which of its home's layers it holds.
  std::size_t layer_index() const noexcept { return layer_index_; }
  /// Other caches find it in the pool from now on, unless they find another one of the same content.
  void share(const std::shared_ptr<layer_pool>& pool, const digest& content) {
    if (pool_ != nullptr || !pool->layers.add(content, this)) return;
    pool_ = pool;
    content_ = content;
  }

 private:
  friend class layer_memory;
  void destroy() noexcept override;

  /// What is read past the page cache lies in its page as it does in its file.
  static constexpr std::size_t slack_of(std::uint64_t capacity) noexcept {
    const bool has_none = capacity < (std::uint64_t{1} << 20U) || capacity > std::numeric_limits<std::uint64_t>::max() / 2;
    return has_none ? 0 : aligned_pages::alignment;
  }

  storage::file_mapping mapping_;  // in the place of memory
  aligned_pages memory_;
  std::unique_ptr<tensor_pages> pages_;  // in the place of it
  std::size_t begin_ = 0;
  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  bool is_stream_slot_ = false;
  std::size_t layer_index_ = 0;
  std::shared_ptr<layer_memory> home_;  // while somebody holds the block
  std::shared_ptr<layer_pool> pool_;    // where others find it
  digest content_;
};

/// What leases need after their cache is gone: the layers' descriptions and the place where blocks come back to.
class layer_memory : public std::enable_shared_from_this<layer_memory> {
 public:
  explicit layer_memory(std::vector<layer_info> catalog) : catalog_(std::move(catalog)) {}
  layer_memory(const layer_memory&) = delete;
  layer_memory& operator=(const layer_memory&) = delete;
  ~layer_memory() {
    for (layer_block* block : spare_) delete block;
  }

  const std::vector<layer_info>& catalog() const noexcept { return catalog_; }

  /// A block for layer `index` with one reference; of `capacity` when it has to be made. In `pages` where there are any.
  layer_block* take(std::size_t index, std::uint64_t capacity, bool is_stream_slot,
                    std::unique_ptr<tensor_pages> pages = nullptr) {
    renew_in_child();
    const std::uint64_t size = catalog_[index].size;
    capacity = pages != nullptr ? size : std::max(size, capacity);
    layer_block* block = nullptr;
    {
      const std::lock_guard lock(mutex_);
      spare_.reserve(spare_.size() + in_use_count_ + 1);  // so that coming back never allocates
      auto best = spare_.end();
      for (auto i = spare_.begin(); pages == nullptr && i != spare_.end(); ++i)
        if ((*i)->capacity_ >= size && (*i)->capacity_ / 2 <= capacity &&
            (best == spare_.end() || is_better(**i, **best, capacity)))
          best = i;
      if (best != spare_.end()) {
        block = *best;
        spare_.erase(best);
        spare_bytes_ -= block->capacity_;
      } else {
        while (!spare_.empty() && !within_footprint(capacity)) drop_last_spare();
        in_use_capacity_ += capacity;
      }
      if (block != nullptr) in_use_capacity_ += block->capacity_;
      ++in_use_count_;
      in_use_ += size;
    }
    if (block != nullptr) {
      block->acquire();
    } else {
      try {
        block = pages != nullptr ? new layer_block(capacity, std::move(pages))
                                 : new layer_block(capacity, is_stream_slot ? page_kind::huge : page_kind::usual);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        in_use_capacity_ -= capacity;
        --in_use_count_;
        in_use_ -= size;
        throw;
      }
      allocations_.fetch_add(1, std::memory_order_relaxed);
    }
    return assign(block, index, is_stream_slot);
  }
  /// A block that is a mapping of layer `index`, with one reference.
  layer_block* adopt(std::size_t index, storage::file_mapping mapping) {
    renew_in_child();
    auto* const block = new layer_block(std::move(mapping));
    const std::lock_guard lock(mutex_);
    while (!spare_.empty() && !within_footprint(block->capacity_)) drop_last_spare();
    in_use_capacity_ += block->capacity_;
    ++in_use_count_;
    in_use_ += block->capacity_;
    return assign(block, index, false);
  }

  /// How many bytes of blocks, held and spare, are kept at most; spare ones beyond it go at once.
  void set_footprint(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    footprint_ = bytes;
    while (!spare_.empty() && !within_footprint(0)) drop_last_spare();
  }
  void drop_spares() {
    const std::lock_guard lock(mutex_);
    while (!spare_.empty()) drop_last_spare();
  }
  /// Drops spare blocks of other capacities than these; what is then missing of them.
  std::vector<std::uint64_t> keep_spares(std::vector<std::uint64_t> capacities) {
    const std::lock_guard lock(mutex_);
    std::erase_if(spare_, [&](layer_block* block) {
      const auto wanted = std::find(capacities.begin(), capacities.end(), block->capacity_);
      if (wanted == capacities.end()) {
        spare_bytes_ -= block->capacity_;
        delete block;
        return true;
      }
      capacities.erase(wanted);
      return false;
    });
    return capacities;
  }
  /// A spare block whose pages are there; none beyond the footprint. Throws `std::bad_alloc`.
  void add_spare(std::uint64_t capacity) {
    {
      const std::lock_guard lock(mutex_);
      if (!within_footprint(capacity)) return;
      spare_.reserve(spare_.size() + in_use_count_ + 1);
      in_use_capacity_ += capacity;
      ++in_use_count_;
    }
    try {
      auto block = std::make_unique<layer_block>(capacity, page_kind::huge);  // it may become a slot
      populate_pages(block->memory());
      allocations_.fetch_add(1, std::memory_order_relaxed);
      block->home_ = shared_from_this();
      block.release()->release();  // comes back as any other
    } catch (...) {
      const std::lock_guard lock(mutex_);
      in_use_capacity_ -= capacity;
      --in_use_count_;
      throw;
    }
  }

  /// Bytes of layers in blocks that somebody holds.
  std::uint64_t in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  /// Bytes of blocks that wait for their next layer, and what held blocks are larger than their layers.
  std::uint64_t idle_bytes() const {
    const std::lock_guard lock(mutex_);
    return spare_bytes_ + (in_use_capacity_ - in_use_);
  }
  std::uint64_t allocations() const noexcept { return allocations_.load(std::memory_order_relaxed); }

  /// The cache's own lock and its loader's bell; here, so that a lease may ring it at any time.
  std::mutex& mutex() noexcept { return cache_mutex_; }
  std::condition_variable& bell() noexcept { return bell_; }
  /// A loader's thread, under the lock, says that it is about to sleep (and then looks once more) or has woken.
  void announce_sleep(bool sleeps) noexcept { sleeping_loaders_.fetch_add(sleeps ? 1U : ~0U, std::memory_order_acq_rel); }
  /// A lease of a stream slot was dropped. Two read-modify-writes of one word are ordered: either the loader sees the reference
  /// gone, or this sees the loader asleep.
  void lease_dropped() noexcept {
    renew_in_child();
    if (sleeping_loaders_.fetch_or(0, std::memory_order_acq_rel) == 0) return;
    { const std::lock_guard lock(cache_mutex_); }
    bell_.notify_one();
  }
  /// In a child after `fork`, once: what another thread of the parent may have held is made anew; spare blocks are given up.
  /// Whether nobody was at the cache's table when the last fork came. A lease may be dropped before the cache is asked, so whoever
  /// comes first does it.
  bool renew_in_child() noexcept {
    if (mark_.is_in_child())
      mark_.renew([&] {
        was_at_rest_ = cache_mutex_.try_lock();
        std::construct_at(&cache_mutex_);
        std::construct_at(&mutex_);
        std::construct_at(&spare_);
        spare_bytes_ = 0;
        std::construct_at(&bell_);
        sleeping_loaders_.store(0);
      });
    return was_at_rest_;
  }
  bool loader_sleeps() const noexcept { return sleeping_loaders_.load(std::memory_order_relaxed) != 0; }

 private:
  friend class layer_block;

  /// Of two that are large enough: what was made for that capacity, else the smaller one.
  static bool is_better(const layer_block& a, const layer_block& b, std::uint64_t capacity) noexcept {
    if ((a.capacity_ == capacity) != (b.capacity_ == capacity)) return a.capacity_ == capacity;
    return a.capacity_ < b.capacity_;
  }
  bool within_footprint(std::uint64_t more) const noexcept {
    const std::uint64_t now = in_use_capacity_ + spare_bytes_;
    return more <= footprint_ && now <= footprint_ - more;
  }
  void drop_last_spare() noexcept {
    spare_bytes_ -= spare_.back()->capacity_;
    delete spare_.back();
    spare_.pop_back();
  }
  layer_block* assign(layer_block* block, std::size_t index, bool is_stream_slot) {
    block->used_ = catalog_[index].size;
    block->layer_index_ = index;
    block->is_stream_slot_ = is_stream_slot;
    block->home_ = shared_from_this();
    return block;
  }
  void take_back(layer_block* block) noexcept {
    renew_in_child();
    {
      const std::lock_guard lock(mutex_);
      in_use_capacity_ -= block->capacity_;
      --in_use_count_;
      in_use_ -= block->used_;
      if (block->pages_ == nullptr && !block->is_mapping() && within_footprint(block->capacity_) &&
          spare_.size() < spare_.capacity()) {
        spare_.push_back(block);
        spare_bytes_ += block->capacity_;
        return;
      }
    }
    delete block;
  }

  const std::vector<layer_info> catalog_;

  mutable std::mutex mutex_;
  std::vector<layer_block*> spare_;
  std::uint64_t spare_bytes_ = 0;
  std::uint64_t in_use_capacity_ = 0;
  std::uint64_t in_use_ = 0;
  std::size_t in_use_count_ = 0;
  std::uint64_t footprint_ = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> allocations_{0};

  sync::fork_mark mark_;
  bool was_at_rest_ = true;
  std::mutex cache_mutex_;
  std::condition_variable bell_;
  std::atomic<unsigned> sleeping_loaders_{0};
};

inline void layer_block::destroy() noexcept {
  if (const std::shared_ptr<layer_pool> pool = std::exchange(pool_, nullptr)) pool->layers.remove(content_, this);
  const std::shared_ptr<layer_memory> home = std::move(home_);
  home_ = nullptr;
  home->take_back(this);
}

}  // namespace larder::layers
