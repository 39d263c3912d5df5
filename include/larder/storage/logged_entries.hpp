#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/departure.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/logged_spec.hpp>
#include <larder/storage/stored_request.hpp>
#include <larder/storage/table_restorer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::storage {

/// The entries of a storage whose processes agree on one order of all changes (`logged_store`): a copy of what the log says, and the order
/// by which this process chooses who leaves. The caller holds the store's lock where a member does not say that it takes it.
template <class Key, class Value, class Context>
class logged_entries {
 public:
  using store_type = typename Context::storage::store;
  using handle = typename store_type::handle;
  using staged = typename store_type::staged;
  using spec_type = logged_spec<Context>;
  using table_type = entry_table<spec_type>;
  using removals = typename table_type::removals;
  using departures = departure_list<Key, told_value<Value, Context>>;

  store_type& store() noexcept { return store_; }
  const store_type& store() const noexcept { return store_; }
  table_type& table() noexcept { return table_; }
  const table_type& table() const noexcept { return table_; }

  /// What the table has to know to take an entry in.
  static typename table_type::request request_for(std::uint64_t key, const stored_info& info, instant now) {
    typename table_type::request request = stored_request<table_type>(key, info, now);
    if constexpr (Context::compresses) request.size[2] = info.uncompressed != 0 ? info.uncompressed : info.weight;
    return request;
  }

  /// What other processes did since this one last looked. Their listeners are told of it, not this one's, unless it is `dropping` a segment:
  /// what goes with that goes by its choice.
  void catch_up(departures& gone, bool dropping = false) {
    store_.follow(visitor{*this, gone, gone.size(), dropping});
    if (store_.has_losses()) context_.guarded(false, [&] { return store_.remember_losses(), true; });
  }

  /// The handle under which the index knows a key; nothing when it does not, or when the entry is too old.
  std::optional<handle> find(std::uint64_t key) {
    std::optional<handle> found;
    removals old;
    table_.look_up(key, key, look::peek, context_.now(), old, [&](const auto& e) { found = e.payload; });
    departures ignored;
    settle(old, ignored);
    return found;
  }

  /// Entries that left the table leave the storage. `replaced` gets the handle of the one entry that is just being replaced by a
  /// record that is not published yet.
  void settle(removals& left, departures& gone, std::optional<std::uint64_t> own = std::nullopt, std::vector<handle>* replaced = nullptr) {
    left.for_each([&](auto& e) {
      if (replaced != nullptr && own == e.key) {
        if (e.cause == removal_cause::replaced || e.cause == removal_cause::expired) read_back(e.payload, e.cause, gone);
        replaced->push_back(e.payload);
        return;
      }
      if (e.cause == removal_cause::expired && renewed_by_others(e.key, e.payload)) return;
      read_back(e.payload, e.cause, gone);
      context_.guarded(false, [&] { return store_.evict(e.key, e.payload), true; });
      context_.guarded(false, [&] { return store_.release(e.payload), true; });
    });
    left.clear();
  }

  /// Lets the storage know that nothing in the index refers to these records any more.
  void let_go(std::vector<handle>& records) {
    for (const handle& old : records) context_.guarded(false, [&] { return store_.release(old), true; });
    records.clear();
  }

  /// Makes a staged record what its key has, with room for it; false when it is not to be, for a reason that is no failure. What others do
  /// meanwhile is learned and everything decided anew. What the key had is let go; when this returns false or throws, `replaced` has it.
  bool publish(const digest& id, staged& made, const stored_info& info, const write_mode& mode, std::vector<handle>& replaced, departures& gone) {
    for (;;) {
      catch_up(gone);
      if (mode.only_if_absent && find(id.low)) return false;
      if (mode.lease != nullptr && mode.lease->is_lost()) return false;  // who ended it changes the log after that
      removals left;
      const auto request = request_for(id.low, info, context_.now());
      const put_outcome outcome = table_.put(id.low, [&] { return id.low; }, store_.handle_of(made), request, left);
      settle(left, gone, id.low, &replaced);
      if (outcome != put_outcome::stored) return false;
      std::optional<handle> known;
      try {
        known = store_.publish(made);
      } catch (...) {
        forget(id.low);
        throw;
      }
      if (known) {
        table_.update(id.low, id.low, [&](auto& e) { e.payload = *known; });
        let_go(replaced);
        return true;
      }
      forget(id.low);
    }
  }

