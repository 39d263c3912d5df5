#pragma once

#include <larder/artifact/request.hpp>
#include <larder/artifact/resolution_ages.hpp>
#include <larder/artifact/resolution_answer.hpp>
#include <larder/artifact/resolution_counts.hpp>
#include <larder/artifact/resolution_entry.hpp>
#include <larder/artifact/resolution_folder.hpp>
#include <larder/artifact/resolution_options.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/observe/error_reporter.hpp>
#include <larder/sync/counter.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace larder::artifacts {

/// Tells who asked to be told.
struct resolution_error_listener {
  std::function<void(const error_event&)> told;
  void operator()(const error_event& event) const {
    if (told) told(event);
  }
};
using resolution_errors = observe::error_reporter<error_listener<resolution_error_listener>>;

/// The answers that are kept in a folder: what of them still holds, is taken away, or is added. All that it is given outlives it.
template <class T>
class kept_resolutions {
 public:
  using place = resolution_place;
  using answer = resolution_answer<T>;
  using state = resolution_age;

  kept_resolutions(const resolution_options<T>& options, const resolution_folder& folder, const resolution_ages& ages,
                   resolution_errors& errors, resolution_counts& counts)
      : options_(options), folder_(folder), ages_(ages), errors_(errors), counts_(counts) {}

  /// Runs what may fail without anybody noticing but the error listener.
  template <class F>
  auto absorbed(F&& f) noexcept -> std::invoke_result_t<F&> {
    try {
      return f();
    } catch (...) {
      errors_.report_current(error_cause::io);
    }
    return {};
  }

  state age_of(const resolution_entry& entry) const { return ages_.state_of(entry, options_.time.now()); }

  std::optional<answer> look(const place& at) noexcept {
    return absorbed([&] { return look_at(at, false); });
  }
  /// An answer that holds, without a lock and without a trace when there is none: who then looks again under the lock tells of it.
  std::optional<answer> look_quietly(const place& at) noexcept {
    try {
      std::optional<answer> kept = look_at(at, true);
      if (!kept || kept->is_stale) return std::nullopt;
      count(*kept);
      return kept;
    } catch (...) {
      return std::nullopt;
    }
  }
  void count(const answer& kept) noexcept {
    (!kept.value ? counts_.negative : kept.is_stale ? counts_.stale : counts_.hits).add();
  }

  void store(const request& asked, const place& at, const answer& landed) noexcept {
    try {
      if (!landed.value && options_.negative_expiry <= duration::zero()) {
        folder_.erase(at.id);  // an answer that waited for its provider to come back
        return;
      }
      resolution_entry entry{at.key, landed.created, std::nullopt};
      if (landed.value) entry.value = codec<T>::encode(*landed.value);
      if (entry.value && asked.is_secret_in(entry.value->text()))
        core::fail(error_cause::invalid_argument,
                   "the answer to the request " + asked.text() +
                       " holds one of its secrets and is not kept; leave the secret out of what the resolver gives");
      folder_.write(at.id, entry);
      counts_.insertions.add();
    } catch (...) {
      counts_.refused.add();
      errors_.report_current(error_cause::codec);
    }
  }

  /// What a look-up would make of an entry, in a sentence.
  std::string explain_entry(const resolution_entry& entry) {
    const std::string aged = ages_.text_of(entry, options_.time.now());
    const state at = age_of(entry);
    if (at == state::over && !options_.offline) return "a miss: the entry is " + aged;
    if (!entry.value) return "a hit: the provider said that there is none; the entry is " + aged;
    try {
      if (!is_valid(codec<T>::decode(*entry.value), true)) return "a miss: the entry is not valid any more; it is " + aged;
    } catch (const error& e) {
      return std::string("a miss: ") + e.what();
    }
    if (at == state::holds) return "a hit: the entry is " + aged;
    return (options_.offline ? "a stale hit: the entry is "
                             : "a miss, but served when the provider cannot be reached: the entry is ") +
           aged;
  }

 private:
  using counter = sync::counter<true>;

  /// What is kept and can be used; stale where only `grace` or `offline` lets it be. What cannot is taken away, unless one looks `quietly`. Throws.
  std::optional<answer> look_at(const place& at, bool quietly) {
    const found_resolution found = folder_.read(at.id);
    if (!found.file) return std::nullopt;
    const auto drop = [&](counter& why) -> std::optional<answer> {
      if (!quietly && !options_.offline && folder_.erase_same(at.id, *found.file)) why.add();
      return std::nullopt;
    };
    if (!found.entry || found.entry->key != at.key) return drop(counts_.damaged);
    const state aged = age_of(*found.entry);
    if (aged == state::over && !options_.offline) return drop(counts_.expirations);
    answer kept;
    kept.created = found.entry->created;
    kept.is_stale = aged != state::holds;
    if (!found.entry->value) return kept;
    try {
      kept.value = std::make_shared<const T>(codec<T>::decode(*found.entry->value));
    } catch (...) {
      if (!quietly) errors_.report_current(error_cause::codec);
      return drop(counts_.damaged);
    }
    if (!is_valid(*kept.value, quietly)) return drop(counts_.invalid);
    return kept;
  }

  bool is_valid(const T& value, bool quietly) noexcept {
    try {
      return !options_.valid || options_.valid(value);
    } catch (...) {
      if (!quietly) errors_.report_current(error_cause::load);
      return false;
    }
  }

  const resolution_options<T>& options_;
  const resolution_folder& folder_;
  const resolution_ages& ages_;
  resolution_errors& errors_;
  resolution_counts& counts_;
};

}  // namespace larder::artifacts
