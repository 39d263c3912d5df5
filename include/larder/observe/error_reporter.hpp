#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/sync/counter.hpp>

#include <array>
#include <exception>
#include <string>
#include <utility>

namespace larder::observe {

/// Counts absorbed failures by cause and tells the `error_listener`, when there is one.
template <class Listener>
class error_reporter final : public error_sink {
 public:
  explicit error_reporter(const Listener& listener) : listener_(listener) {}

  void report(error_cause cause, const std::string& message) noexcept override {
    counts_[static_cast<std::size_t>(cause)].add();
    if constexpr (requires { listener_.f; }) {
      try {
        listener_.f(error_event{cause, message});
      } catch (...) {  // a listener that fails has nobody left to tell
      }
    }
  }

  /// Reports the exception that is being handled; `otherwise` is the cause when it is not larder's own.
  void report_current(error_cause otherwise) noexcept {
    try {
      throw;
    } catch (const error& e) {
      report(e.cause(), e.what());
    } catch (const std::exception& e) {
      report_text(otherwise, e.what());
    } catch (...) {
      report_text(otherwise, "an exception that is not a std::exception");
    }
  }

  error_counts counts() const noexcept {
    error_counts snapshot;
    for (std::size_t i = 0; i < error_cause_count; ++i) snapshot.by_cause[i] = counts_[i].load();
    return snapshot;
  }
  void reset() noexcept {
    for (auto& c : counts_) c.store(0);
  }

 private:
  void report_text(error_cause cause, const char* text) noexcept {
    try {
      report(cause, text);
    } catch (...) {  // no memory for the text: it is counted at least
      counts_[static_cast<std::size_t>(cause)].add();
    }
  }

  [[no_unique_address]] Listener listener_;
  std::array<sync::counter<true>, error_cause_count> counts_;
};

}  // namespace larder::observe
