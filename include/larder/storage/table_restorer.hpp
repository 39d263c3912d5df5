#pragma once

#include <larder/storage/entry_table.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace larder::storage {

/// Fills a table that is empty and that nobody else uses yet with what a storage has: no look-up, no lock, no budget for each entry. When
/// anything throws, the table is only good for its destructor.
template <class Spec>
class table_restorer {
 public:
  using table_type = entry_table<Spec>;
  using shard = typename table_type::shard;
  using request = typename table_type::request;

  explicit table_restorer(table_type& into) : into_(into), taken_(into.shards_.size()) {}
  table_restorer(const table_restorer&) = delete;
  table_restorer& operator=(const table_restorer&) = delete;

  /// Makes room for so many at once.
  void reserve(std::size_t entries) {
    const std::size_t shards = into_.shards_.size();
    const std::size_t each = entries / shards;
    for (auto& one : into_.shards_) one->reserve(shards == 1 ? each : each + each / 64 + 64);  // hashes do not fall quite evenly
  }
  /// Asks for the memory where an entry of this hash will go.
  void prefetch(std::uint64_t hash) const noexcept { into_.shard_of(hash).prefetch_insertion(hash); }
  /// Takes an entry in whose key is not there, whatever the limits say. The order hears of it as of any that comes.
  void put(typename Spec::key_view k, typename Spec::payload&& value, const request& what) {
    into_.shard_of(what.hash).restore(typename Spec::key(k), std::move(value), what);
    core::amounts<Spec::dimensions>& taken = taken_[into_.shard_number(what.hash)];
    for (std::size_t d = 0; d < Spec::dimensions; ++d) taken[d] += what.size[d];
  }
  /// All are in: the limits are to be kept from now on, which `shrink` of the table sees to.
  void finish() noexcept {
    for (std::size_t i = 0; i < taken_.size(); ++i) into_.shards_[i]->take_in_any_case(taken_[i]);
    for (auto& taken : taken_) taken = {};
  }

 private:
  table_type& into_;
  std::vector<core::amounts<Spec::dimensions>> taken_;
};

}  // namespace larder::storage
