#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/storage/departure.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/indexed_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace larder::storage {

/// The index of a storage whose processes agree on one order of all changes (`logged_store`): a copy of what the log says, and the order
/// by which this process chooses who leaves. The caller holds the store's lock where a member does not say that it takes it.
template <class Key, class Value, class Context>
class logged_index {
 public:
  using store_type = typename Context::storage::store;
  using handle = typename store_type::handle;
  using staged = typename store_type::staged;
  using table_type = entry_table<indexed_spec<Context>>;
  using removals = typename table_type::removals;
  using departures = departure_list<Key, Value>;

  /// Learns all that the storage has; takes the lock.
  explicit logged_index(Context& context)
      : context_(context),
        store_(context.policies().template get<typename Context::storage>(), context.errors(), capacity_of(context)),
        spec_(context),
        table_(spec_, context.shards(), context.expected()) {
    if constexpr (Context::template has<max_entries>)
      table_.budget().set_capacity(0, context.policies().template get<max_entries>().value);
    if constexpr (Context::template has<max_bytes>)
      table_.budget().set_capacity(1, context.policies().template get<max_bytes>().value);
    departures gone;
    {
      const auto lock = store_.lock();
      store_.recover(visitor{*this, gone, gone.size()});
      catch_up(gone);
      keep_to_limits(gone);
    }
    table_.reset_counters();
    tell(gone);
  }

  store_type& store() noexcept { return store_; }
  const store_type& store() const noexcept { return store_; }
  table_type& table() noexcept { return table_; }
  const table_type& table() const noexcept { return table_; }

  /// What the table has to know to take an entry in.
  static typename table_type::request request_for(const digest& id, const stored_info& info, instant now) {
    typename table_type::request request;
    request.hash = id.low;
    request.size = {1, info.weight};
    request.order_weight = info.weight;
    request.now = now;
    request.written = info.written;
    request.accessed = info.accessed;
    request.expires = info.expires;
    return request;
  }

  /// What other processes did since this one last looked. Their listeners are told of it, not this one's.
  void catch_up(departures& gone) {
    store_.follow(visitor{*this, gone, gone.size()});
    if (store_.has_losses()) context_.guarded(false, [&] { return store_.remember_losses(), true; });
  }

  /// The handle under which the index knows a key; nothing when it does not, or when the entry is too old.
  std::optional<handle> find(const digest& id) {
    std::optional<handle> found;
    removals old;
    table_.look_up(id, id.low, look::peek, context_.now(), old, [&](const auto& e) { found = e.payload; });
    departures ignored;
    settle(old, ignored);
    return found;
  }

  /// Entries that left the table leave the storage. `replaced` gets the handle of the one entry that is just being replaced by a
  /// record that is not published yet.
  void settle(removals& left, departures& gone, const digest* own = nullptr, std::vector<handle>* replaced = nullptr) {
    left.for_each([&](auto& e) {
      if (own != nullptr && e.key == *own) {
        if (e.cause == removal_cause::replaced || e.cause == removal_cause::expired) read_back(e.key, e.payload, e.cause, gone);
        replaced->push_back(e.payload);
        return;
      }
      if (e.cause == removal_cause::expired && renewed_by_others(e.key, e.payload)) return;
      read_back(e.key, e.payload, e.cause, gone);
      context_.guarded(false, [&] { return store_.evict(e.key, e.payload), true; });
      context_.guarded(false, [&] { return store_.release(e.payload), true; });
    });
    left.clear();
  }

  /// Makes a staged record what its key has, with room for it; false when it is not to be, for a reason that is no failure. What others do
  /// meanwhile is learned and everything decided anew. `replaced` gets the records that the key had, which the caller lets go.
  bool publish(const digest& id, staged& made, const stored_info& info, bool only_if_absent, std::vector<handle>& replaced, departures& gone) {
    for (;;) {
      catch_up(gone);
      if (only_if_absent && find(id)) return false;
      removals left;
      auto request = request_for(id, info, context_.now());
      const put_outcome outcome = table_.put(id, [&] { return id; }, store_.handle_of(made), request, left);
      settle(left, gone, &id, &replaced);
      if (outcome != put_outcome::stored) return false;
      std::optional<handle> known;
      try {
        known = store_.publish(made);
      } catch (...) {
        forget(id);
        throw;
      }
      if (known) {
        table_.update(id, id.low, [&](auto& e) { e.payload = *known; });
        return true;
      }
      forget(id);
    }
  }

