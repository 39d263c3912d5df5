#pragma once

#include <larder/artifact/pass_stats.hpp>
#include <larder/core/error.hpp>
#include <larder/sync/per_process.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// Where the parts of a pass cache count what happens, and say what somebody should know. A child of `fork` begins with the warnings that it was made with.
class pass_report {
 public:
  explicit pass_report(std::function<void(const std::string&)> on_warning, std::vector<std::string> warnings)
      : on_warning_(std::move(on_warning)), words_(std::move(warnings)) {}

  pass_counts counts;

  /// A failure that was absorbed.
  void absorb(error_cause cause) noexcept { counts.errors[static_cast<std::size_t>(cause)].add(); }
  /// The exception that is being handled. One that ends work at the caller's wish is not absorbed.
  void absorb_current() {
    try {
      throw;
    } catch (const error& e) {
      if (e.cause() == error_cause::cancelled) throw;
      absorb(e.cause());
    } catch (const std::exception&) {
      absorb(error_cause::io);
    }
  }

  void warn(std::string text) {
    {
      words& mine = words_.get();
      const std::lock_guard lock(mine.mutex);
      mine.warnings.push_back(text);
    }
    if (on_warning_) on_warning_(text);
  }
  /// The same unless it was said of this subject before.
  void warn_once(const std::string& subject, std::string text) {
    {
      words& mine = words_.get();
      const std::lock_guard lock(mine.mutex);
      if (!mine.told.insert(subject).second) return;
    }
    warn(std::move(text));
  }
  std::vector<std::string> warnings() const {
    words& mine = words_.get();
    const std::lock_guard lock(mine.mutex);
    return mine.warnings;
  }

 private:
  struct words {
    explicit words(std::vector<std::string> given) : warnings(std::move(given)) {}
    std::mutex mutex;
    std::vector<std::string> warnings;
    std::set<std::string> told;
  };

  std::function<void(const std::string&)> on_warning_;
  sync::per_process<words, std::vector<std::string>> words_;
};

}  // namespace larder::artifacts
