#pragma once

// Named caches as settings say them: `cache_manager manager{settings::load("larder.json")}; manager.at("model_cache").put(key, value)`.
//
// Making one compiles caches of each order in each storage: only the file that makes it pays for that, which is minutes, and less with a
// `policy_table` of the orders that its settings name. Who is given a manager, or one of its caches, includes managed_cache.hpp.

#include <larder/config/backup_report.hpp>
#include <larder/config/cache_copier.hpp>
#include <larder/config/cache_metrics.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/entry_export.hpp>
#include <larder/config/environment_settings.hpp>
#include <larder/config/janitor.hpp>
#include <larder/config/managed_cache.hpp>
#include <larder/config/memory_pressure.hpp>
#include <larder/config/part_maker.hpp>
#include <larder/config/policy_table.hpp>
#include <larder/config/run_time_clock.hpp>
#include <larder/config/setting.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/config/usual_settings.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/any_time_source.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/layer/available_memory.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// What a manager is given besides settings.
struct manager_options {
  /// What tells the time to all caches and to the janitor. Not given: the time since boot in memory, the time of day on disk.
  std::optional<any_time_source> time{};
  /// Told of each failure that a cache absorbed, its name before the message; from whatever thread met it. What it throws is dropped.
  std::function<void(const error_event&)> on_error{};
  /// Told once of each setting that is accepted and unwise, while the manager is made. Not given: `on_error` is.
  std::function<void(const std::string&)> on_warning{};
  /// The share of the time, from 0 to 1, that somebody waits for memory. Not given: what Linux says of the machine and of the control group.
  std::function<double()> pressure{};
  /// Bytes that shares of memory are of. Not given: what the machine and its control groups leave this process.
  std::optional<std::uint64_t> available_memory{};
  /// Has the secrets of remote tiers, by the names that `remote.secret_variable` gives. Read while the manager is made.
  settings_environment environment = environment_of_process;
};

/// Owns the caches that settings name. Any number of threads, but for its end. `start` begins the clean-ups; without it entries that are too
/// old go when they are met.
class cache_manager {
 public:
  /// Throws `larder::error` for settings that cannot work, with the place where they were said, and for directories that cannot be used.
  template <class Table = every_policy>
  explicit cache_manager(larder::settings all, manager_options options = {}, Table = {})
      : settings_(std::move(all)),
        memory_clock_(options.time.value_or(any_time_source(time_source<steady_time>{}))),
        disk_clock_(options.time.value_or(any_time_source(time_source<wall_time>{}))),
        pressure_(options.pressure ? std::move(options.pressure) : std::function<double()>(config::memory_pressure())),
        regulator_(settings_.manager.pressure_threshold.value_or(config::usual_pressure_threshold),
                   settings_.manager.pressure_floor.value_or(config::usual_pressure_floor)),
        janitor_([this] { return memory_clock_.now(); },
                 options.time ? duration(std::chrono::milliseconds(20)) : duration(std::chrono::hours(1))) {
    settings_.check();
    const auto listener = std::make_shared<const std::function<void(const error_event&)>>(options.on_error);
    const std::uint64_t available = options.available_memory ? *options.available_memory : layers::available_memory();
    for (const auto& [name, said] : settings_.caches) config::check_share(name, said, available);  // before one makes a directory
    for (const auto& [name, said] : settings_.caches) {
      const config::part_maker<Table> maker(name, said, memory_clock_, disk_clock_, {listener, "cache \"" + name + "\""});
      caches_.emplace(name, maker.make_cache(available, options.environment));
    }
    copier_ = config::part_maker<Table>::copier(disk_clock_);
    plan_work();
    warnings_ = settings_.warnings();
    for (const std::string& warning : warnings_) {
      if (options.on_warning)
        options.on_warning(warning);
      else if (options.on_error)
        options.on_error({error_cause::invalid_argument, warning});
    }
  }
  cache_manager(const cache_manager&) = delete;
  cache_manager& operator=(const cache_manager&) = delete;

  /// The cache of a name; it lives as long as the manager. Throws `larder::error` when there is none.
  managed_cache& at(std::string_view name) { return find(name); }
  const managed_cache& at(std::string_view name) const { return find(name); }
  bool contains(std::string_view name) const { return caches_.find(name) != caches_.end(); }
  std::vector<std::string> names() const { return settings_.names(); }
  /// As they were given.
  const larder::settings& settings() const noexcept { return settings_; }
  /// What the listener was told of them.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// Hit rate, use and evictions of each cache, by name.
  std::vector<cache_metrics> metrics() const {
    std::vector<cache_metrics> all;
    for (const auto& one : caches_) all.push_back(one.second->metrics());
    return all;
  }

