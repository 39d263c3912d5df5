#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/logged_entries.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace larder::storage {

/// The index of a logged storage: its entries, and how their files keep to the limits and to what the device takes. The caller holds the
/// store's lock where a member does not say that it takes it.
template <class Key, class Value, class Context>
class logged_index : public logged_entries<Key, Value, Context> {
  using base = logged_entries<Key, Value, Context>;

 public:
  using typename base::departures;
  using typename base::handle;
  using typename base::removals;
  using typename base::staged;
  using typename base::store_type;
  using base::catch_up;
  using base::erase;
  using base::find;
  using base::let_go;
  using base::publish;
  using base::settle;
  using base::tell;

  /// Learns all that the storage has; takes the lock.
  explicit logged_index(Context& context) : base(context) {
    departures gone;
    {
      const auto lock = store_.lock();
      this->restore(gone);
      keep_to_limits(gone);
    }
    table_.reset_counters();
    tell(gone);
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
        publish(e.id, e.copy, e.info, {.only_if_absent = true}, replaced, gone);
        let_go(replaced);
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
        if (entry.id == digest{} || find(entry.id.low)) continue;
        staged mark = store_.stage_erasure(entry.id);
        while (!store_.publish(mark)) catch_up(gone);
      }
      while (!store_.remove(number)) catch_up(gone);
      catch_up(gone);
    }
    for (const std::uint64_t file : refused.files) {
      std::vector<handle> having;
      table_.snapshot(
          context_.now(),
          [&](const auto& e) {
            if (e.payload.has_file()) having.push_back(e.payload);
          },
          [] {});
      for (const handle& known : having) {
        const auto reference = store_.reference_of(known);
        if (!reference || reference->number != file) continue;
        if (const std::optional<bytes> key = store_.key_of(known)) erase(digest_of(key->span()), removal_cause::evicted, std::nullopt, gone);
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

 private:
  using base::context_;
  using base::store_;
  using base::table_;

  struct live_entry {
    digest id;
    handle known;
    stored_info info;
  };

  template <class Segment>
  std::vector<live_entry> live_in(const Segment& in) {
    std::vector<live_entry> live;
    decltype(store_.find(0)) stamped;
    if constexpr (Context::template has<expire_after_access>) stamped = store_.with_stamps(in.number);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const auto entry = in.entry(i);
      if (entry.id == digest{}) continue;
      removals old;
      table_.look_up(entry.id.low, entry.id.low, look::peek, context_.now(), old, [&](const auto& e) {
        if (e.payload.place() == in.place(entry.unit))
          live.push_back({entry.id, e.payload, {e.weight.weights[0], entry.written, accessed(e, entry.written), entry.expires, entry.uncompressed}});
      });
      if (stamped && !live.empty() && live.back().id == entry.id)  // others may have used it later
        if (const auto used = stamped->use_of(entry.unit)) live.back().info.accessed = std::max(live.back().info.accessed, *used);
      departures ignored;
      settle(old, ignored);
    }
    return live;
  }
  template <class Entry>
  static instant accessed(const Entry& e, instant written) noexcept {
    if constexpr (base::spec_type::keeps_accessed)
      return base::spec_type::accessed(e);
    else
      return written;
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
      const std::optional<handle> now = find(e.id.low);
      return now && now->place() == e.known.place();
    };
    if (!is_there()) return;
    staged copy = copy_of(e);
    store_.write(copy);
    for (;;) {
      if (!is_there()) return;
      if (const std::optional<handle> known = store_.publish(copy)) {
        table_.update(e.id.low, e.id.low, [&](auto& entry) { entry.payload = *known; });
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
    return context_.guarded(false, [&] { return catch_up(gone, true), true; });
  }
};

}  // namespace larder::storage
