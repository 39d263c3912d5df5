#pragma once

#include <larder/core/concepts.hpp>
#include <larder/storage/newest_records.hpp>
#include <larder/storage/segment_contents.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <unistd.h>

namespace larder::storage {

/// How what a process knows of a directory of segments comes about: it finds everything that is there, and follows the log. `segment_store`
/// changes it.
class segment_replica : public segment_contents {
 public:
  /// Whether others changed something that `follow` has not told yet; without the lock.
  bool behind() const noexcept {
    const shared_log* const log = log_.load(std::memory_order_acquire);
    if (log == nullptr || (options_.read == read_mode::copy && !log->intact())) return false;
    return !log->ends_at(position_.load(std::memory_order_acquire));
  }
  /// Whether there was no room for a log, so that a put has to begin with `follow`.
  bool has_no_log() const noexcept { return log_.load(std::memory_order_acquire) == nullptr; }

  /// Everything that is there, in the order in which it was written, to `to`: once, under the lock, before anything else.
  template <class Visitor>
  void recover(Visitor&& to) {
    tell_everything(to);
  }
  /// When everything is told anew because somebody cut the log: up to which place the index knew of all records. Segments may have been cut as
  /// well, so that an older record, or one that was erased, stands where a newer one was.
  std::optional<std::uint64_t> known_until() const noexcept { return known_until_ != 0 ? std::optional<std::uint64_t>(known_until_) : std::nullopt; }
  /// A key's newest record is not there any more: its older ones are not to count either. Under the lock.
  void lose(const digest& id) { lost_keys_.push_back(id.low); }

  /// What others changed since the last time, to `to`, under the lock: `put(id, handle, info)`, `erase(id)`, `evict(id, place)`, and
  /// `clear()` when everything is told anew. Throws `larder::error` when the system refuses; what was not told is told the next time.
  template <class Visitor>
  void follow(Visitor&& to) {
    known_until_ = 0;
    for (;;) {
      if (stale_) {
        shared_log* const before = log_.load(std::memory_order_relaxed);
        known_until_ = before != nullptr && before->is_cut() ? newest_place_ : 0;
        attach();
        to.clear();
        tell_everything(to);
      }
      if (log_.load(std::memory_order_relaxed) == nullptr) return;
      shared_log& log = *log_.load(std::memory_order_relaxed);
      shared_log::entry entry;
      const std::uint64_t position = position_.load(std::memory_order_relaxed);
      switch (log.read(position, entry)) {
        case shared_log::outlook::not_yet: remove_unreferenced(); return;
        case shared_log::outlook::lost: stale_ = true; break;
        case shared_log::outlook::found:
          if (entry.what == shared_log::change::retired) {
            stale_ = true;
            break;
          }
          apply(entry, to);
          position_.store(position + 1, std::memory_order_release);
      }
    }
  }

 protected:
  using segment_contents::segment_contents;

  template <class Visitor>
  void apply(const shared_log::entry& entry, Visitor& to) {
    switch (entry.what) {
      case shared_log::change::record: return apply_record(entry.place, to);
      case shared_log::change::evicted:
        if (const std::shared_ptr<segment> in = known_segment(entry.place.segment); in != nullptr)
          if (const auto record = format::peek_record(in->from(entry.place.unit), entry.place)) to.evict(record->id, entry.place);
        return;
      case shared_log::change::sealed: sealed_ = std::max(sealed_, entry.place.segment); return;
      case shared_log::change::dropped:
        log_.load(std::memory_order_relaxed)->raise_oldest(entry.place.segment);  // before a file goes whose name somebody could give again
        table_.for_each([&](const std::shared_ptr<segment>& one) {
          if (one->number < entry.place.segment) forget_segment(one, to);
        });
        sealed_ = std::max(sealed_, entry.place.segment - 1);
        return;
      case shared_log::change::removed:
        if (const std::shared_ptr<segment> one = table_.find(entry.place.segment); one != nullptr) forget_segment(one, to);
        return;
      case shared_log::change::retired: return;
    }
  }

 private:
  std::uint64_t known_until_ = 0;