  /// Starts the one thread that drops what is too old in each cache's interval, and that makes caches smaller while memory is short.
  void start() { janitor_.start(); }
  /// Ends it, at once; so does the destructor.
  void stop() noexcept { janitor_.stop(); }
  bool is_running() { return janitor_.is_running(); }
  /// Does what is due by the clock now, on this thread: for programs with a loop of their own. Says how many things it was.
  std::size_t run_due() { return janitor_.run_due(); }
  /// How many clean-ups there were so far; each tier of each cache counts.
  std::uint64_t cleanups() const noexcept { return cleanups_.load(); }
  /// The share of their size that caches with `shrink_under_pressure` have at present.
  double memory_share() const noexcept { return memory_share_.load(); }

  /// A consistent copy of the disk tier of a cache, while it is in use, in a new folder. Throws `larder::error` when that cannot be.
  backup_report backup(std::string_view name, const std::filesystem::path& folder, const sweep_control& control = {}) {
    managed_cache& from = at(name);
    const cache_settings& said = settings_.caches.find(name)->second;
    if (from.disk_part() == nullptr || (said.disk_storage && *said.disk_storage != "mmap_disk"))
      core::fail(error_cause::invalid_argument,
                 "the cache " + format::printable_name(name) +
                     " keeps nothing in an mmap_disk that could be backed up; export_entries writes what it holds");
    return copier_->make(folder, *from.disk_part(), config::disk_path_of(name, said), said.max_age.value_or(duration::max()),
                         config::for_tier(said.disk_compression, said.compression).value_or(false), said.temp_dir.value_or(""),
                         control);
  }
  /// Puts what a backup has into a cache, over what is there, with what is left of each entry's time.
  backup_report restore(std::string_view name, const std::filesystem::path& folder, const sweep_control& control = {}) {
    return copier_->restore(folder, at(name), control);
  }
  /// Writes the entries of a cache as a file of its `format`; says how many. Throws `larder::error` when a key cannot be a name in it.
  std::uint64_t export_entries(std::string_view name, const std::filesystem::path& file) {
    managed_cache& from = at(name);
    const cache_settings& said = settings_.caches.find(name)->second;
    return config::export_to(from, said.format.value_or(std::string(config::usual_format)), file, said.temp_dir.value_or(""));
  }

 private:
  managed_cache& find(std::string_view name) const {
    const auto found = caches_.find(name);
    if (found == caches_.end()) {
      std::vector<std::string_view> known;
      for (const auto& one : caches_) known.push_back(one.first);
      core::fail(error_cause::invalid_argument,
                 "there is no cache " + format::printable_name(name) + format::known_names(name, known));
    }
    return *found->second;
  }

  /// What the janitor does, and when.
  void plan_work() {
    bool any_shrinks = false;
    for (const auto& [name, said] : settings_.caches) {
      managed_cache& of = *caches_.at(name);
      const auto interval = [&both = said.cleanup_interval](const setting<duration>& of_tier) {
        return config::for_tier(of_tier, both).value_or(config::usual_cleanup_interval);
      };
      if (of.memory_part() != nullptr) plan_cleanup(*of.memory_part(), interval(said.memory_cleanup_interval));
      if (of.disk_part() != nullptr) plan_cleanup(*of.disk_part(), interval(said.disk_cleanup_interval));
      if (said.shrink_under_pressure.value_or(said.policy && *said.policy == "size")) {
        shrinking_.push_back(&of);
        any_shrinks = true;
      }
    }
    if (any_shrinks)
      janitor_.add(settings_.manager.pressure_interval.value_or(config::usual_pressure_interval),
                   [this](const std::stop_token&) { follow_pressure(); });
  }
  void plan_cleanup(config::cache_part& part, duration interval) {
    janitor_.add(interval, [this, &part](const std::stop_token& stop) {
      try {
        part.purge_expired({stop, {}});
      } catch (const error&) {  // it was stopped
      }
      cleanups_.fetch_add(1);
    });
  }
  void follow_pressure() {
    const double before = regulator_.share();
    double pressure = 0;
    try {
      pressure = pressure_();
    } catch (...) {  // a reader of the user's that fails says nothing
    }
    const double share = regulator_.step(pressure);
    memory_share_.store(share);
    if (share == before) return;
    for (managed_cache* const cache : shrinking_) cache->shrink_to(share);
  }

  larder::settings settings_;
  config::run_time_clock memory_clock_, disk_clock_;
  std::function<double()> pressure_;
  std::map<std::string, std::unique_ptr<managed_cache>, std::less<>> caches_;
  std::unique_ptr<config::cache_copier> copier_;
  std::vector<managed_cache*> shrinking_;
  std::vector<std::string> warnings_;
  std::atomic<std::uint64_t> cleanups_{0};
  std::atomic<double> memory_share_{1};
  config::pressure_regulator regulator_;
  config::janitor janitor_;  // last: its thread uses the rest
};

}  // namespace larder
