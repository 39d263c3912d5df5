#pragma once

#include <larder/storage/adopt_mode.hpp>
#include <larder/storage/logged_engine.hpp>
#include <larder/storage/value_range.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace larder::storage {

/// A `logged_engine` that also takes and gives values otherwise than one whole value at a time.
template <class Key, class Value, class Context>
class logged_transfers : public logged_engine<Key, Value, Context> {
  using base = logged_engine<Key, Value, Context>;
  using staged = typename base::staged;
  using handle = typename base::handle;

 public:
  using typename base::address;
  using typename base::departures;
  using base::base;

  /// One of many writes; what `value` points to lives as long as the call.
  struct pending_write {
    address at;
    const Value* value;
    bool stored = false;
  };
  static constexpr std::size_t most_together = base::store_type::most_together;

  /// `write` for each row, in order and one for itself, with as many as possible in one system call; at most `most_together` rows.
  void write_many(std::span<pending_write> rows, const write_mode& mode, departures& gone) {
    std::vector<stored_entry> together;
    together.reserve(rows.size());
    std::uint64_t bytes_together = 0;
    std::size_t first = 0;
    const auto write_together = [&](std::size_t end) {
      write_batch(rows.subspan(first, end - first), together, mode, gone);
      together.clear();
      bytes_together = 0;
      first = end;
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::optional<stored_entry> entry = plain_entry(rows[i], mode);
      if (!entry) {
        write_together(i);
        rows[i].stored = base::write(rows[i].at, *rows[i].value, mode, gone);
        first = i + 1;
        continue;
      }
      if (bytes_together + entry->payload.size() > store_.most_bytes_together()) write_together(i);
      bytes_together += entry->payload.size();
      together.push_back(std::move(*entry));
    }
    write_together(rows.size());
  }

  /// Makes a file's content the key's value. Throws what is wrong with the file; the key stays as it is then.
  template <class Path>
  bool adopt(const address& at, const Path& path, adopt_mode how, departures& gone, const write_mode& mode = {}) {
    auto source = base::store_type::open_source(path, how);
    bool failed = true;
    std::exception_ptr refused;
    std::vector<handle> replaced;
    const bool stored = context_.guarded(false, [&] {
      const instant now = context_.now();
      const stored_info info{source.size(), now, now, no_deadline};
      if (!base::admits(at, info, now, gone)) {
        failed = false;
        return false;
      }
      const stored_entry entry{at.id, at.key, {}, info};
      std::optional<staged> made;
      try {
        made.emplace(base::with_room(gone, [&] { return store_.stage_file(entry, source, how); }));
      } catch (const typename base::store_type::source_error&) {
        refused = std::current_exception();
        return false;
      }
      const bool published = base::publish(at, std::move(*made), info, mode, replaced, gone);
      failed = false;
      return published;
    });
    if (refused) {
      base::tell(gone);
      std::rethrow_exception(refused);
    }
    conclude(at, mode, stored, failed, replaced, gone);
    if (stored && how == adopt_mode::move) context_.guarded(false, [&] { return source.remove(), true; });
    return stored;
  }

  /// A part of the key's value, which counts as a use; only what it touches is read. Throws `larder::error` when it does not lie inside.
  std::optional<bytes> read_range(const address& at, const byte_range& wanted) {
    if (store_.behind()) base::follow();
    const instant now = base::look_up_time();
    handle known;
    instant written{0};
    instant accessed{0};
    std::uint64_t weight = 0;
    if (!base::look_up(at.id, look::use, now, known, written, accessed, weight)) return std::nullopt;
    std::optional<bytes> found;
    std::uint64_t size = 0;
    if (!doubts_.about(at.id.low)) found = context_.attempt([&] { return fetch_range(at, known, wanted, size); });
    if (!found) {
      table_.hit_was_miss(weight);
      return found;
    }
    if constexpr (base::keeps_accessed) base::remember_use(at.id, known, accessed, now);
    check_range(wanted, size);
    return found;
  }

  /// Where a large value of the key may land, to be adopted when it is whole; null where that cannot be.
  using landing = typename base::store_type::landing;
  std::unique_ptr<landing> land(const address& at) {
    std::unique_ptr<landing> made;
    context_.guarded(false, [&] {
      made = store_.land(at.id, [this](std::uint64_t size) { return table_.budget().fits_alone({1, size}); });
      return true;
    });
    return made;
  }

