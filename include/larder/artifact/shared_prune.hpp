#pragma once

// What leaves a store that passes share, while others publish there. A publisher that finds a content in the store relies on it and puts his record
// behind; whoever removes contents must not take that one away under him:
//
//   * contents within their time of grace stay;
//   * before any goes, records that came since the first look are read, and what they need stays;
//   * a publisher looks again, when his record is there, at what he relied on, and sends what is gone meanwhile (`pass_exchange::publish`);
//   * when all have gone, records that came since the second look and name one of them go too: they are misses, and made again.
//
// So whatever comes when, a record in the store has its contents, or the one who removed them takes it away, unless that one dies in between. Then
// it is found out by whoever wants them, who makes them and puts them there again.

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_uses.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/prune_limits.hpp>
#include <larder/artifact/shared_store.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::artifacts {

class shared_prune {
 public:
  /// Throws `larder::error` (invalid_argument) when nothing is shared, or the store is only read.
  shared_prune(pass_exchange& exchange, const prune_limits& limits, const sweep_control& control)
      : exchange_(exchange), limits_(limits), control_(control) {
    if (exchange.store() == nullptr)
      core::fail(error_cause::invalid_argument, "this pass cache shares nothing; there is nothing to prune but what is here");
    if (!exchange.writes())
      core::fail(error_cause::invalid_argument, "the shared store is read only here; set the mode to read_write to prune it");
  }

  /// Records, from the oldest, that the limits name, then contents that no record needs.
  prune_report run() {
    const listing seen = look();
    std::vector<entry> runs = entries_of(seen, nullptr);
    std::sort(runs.begin(), runs.end(), [](const entry& a, const entry& b) { return a.age > b.age; });
    for (const entry& one : runs)
      if (one.record) uses_.add(*one.record);
    prune_report report;
    bool has_unread = false;
    std::uint64_t free = 0;
    for (const entry& one : runs) {
      const bool is_old = limits_.max_age && one.age > *limits_.max_age;
      const bool is_too_much = limits_.max_bytes && uses_.bytes() > *limits_.max_bytes && one.record;
      if (!is_old && !is_too_much) {
        has_unread = has_unread || !one.record;
        continue;
      }
      const std::uint64_t before = uses_.bytes();
      if (!limits_.dry_run && !store().erase(shared_run_key(one.id))) continue;
      if (one.record) uses_.remove(*one.record);
      report.removed.push_back(one.id);
      free += before - uses_.bytes();
    }
    report.kept = uses_.bytes();
    if (limits_.dry_run) {
      report.freed = free;
      return report;
    }
    for (const auto& [id, age] : seen.evaluations)
      if (limits_.max_age && age > *limits_.max_age && store().erase(shared_evaluation_key(id))) ++report.evaluations;
    if (!has_unread) remove_contents(seen, report);  // what an unread record needs is not known
    return report;
  }

 private:
  struct blob {
    std::uint64_t size = 0;
    duration age{0};
  };
  struct listing {
    instant begun = steady_time::now();
    std::map<std::string, duration> runs{};         // by id: the age
    std::map<std::string, duration> evaluations{};  // by id: the age
    std::map<std::string, blob> blobs{};            // by digest
  };
  struct entry {
    std::string id;
    duration age{0};
    std::optional<pass_record> record{};  // nothing when it could not be read
  };

  shared_store& store() const { return *exchange_.store(); }

  listing look() const {
    listing seen;
    const std::string run_prefix = shared_run_key(""), evaluation_prefix = shared_evaluation_key("");
    const std::string blob_prefix = std::string(shared_prefix) + "blobs/";
    store().for_each(
        [&](const std::string& key, std::uint64_t size, duration age) {
          if (key.starts_with(run_prefix) && is_pass_id(std::string_view(key).substr(run_prefix.size())))
            seen.runs[key.substr(run_prefix.size())] = age;
          if (key.starts_with(evaluation_prefix)) seen.evaluations[key.substr(evaluation_prefix.size())] = age;
          if (key.starts_with(blob_prefix)) seen.blobs[key.substr(blob_prefix.size())] = {size, age};
        },
        control_);
    return seen;
  }
  /// All but those that were seen `before` and have not been put again since.
  std::vector<entry> entries_of(const listing& seen, const listing* before) {
    std::vector<entry> runs;
    for (const auto& [id, age] : seen.runs)
      if (before == nullptr || !before->runs.contains(id) || age <= seen.begun - before->begun + coarse_clock)
        runs.push_back({id, age});
    exchange_.each(runs.size(), [&](std::size_t i) {
      std::optional<pass_record> record = exchange_.find_run_of_id(runs[i].id, {control_.stop, {}});
      if (record && exchange_.complete(*record, {control_.stop, {}})) runs[i].record = std::move(*record);
    });
    return runs;
  }

  void remove_contents(const listing& seen, prune_report& report) {
    const auto is_needed = [&](const std::string& hex) {
      const std::optional<content_digest> digest = content_digest::parse(hex);
      return !digest || uses_.needs(*digest);
    };
    const bool any = std::any_of(seen.blobs.begin(), seen.blobs.end(), [&](const auto& one) { return !is_needed(one.first); });
    if (!any) return;
    const listing again = look();
    for (const entry& one : entries_of(again, &seen)) {
      if (!one.record) return;
      uses_.add(*one.record);
    }
    report.kept = uses_.bytes();
    std::set<std::string> gone;
    for (const auto& [hex, what] : again.blobs) {
      if (is_needed(hex)) continue;
      if (what.age < limits_.grace)
        report.later += what.size;
      else if (store().erase(std::string(shared_prefix) + "blobs/" + hex)) {
        gone.insert(hex);
        report.freed += what.size;
      }
    }
    if (gone.empty()) return;
    const listing last = look();
    for (const entry& one : entries_of(last, &again))
      if (one.record && names_any(*one.record, gone) && store().erase(shared_run_key(one.id))) report.removed.push_back(one.id);
  }
  /// Unless its publisher has noticed, and sent it again.
  bool names_any(const pass_record& record, const std::set<std::string>& gone) const {
    const auto is_lost = [&](const content_digest& digest) {
      return gone.contains(digest.hex()) && !store().contains(shared_blob_key(digest));
    };
    return (record.listing && is_lost(*record.listing)) ||
           std::any_of(record.files.begin(), record.files.end(),
                       [&](const pass_file& file) { return file.size != 0 && is_lost(file.digest); });
  }

  static constexpr duration coarse_clock = std::chrono::minutes(1);  // stores tell times to the second, by their own clock

  pass_exchange& exchange_;
  const prune_limits limits_;
  const sweep_control& control_;
  content_uses uses_;
};

}  // namespace larder::artifacts