  /// Takes a key out and tells everybody; false when there was nothing. `had` is a record of the key that the table has let go already.
  bool erase(const digest& id, removal_cause cause, const std::optional<handle>& had, departures& gone) {
    catch_up(gone);
    removals left;
    const bool alive = table_.erase(id, id.low, context_.now(), cause, left, [](const auto&) { return true; });
    if (left.empty() && !had) return false;
    std::optional<handle> was;
    left.for_each([&](auto& e) {
      read_back(e.key, e.payload, e.cause, gone);
      was = e.payload;
    });
    if (!was) was = had;
    try {
      staged mark = store_.stage_erasure(id);
      while (!store_.publish(mark)) {
        catch_up(gone);
        table_.erase(id, id.low, context_.now(), cause, left, [](const auto&) { return true; });
      }
    } catch (const error&) {
      if (!was) throw;
      store_.erase_in_place(id, *was);
    }
    if (was) store_.release(*was);
    store_.tidy();
    return alive;
  }

  /// Lets the oldest segments go until the files keep to the capacity: what the order wants to keep of them is carried over.
  void keep_to_limits(departures& gone) {
    context_.guarded(false, [&] {
      while (const auto oldest = store_.surplus())
        if (!compact(*oldest, gone, Context::template has<max_bytes>)) break;
      store_.tidy();
      return true;
    });
  }
  /// Makes room on a full device: rewrites the oldest segments without what is of no use in them. False when there is nothing to gain.
  bool reclaim(departures& gone) {
    catch_up(gone);
    auto oldest = store_.reclaimable();
    if (oldest.empty()) return false;
    struct kept_entry {
      digest id;
      staged copy;
      stored_info info;
    };
    std::vector<kept_entry> kept;
    for (const auto& one : oldest)
      for (const live_entry& e : live_in(*one)) {
        kept.push_back({e.id, copy_of(e), e.info});
        store_.hold_file(e.known);
      }
    const std::uint32_t last = oldest.back()->number;
    oldest.clear();  // the room is free when nobody has it mapped
    while (!store_.drop(last)) catch_up(gone);
    catch_up(gone);
    for (kept_entry& e : kept) {
      const auto file = e.copy.reference;
      context_.guarded(false, [&] {
        store_.write(e.copy);
        std::vector<handle> replaced;
        publish(e.id, e.copy, e.info, true, replaced, gone);
        for (const handle& old : replaced) store_.release(old);
        return true;
      });
      if (file) store_.release_file(*file);
    }
    return true;
  }

  /// Writes what counts of the oldest segment anew at the end and lets the rest of it go; false when there is none, or when something of it
  /// cannot be written anew: then the segment stays as it is.
  bool compact_oldest(departures& gone) {
    catch_up(gone);
    if (const auto oldest = store_.oldest()) store_.seal(oldest->number);
    catch_up(gone);
    const auto oldest = store_.oldest();
    const bool compacted = oldest && compact(*oldest, gone, false);
    store_.tidy();
    return compacted;
  }

  /// After the device refused to keep them: what counts of these segments is written anew, and they go.
  void rewrite_refused(departures& gone) {
    const auto refused = store_.take_refused();
    for (const std::uint32_t number : refused.segments) {
      store_.seal(number);
      catch_up(gone);
      const auto bad = store_.find(number);
      if (!bad) continue;
      for (const live_entry& e : live_in(*bad)) carry(e, gone);
      for (std::size_t i = 0; i < bad->size(); ++i) {
        const auto entry = bad->entry(i);
        if (entry.id == digest{} || find(entry.id)) continue;
        staged mark = store_.stage_erasure(entry.id);
        while (!store_.publish(mark)) catch_up(gone);
      }
      while (!store_.remove(number)) catch_up(gone);
      catch_up(gone);
    }
    for (const std::uint64_t file : refused.files) {
      std::vector<digest> having;
      table_.snapshot(
          context_.now(),
          [&](const auto& e) {
            if (e.payload.has_file()) having.push_back(e.key);
          },
          [] {});
      for (const digest& id : having) {
        const std::optional<handle> known = find(id);
        const auto reference = known ? store_.reference_of(*known) : std::nullopt;
        if (reference && reference->number == file) erase(id, removal_cause::evicted, std::nullopt, gone);
      }
    }
    store_.tidy();
  }

