#pragma once

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/available_memory.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/layer_pool.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/layer_verification.hpp>
#include <larder/layer/load_retries.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/tensor_pages.hpp>
#include <larder/layer/tensor_sharing.hpp>
#include <larder/layer/verification_behind.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <atomic>
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

/// A load in progress; who waits shares it. The reader writes it, the others look once it is over, under the cache's lock.
struct layer_load {
  explicit layer_load(load_kind k) noexcept : kind(k), loader(std::this_thread::get_id()), demanded(k == load_kind::demand) {}
  layer_load(const layer_load&) = delete;
  layer_load& operator=(const layer_load&) = delete;
  ~layer_load() {
    if (block != nullptr) block->release();
  }

  load_kind kind;
  std::thread::id loader;
  std::atomic<bool> demanded;  // somebody waits for it
  bool to_be_stored = false;
  std::uint64_t block_size = 0;  // what to allocate, if anything
  bool is_stream_slot = false;
  bool over = false;
  bool called_off = false;
  bool shared = false;  // with another cache, which had it in memory
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_verified = 0;  // compared with their digests
  std::shared_ptr<kept_part> part;   // what is kept of the layer, if anything
  part_use use = part_use::none;     // of it
  bool part_is_good = false;         // there as it was copied, or filled now
  std::uint64_t damaged = 0;         // tries in which it was not what they say
  layer_block* block = nullptr;
  std::exception_ptr failure;
  duration took{0};
};

/// Fills blocks from a source, piece by piece and with retries. Thread-safe; holds no lock while the source reads.
template <class Source, class Time>
class layer_reader {
 public:
  layer_reader(Source source, Time time, load_retries retries, verify when, std::shared_ptr<layer_pool> pool)
      : source_(std::move(source)),
        time_(time),
        retries_(retries),
        verifier_(layer_verifier::of(source_, when)),
        pool_(std::move(pool)) {
    if (pool_ == nullptr) return;
    const std::span<const layer_info> all = source_.layers();
    for (std::size_t i = 0; i < all.size(); ++i) contents_.push_back(verifier_.content_of(i, all[i]));
    tensors_ = tensor_sharing(pool_->tensors, all, verifier_);
  }
  layer_reader(const layer_reader&) = delete;
  layer_reader& operator=(const layer_reader&) = delete;

  const Source& source() const noexcept { return source_; }
  std::vector<layer_info> catalog() const {
    const std::span<const layer_info> all = source_.layers();
    return {all.begin(), all.end()};
  }
  instant now() const { return time_.now(); }
  /// How many threads load ahead.
  std::size_t loads_at_once() const {
    if constexpr (reads_with_arrival<Source>)
      return source_.loads_at_once();
    else
      return 1;
  }
  /// Before the first load. `streamed`: bytes that passes read again and again; 0 when everything stays.
  void read_by(read_path path, std::uint64_t streamed) {
    if constexpr (reads_with_arrival<Source>) {
      maps_ = path.value == read_path::mapped;
      if (maps_) path.value = read_path::automatic;  // what it cannot map
      if (path.value == read_path::automatic && streamed != 0 && streamed <= available_memory() / 2)
        path.value = read_path::buffered;
      source_.read_by(path);
    }
  }

  /// Loads that nobody waits for end at their next piece, and waits between tries end.
  void stop() {
    {
      const std::lock_guard lock(pause_mutex_);
      stopping_.store(true);
    }
    pause_.notify_all();
  }
  /// In a child after `fork`: nobody waits between tries here.
  void renew() noexcept {
    std::construct_at(&pause_mutex_);
    std::construct_at(&pause_);
  }
  bool stopping() const noexcept { return stopping_.load(); }

  /// Fills `load.block` with layer `i`, or sets `load.failure`; a load that nobody waits for ends with `stop`.
  void load(std::size_t i, layer_load& load, layer_memory& memory, const std::stop_token& stop) noexcept {
    const auto began = std::chrono::steady_clock::now();
    for (unsigned failed = 0;;) {
      try {
        load.bytes_read = 0;
        if (load.block != nullptr && load.block->pages() != nullptr)
          std::exchange(load.block, nullptr)->release();  // what was to be found for it may be another now
        if (load.block != nullptr || !find_shared(i, load)) {
          if (load.block == nullptr) map(i, load, memory);
          if (load.block == nullptr) load.block = take(i, load, memory);
          read(i, memory.catalog()[i], load, stop);
        }
        load.failure = nullptr;
      } catch (...) {
        load.failure = std::current_exception();
        if (!load.called_off && ++failed < retries_.tries && pause(retries_.delay_after(failed))) continue;
      }
      break;
    }
    load.took = std::chrono::steady_clock::now() - began;
  }

