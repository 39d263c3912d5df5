#pragma once

// Which samples get into a cache: those that have room within its capacity and within the quota of their data set, whoever of all threads and
// processes puts them.
//
// What is in the cache is the truth, and counting it is dear. So it is counted when nobody puts anything; what comes later is added from above: this
// process knows what it put where, and of others how many bytes they announced altogether. While a sample fits with all of that, it is announced and put,
// by all at once. When it does not, but might, whoever wants to put it counts again, alone. A process that is killed has announced what
// did not come: then it is counted sooner, and right.

#include <larder/core/digest.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/fill_gate.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_quota.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace larder::datasets {

/// The room in one cache. Any number of threads.
class sample_rooms {
 public:
  static constexpr std::uint64_t no_limit = ~std::uint64_t{0};
  class admission;

  /// `page`: the file by which processes agree (`fill_gate`); empty where this one has the cache for itself.
  sample_rooms(std::string page, std::uint64_t capacity) : gate_(std::move(page)), capacity_(capacity) {}

  std::uint64_t capacity() const noexcept { return capacity_.load(std::memory_order_relaxed); }
  void set_capacity(std::uint64_t capacity) noexcept { capacity_.store(capacity, std::memory_order_relaxed); }

  /// How many bytes the samples of these shards may take together.
  std::shared_ptr<sample_quota> quota(std::uint64_t most, const std::set<std::string>& shards) {
    if (most == sample_quota::none || shards.empty()) return std::make_shared<sample_quota>();
    fingerprint_builder builder;
    std::vector<shard_key> keys;
    keys.reserve(shards.size());
    for (const std::string& one : shards) {
      builder.add(one);
      keys.push_back(shard_key::of_text(one));
    }
    const digest data = builder.finish();
    const std::lock_guard lock(mutex_);
    if (const auto found = accounts_.find(data); found != accounts_.end())
      return std::make_shared<sample_quota>(most, found->second);
    if (accounts_.size() >= most_unused) std::erase_if(accounts_, [](const auto& one) { return one.second.use_count() == 1; });
    return std::make_shared<sample_quota>(
        most, accounts_.emplace(data, std::make_shared<shard_account>(std::move(keys))).first->second);
  }

  /// False when a sample of that size has no room, as far as this process knows, which knows of `weight` bytes in the cache. Takes no lock.
  bool may_have(const sample_quota& quota, std::uint64_t size, std::uint64_t weight) const noexcept {
    const std::uint64_t all = capacity();
    return (all == no_limit || (weight <= all && size <= all - weight)) && quota.may_have(size);
  }

