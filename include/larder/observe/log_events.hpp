#pragma once

// What a cache would say, for any logger: failures that it absorbed, and on request entries that left. Secrets and keys are never in it.
//
// Cost: nothing until something fails; then a lock and, for the lines that go through, making a text. With `departures()` that for each
// entry that leaves: some 60 ns for those that are held back, and all that a `removal_listener` costs (keys and values are handed over).

#include <larder/core/axis.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/rate_gate.hpp>
#include <larder/observe/redacted_text.hpp>
#include <larder/observe/removal_listener.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

enum class log_level : std::uint8_t { info, warning, error };

/// The level as one lower-case word.
constexpr std::string_view to_string(log_level level) noexcept {
  return level == log_level::info ? "info" : level == log_level::warning ? "warning" : "error";
}

/// One line for a log.
struct log_line {
  log_level level = log_level::info;
  std::string_view cache;       ///< its name, as the settings have it
  std::string_view event;       ///< `failure`, `evicted`, `expired`, `replaced`, `erased`
  std::string text;             ///< a sentence without a line break
  std::uint64_t held_back = 0;  ///< lines before this one that the rate did not let through
};

/// How `log_events` speaks.
struct log_settings {
  std::string name = "cache";
  double per_second = 5;  ///< lines on average; failures and departures each
  unsigned burst = 20;    ///< lines at once after a silence
  std::function<instant()> now = [] { return steady_time::now(); };
};

/// Tells a function of log lines: `log_events{[](const log_line& line) { ... }}`. A policy of the axis `error_listener`; `departures()`
/// gives a `removal_listener` that speaks to the same function. It is called without any lock, from many threads; what it throws is dropped.
class log_events {
 public:
  using policy_axis = axis::error_listener;

  template <std::invocable<const log_line&> Sink>
    requires(!std::same_as<std::remove_cvref_t<Sink>, log_events>)
  explicit log_events(Sink sink, log_settings settings = {})
      : f{std::make_shared<shared>(std::move(sink), std::move(settings))} {}

  /// A listener that tells of entries that leave, without their keys.
  auto departures() const {
    return larder::removal_listener{
        [to = f.to](const auto&, const auto&, removal_cause cause) { to->departed(cause, [] { return std::string(); }); }};
  }
  /// The same with what `describe(key)` makes of the key: a text that may be seen in a log.
  template <class Describe>
  auto departures(Describe describe) const {
    return larder::removal_listener{
        [to = f.to, describe = std::move(describe)](const auto& key, const auto&, removal_cause cause) {
          to->departed(cause, [&] { return std::string(describe(key)); });
        }};
  }

 private:
  struct shared {
    shared(std::function<void(const log_line&)> to, log_settings given)
        : sink(std::move(to)),
          settings(std::move(given)),
          failures(settings.per_second, settings.burst),
          departures(settings.per_second, settings.burst) {}

    void failed(const error_event& e) {
      const auto held_back = failures.pass(settings.now());
      if (!held_back) return;
      const bool is_grave = e.cause == error_cause::corruption || e.cause == error_cause::no_space || e.cause == error_cause::io;
      say({is_grave ? log_level::error : log_level::warning, settings.name, "failure",
           std::string(to_string(e.cause)) + ": " + observe::redacted_text(e.message), *held_back});
    }
    template <class Describe>
    void departed(removal_cause cause, const Describe& describe) {
      const auto held_back = departures.pass(settings.now());
      if (!held_back) return;
      constexpr std::array<std::string_view, 4> words{"evicted", "expired", "replaced", "erased"};
      const std::string_view word = words[static_cast<std::size_t>(cause)];
      const std::string key = observe::redacted_text(describe());
      say({log_level::info, settings.name, word, (key.empty() ? "an entry was " : "\"" + key + "\" was ") + std::string(word),
           *held_back});
    }
    void say(log_line line) const {
      if (line.held_back != 0) line.text += " (" + std::to_string(line.held_back) + " more before it)";
      sink(line);
    }

    const std::function<void(const log_line&)> sink;
    const log_settings settings;
    observe::rate_gate failures;
    observe::rate_gate departures;
  };
  struct listener {
    std::shared_ptr<shared> to;
    void operator()(const error_event& e) const { to->failed(e); }
  };

 public:
  listener f;  ///< what the cache calls
};

}  // namespace larder
