#pragma once

// The reuse distances of a sample of the keys: SHARDS (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with
// SHARDS", FAST 2015) in its fixed-size form. A key is followed when the lower half of its hash is below a threshold; at first all
// are. (Shards go by the lowest bits, the index by the upper half: neither sees the choice.) Distances among the followed keys,
// divided by the share of keys that is followed, are distances among all. Unlike there
// * only keys within reach of eight times the capacity are kept, so that the threshold falls for larger caches only;
// * the threshold falls in steps of an eighth, which takes one pass over the keys instead of a heap beside them;
// * misses are estimated, and the hits are what remains of all look-ups, which the cache counts exactly: few hot keys make most
//   hits, so that whether one is in the sample matters, and for misses it does not (the paper's SHARDS-adj, without its bucket).
//   A sampled miss stands for as many as the cache's own misses were for each that the sample had of them;
// * hits of the hottest followed keys are not followed either (observe/hot_keys.hpp), once not all keys are.
//
// A look-up that is not followed costs one comparison with a word that is read only. One that is is noted under a lock, under
// which nothing of the user's runs, and 32 of them are worked off together: 40 to 80 ns each. 12 bytes per followed key and,
// for its marks, 6 (counting entries) or 15 (weighing); 1 MB at most, doubled as the keys come.

#include <larder/core/hit_ratio_curve.hpp>
#include <larder/observe/capacity_scale.hpp>
#include <larder/observe/hit_counts.hpp>
#include <larder/observe/hot_keys.hpp>
#include <larder/observe/reuse_stack.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <type_traits>

namespace larder::observe {

/// What an entry weighs for a sampler.
struct entry_weight {
  std::uint64_t amount = 1;
  bool known = true;  ///< else a guess for a key that is met for the first time
};

/// Follows the keys of one cache. `Weighed`: their weights are summed, else their number. `Shared`: by several threads at once.
template <bool Weighed, bool Shared>
class reuse_sampler {
 public:
  static constexpr std::size_t most_tracked = tracked_keys::most;

  /// At most `most` keys are followed at once; up to 2^15.
  explicit reuse_sampler(std::uint64_t capacity, std::size_t most = most_tracked)
      : scale_(capacity), stack_(scale_), most_(most), bound_(most) {
    threshold_.store(all);
  }

  /// Whether the key is followed. The cache asks this for each look-up that counts.
  bool samples(std::uint64_t hash) const noexcept { return static_cast<std::uint32_t>(hash) <= threshold_.load(); }

