#pragma once

#include <larder/storage/logged_engine.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
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
      stored_entry entry{row.at.id, row.at.key, codec<Value>::encode(*row.value), {}};
      if (!store_.lies_in_segment(entry.payload.size()) || !table_.budget().fits_alone({1, entry.payload.size()})) return std::nullopt;
      const instant now = context_.now();
      entry.info = {entry.payload.size(), now, now, context_.own_deadline(mode, now)};
      return entry;
    } catch (...) {  // `write` meets the same, and tells of it
      return std::nullopt;
    }
  }

  /// The rows' entries, in the same order.
  void write_batch(std::span<pending_write> rows, std::span<const stored_entry> entries, const write_mode& mode, departures& gone) {
    std::vector<staged> made;
    if (entries.size() > 1) {
      try {
        made = store_.stage_together(entries);
      } catch (const std::exception&) {  // of what is wrong with one of them the others are to know nothing
        made.clear();
      }
    }
    if (made.empty()) {
      for (pending_write& row : rows) row.stored = base::write(row.at, *row.value, mode, gone);
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::vector<handle> replaced;
      bool failed = false;
      {
        const auto lock = store_.lock();
        while (i < rows.size() && publish(rows[i], made[i], entries[i].info, replaced, failed, gone)) ++i;
        index_.keep_to_limits(gone);
      }
      if (i < rows.size()) conclude(rows[i].at, mode, false, failed, replaced, gone);
    }
  }
  /// Under the store's lock.
  bool publish(pending_write& row, staged& made, const stored_info& info, std::vector<handle>& replaced, bool& failed, departures& gone) {
    failed = true;
    row.stored = context_.guarded(false, [&] {
      const bool published = index_.publish(row.at.id, made, info, false, replaced, gone);
      failed = false;
      return published;
    });
    if (!row.stored) return false;
    doubts_.after_write(row.at.id.low, false);
    for (const handle& old : replaced) context_.guarded(false, [&] { return store_.release(old), true; });
    replaced.clear();
    return true;
  }
};

}  // namespace larder::storage
