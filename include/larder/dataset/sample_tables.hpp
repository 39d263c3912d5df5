#pragma once

#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_table.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace larder::datasets {

/// The tables of all shards, so that what one stream found is known to the next. A table that nobody uses stays as long as something was found in
/// it, so that tables take memory for samples that are in the cache, and not for all shards that ever went by. Any number of threads.
class sample_tables {
 public:
  std::shared_ptr<sample_table> find(const shard_key& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(key);
    return found == tables_.end() ? nullptr : found->second;
  }
  /// The table of a shard, made for so many samples when there is none yet. Throws `larder::error` for a number that no shard has.
  std::shared_ptr<sample_table> find_or_make(const shard_key& key, std::uint64_t count) {
    auto made = std::make_shared<sample_table>(key, count, memory_);
    const std::lock_guard lock(mutex_);
    if (tables_.size() >= sweep_at_) {
      std::erase_if(tables_, [](const auto& one) { return is_unused(one.second) && one.second->empty(); });
      sweep_at_ = std::max(least_swept, 2 * tables_.size());
    }
    return tables_.emplace(key, std::move(made)).first->second;
  }
  /// Who holds a table goes on with it.
  void erase(const std::set<std::string>& keys) {
    const std::lock_guard lock(mutex_);
    std::erase_if(tables_, [&](const auto& one) { return keys.contains(std::string(one.first.view())); });
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    tables_.clear();
    sweep_at_ = least_swept;
  }
  /// Gives back those that nobody holds.
  void trim() {
    const std::lock_guard lock(mutex_);
    std::erase_if(tables_, [](const auto& one) { return is_unused(one.second); });
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return tables_.size();
  }
  /// Bytes that all tables take for what was found, also of those that only streams and views hold.
  std::uint64_t memory() const noexcept { return memory_->load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t least_swept = 256;
  /// Under the lock nobody else can get hold of it.
  static bool is_unused(const std::shared_ptr<sample_table>& one) noexcept { return one.use_count() == 1; }

  mutable std::mutex mutex_;
  std::map<shard_key, std::shared_ptr<sample_table>> tables_;
  std::size_t sweep_at_ = least_swept;
  std::shared_ptr<sample_table::memory_counter> memory_ = std::make_shared<sample_table::memory_counter>(0);
};

}  // namespace larder::datasets