  /// Room for a value that is filled in place.
  class room {
   public:
    std::byte* data() noexcept { return room_.data(); }
    std::size_t size() const noexcept { return room_.size(); }

   private:
    friend logged_transfers;
    typename base::store_type::room room_;
  };
  /// Nothing when the value could not be stored, which is counted.
  std::optional<room> reserve(const address& at, std::size_t size, departures& gone) {
    std::optional<room> result;
    bool failed = true;
    context_.guarded(false, [&] {
      const instant now = context_.now();
      if (!base::admits(at, {size, now, now, no_deadline}, now, gone)) {
        failed = false;
        return false;
      }
      room made;
      made.room_ = base::with_room(gone, [&] { return store_.reserve(at.id, at.key, size); });
      result.emplace(std::move(made));
      return true;
    });
    if (!result && failed) table_.count_refused(at.id.low);
    return result;
  }
  bool commit(const address& at, room&& filled, departures& gone) {
    if (filled.room_.on_heap()) return base::write(at, filled.room_.take_heap(), {}, gone);
    bool failed = true;
    std::vector<handle> replaced;
    const bool stored = context_.guarded(false, [&] {
      const instant now = context_.now();
      const stored_info info{filled.room_.size(), now, now, no_deadline};
      const bool published = base::publish(at, base::with_room(gone, [&] { return store_.complete(filled.room_, info); }), info, {}, replaced, gone);
      failed = false;
      return published;
    });
    conclude(at, {}, stored, failed, replaced, gone);
    return stored;
  }

 protected:
  using base::conclude;
  using base::context_;
  using base::doubts_;
  using base::index_;
  using base::store_;
  using base::table_;

 private:
  /// What a row is stored as, when there is nothing about it that `write` has to see to.
  std::optional<stored_entry> plain_entry(const pending_write& row, const write_mode& mode) noexcept {
    try {
      stored_entry entry = base::entry_of(row.at, *row.value, mode, context_.now());
      if (!store_.lies_in_segment(entry.payload.size()) || !table_.budget().fits_alone({1, entry.info.weight})) return std::nullopt;
      return entry;
    } catch (...) {  // `write` meets the same, and tells of it
      return std::nullopt;
    }
  }

  std::optional<bytes> fetch_range(const address& at, handle& known, const byte_range& wanted, std::uint64_t& size) {
    const handle before = known;
    fetched f = store_.fetch_range(at.id, at.key, known, wanted, size);
    if (f.status == fetch_status::damaged) base::forget_damaged(at, before);
    if (f.status != fetch_status::hit) return std::nullopt;
    base::remember_found(at, before, known);
    if (!f.form) return std::move(f.payload);
    const std::optional<bytes> whole = context_.template decoded<bytes>(f);
    if (!whole) {
      base::forget_damaged(at, before);
      return std::nullopt;
    }
    size = whole->size();
    return part_of(*whole, wanted);
  }

  /// The rows' entries, in the same order.
  void write_batch(std::span<pending_write> rows, std::span<const stored_entry> entries, const write_mode& mode, departures& gone) {
    while (entries.size() > 1) {
      std::vector<staged> made;
      try {
        made = store_.stage_together(entries);
      } catch (const std::exception&) {  // of what is wrong with one of them the others are to know nothing
        break;
      }
      publish_batch(rows.first(made.size()), made, entries, mode, gone);
      rows = rows.subspan(made.size());
      entries = entries.subspan(made.size());
    }
    for (pending_write& row : rows) row.stored = base::write(row.at, *row.value, mode, gone);
  }
  void publish_batch(std::span<pending_write> rows, std::span<staged> made, std::span<const stored_entry> entries, const write_mode& mode, departures& gone) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::vector<handle> replaced;
      bool failed = false;
      {
        const auto lock = store_.lock();
        while (i < rows.size() && publish_row(rows[i], made[i], entries[i].info, replaced, failed, gone)) ++i;
        index_.keep_to_limits(gone);
      }
      if (i < rows.size()) conclude(rows[i].at, mode, false, failed, replaced, gone);
    }
  }
  /// Under the store's lock.
  bool publish_row(pending_write& row, staged& made, const stored_info& info, std::vector<handle>& replaced, bool& failed, departures& gone) {
    failed = true;
    row.stored = context_.guarded(false, [&] {
      const bool published = index_.publish(row.at.id, made, info, {}, replaced, gone);
      failed = false;
      return published;
    });
    if (!row.stored) return false;
    doubts_.after_write(row.at.id.low, false);
    return true;
  }
};

}  // namespace larder::storage
