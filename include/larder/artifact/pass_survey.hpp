#pragma once

// What is known of the passes of a chain, found with as few requests as there can be: what lies here is looked at first, from the chain's end, and
// only what this leaves open is asked of the shared store, side by side.

#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::artifacts {

class pass_survey {
 public:
  pass_survey(const pass_folder& folder, pass_exchange& exchange, pass_report& report)
      : folder_(folder), exchange_(exchange), report_(report) {}

  /// Moves no byte of a model.
  std::vector<known_step> look(std::span<const pass> chain, const std::vector<pass_key>& keys, instant now,
                               const transfer_control& control) {
    std::vector<known_step> known(chain.size());
    for (std::size_t i = 0; i < chain.size(); ++i)
      if (chain[i].evaluator) known[i].evaluation = key_of_evaluation(keys[i], *chain[i].evaluator);
    for (std::size_t i = 0; i < chain.size(); ++i) look_for_evaluation_here(known[i]);
    const std::vector<question> questions = open_questions(known, keys, now);
    if (exchange_.reads()) {
      ask(questions, known, keys, now, control);
      complete(known, control);
    }
    return known;
  }

  /// Whether the output of a key is here, or all but files that the shared store may have. Damage counts when it is looked up first.
  bool look_here(known_step& step, const pass_key& key, instant now) {
    const bool is_first = !step.is_looked_up;
    step.is_looked_up = true;
    try {
      found_record<pass_record> found = folder_.find_run(key);
      if (is_first) count(found.state);
      if (!found.record || !found.record->lives(now)) return false;
      step.record = std::move(found.record);
      if (step.record->failure) return false;
      std::size_t damaged = 0;
      step.missing = folder_.missing_files(*step.record, damaged);
      if (is_first) report_.counts.damaged.add(damaged);
      if (!step.missing.empty() && (!exchange_.reads() || key.is_private)) {
        step.record.reset();
        step.missing.clear();
        return false;
      }
      step.where = known_step::place::here;
      return true;
    } catch (...) {
      report_.absorb_current();
      step.record.reset();
      return false;
    }
  }

  /// Asks the shared store for the record of a pass.
  void ask_for_run(known_step& step, const pass_key& key, instant now, const transfer_control& control) {
    step.is_asked_for = true;
    std::optional<pass_record> found = exchange_.find_run(key, control);
    if (!found || !found->lives(now)) return;
    const bool failed = found->failure.has_value();
    step.record = std::move(found);
    if (!failed) step.where = known_step::place::shared;
  }
  /// Finds out which of its files lack here; false when it cannot be had after all.
  bool settle(known_step& step, const transfer_control& control) {
    if (step.is_settled) return true;
    if (!exchange_.complete(*step.record, control)) {
      step.where = known_step::place::nowhere;
      step.record.reset();
      return false;
    }
    step.is_settled = true;
    try {
      std::size_t damaged = 0;
      step.missing = folder_.missing_files(*step.record, damaged);
      report_.counts.damaged.add(damaged);
    } catch (...) {
      report_.absorb_current();
      step.missing = step.record->files;
    }
    return true;
  }

 private:
  void count(record_state state) noexcept {
    if (state == record_state::damaged) report_.counts.damaged.add();
    if (state == record_state::poisoned) report_.counts.poisoned.add();
  }

  void look_for_evaluation_here(known_step& step) {
    if (!step.is_evaluated()) return;
    try {
      found_record<evaluation_record> found = folder_.find_evaluation(step.evaluation);
      count(found.state);
      if (found.record) step.result = std::move(found.record->result);
    } catch (...) {
      report_.absorb_current();
    }
  }
  struct question {
    std::size_t step;
    bool is_evaluation;
  };
  /// What is not known here, from the chain's end: outputs back to one that is here, and for an evaluator before that one likewise.
  std::vector<question> open_questions(std::vector<known_step>& known, const std::vector<pass_key>& keys, instant now) {
    std::vector<question> questions;
    bool is_wanted = true;
    for (std::size_t i = known.size(); i-- > 0;) {
      const bool evaluation_is_open = known[i].is_evaluated() && !known[i].result;
      if (evaluation_is_open && !keys[i].is_private) questions.push_back({i, true});
      is_wanted = is_wanted || evaluation_is_open;
      if (is_wanted && (known[i].is_looked_up ? known[i].is_available() : look_here(known[i], keys[i], now))) is_wanted = false;
      if (is_wanted && !keys[i].is_private && !known[i].is_failure()) questions.push_back({i, false});
    }
    return questions;
  }

  /// One round of requests with look-ahead; without it, one after the other until there is what the rest can be made from.
  void ask(const std::vector<question>& questions, std::vector<known_step>& known, const std::vector<pass_key>& keys, instant now,
           const transfer_control& control) {
    if (exchange_.looks_ahead()) {
      exchange_.each(questions.size(),
                     [&](std::size_t q) { answer(known, keys, questions[q].step, questions[q].is_evaluation, now, control); });
      return;
    }
    bool is_wanted = true;
    for (const question& q : questions) {
      if (q.is_evaluation || is_wanted) answer(known, keys, q.step, q.is_evaluation, now, control);
      if (q.is_evaluation)
        is_wanted = is_wanted || !known[q.step].result;
      else if (known[q.step].is_available())
        is_wanted = false;
    }
  }
  void answer(std::vector<known_step>& known, const std::vector<pass_key>& keys, std::size_t i, bool is_evaluation, instant now,
              const transfer_control& control) {
    if (is_evaluation) {
      if (std::optional<evaluation_record> found = exchange_.find_evaluation(known[i].evaluation, control)) {
        known[i].result = std::move(found->result);
        known[i].result_is_shared = true;
      }
      return;
    }
    ask_for_run(known[i], keys[i], now, control);
  }

  /// What the outputs that will be needed lack here: files that are the same as others' are not brought again.
  void complete(std::vector<known_step>& known, const transfer_control& control) {
    for (;;) {
      const chain_plan plan = plan_of(known);
      std::vector<std::size_t> open;
      for (std::size_t i = 0; i < known.size(); ++i)
        if (plan.actions[i] == step_action::download && known[i].where == known_step::place::shared && !known[i].is_settled)
          open.push_back(i);
      std::vector<char> lost(open.size(), 0);
      exchange_.each(open.size(), [&](std::size_t o) { lost[o] = settle(known[open[o]], control) ? 0 : 1; });
      const bool any_lost = std::find(lost.begin(), lost.end(), 1) != lost.end();
      if (open.empty() || !any_lost) return;
    }
  }

  const pass_folder& folder_;
  pass_exchange& exchange_;
  pass_report& report_;
};

}  // namespace larder::artifacts