  /// Takes a key out and tells everybody; false when there was nothing. `had` is a record of the key that the table has let go already.
  bool erase(const digest& id, removal_cause cause, const std::optional<handle>& had, departures& gone) {
    catch_up(gone);
    removals left;
    const bool alive = table_.erase(id.low, id.low, context_.now(), cause, left, [](const auto&) { return true; });
    if (left.empty() && !had) return false;
    std::optional<handle> was;
    left.for_each([&](auto& e) {
      read_back(e.payload, e.cause, gone);
      was = e.payload;
    });
    if (!was) was = had;
    try {
      staged mark = store_.stage_erasure(id);
      while (!store_.publish(mark)) {
        catch_up(gone);
        table_.erase(id.low, id.low, context_.now(), cause, left, [](const auto&) { return true; });
      }
    } catch (const error&) {
      if (!was) throw;
      store_.erase_in_place(id, *was);
    }
    if (was) store_.release(*was);
    store_.tidy();
    return alive;
  }

  /// Tells the listener of what left; without any lock.
  void tell(departures& gone) {
    for (const auto& d : gone) tell_of<Value>(context_, d);
    gone.clear();
  }

  /// The key and value of an entry that is leaving, for the listener; nothing when its bytes are not right any more.
  void read_back(handle known, removal_cause cause, departures& gone) {
    if constexpr (Context::notifies)
      context_.guarded(false, [&] {
        const std::optional<bytes> key = store_.key_of(known);
        if (!key) return false;
        const fetched f = store_.fetch(digest_of(key->span()), *key, known);
        if (f.status != fetch_status::hit) return false;
        auto told = to_tell_of<Value>(context_, f);
        if (told) gone.push_back({codec<Key>::decode(*key), std::move(*told), cause});
        return told.has_value();
      });
  }

 protected:
  explicit logged_entries(Context& context)
      : context_(context),
        store_(context.policies().template get<typename Context::storage>(), context.errors(), capacity_of(context)),
        spec_(context, store_),
        table_(spec_, context.shards(), context.expected()) {
    context.set_limits(table_.budget());
  }
  logged_entries(const logged_entries&) = delete;
  logged_entries& operator=(const logged_entries&) = delete;
  ~logged_entries() = default;

  /// Learns all that the storage has, before anybody else looks; what passes the limits leaves as the order says.
  void restore(departures& gone) {
    table_restorer<spec_type> into(table_);
    found_entries found{*this, into, {}};
    store_.recover(found);
    into.finish();
    for (const auto& one : found.too_large)
      context_.guarded(false, [&] {
        store_.evict(one.first, one.second);
        store_.release(one.second);
        return true;
      });
    table_.shrink(context_.now(), [&](removals& left) { settle(left, gone); });
    catch_up(gone);
  }

 private:
  /// What the store tells of what it has.
  struct found_entries {
    logged_entries& entries;
    table_restorer<spec_type>& into;
    std::vector<std::pair<std::uint64_t, handle>> too_large;  // for the limits

    void expect(std::size_t count) { into.reserve(count); }
    void coming(std::uint64_t key) const noexcept { into.prefetch(key); }
    void put(const digest& id, const handle& h, const stored_info& info) {
      const auto request = request_for(id.low, info, instant{0});
      if (entries.table_.budget().fits_alone(request.size))
        into.put(id.low, handle(h), request);
      else
        too_large.emplace_back(id.low, h);
    }
  };

  /// What the store tells of the log.
  struct visitor {
    logged_entries& index;
    departures& gone;
    std::size_t before;  // how many had gone when it began
    bool dropping;
    std::unordered_map<std::uint64_t, std::uint64_t> known_before{};  // where entries were when the log was cut

