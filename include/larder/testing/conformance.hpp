#pragma once

#include <string>
#include <utility>
#include <vector>

namespace larder::testing {

/// What a conformance suite found: every broken promise as a sentence. Works with any test framework:
/// `CHECK(check_eviction<mru>().passed())`, or print `text()`.
class conformance {
 public:
  bool passed() const noexcept { return failures_.empty(); }
  const std::vector<std::string>& failures() const noexcept { return failures_; }
  /// All failures, a line each; empty when there are none.
  std::string text() const {
    std::string all;
    for (const std::string& f : failures_) all += f + "\n";
    return all;
  }

  /// Notes a broken promise when `kept` is false; each sentence once.
  void expect(bool kept, std::string promise) {
    if (kept) return;
    for (const std::string& f : failures_)
      if (f == promise) return;
    failures_.push_back(std::move(promise));
  }

 private:
  std::vector<std::string> failures_;
};

}  // namespace larder::testing