 private:
  std::uint64_t unit_of(const layer_info& info) const {
    if constexpr (reads_whole_layers<Source>)
      return info.size;
    else if constexpr (requires { source_.read_unit(); })
      return source_.read_unit();
    else
      return read_unit;
  }
  /// One load as its source reads: between pieces it hears whether it is still wanted, and what has come is verified.
  class hearing final : public arrival {
   public:
    hearing(const layer_reader& reader, const layer_info& info, layer_load& load, verification_behind& check,
            const std::stop_token& stop) noexcept
        : reader_(reader), info_(info), load_(load), check_(check), stop_(stop) {}
    void arrived(std::uint64_t end) override {
      if (end < info_.size) check_wanted();
      check_.reached(end);
    }
    bool is_awaited() const noexcept override { return load_.demanded.load(std::memory_order_relaxed); }
    void check_wanted() const {
      if (load_.kind == load_kind::demand) return;
      const bool unwanted = stop_.stop_requested() && !load_.demanded.load(std::memory_order_relaxed);
      if (!unwanted && !reader_.stopping_.load()) return;
      load_.called_off = true;
      core::fail(error_cause::cancelled, "the load of layer \"" + info_.name + "\" was called off");
    }

   private:
    const layer_reader& reader_;
    const layer_info& info_;
    layer_load& load_;
    verification_behind& check_;
    const std::stop_token& stop_;
  };

  layer_block* take(std::size_t i, const layer_load& load, layer_memory& memory) {
    std::unique_ptr<tensor_pages> pages;
    if (!load.is_stream_slot) {
      layer_begin begin;
      if constexpr (reads_with_arrival<Source>) begin.preferred = source_.offset_in_page(i);
      if constexpr (requires { source_.alignment_of_layer(i); }) begin.multiples_of = source_.alignment_of_layer(i);
      pages = tensors_.pages_for(i, memory.catalog()[i], begin, reads_whole_layers<Source>);
    }
    return memory.take(i, load.block_size, load.is_stream_slot, std::move(pages));
  }

