#pragma once

#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_record.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// What becomes of a pass of a chain.
enum class step_action : std::uint8_t {
  run,       ///< it runs
  reuse,     ///< its output is needed, and lies here
  download,  ///< its output is needed, and comes from the shared store
  skip,      ///< nobody needs its output: it is cached further on, or a pass is known to fail
};

constexpr std::string_view to_string(step_action action) noexcept {
  return action == step_action::run        ? "run"
         : action == step_action::reuse    ? "reuse"
         : action == step_action::download ? "download"
                                           : "skip";
}

enum class step_evaluation : std::uint8_t {
  none,   ///< not asked for
  reuse,  ///< its result is there
  run,    ///< the evaluator runs
};

/// One pass of a plan.
struct step {
  std::size_t index = 0;
  std::string pass_name{};
  std::string id{};
  step_action action = step_action::run;
  std::uint64_t bytes = 0;  ///< that will be downloaded
  std::uint64_t size = 0;   ///< of its output, where that is known
  double seconds = 0;       ///< that it took who ran it, where that is known
  step_evaluation evaluation = step_evaluation::none;
  std::optional<recorded_failure> failure{};  ///< it is known to fail: neither it nor what follows runs
};

namespace artifacts {

/// What is known of one pass of a chain.
struct known_step {
  enum class place : std::uint8_t { nowhere, here, shared };

  place where = place::nowhere;
  std::optional<pass_record> record{};  ///< of what it made, or that it failed
  std::vector<pass_file> missing{};     ///< files that must come from the shared store
  bool is_looked_up = false;            ///< here
  bool is_asked_for = false;            ///< in the shared store
  bool is_settled = false;              ///< the record is the shared store's, and `missing` is right
  pass_key evaluation{};                ///< empty where none is asked for
  std::optional<std::string> result{};  ///< of the evaluation
  bool result_is_shared = false;        ///< it is not here yet

  bool is_evaluated() const noexcept { return !evaluation.id.empty(); }
  bool is_available() const noexcept { return where != place::nowhere; }
  bool is_failure() const noexcept { return record && record->failure; }
};

/// What a chain comes to: the steps whose outputs are needed, and those that run.
struct chain_plan {
  std::vector<step_action> actions;
  std::optional<std::size_t> failing{};  ///< a pass that would have to run and is known to fail
};

/// Walks backward from what is wanted to what is there.
inline chain_plan plan_of(const std::vector<known_step>& known) {
  chain_plan plan{std::vector<step_action>(known.size(), step_action::skip), {}};
  const auto need = [&](std::size_t i) {
    for (;; --i) {
      if (plan.actions[i] != step_action::skip) return;
      if (known[i].is_available()) {
        plan.actions[i] = known[i].missing.empty() && (known[i].where == known_step::place::here || known[i].is_settled)
                              ? step_action::reuse
                              : step_action::download;
        return;
      }
      plan.actions[i] = step_action::run;
      if (known[i].is_failure()) plan.failing = i;
      if (i == 0) return;
    }
  };
  if (known.empty()) return plan;
  need(known.size() - 1);
  if (plan.failing) {  // the branch is pruned: nothing of it runs, nothing moves
    plan.actions.assign(known.size(), step_action::skip);
    return plan;
  }
  for (std::size_t i = 0; i + 1 < known.size(); ++i)
    if (known[i].is_evaluated() && !known[i].result) need(i);
  if (plan.failing) plan.actions.assign(known.size(), step_action::skip);
  return plan;
}

}  // namespace artifacts
}  // namespace larder