    void put(const digest& id, const handle& h, const stored_info& info) {
      take_back(id);
      if (is_resurrected(id, h)) return index.store_.lose(id);
      index.learn(id, h, info, gone);
    }
    void erase(const digest& id) {
      take_back(id);
      removals left;
      index.table_.erase(id.low, id.low, index.context_.now(), removal_cause::erased, left, [](const auto&) { return true; });
      left.for_each([&](auto& e) { index.store_.release(e.payload); });
    }
    void evict(const digest& id, const auto& place) {
      if (!dropping) take_back(id);
      removals left;
      index.table_.erase(id.low, id.low, index.context_.now(), removal_cause::evicted, left,
                         [&](const auto& e) { return e.payload.place() == place; });
      left.for_each([&](auto& e) {
        if (dropping) index.read_back(e.payload, removal_cause::evicted, gone);
        index.store_.release(e.payload);
      });
    }
    void clear() {
      known_before.clear();
      index.table_.clear(index.context_.now(), [this](removals& left) {
        if (index.store_.known_until())
          left.for_each([this](auto& e) { known_before.insert_or_assign(e.key, e.payload.place().word()); });
        left.clear();
      });
    }
    /// Whether it is a record that the index knew not to count before the log was cut.
    bool is_resurrected(const digest& id, const handle& h) const {
      const std::optional<std::uint64_t> until = index.store_.known_until();
      if (!until || h.place().word() > *until) return false;
      const auto known = known_before.find(id.low);
      return known == known_before.end() || h.place().word() < known->second;
    }
    /// What this process chose to evict on the way was somebody else's to change already: its listener is not told.
    void take_back([[maybe_unused]] const digest& id) {
      if constexpr (Context::notifies)
        gone.erase(std::remove_if(gone.begin() + static_cast<std::ptrdiff_t>(before), gone.end(),
                                  [&](const auto& d) { return digest_of(bytes(codec<Key>::encode(d.key)).span()) == id; }),
                   gone.end());
    }
  };

  void learn(const digest& id, const handle& h, const stored_info& info, departures& gone) {
    removals left;
    const put_outcome outcome = table_.put(id.low, [&] { return id.low; }, handle(h), request_for(id.low, info, context_.now()), left);
    std::optional<handle> replaced;
    removals others;
    left.for_each([&](auto& e) {
      if (e.key != id.low)
        others.push(std::move(e.key), std::move(e.payload), e.cause);
      else if (!(e.payload.place() == h.place()))
        replaced = e.payload;
    });
    settle(others, gone);
    if (replaced) store_.release(*replaced);
    if (outcome == put_outcome::refused)
      context_.guarded(false, [&] {
        store_.evict(id.low, h);
        store_.release(h);
        return true;
      });
  }
  /// Out of the table alone: what was put there was never published.
  void forget(std::uint64_t key) {
    removals undone;
    table_.erase(key, key, context_.now(), removal_cause::erased, undone, [](const auto&) { return true; });
  }

  /// Whether an entry that this process takes for too old has been used by others since; then it is taken in again.
  bool renewed_by_others(std::uint64_t key, const handle& known) {
    if constexpr (Context::template has<expire_after_access>) {
      const std::optional<instant> used = store_.use_of(known);
      if (!used) return false;
      bool back = false;
      context_.guarded(false, [&] {
        const auto in = store_.find(known.place().segment);
        if (!in) return false;
        const auto entry = in->entry_at(known.place().unit);
        const stored_info info{entry.weight, entry.written, *used, entry.expires, entry.uncompressed};
        if (entry.id.low != key || context_.too_old(info.written, info.accessed, info.expires, context_.now())) return false;
        removals left;
        back = table_.put(key, [&] { return key; }, handle(known), request_for(key, info, context_.now()), left) == put_outcome::stored;
        departures ignored;
        std::vector<handle> replaced;
        settle(left, ignored, key, &replaced);
        return true;
      });
      return back;
    } else {
      return false;
    }
  }

  static std::optional<std::uint64_t> capacity_of(Context& context) {
    if constexpr (Context::template has<max_bytes>)
      return context.policies().template get<max_bytes>().value;
    else
      return std::nullopt;
  }

 protected:
  Context& context_;
  store_type store_;
  spec_type spec_;
  table_type table_;
};

}  // namespace larder::storage