  /// A look-up of a followed key that counts, and what came of it in the cache. An entry that was there becomes the newest.
  [[gnu::noinline]] void look_up(std::uint64_t hash, bool hit, entry_weight weight) noexcept {
    const std::uint64_t key = key_of(hash);
    if (hit && hot_.contains(key)) return;
    note({key, weight, hit ? what::hit : what::miss});
  }
  /// A followed key was put with this weight. `newest`: a cache that has it already makes it the newest.
  [[gnu::noinline]] void put(std::uint64_t hash, std::uint64_t weight, bool newest) noexcept {
    note({key_of(hash), {weight}, newest ? what::put : what::put_if_absent});
  }
  /// The program dropped a followed key.
  [[gnu::noinline]] void forget(std::uint64_t hash) noexcept { note({key_of(hash), {}, what::forget}); }
  /// The program dropped all of them.
  void forget_all() noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    hot_.clear();
    stack_.clear();
  }
  /// Whether a followed key is known with its weight.
  [[gnu::noinline]] bool knows(std::uint64_t hash) noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    return stack_.find(key_of(hash)) != nobody;
  }

  /// Counts anew; this is what the cache counted so far.
  void restart(const traffic& so_far) noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    counts_.begin(so_far, threshold_.load() == all);
  }
  /// Counts anew for another capacity. What is known of the keys stays.
  void set_capacity(std::uint64_t capacity, const traffic& so_far) noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (capacity == scale_.today()) return;
    scale_.set(capacity, scale_.rate());
    stack_.rescale(true);
    if (threshold_.load() != all && stack_.size() < most_ / 16) {  // too few of the keys that now matter: begin with all again
      threshold_.store(all);
      bound_ = most_;
      scale_.set(capacity, 1.0);
      hot_.clear();
      stack_.clear();
    }
    counts_.begin(so_far, threshold_.load() == all);
  }

  /// What is known by now; this is what the cache counted in all.
  hit_ratio_curve curve(capacity_unit unit, const traffic& in_all) noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    hit_ratio_curve known = counts_.curve(in_all);
    known.unit = unit;
    known.capacity = scale_.today();
    known.sampling_rate = scale_.rate();
    // Either all capacities were filled, or the keys do come back.
    const double keys = static_cast<double>(stack_.size()) / scale_.rate();
    known.settled = counts_.enough() && (stack_.overflowed() || static_cast<double>(known.look_ups) >= 1.25 * keys);
    return known;
  }

  std::size_t tracked() noexcept {
    const std::lock_guard lock(mutex_);
    catch_up();
    return stack_.size();
  }
  std::size_t bytes() const noexcept {
    const std::lock_guard lock(mutex_);
    return sizeof(*this) + stack_.bytes();
  }

 private:
  static constexpr auto nobody = reuse_stack<Weighed>::nobody;
  static constexpr std::uint32_t all = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t at_once = 32;
  static constexpr std::uint32_t renewal = 256;  // followed look-ups between two renewals of the hot keys
  /// A share of the look-ups that costs nothing to speak of. Above it fewer keys are followed than there is memory for.
  static constexpr double cheap_rate = 1.0 / 256;
  struct alignas(64) mutex_type : std::conditional_t<Shared, std::mutex, unsynchronized::mutex> {};

  enum class what : std::uint8_t { hit, miss, put, put_if_absent, forget };
  struct event {
    std::uint64_t key = 0;
    entry_weight weight{};
    what happened = what::miss;
  };

  /// What decides comes first, since of a key only the upper 48 bits are kept.
  static constexpr std::uint64_t key_of(std::uint64_t hash) noexcept { return std::rotl(hash, 32); }

  void note(const event& e) noexcept {
    const std::lock_guard lock(mutex_);
    notes_[noted_] = e;
    if (++noted_ == at_once) catch_up();
  }
  /// What was noted is done, in order. Among other work nothing of the sampler is in the processor's caches: everything that
  /// will be needed is asked for at once.
  void catch_up() noexcept {
    if (threshold_.load() != all) stack_.touch([&](std::size_t i) { return notes_[i].key; }, noted_);
    for (std::uint32_t i = 0; i < noted_; ++i) {
      const event& e = notes_[i];
      if (e.key >> 32U > threshold_.load()) continue;
      const auto who = stack_.find(e.key);
      switch (e.happened) {
        case what::hit:
        case what::miss:
          looked_up(e, who);
          break;
        case what::put:
        case what::put_if_absent:
          if (who == nobody)
            enter(e.key, e.weight.amount);
          else if (e.happened == what::put || e.weight.amount != stack_.weight(who))
            stack_.renew(who, e.weight.amount);
          break;
        case what::forget:
          hot_.erase(e.key);
          if (who != nobody) stack_.leave(who);
          break;
      }
    }
    noted_ = 0;
  }
  void looked_up(const event& e, typename reuse_stack<Weighed>::id who) noexcept {
    const bool hit = e.happened == what::hit;
    if (!hit) hot_.erase(e.key);
    if (threshold_.load() != all) mind_hot(e.key, hit);
    const double each = 1.0 / scale_.rate();
    counts_.look_up(hit, each);
    if (who != nobody)
      stack_.measure(who, counts_);
    else if (hit && !stack_.overflowed())  // it was there before anybody looked
      counts_.unknown(each);
    else
      counts_.hit_from(capacity_scale::points, each);
    if (!hit) return;  // it comes, if it does, with a put
    if (who != nobody)
      stack_.renew(who, e.weight.known ? e.weight.amount : stack_.weight(who));
    else
      enter(e.key, e.weight.amount);
  }

  void enter(std::uint64_t key, std::uint64_t weight) noexcept {
    if (stack_.size() >= bound_) thin_out();
    while (key >> 32U <= threshold_.load() && !stack_.enter(key, weight)) thin_out();
  }
  /// Follows an eighth fewer keys.
  void thin_out() noexcept {
    const std::uint32_t lower = threshold_.load() - threshold_.load() / 8 - 1;
    threshold_.store(lower);
    counts_.no_longer_all();
    stack_.keep_up_to(std::uint64_t{lower} << 32U | all);
    scale_.set(scale_.today(), (static_cast<double>(lower) + 1) * 0x1p-32);
    stack_.rescale(false);
    bound_ = scale_.rate() <= cheap_rate ? most_ : bound_at(scale_.rate());
  }
  /// The root of twice the share, of all that there is memory for; an eighth at least. By bisection: <cmath> would cost every
  /// program that includes the umbrella a tenth of a second.
  std::size_t bound_at(double rate) const noexcept {
    const double square = static_cast<double>(most_) * static_cast<double>(most_) * 2.0 * rate;
    std::size_t low = most_ / 8;
    std::size_t high = most_;
    while (low < high) {
      const std::size_t middle = (low + high + 1) / 2;
      if (static_cast<double>(middle) * static_cast<double>(middle) <= square)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }

  void mind_hot(std::uint64_t key, bool hit) noexcept {
    if (hit) hot_.count(key);
    if (++since_renewal_ < renewal) return;
    since_renewal_ = 0;
    hot_.for_each([&](std::uint64_t hot) {
      if (const auto who = stack_.find(hot); who != nobody)
        stack_.renew(who, stack_.weight(who));
      else
        hot_.erase(hot);
    });
  }

  sync::counter<Shared, std::uint32_t> threshold_;  // read by every look-up and seldom written, as the hot keys: the mutex begins another line
  hot_keys<Shared> hot_;
  mutable mutex_type mutex_;
  std::uint32_t noted_ = 0;
  std::uint32_t since_renewal_ = 0;
  std::array<event, at_once> notes_{};
  capacity_scale scale_;
  reuse_stack<Weighed> stack_;
  hit_counts counts_;
  const std::size_t most_;
  std::size_t bound_;  // keys to follow at this rate
};

}  // namespace larder::observe
