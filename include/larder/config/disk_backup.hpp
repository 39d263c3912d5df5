#pragma once

// A copy of a disk cache while it is in use, and the way back.
//
// A copy is a directory of mmap_disk of its own, into which entries are put with what is left of their time to live. What the directory holds
// is listed before and after; keys that changed in between are copied once more. When nothing has, the copy is what the cache was at that
// moment, all keys together; after a few rounds keys that never hold still are left as they were last seen whole, and the report says so.

#include <larder/cache.hpp>
#include <larder/codec/zstd.hpp>
#include <larder/config/backup_report.hpp>
#include <larder/config/cache_copier.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/failure_teller.hpp>
#include <larder/config/finished_path.hpp>
#include <larder/config/managed_cache.hpp>
#include <larder/config/run_time_clock.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/storage/segment_inspection.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::config {

/// Makes backups and reads them. A template, so that only who constructs a manager compiles it: `Time` is `managed_time`.
template <class Time>
class disk_backup final : public cache_copier {
  using backup_cache = cache<std::string, bytes, unbounded, ttl, zstd, Time, error_listener<failure_teller>, mmap_disk>;

 public:
  explicit disk_backup(const run_time_clock& clock) : clock_(clock) {}

  backup_report make(const std::filesystem::path& folder, cache_part& from, const std::filesystem::path& directory,
                     duration max_age, bool compressed, const std::filesystem::path& temp_dir,
                     const sweep_control& control) override {
    constexpr int most_rounds = 4;
    finished_path result(folder, temp_dir);
    backup_report report;
    {
      std::optional<error_event> failure;
      backup_cache copy(unbounded{}, ttl{}, compressed ? zstd{} : zstd{.from = static_cast<std::uint64_t>(-1)}, Time{clock_},
                        listener(failure), mmap_disk{result.partial()});
      records before = records_in(directory, true);
      std::unordered_map<std::string, instant> keys;  // to be copied, with the time when they were written
      from.for_each([&](const std::string& key, std::uint64_t, duration age) { keys.emplace(key, clock_.now() - age); }, {});
      for (int round = 0; round < most_rounds && !keys.empty(); ++round) {
        core::sweep sweep(control);
        sweep.found(keys.size());
        for (const auto& [key, written] : keys) {
          sweep.next();
          if (!copy_one(from, key, written, max_age, before, copy))
            core::fail(failure ? failure->cause : error_cause::no_space,
                       "the backup \"" + folder.string() + "\" cannot be written" + (failure ? ": " + failure->message : ""));
        }
        sweep.finish();
        keys.clear();
        const records after = records_in(directory, true);
        from.for_each(
            [&](const std::string& key, std::uint64_t, duration age) {
              if (!same(before, after, digest_of(key))) keys.emplace(key, clock_.now() - age);
            },
            {});
        std::vector<std::string> gone;
        copy.for_each([&](const std::string& key, std::uint64_t, duration) {
          if (!after.contains(digest_of(key))) gone.push_back(key);
        });
        for (const std::string& key : gone) copy.erase(key);
        before = after;
      }
      report.unsettled = keys.size();
      copy.flush();
      report.entries = copy.size();
      report.bytes = copy.stats().logical_bytes;
    }
    result.publish();
    return report;
  }

  backup_report restore(const std::filesystem::path& folder, managed_cache& into, const sweep_control& control) override {
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(folder / "format", unknown))
      core::fail(error_cause::invalid_argument,
                 "\"" + folder.string() + "\" is no backup of a cache; name the folder that backup made");
    const records known = records_in(folder, false);
    std::optional<error_event> failure;
    backup_cache copy(unbounded{}, ttl{}, zstd{}, Time{clock_}, listener(failure), mmap_disk{folder});
    std::vector<std::string> keys;
    copy.for_each([&](const std::string& key, std::uint64_t, duration) { keys.push_back(key); });
    core::sweep sweep(control);
    sweep.found(keys.size());
    backup_report report;
    for (const std::string& key : keys) {
      sweep.next();
      std::optional<bytes> value = copy.peek(key);
      if (!value) continue;  // too old by now, or damaged, which the listener was told
      const std::size_t size = value->size();
      const auto record = known.find(digest_of(key));
      const instant end = record == known.end() ? no_deadline : record->second.expires;
      const duration left = end == no_deadline ? duration::max() : end - clock_.now();
      if (left <= duration(0)) continue;
      if (!(left == duration::max() ? into.put(key, *std::move(value)) : into.put(key, *std::move(value), left)))
        core::fail(error_cause::no_space, "the cache \"" + into.name() + "\" has no room for an entry of " +
                                              std::to_string(size) + " bytes of the backup \"" + folder.string() + "\"");
      ++report.entries;
      report.bytes += size;
    }
    sweep.finish();
    if (failure) core::fail(failure->cause, "the backup \"" + folder.string() + "\" is not whole: " + failure->message);
    return report;
  }

 private:
  struct known_record {
    std::uint64_t sequence;
    instant expires;
  };
  struct digest_hash {
    std::size_t operator()(const digest& id) const noexcept { return static_cast<std::size_t>(id.low); }
  };
  using records = std::unordered_map<digest, known_record, digest_hash>;

  static records records_in(const std::filesystem::path& directory, bool in_use) {
    records found;
    storage::segment_inspection(directory, in_use).for_each_live([&](const auto&, const storage::inspected_record& record) {
      found[record.entry.id] = {record.entry.sequence, record.entry.expires};
    });
    return found;
  }
  static bool same(const records& a, const records& b, const digest& id) {
    const auto in_a = a.find(id);
    const auto in_b = b.find(id);
    return in_a != a.end() && in_b != b.end() && in_a->second.sequence == in_b->second.sequence;
  }
  static error_listener<failure_teller> listener(std::optional<error_event>& failure) {
    return error_listener<failure_teller>(failure_teller{
        std::make_shared<const std::function<void(const error_event&)>>([&failure](const error_event& e) { failure = e; }),
        "backup"});
  }

  /// False when the copy refused it.
  bool copy_one(cache_part& from, const std::string& key, instant written, duration max_age, const records& known,
                backup_cache& copy) const {
    std::optional<bytes> value = from.peek(key);
    if (!value) return true;
    const auto record = known.find(digest_of(key));
    duration left = max_age == duration::max() ? max_age : max_age - (clock_.now() - written);
    if (record != known.end() && record->second.expires != no_deadline)
      left = std::min(left, record->second.expires - clock_.now());
    if (left <= duration(0)) return true;
    return left == duration::max() ? copy.put(key, *std::move(value)) : copy.put(key, *std::move(value), left);
  }

  const run_time_clock& clock_;
};

}  // namespace larder::config