  /// Evicts until the limits hold; takes the lock.
  void shrink() {
    departures gone;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      catch_up(gone);
      table_.shrink(context_.now(), [&](removals& left) { settle(left, gone); });
      keep_to_limits(gone);
      return true;
    });
    tell(gone);
  }

  /// Tells the listener of what left; without any lock.
  void tell(departures& gone) {
    for (const auto& d : gone) context_.notify(d.key, d.value, d.cause);
    gone.clear();
  }

  /// The key and value of an entry that is leaving, for the listener; nothing when its bytes are not right any more.
  void read_back(const digest& id, handle known, removal_cause cause, departures& gone) {
    if constexpr (Context::notifies)
      context_.guarded(false, [&] {
        const std::optional<bytes> key = store_.key_of(id, known);
        if (!key) return false;
        const fetched f = store_.fetch(id, *key, known);
        if (f.status != fetch_status::hit) return false;
        gone.push_back({codec<Key>::decode(*key), codec<Value>::decode(f.payload), cause});
        return true;
      });
  }

 private:
  struct live_entry {
    digest id;
    handle known;
    stored_info info;
  };

  /// What the store tells of the log.
  struct visitor {
    logged_index& index;
    departures& gone;
    std::size_t before;  // how many had gone when it began

    void put(const digest& id, const handle& h, const stored_info& info) {
      take_back(id);
      index.learn(id, h, info, gone);
    }
    void erase(const digest& id) {
      take_back(id);
      removals left;
      index.table_.erase(id, id.low, index.context_.now(), removal_cause::erased, left, [](const auto&) { return true; });
      left.for_each([&](auto& e) { index.store_.release(e.payload); });
    }
    void evict(const digest& id, const auto& place) {
      removals left;
      index.table_.erase(id, id.low, index.context_.now(), removal_cause::evicted, left,
                         [&](const auto& e) { return e.payload.place() == place; });
      left.for_each([&](auto& e) {
        if (index.compacting_) index.read_back(e.key, e.payload, removal_cause::evicted, gone);
        index.store_.release(e.payload);
      });
    }
    void clear() {
      index.table_.clear(index.context_.now(), [](removals& left) { left.clear(); });
    }
    /// What this process chose to evict on the way was somebody else's to change already: its listener is not told.
    void take_back([[maybe_unused]] const digest& id) {
      if constexpr (Context::notifies)
        gone.erase(std::remove_if(gone.begin() + static_cast<std::ptrdiff_t>(before), gone.end(),
                                  [&](const auto& d) { return digest_of(bytes(codec<Key>::encode(d.key)).span()) == id; }),
                   gone.end());
    }
  };

  static std::optional<std::uint64_t> capacity_of(Context& context) {
    if constexpr (Context::template has<max_bytes>)
      return context.policies().template get<max_bytes>().value;
    else
      return std::nullopt;
  }

  void learn(const digest& id, const handle& h, const stored_info& info, departures& gone) {
    removals left;
    const put_outcome outcome = table_.put(id, [&] { return id; }, handle(h), request_for(id, info, context_.now()), left);
    std::optional<handle> replaced;
    removals others;
    left.for_each([&](auto& e) {
      if (!(e.key == id))
        others.push(std::move(e.key), std::move(e.payload), e.cause);
      else if (!(e.payload.place() == h.place()))
        replaced = e.payload;
    });
    settle(others, gone);
    if (replaced) store_.release(*replaced);
    if (outcome == put_outcome::refused)
      context_.guarded(false, [&] {
        store_.evict(id, h);
        store_.release(h);
        return true;
      });
  }
  /// Out of the table alone: what was put there was never published.
  void forget(const digest& id) {
    removals undone;
    table_.erase(id, id.low, context_.now(), removal_cause::erased, undone, [](const auto&) { return true; });
  }

  /// Whether an entry that this process takes for too old has been used by others since; then it is taken in again.
  bool renewed_by_others(const digest& id, const handle& known) {
    if constexpr (Context::template has<expire_after_access>) {
      const std::optional<instant> used = store_.use_of(known);
      if (!used) return false;
      bool back = false;
      context_.guarded(false, [&] {
        const auto in = store_.find(known.place().segment);
        if (!in) return false;
        const auto entry = in->entry_at(known.place().unit);
        const stored_info info{entry.weight, entry.written, *used, entry.expires};
        if (entry.id != id || context_.too_old(info.written, info.accessed, info.expires, context_.now())) return false;
        removals left;
        back = table_.put(id, [&] { return id; }, handle(known), request_for(id, info, context_.now()), left) == put_outcome::stored;
        departures ignored;
        std::vector<handle> replaced;
        settle(left, ignored, &id, &replaced);
        return true;
      });
      return back;
    } else {
      return false;
    }
  }

  template <class Segment>
  std::vector<live_entry> live_in(const Segment& in) {
    std::vector<live_entry> live;
    decltype(store_.find(0)) stamped;
    if constexpr (Context::template has<expire_after_access>) stamped = store_.with_stamps(in.number);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const auto entry = in.entry(i);
      if (entry.id == digest{}) continue;
      removals old;
      table_.look_up(entry.id, entry.id.low, look::peek, context_.now(), old, [&](const auto& e) {
        if (e.payload.place() == in.place(entry.unit))
          live.push_back({entry.id, e.payload, {e.weight.weights[0], e.written.written, accessed(e), e.expires.expires}});
      });
      if (stamped && !live.empty() && live.back().id == entry.id)  // others may have used it later
        if (const auto used = stamped->use_of(entry.unit)) live.back().info.accessed = std::max(live.back().info.accessed, *used);
      departures ignored;
      settle(old, ignored);
    }
    return live;
  }
  template <class Entry>
  static instant accessed(const Entry& e) noexcept {
    if constexpr (Context::template has<expire_after_access>)
      return instant{e.accessed.accessed.load(std::memory_order_relaxed)};
    else
      return e.written.written;
  }

  /// A copy of its record, which says when it was used.
  staged copy_of(const live_entry& e) {
    staged copy = store_.copy_of(e.known);
    if (e.info.accessed > e.info.written) copy.record.used = e.info.accessed;
    return copy;
  }

  /// Writes an entry's record anew at the end, unless the entry has changed meanwhile.
  void carry(const live_entry& e, departures& gone) {
    const auto is_there = [&] {
      const std::optional<handle> now = find(e.id);
      return now && now->place() == e.known.place();
    };
    if (!is_there()) return;
    staged copy = copy_of(e);
    store_.write(copy);
    for (;;) {
      if (!is_there()) return;
      if (const std::optional<handle> known = store_.publish(copy)) {
        table_.update(e.id, e.id.low, [&](auto& entry) { entry.payload = *known; });
        store_.release(e.known);
        return;
      }
      catch_up(gone);
    }
  }

  /// Carries over what is wanted of a segment, the oldest, and drops it. With a capacity at most half of it stays, used entries first:
  /// else nothing would be gained. What refers to a file stays: its weight is the order's alone to judge.
  template <class Segment>
  bool compact(const Segment& oldest, departures& gone, bool bounded) {
    std::vector<live_entry> live = live_in(oldest);
    std::stable_sort(live.begin(), live.end(), [](const live_entry& a, const live_entry& b) {
      const auto rank = [](const live_entry& e) { return e.known.has_file() ? 0 : e.known.used() ? 1 : 2; };
      return rank(a) < rank(b);
    });
    std::uint64_t left = oldest.file_size / 2;
    for (const live_entry& e : live) {
      const std::uint64_t size = e.known.has_file() ? 0 : e.info.weight + store_type::record_overhead;
      if (bounded && size > left) continue;
      left -= bounded ? size : 0;
      if (!context_.guarded(false, [&] { return carry(e, gone), true; }) && !bounded) return false;
    }
    const std::uint32_t number = oldest.number;
    while (!store_.drop(number)) catch_up(gone);
    compacting_ = true;
    const bool caught = context_.guarded(false, [&] { return catch_up(gone), true; });
    compacting_ = false;
    return caught;
  }

  Context& context_;
  store_type store_;
  indexed_spec<Context> spec_;
  table_type table_;
  bool compacting_ = false;
};

}  // namespace larder::storage
