#pragma once

// What clients ask for, from memory when it is there, and one fill per chunk that is not. What finds no room in memory, or is larger than all
// of it, is sent from its file and evicts nothing.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/serve/chunk.hpp>
#include <larder/serve/chunk_address.hpp>
#include <larder/serve/chunk_cache.hpp>
#include <larder/serve/chunk_fill.hpp>
#include <larder/serve/chunk_memory.hpp>
#include <larder/serve/chunk_room.hpp>
#include <larder/serve/chunk_tier.hpp>
#include <larder/serve/seen_files.hpp>
#include <larder/serve/served_directory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::serve {

/// What has become of look-ups that memory did not answer.
struct fill_counts {
  std::uint64_t loads = 0;        ///< fills that ended well
  std::uint64_t joined = 0;       ///< requests that read what another's fill brought
  std::uint64_t tier_hits = 0;    ///< fills that the shared tier answered
  std::uint64_t store_reads = 0;  ///< fills that read the directory
  std::uint64_t bypassed = 0;     ///< of those, the ones that were sent from their file for want of room
  std::uint64_t damaged = 0;      ///< contents that are not what their name says
  std::uint64_t failures = 0;     ///< fills that could not be read
  std::uint64_t nanoseconds = 0;  ///< spent in fills
};

class served_chunks {
 public:
  struct settings {
    std::string directory;
    std::uint64_t capacity = 0;
    std::size_t fill_threads = 4;
    chunk_tier tier{};
    std::uint64_t largest_for_tier = std::uint64_t{64} << 20U;
    std::function<void(const error_event&)> error_listener{};  ///< told once of each file that is damaged or cannot be read
  };
  /// A chunk that is there, or a fill on its way.
  struct found {
    std::shared_ptr<const chunk> content{};
    std::shared_ptr<chunk_fill> fill{};
    bool joined = false;
  };
  using entry = chunk_cache::entry;

  explicit served_chunks(settings given)
      : settings_(std::move(given)),
        directory_(settings_.directory),
        cache_(settings_.capacity),
        pool_(settings_.fill_threads) {}
  served_chunks(const served_chunks&) = delete;
  served_chunks& operator=(const served_chunks&) = delete;
  ~served_chunks() { stop(); }

  /// Fills that run end soon, those that wait never begin.
  void stop() noexcept { stopping_.store(true, std::memory_order_relaxed); }

  /// What answers a request for the content. May throw `larder::error` when the directory fails.
  found find(const chunk_address& asked) {
    if (!asked.content) drop_if_changed(asked);
    if (std::optional<held> there = cache_.get(asked.key)) return {std::move(*there)};
    const std::lock_guard lock(flights_mutex_);
    if (const auto at = flights_.find(std::string(asked.key)); at != flights_.end()) {
      count(counts_.joined);
      return {nullptr, at->second, true};
    }
    if (std::optional<held> there = cache_.peek(asked.key)) {  // its fill ended in between
      count(counts_.joined);
      return {std::move(*there), nullptr, true};
    }
    auto fill = std::make_shared<chunk_fill>();
    std::string key(asked.key);
    pool_.post([this, key, fill] { run(key, fill); });
    flights_.emplace(std::move(key), fill);
    return {nullptr, std::move(fill)};
  }

  /// Size and tag of the content without reading it; nothing when neither memory nor the directory has it. May throw `larder::error`.
  struct outline {
    std::uint64_t size;
    std::string etag;
  };
  std::optional<outline> look_at(const chunk_address& asked) {
    if (asked.content)
      if (const std::optional<held> there = cache_.peek(asked.key)) return outline{(*there)->size, (*there)->etag};
    const std::optional<file_stamp> stamp = directory_.look_at(asked);
    if (!stamp || (asked.content && damaged_.has(asked.key, *stamp))) return std::nullopt;
    return outline{stamp->size, asked.content ? digest_tag(asked.name()) : stamp_tag(*stamp)};
  }

