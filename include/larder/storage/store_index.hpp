#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/storage/departure.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/indexed_spec.hpp>
#include <larder/storage/stored_request.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace larder::storage {

/// The index of a byte storage and how it keeps step with it: what the storage has is learned, what the index lets go leaves
/// the storage, and what other processes did is caught up with. Changes happen under the store's lock, which the caller holds
/// where a member does not say that it takes it; look-ups in the table take no such lock.
template <class Key, class Value, class Context>
class store_index {
 public:
  using store_type = typename Context::storage::store;
  using handle = typename store_type::handle;
  using table_type = entry_table<indexed_spec<Context>>;
  using removals = typename table_type::removals;
  using departures = departure_list<Key, Value>;

  /// Learns all that the storage has; takes the lock.
  explicit store_index(Context& context)
      : context_(context),
        store_(context.policies().template get<typename Context::storage>(), context.errors()),
        spec_(context),
        table_(spec_, context.shards(), context.expected()) {
    context.set_limits(table_.budget());
    departures gone;
    {
      const auto lock = store_.lock();
      store_.recover([&](const digest& id, handle h, const stored_info& info) { learn(id, std::move(h), info, gone); });
    }
    table_.reset_counters();
    tell(gone);
  }

  store_type& store() noexcept { return store_; }
  const store_type& store() const noexcept { return store_; }
  table_type& table() noexcept { return table_; }
  const table_type& table() const noexcept { return table_; }

  /// Takes an entry that is on the storage into the index; who has to leave for it leaves the storage as well. The listener
  /// is not told of what another process replaced: its value is gone already.
  void learn(const digest& id, handle h, const stored_info& info, departures& gone) {
    removals left;
    const put_outcome outcome = table_.put(id, [&] { return id; }, std::move(h), stored_request<table_type>(id.low, info, context_.now()), left);
    removals others;
    left.for_each([&](auto& e) {
      if (!(e.key == id)) others.push(std::move(e.key), std::move(e.payload), e.cause);
    });
    settle(others, gone);
    if (outcome == put_outcome::refused) context_.guarded(false, [&] { return store_.erase(id, handle{}), true; });
  }

  /// What other processes did since this one last looked.
  void catch_up(departures& gone) {
    if constexpr (requires {
                    store_.sync([](const digest&, const std::optional<stored_info>&) {}, [] {});
                  }) {
      store_.sync(
          [&](const digest& id, const std::optional<stored_info>& info) {
            if (info) {
              learn(id, handle{}, *info, gone);
            } else {
              removals left;
              table_.erase(id, id.low, context_.now(), removal_cause::erased, left, [](const auto&) { return true; });
            }
          },
          [&] { table_.clear(context_.now(), [](removals& left) { left.clear(); }); });
    }
  }

  /// Entries that left the index leave the storage, except the one that is just being replaced in place.
  void settle(removals& left, departures& gone, const digest* replaced = nullptr) {
    left.for_each([&](auto& e) {
      const bool stays = replaced != nullptr && e.key == *replaced;
      if (e.cause == removal_cause::expired && !stays && renewed_by_others(e)) return;
      if constexpr (Context::notifies) read_back(e, gone);
      if (!stays) context_.guarded(false, [&] { return store_.erase(e.key, e.payload), true; });
    });
    left.clear();
  }
  /// Settles what a look-up found too old; takes the lock.
  void drop_files(removals& old) {
    departures gone;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      settle(old, gone);
      return true;
    });
    tell(gone);
  }

  /// Evicts until the limits hold; takes the lock.
  void shrink() {
    departures gone;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      catch_up(gone);
      table_.shrink(context_.now(), [&](removals& left) { settle(left, gone); });
      return true;
    });
    tell(gone);
  }

  /// Whether the storage has it and it is not too old.
  bool alive(const std::optional<stored_info>& info) const {
    return info && !context_.too_old(info->written, info->accessed, info->expires, context_.now());
  }
  /// The key and value of an entry that is leaving, for the listener; nothing when its bytes are not right any more.
  template <class Removed>
  void read_back(Removed& e, departures& gone) {
    context_.guarded(false, [&] {
      const std::optional<bytes> key = store_.key_of(e.key, e.payload);
      if (!key) return false;
      const fetched f = store_.fetch(e.key, *key, e.payload);
      if (f.status != fetch_status::hit) return false;
      gone.push_back({codec<Key>::decode(*key), codec<Value>::decode(f.payload), e.cause});
      return true;
    });
  }

  /// Tells the listener of what left; without any lock.
  void tell(departures& gone) {
    for (const auto& d : gone) context_.notify(d.key, d.value, d.cause);
    gone.clear();
  }

 private:
  /// Whether an entry that the index takes for too old has been put again by somebody else.
  template <class Removed>
  bool renewed_by_others(Removed& e) {
    return context_.guarded(false, [&] {
      const std::optional<bytes> key = store_.key_of(e.key, e.payload);
      return key && alive(store_.find(e.key, *key));
    });
  }

  Context& context_;
  store_type store_;
  indexed_spec<Context> spec_;
  table_type table_;
};

}  // namespace larder::storage