  /// Of each key what its newest record says, oldest first. Memory is asked for some records ahead: every key lies elsewhere.
  template <class Visitor>
  void tell_everything(Visitor& to) {
    constexpr std::size_t ahead = 16;
    std::vector<std::shared_ptr<segment>> all;
    std::size_t records = 0;
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      all.push_back(one);
      records += one->size();
    });
    std::vector<std::vector<bool>> live(all.size());
    std::size_t count = 0;
    {
      newest_records newest(records);
      for (std::size_t s = all.size(); s-- != 0;) {
        const segment& in = *all[s];
        live[s].resize(in.size());
        for (std::size_t i = in.size(); i-- != 0;) {
          if (i >= ahead) newest.prefetch(in.key(i - ahead));
          live[s][i] = counts(in, i, newest);
          count += live[s][i] ? 1 : 0;
        }
      }
    }
    if constexpr (requires { to.expect(count); }) to.expect(count);
    for (std::size_t s = 0; s < all.size(); ++s)
      for (std::size_t i = 0; i < live[s].size(); ++i) {
        if constexpr (requires { to.coming(std::uint64_t{}); })
          if (i + ahead < live[s].size()) to.coming(all[s]->key(i + ahead));
        if (live[s][i]) tell_found(all[s], i, to);
      }
    newest_place_ = 0;
    if (!all.empty())
      for (std::size_t i = 0; i < all.back()->size(); ++i) newest_place_ = std::max(newest_place_, all.back()->place(all.back()->entry(i).unit).word());
    for (const auto& [key, sequence] : opened_.damaged) lost_keys_.push_back(key);
    if (opened_.alone)
      for (const std::uint64_t file : opened_.files)
        if (!references_.contains(file)) ::unlink(files_.path_of(file).c_str());  // its writer was killed
    opened_ = {};
  }
  /// Whether the i-th record of a segment is what its key has; asked from the newest record to the oldest.
  bool counts(const segment& in, std::size_t i, newest_records& newest) {
    const format::footer_entry entry = in.entry(i);
    if (entry.kind == format::record_kind::evicted) {
      read_evictions(in, entry.unit);
      return false;
    }
    if (entry.id == digest{} || !newest.is_first(entry.id.low)) return false;
    if (!opened_.damaged.empty()) {
      const auto damage = opened_.damaged.find(entry.id.low);
      if (damage != opened_.damaged.end()) {
        if (entry.sequence < damage->second) return false;
        opened_.damaged.erase(damage);  // there is a newer one
      }
    }
    if (entry.kind == format::record_kind::erased) return false;
    const format::record_place at = in.place(entry.unit);
    const bool evicted = !opened_.evicted.empty() && opened_.evicted.contains(at.word());
    if (evicted && !opened_.listed.contains(at.word())) remember_evicted(entry.id, at);
    const std::uint64_t use = in.use(i);
    return !evicted && !(use != 0 && format::use_stamp::is_erased(use, at));
  }
  /// What the log that was there said of an eviction is for the new one to say, until a record does.
  void remember_evicted(const digest& id, format::record_place at) {
    shared_log* const log = log_.load(std::memory_order_relaxed);
    if (!opened_.alone || log == nullptr) return;
    const std::uint64_t position = position_.load(std::memory_order_relaxed);
    if (log->append_at_end(position, {shared_log::change::evicted, at}, id.low) == position) position_.store(position + 1, std::memory_order_release);
    evicted_.push_back(at.word());
  }
  template <class Visitor>
  void tell_found(const std::shared_ptr<segment>& in, std::size_t i, Visitor& to) {
    const format::footer_entry entry = in->entry(i);
    const format::record_place at{in->number, entry.unit};
    const bool has_file = format::has_file(entry.kind);
    std::uint64_t size = format::segment_record::round_up(entry.weight + format::segment_record::header_size, format::record_place::unit_size);
    if (has_file) {
      const std::optional<stored_record> found = reader_.look_at(*in, at);
      if (!found || !found->reference || !std::binary_search(opened_.files.begin(), opened_.files.end(), found->reference->number)) return;
      references_.add(*found->reference);
      unflushed_files_.push_back(found->reference->number);
      size = found->record.size();
    }
    table_.add_live(*in, size);
    stored_info info{entry.weight, entry.written, entry.written, entry.expires, entry.uncompressed};
    if (const std::uint64_t use = in->use(i); use != 0)
      if (const auto used = format::use_stamp::decode(use, at); used && *used > info.accessed) info.accessed = *used;
    to.put(entry.id, handle(at, has_file, entry.expires != no_deadline), info);
  }
  void read_evictions(const segment& in, std::uint32_t unit) {
    const std::span<const std::byte> from = in.from(unit);
    const auto record = format::decode_record(from, {in.number, unit});
    if (!record || !format::payload_matches(from, *record)) return;
    format::for_each_evicted(format::record_payload(from, *record), [&](std::uint64_t place) {
      opened_.evicted.insert(place);
      opened_.listed.insert(place);
    });
  }

  template <class Visitor>
  void apply_record(format::record_place at, Visitor& to) {
    const std::shared_ptr<segment> in = known_segment(at.segment);
    if (in == nullptr) return;  // it was dropped later on
    // What was published while this process came in may have been found by it already.
    if (position_.load(std::memory_order_relaxed) < told_until_ && in->knows(at.unit)) return;
    const std::optional<format::segment_record> record = format::decode_record(in->from(at.unit), at);
    const std::uint64_t weight = record ? in->weight_of(*record, at.unit) : 0;
    const std::uint64_t uncompressed = record ? in->uncompressed_size_of(*record, at.unit) : 0;
    if (!in->footer) in->add(record ? format::footer_entry::of(*record, at.unit, weight, uncompressed) : in->entry_at(at.unit));
    if (!record) return;
    recent_.add(position_.load(std::memory_order_relaxed), record->id.low);
    newest_place_ = std::max(newest_place_, at.word());
    switch (record->kind) {
      case format::record_kind::erased: to.erase(record->id); return;
      case format::record_kind::evicted: return;
      case format::record_kind::value:
      case format::record_kind::compressed: break;
      case format::record_kind::value_file:
      case format::record_kind::compressed_file: {
        const auto reference = format::file_reference::decode(format::record_content(in->from(at.unit), *record));
        if (!reference) return;
        references_.add(*reference);
        unflushed_files_.push_back(reference->number);
      }
    }
    table_.add_live(*in, record->size());
    stored_info info = format::info_of(*record, weight, uncompressed);
    if (const auto used = in->use_of(at.unit)) info.accessed = std::max(info.accessed, *used);  // of one that was written anew
    to.put(record->id, handle(at, format::has_file(record->kind), record->expires != no_deadline), info);
  }
  template <class Visitor>
  void forget_segment(const std::shared_ptr<segment>& one, Visitor& to) {
    for (std::size_t i = 0; i < one->size(); ++i) {
      const format::footer_entry entry = one->entry(i);
      if (format::is_value(entry.kind))
        to.evict(entry.id, format::record_place{one->number, entry.unit});
    }
    one->views().leave_all();
    ::unlink(one->path.c_str());
    table_.remove(one->number);
  }

};

}  // namespace larder::storage