  /// The cache's own counters, with those of the fills where they belong.
  cache_stats stats() const {
    cache_stats now = cache_.stats();
    const fill_counts fills = counts();
    now.stored_bytes = now.logical_bytes = cache_.weight();
    now.loads = fills.loads;
    now.load_failures = fills.failures + fills.damaged;
    now.joined = fills.joined;
    now.load_time = std::chrono::nanoseconds(fills.nanoseconds);
    now.errors[error_cause::corruption] += fills.damaged;
    now.errors[error_cause::io] += fills.failures;
    const std::uint64_t owned = now.stored_bytes + filling_.load(std::memory_order_relaxed);
    const std::uint64_t taken = cache_.taken();
    now.pinned_bytes = taken > owned ? taken - owned : 0;
    return now;
  }
  fill_counts counts() const noexcept {
    fill_counts now;
    const auto copy = [](std::uint64_t& to, const std::atomic<std::uint64_t>& from) {
      to = from.load(std::memory_order_relaxed);
    };
    copy(now.loads, counts_.loads);
    copy(now.joined, counts_.joined);
    copy(now.tier_hits, counts_.tier_hits);
    copy(now.store_reads, counts_.store_reads);
    copy(now.bypassed, counts_.bypassed);
    copy(now.damaged, counts_.damaged);
    copy(now.failures, counts_.failures);
    copy(now.nanoseconds, counts_.nanoseconds);
    return now;
  }
  std::uint64_t capacity() const noexcept { return settings_.capacity; }
  std::uint64_t entries() const noexcept { return cache_.size(); }
  /// Bytes that chunks take in memory, whoever holds them.
  std::uint64_t memory_in_use() const { return cache_.taken(); }

  /// The chunks in memory that began the most answers, most first.
  std::vector<entry> most_used(std::size_t most) { return cache_.most_used(most); }

 private:
  using held = chunk_cache::held;
  static constexpr std::size_t piece = std::size_t{256} << 10U;

  static void count(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
    counter.fetch_add(n, std::memory_order_relaxed);
  }

  /// A name that says nothing of its content is asked for again in the directory each time.
  void drop_if_changed(const chunk_address& asked) {
    const std::optional<held> there = cache_.peek(asked.key);
    if (!there) return;
    const std::optional<file_stamp> stamp = directory_.look_at(asked);
    if (!stamp || *stamp != (*there)->stamp) cache_.erase(asked.key);
  }

  /// True when all who asked have gone before the fill began.
  bool is_for_nobody(const std::string& key, const std::shared_ptr<chunk_fill>& fill) {
    const std::lock_guard lock(flights_mutex_);  // nobody joins meanwhile
    if (fill.use_count() > 2) return false;      // more than the flight and its job
    flights_.erase(key);
    return true;
  }