  void read(std::size_t i, const layer_info& info, layer_load& load, const std::stop_token& stop) {
    tensor_pages* const pages = load.block->pages();
    if (pages != nullptr && pages->has_taken()) return read_rest(i, info, load, stop);
    if constexpr (reads_with_arrival<Source>) {
      if (pages == nullptr) load.block->begin_at(source_.offset_in_page(i));
    }
    const std::span<std::byte> whole(load.block->data(), static_cast<std::size_t>(info.size));
    // Who has not asked for mappings is handed none.
    const bool to_be_shared = !load.is_stream_slot && !load.block->is_mapping() && pool_ != nullptr && contents_[i];
    verification_behind check(verifier_.begin(i, info, to_be_shared), whole, hashers_);
    hearing heard(*this, info, load, check, stop);
    heard.check_wanted();
    const std::uint64_t copied = copy_part(load, whole, heard);
    if constexpr (reads_with_arrival<Source>) {
      if (!load.block->is_mapping())
        read_from(i, copied, whole, heard);
      else if constexpr (maps_layers<Source>)
        source_.page_in_layer(i, whole, heard);
    } else {
      const std::uint64_t unit = std::max<std::uint64_t>(unit_of(info), 1);
      for (std::uint64_t at = copied; at < info.size;) {
        const std::uint64_t n = std::min(unit, info.size - at);
        source_.read(i, at, whole.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(n)));
        at += n;
        heard.arrived(at);
      }
    }
    if (check.is_on()) {
      if (const std::optional<std::size_t> wrong = check.finish()) {
        ++load.damaged;
        if (copied != 0) load.part_is_good = false;  // who knows: the next try reads everything
        fail_verification(source_, i, info, *wrong);
      }
      load.bytes_verified = info.size;
      verifier_.passed(i);
      if (to_be_shared) share(i, load);
    }
    load.bytes_read = info.size - copied;
    if (load.use == part_use::filled) load.part_is_good = load.part->fill(whole);
  }
  void read_from(std::size_t i, std::uint64_t there, std::span<std::byte> whole, arrival& heard) const {
    if constexpr (reads_rests<Source>)
      source_.read_rest(i, there, whole, heard);
    else
      source_.read_layer(i, whole, heard);
  }
  /// Copies what is kept of the layer; how many bytes that was.
  static std::uint64_t copy_part(const layer_load& load, std::span<std::byte> whole, arrival& heard) {
    if (load.use != part_use::copied || !load.part_is_good) return 0;
    const std::span<const std::byte> kept = load.part->bytes();
    for (std::size_t at = 0; at < kept.size();) {
      const auto n = std::min<std::size_t>(read_unit, kept.size() - at);
      std::copy_n(kept.data() + at, n, whole.data() + at);
      at += n;
      heard.arrived(at);
    }
    return kept.size();
  }
  /// The layer's bytes that are not there yet, each run of them as a layer is read; what was there is right.
  void read_rest(std::size_t i, const layer_info& info, layer_load& load, const std::stop_token& stop) {
    for (const unread_range& range : tensors_.unread(i, info, *load.block->pages())) {
      const std::uint64_t size = range.end - range.begin;
      const std::span<std::byte> room(load.block->data() + range.begin, static_cast<std::size_t>(size));
      verification_behind check({range.tensors, range.expected}, room, hashers_);
      hearing heard(*this, info, load, check, stop);
      heard.check_wanted();
      const std::uint64_t unit = std::max<std::uint64_t>(unit_of(info), 1);
      for (std::uint64_t at = 0; at < size;) {
        const std::uint64_t n = std::min(unit, size - at);
        source_.read(i, range.begin + at, room.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(n)));
        at += n;
        heard.arrived(at);
      }
      if (const std::optional<std::size_t> wrong = check.finish()) {
        ++load.damaged;
        fail_verification(source_, i, info, range.indexes[*wrong]);
      }
      load.bytes_read += size;
    }
    load.bytes_verified = load.bytes_read;
    share(i, load);
  }
  /// Of a layer that is whole and right.
  void share(std::size_t i, layer_load& load) {
    if (tensor_pages* const pages = load.block->pages()) tensors_.publish(i, *pages, load.block->home());
    load.block->share(pool_, *contents_[i]);
  }
  /// A mapping of a layer that is to stay, where its source has one.
  void map(std::size_t i, layer_load& load, layer_memory& memory) const {
    if constexpr (maps_layers<Source>)
      if (maps_ && !load.is_stream_slot)
        if (storage::file_mapping mapping = source_.map_layer(i)) load.block = memory.adopt(i, std::move(mapping));
  }
  /// Memory of another cache that holds what is in this layer.
  bool find_shared(std::size_t i, layer_load& load) {
    if (load.is_stream_slot || pool_ == nullptr || !contents_[i]) return false;
    load.block = static_cast<layer_block*>(pool_->layers.find(*contents_[i]));
    load.shared = load.block != nullptr;
    return load.shared;
  }

  /// Waits so long by the cache's clock; false when the cache is going.
  bool pause(duration d) {
    const instant until = core::deadline_after(time_.now(), d);
    std::unique_lock lock(pause_mutex_);
    while (!stopping_.load()) {
      if (time_.now() >= until) return true;
      pause_.wait_for(lock, std::chrono::milliseconds{1});  // short, as the clock may be one that is moved by hand
    }
    return false;
  }

  Source source_;
  Time time_;
  load_retries retries_;
  bool maps_ = false;
  layer_verifier verifier_;
  std::shared_ptr<layer_pool> pool_;             // nothing: memory is not shared
  std::vector<std::optional<digest>> contents_;  // by layer, where it is
  tensor_sharing tensors_;
  sync::worker_pool<> hashers_{2};
  std::atomic<bool> stopping_{false};
  std::mutex pause_mutex_;
  std::condition_variable pause_;
};

}  // namespace larder::layers