  /// While it lives, nobody counts: for what is put or erased beside the samples.
  fill_gate::pass put_beside() { return gate_.among(); }
  /// Samples were erased.
  void note_erasure() {
    const std::lock_guard lock(mutex_);
    const fill_gate::tally now = gate_.note_erasure();
    if (known_.page == now.page && known_.erased + 1 == now.erased) known_ = now;  // else others did, too
    forget_counts();
  }
  /// Whether others erased samples since this was last asked.
  bool others_erased() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;  // somebody counts, which may take long: next time
    const fill_gate::tally now = gate_.look();
    if (known_.page == now.page && known_.erased == now.erased) return false;
    const bool is_first = known_.page == 0;
    known_ = now;
    if (!is_first) forget_counts();
    return !is_first;
  }
  /// How many data sets with a quota are known.
  std::size_t accounts() {
    const std::lock_guard lock(mutex_);
    return accounts_.size();
  }
  /// Whether other processes keep to the limits together with this one.
  bool is_shared() { return gate_.is_shared(); }

 private:
  static constexpr std::size_t most_unused = 16;       // accounts
  static constexpr std::size_t listed_at_once = 1024;  // entries, before whoever waits hears of it

  void forget_counts() noexcept {
    for (const auto& one : accounts_) one.second->forget();
  }
  /// Announces a sample when it surely has room.
  bool reserve(const shard_key& shard, const sample_quota& quota, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t all = capacity();
    shard_account* const of = quota.account();
    for (;;) {
      const fill_gate::tally now = gate_.look();
      const std::uint64_t others = now.come - mine_;
      if (all != no_limit && !all_.surely_has(all, size, now, others)) return false;
      if (of != nullptr) {
        if (!of->is_current(now)) of->forget();
        if (!of->surely_has(quota.most(), size, now, others)) return false;
      }
      if (gate_.announce(now, size)) break;
    }
    mine_ += size;
    each_of(shard, [&](shard_account& one) { one.add(size); });
    return true;
  }
  void take_back(const shard_key& shard, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    each_of(shard, [&](shard_account& one) { one.take_back(size); });
  }
  template <class F>
  void each_of(const shard_key& shard, F&& f) {
    f(all_);
    for (const auto& one : accounts_)
      if (one.second->is_counted() && one.second->is_of(shard)) f(*one.second);
  }
  /// Counts what is there, as far as a sample of that size asks for it. Whoever calls is alone inside.
  template <class Contents>
  void count(const sample_quota& quota, std::uint64_t size, Contents& contents, fill_gate::pass& alone) {
    const std::lock_guard lock(mutex_);
    const fill_gate::tally now = gate_.look();
    if (now.page != weighed_.page || now.erased != weighed_.erased) contents.forget_erased_notes();
    weighed_ = now;
    const std::uint64_t weight = contents.weight();
    const std::uint64_t others = now.come - mine_;
    all_.count(weight, now, others);
    shard_account* const of = quota.account();
    if (of == nullptr || (of->is_current(now) && of->surely_has(quota.most(), size, now, others))) return;
    std::vector<std::pair<shard_account*, std::uint64_t>> sums;
    for (const auto& one : accounts_) sums.emplace_back(one.second.get(), 0);
    std::size_t listed = 0;
    contents.list([&](const shard_key& shard, std::uint64_t bytes) {
      for (auto& [account, sum] : sums)
        if (account->is_of(shard)) sum += bytes;
      if (++listed % listed_at_once == 0) alone.beat();
    });
    for (const auto& [account, sum] : sums) account->count(sum, now, others);
  }

  fill_gate gate_;
  std::atomic<std::uint64_t> capacity_;
  std::mutex mutex_;  // before the gate's own
  shard_account all_{std::vector<shard_key>()};
  std::map<digest, std::shared_ptr<shard_account>> accounts_;
  std::uint64_t mine_ = 0;    // bytes that this process announced
  fill_gate::tally known_;    // erasures
  fill_gate::tally weighed_;  // when that was done last
};

/// Room for one sample, from its admission to the end of its put.
class sample_rooms::admission {
 public:
  admission(sample_rooms& rooms, const shard_key& shard, const sample_quota& quota) noexcept
      : rooms_(rooms), shard_(shard), quota_(quota) {}
  admission(const admission&) = delete;
  admission& operator=(const admission&) = delete;
  ~admission() { give_back(); }

  /// False when there is no room. `contents.weight()` gives the bytes of samples that are in the cache now, `contents.list(f)` calls
  /// f(shard, bytes) for each; `contents.forget_erased_notes()` comes before, where others erased something.
  template <class Contents>
  bool take(std::uint64_t size, Contents&& contents) {
    give_back();
    if (!rooms_.may_have(quota_, size, rooms_.capacity() == no_limit ? 0 : contents.weight())) return false;
    size_ = size;
    pass_ = rooms_.gate_.among();
    if (!pass_) return false;
    taken_ = rooms_.reserve(shard_, quota_, size);
    if (taken_) return true;
    pass_.leave();
    pass_ = rooms_.gate_.alone();
    if (!pass_) return false;
    rooms_.count(quota_, size, contents, pass_);
    taken_ = rooms_.reserve(shard_, quota_, size);
    if (taken_)
      pass_.join();
    else
      pass_.leave();
    return taken_;
  }
  /// The sample is in the cache.
  void stored() noexcept { taken_ = false; }

 private:
  void give_back() {
    if (std::exchange(taken_, false)) rooms_.take_back(shard_, size_);
    pass_.leave();
  }

  sample_rooms& rooms_;
  const shard_key shard_;
  const sample_quota& quota_;
  fill_gate::pass pass_;
  std::uint64_t size_ = 0;
  bool taken_ = false;
};

}  // namespace larder::datasets