  void run(const std::string& key, const std::shared_ptr<chunk_fill>& asked) noexcept {
    if (is_for_nobody(key, asked)) return;
    chunk_fill& fill = *asked;
    const auto began = std::chrono::steady_clock::now();
    fill_failure why = fill_failure::none;
    std::string reason;
    try {
      why = stopping_.load(std::memory_order_relaxed) ? fill_failure::unreadable : load(key, fill);
    } catch (const std::exception& failure) {
      why = fill_failure::unreadable;
      reason = failure.what();
    } catch (...) {
      why = fill_failure::unreadable;
    }
    const auto took = std::chrono::steady_clock::now() - began;
    count(counts_.nanoseconds, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()));
    if (why == fill_failure::none) count(counts_.loads);
    if (why == fill_failure::damaged) count(counts_.damaged);
    if (why == fill_failure::unreadable || why == fill_failure::no_room) count(counts_.failures);
    const held content = why == fill_failure::none ? fill.look().content : nullptr;
    {
      const std::lock_guard lock(flights_mutex_);
      flights_.erase(key);
    }
    why == fill_failure::none ? fill.finish() : fill.fail(why);
    if (content) share(key, content);
    if (why == fill_failure::damaged || why == fill_failure::unreadable) tell(key, why, reason);
  }

  void tell(const std::string& key, fill_failure why, const std::string& reason) noexcept {
    if (!settings_.error_listener || stopping_.load(std::memory_order_relaxed)) return;
    try {
      const chunk_address which = address_of(key);
      file_stamp stamp;
      try {
        stamp = directory_.look_at(which).value_or(file_stamp{});
      } catch (const error&) {  // then it is told without
      }
      if (told_.has(key, stamp)) return;
      told_.note(key, stamp);
      const std::string file = which.manifest ? "manifests/" + std::string(which.name()) + ".json" : std::string(which.name());
      if (why == fill_failure::damaged)
        settings_.error_listener({error_cause::corruption, "weight_server: the content of chunk " + file +
                                                               " is not what its name says; clients are told that it is absent "
                                                               "until it is written again"});
      else
        settings_.error_listener({error_cause::io, "weight_server: " + file +
                                                       " cannot be read: " + (reason.empty() ? "it changed meanwhile" : reason)});
    } catch (...) {  // what a listener throws is its own matter
    }
  }
  static chunk_address address_of(const std::string& key) {
    chunk_address asked{key, key.starts_with("m/"), {}};
    if (!asked.manifest) asked.content = digest::parse(asked.name());
    return asked;
  }

  /// Begins the fill, brings its bytes, and puts the chunk into the cache if it has its room there.
  fill_failure load(const std::string& key, chunk_fill& fill) {
    const chunk_address asked = address_of(key);
    bool is_in_tier = false;
    if (asked.content && settings_.tier) {
      std::optional<bytes> shared = settings_.tier.get(asked.name());
      is_in_tier = shared && digest_of(shared->span()) == *asked.content;
      if (shared && !is_in_tier) count(counts_.damaged);
      if (is_in_tier) {
        if (chunk_room::claim room = cache_.make_room(shared->size())) {
          count(counts_.tier_hits);
          keep_from_tier(asked, std::move(*shared), std::move(room), fill);
          return fill_failure::none;
        }
      }
    }  // without room the tier's bytes are given up: the file is sent from its place
    std::optional<chunk_file> source = directory_.open(asked);
    if (!source) return is_in_tier ? fill_failure::no_room : fill_failure::absent;
    if (asked.content && damaged_.has(asked.key, source->stamp))  // it is not read again until it changes
      return is_in_tier ? fill_failure::no_room : fill_failure::damaged;
    count(counts_.store_reads);
    auto made = std::make_shared<chunk>();
    made->size = source->stamp.size;
    made->stamp = source->stamp;
    made->etag = asked.content ? digest_tag(asked.name()) : stamp_tag(source->stamp);
    const file_stamp stamp = source->stamp;
    const fill_failure why = read(asked, std::move(*source), std::move(made), fill);
    if (why == fill_failure::damaged && is_settled(stamp)) damaged_.note(asked.key, stamp);
    return why;
  }
  /// Whether a later change is sure to give another stamp: the system's clock for files is coarse.
  static bool is_settled(const file_stamp& stamp) {
    constexpr std::chrono::nanoseconds coarse = std::chrono::milliseconds(100);
    const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
    return now - std::chrono::nanoseconds(stamp.changed) > coarse;
  }

  void keep_from_tier(const chunk_address& asked, bytes content, chunk_room::claim room, chunk_fill& fill) {
    auto made = std::make_shared<chunk>();
    made->size = content.size();
    made->etag = digest_tag(asked.name());
    made->room = std::move(room);
    made->received = std::move(content);
    fill.begin(made);
    cache_.keep(asked.key, std::move(made));
  }

  /// The bytes go out while the rest is read, to memory or, without room, only past the digest.
  fill_failure read(const chunk_address& asked, chunk_file source, std::shared_ptr<chunk> made, chunk_fill& fill) {
    made->room = cache_.make_room(made->size);
    const bool has_room = static_cast<bool>(made->room);
    const in_flight counted(filling_, has_room ? made->size : 0);
    if (has_room) {
      made->memory = chunk_memory(static_cast<std::size_t>(made->size));
    } else {
      count(counts_.bypassed);
      made->file = std::move(source.file);
    }
    const storage::file_descriptor& input = has_room ? source.file : made->file;
    fill.begin(made);
    if (has_room) {
      if (const fill_failure why = bring(asked, input, made->memory.span(), fill); why != fill_failure::none) return why;
    } else if (asked.content && !verified_.has(asked.key, made->stamp)) {
      if (const fill_failure why = look_over(*asked.content, input, made->size, fill); why != fill_failure::none) return why;
    }
    if (!is_unchanged(input, made->stamp)) return fill_failure::unreadable;
    if (has_room)
      cache_.keep(asked.key, std::move(made));
    else if (asked.content)
      verified_.note(asked.key, made->stamp);
    return fill_failure::none;
  }
  fill_failure bring(const chunk_address& asked, const storage::file_descriptor& input, std::span<std::byte> room,
                     chunk_fill& fill) const {
    digest_stream sum;
    for (std::size_t at = 0; at < room.size();) {
      const std::span<std::byte> part = room.subspan(at, std::min(piece, room.size() - at));
      if (stopping_.load(std::memory_order_relaxed) ||
          storage::read_at(input, part.data(), part.size(), at, "a chunk") != part.size())
        return fill_failure::unreadable;
      if (asked.content) sum.update(part);
      at += part.size();
      if (at < room.size()) fill.land(at);
    }
    return asked.content && sum.finish() != *asked.content ? fill_failure::damaged : fill_failure::none;
  }
  fill_failure look_over(const digest& expected, const storage::file_descriptor& input, std::uint64_t size,
                         chunk_fill& fill) const {
    digest_stream sum;
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(piece);
    for (std::uint64_t at = 0; at < size;) {
      const std::span<std::byte> part(buffer.get(), static_cast<std::size_t>(std::min<std::uint64_t>(piece, size - at)));
      if (stopping_.load(std::memory_order_relaxed) ||
          storage::read_at(input, part.data(), part.size(), at, "a chunk") != part.size())
        return fill_failure::unreadable;
      sum.update(part);
      at += part.size();
      if (at < size) fill.land(at);
    }
    return sum.finish() != expected ? fill_failure::damaged : fill_failure::none;
  }

  static bool is_unchanged(const storage::file_descriptor& file, const file_stamp& stamp) {
    const std::optional<file_stamp> now = served_directory::stamp_of(file);
    return now && now->size == stamp.size && now->modified == stamp.modified;  // a link more or another owner changes nothing
  }

  /// After the waiting clients have been told: nobody waits for the tier.
  void share(const std::string& key, const held& content) noexcept {
    const std::string_view name = std::string_view(key).substr(2);
    const bool is_from_tier = content->stamp == file_stamp{};
    if (!settings_.tier || is_from_tier || key.starts_with("m/") || content->file || content->size > settings_.largest_for_tier)
      return;
    if (!digest::parse(name)) return;
    try {
      const std::span<const std::byte> all = content->content();
      settings_.tier.put(name, bytes::adopt(content, all.data(), all.size()));
    } catch (...) {
      count(counts_.failures);
    }
  }

  struct in_flight {
    in_flight(std::atomic<std::uint64_t>& sum, std::uint64_t size) noexcept : sum_(sum), size_(size) {
      sum_.fetch_add(size_, std::memory_order_relaxed);
    }
    in_flight(const in_flight&) = delete;
    in_flight& operator=(const in_flight&) = delete;
    ~in_flight() { sum_.fetch_sub(size_, std::memory_order_relaxed); }
    std::atomic<std::uint64_t>& sum_;
    std::uint64_t size_;
  };
  struct {
    std::atomic<std::uint64_t> loads{0}, joined{0}, tier_hits{0}, store_reads{0}, bypassed{0}, damaged{0}, failures{0},
        nanoseconds{0};
  } counts_;

  const settings settings_;
  const served_directory directory_;
  std::atomic<std::uint64_t> filling_{0};
  std::atomic<bool> stopping_{false};
  chunk_cache cache_;
  seen_files verified_;  // that were right, too large to keep
  seen_files damaged_;   // that were not what their name says
  seen_files told_;      // whose failure the listener knows
  std::mutex flights_mutex_;
  std::unordered_map<std::string, std::shared_ptr<chunk_fill>> flights_;
  sync::worker_pool<> pool_;  // last: its threads end first
};

}  // namespace larder::serve
