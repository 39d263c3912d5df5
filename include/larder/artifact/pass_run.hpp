#pragma once

// One walk over a chain: backward from its end to what is there, then forward, each output made or brought by one thread of one process.

#include <larder/artifact/chain_uploads.hpp>
#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/found_record.hpp>
#include <larder/artifact/left_uploads.hpp>
#include <larder/artifact/output_assembly.hpp>
#include <larder/artifact/output_making.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_progress.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_settings.hpp>
#include <larder/artifact/pass_survey.hpp>
#include <larder/artifact/upload_claim.hpp>
#include <larder/artifact/work_folder.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/canonical_json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder {

/// What runs a pass: reads `input`, writes files into the empty folder `output`.
using pass_function = std::function<void(const pass& step, const std::filesystem::path& input,
                                         const std::filesystem::path& output, const std::stop_token& stop)>;
/// What evaluates a model by `step.evaluator`: gives JSON.
using evaluate_function =
    std::function<std::string(const pass& step, const std::filesystem::path& model, const std::stop_token& stop)>;

struct run_options {
  std::stop_token stop{};  ///< ends it with `larder::error` (cancelled); what was made until then is kept. Uploads end by it too
  evaluate_function evaluate{};                          ///< needed when a pass of the chain names an evaluator
  std::function<void(const pass_progress&)> progress{};  ///< by one thread at a time, not always the caller's; must not throw
  bool wait_for_uploads = true;  ///< else they go on when the chain has returned: `pass_cache::flush` waits for them
};

/// What a chain came to.
struct chain_result {
  std::filesystem::path
      folder;  ///< of the last output; read only, until it is pruned. One that could not be kept is the caller's to remove
  std::string id;
  std::vector<step_action> actions;                     ///< what became of each pass
  std::vector<std::optional<std::string>> evaluations;  ///< of each pass that names an evaluator: JSON
};

namespace artifacts {

/// A text that JSON can have: what is no UTF-8 is replaced, what is too long is cut.
inline std::string message_text(std::string text, std::size_t longest = 300) {
  if (text.size() > longest) {
    while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0U) == 0x80U) --longest;
    text.resize(longest);
    text += "...";
  }
  if (!simdjson::validate_utf8(text))
    for (char& c : text)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

class chain_run {
 public:
  chain_run(const pass_settings& settings, const pass_folder& folder, pass_exchange& exchange, pass_report& report,
            ids_in_making& ids, left_uploads& left, const pass_input& input, const std::vector<pass>& chain,
            std::vector<pass_key> keys, const pass_function& run_pass, const run_options& options)
      : settings_(settings),
        folder_(folder),
        exchange_(exchange),
        report_(report),
        survey_(folder, exchange, report),
        ids_(ids),
        input_(input),
        chain_(chain),
        keys_(std::move(keys)),
        run_pass_(run_pass),
        options_(options),
        listener_(std::make_shared<chain_listener>(options.progress)),
        uploads_(folder, exchange, report, left, listener_, options.stop),
        outputs_(chain.size()) {}

  chain_result run() {
    chain_result result;
    try {
      result = walk();
    } catch (...) {
      uploads_.end(options_.wait_for_uploads);
      throw;
    }
    uploads_.end(options_.wait_for_uploads);
    if (uploads_.were_stopped()) stop_if_asked();
    for (work_folder& work : unkept_)
      if (work.path() == result.folder) work.let_go();
    return result;
  }

 private:
  chain_result walk() {
    known_ = survey_.look(chain_, keys_, now(), {options_.stop, {}});
    chain_result result{input_.files(), input_.id(), std::vector<step_action>(chain_.size(), step_action::skip),
                        std::vector<std::optional<std::string>>(chain_.size())};
    result_ = &result;
    const chain_plan plan = plan_of(known_);
    if (plan.failing) throw_known_failure(*plan.failing);
    for (std::size_t i = 0; i < chain_.size(); ++i)
      if (known_[i].is_evaluated()) result.evaluations[i] = evaluate(i);
    if (!chain_.empty()) {
      result.folder = obtain(chain_.size() - 1);
      result.id = keys_.back().id;
    }
    publish_what_is_pending();
    return result;
  }

  instant now() const { return settings_.now ? settings_.now() : wall_time::now(); }
  void tell(std::size_t i, pass_phase phase, std::uint64_t done = 0, std::uint64_t total = 0) const {
    listener_->tell({i, phase, done, total});
  }
  transfer_control followed(std::size_t i, pass_phase phase) const {
    return chain_listener::followed(listener_, i, phase, options_.stop);
  }
  void stop_if_asked() const {
    if (options_.stop.stop_requested())
      core::fail(error_cause::cancelled, "the chain was stopped before its end; what was made until then is kept");
  }
  std::string name_of(std::size_t i) const { return "pass " + std::to_string(i) + " (" + chain_[i].name + ")"; }

  // ---------------------------------------------------------------------------------------------- outputs

  /// The output of a pass: as it is here, brought, or made.
  const std::filesystem::path& obtain(std::size_t i) {
    if (outputs_[i]) return *outputs_[i];
    stop_if_asked();
    known_step& step = known_[i];
    if (!step.is_available() && !step.is_looked_up) survey_.look_here(step, keys_[i], now());
    if (is_ready(step)) return take(i, step_action::reuse);
    const making alone(folder_, ids_, report_, keys_[i].id, options_.stop, [&] { tell(i, pass_phase::waiting); });
    look_again(i);
    if (is_ready(step)) {
      report_.counts.joined.add();
      return take(i, step_action::reuse);
    }
    if (!step.is_available() && !step.is_failure() && !step.is_asked_for && exchange_.reads() && !keys_[i].is_private)
      survey_.ask_for_run(step, keys_[i], now(), {options_.stop, {}});
    bool moved = false;
    if (step.is_available() &&
        output_assembly(folder_, exchange_, report_).assemble(step, moved, followed(i, pass_phase::downloading)))
      return take(i, moved ? step_action::download : step_action::reuse);
    if (step.is_failure() && step.record->lives(now())) throw_known_failure(i);
    const std::filesystem::path from = i == 0 ? input_.files() : obtain(i - 1);
    make(i, from);
    return *outputs_[i];
  }

  /// Others may have made it between the survey and the moment from which this thread alone may, whether it had to wait for them or not.
  void look_again(std::size_t i) {
    known_step found;
    found.is_looked_up = true;
    survey_.look_here(found, keys_[i], now());
    if (!found.is_available() && !found.is_failure()) return;
    found.evaluation = known_[i].evaluation;
    found.result = known_[i].result;
    found.result_is_shared = known_[i].result_is_shared;
    known_[i] = std::move(found);
  }
  bool is_ready(const known_step& step) {
    if (step.where != known_step::place::here || !step.missing.empty()) return false;
    try {
      std::size_t damaged = 0;
      return folder_.has_outputs(*step.record, damaged);
    } catch (...) {
      report_.absorb_current();
      return false;
    }
  }
  const std::filesystem::path& take(std::size_t i, step_action action) {
    (action == step_action::reuse ? report_.counts.local_hits : report_.counts.shared_hits).add();
    result_->actions[i] = action;
    folder_.note_use(pass_entry_kind::run, keys_[i].id, now());
    outputs_[i] = folder_.output_of(keys_[i].id);
    return *outputs_[i];
  }

  void make(std::size_t i, const std::filesystem::path& from) {
    using steady = std::chrono::steady_clock;
    report_.counts.misses.add();
    stop_if_asked();
    tell(i, pass_phase::running);
    std::optional<work_folder> work;
    bool can_be_kept = true;
    try {
      work.emplace(folder_.begin_work());
    } catch (...) {  // a full disk, or one that is read only, keeps no pass from running
      report_.absorb_current();
      work.emplace(work_folder::elsewhere());
      can_be_kept = false;
    }
    const steady::time_point begun = steady::now();
    pass_record record;
    record.id = keys_[i].id;
    record.key = keys_[i].text;
    record.is_private = keys_[i].is_private;
    record.workflow = folder_.workflow();
    try {
      run_pass_(chain_[i], from, work->path(), options_.stop);
    } catch (const pass_failure& failure) {
      report_.counts.failed_runs.add();
      record.made = now();
      record_failure(i, std::move(record), failure);
      throw;
    } catch (...) {
      report_.counts.failed_runs.add();
      throw;
    }
    stop_if_asked();  // a pass that ended early for that may have written half of it
    report_.counts.runs.add();
    result_->actions[i] = step_action::run;
    record.seconds = std::chrono::duration<double>(steady::now() - begun).count();
    record.made = now();
    if (!can_be_kept) {
      report_.counts.uncacheable.add();
      return hand_out(i, std::move(*work));
    }
    bool is_kept = false;
    try {
      record.files = folder_.keep_files(work->path(), followed(i, pass_phase::keeping));
      for (const pass_file& file : record.files) record.bytes += file.size;
      is_kept = true;
    } catch (const error& e) {
      report_.absorb_current();
      report_.counts.uncacheable.add();
      report_.warn("what " + name_of(i) + " made is not cached: " + e.what());
    } catch (...) {
      report_.absorb_current();
      report_.counts.uncacheable.add();
    }
    try {
      outputs_[i] = folder_.publish_output(work->path(), record.id);
    } catch (...) {
      report_.absorb_current();
      if (is_kept) report_.counts.uncacheable.add();
      return hand_out(i, std::move(*work));
    }
    if (!is_kept) return;
    try {
      const std::shared_ptr<upload_claim> claim = uploads_.claim(pass_entry_kind::run, record.id, record.is_private);
      folder_.write_run(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::run, record.id, now());
      uploads_.add(i, std::move(record), claim);
    } catch (...) {
      report_.absorb_current();
    }
  }
  /// An output that the cache's folder does not take, as it lies.
  void hand_out(std::size_t i, work_folder&& work) {
    report_.warn("what " + name_of(i) + " made is not cached, since \"" + folder_.root().string() +
                 "\" does not take it; it lies in \"" + work.path().string() +
                 "\", which is removed unless it is the chain's last");
    outputs_[i] = work.path();
    unkept_.push_back(std::move(work));
  }

  // ---------------------------------------------------------------------------------------------- failures

  void record_failure(std::size_t i, pass_record record, const pass_failure& failure) {
    const duration lives =
        failure.time_to_live().value_or(failure.kind() == failure_kind::transient ? settings_.transient_ttl : duration::max());
    record.failure = recorded_failure{failure.kind(), message_text(failure.message()), core::deadline_after(record.made, lives)};
    try {
      folder_.write_run(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::run, record.id, now());
      if (failure.kind() == failure_kind::permanent && exchange_.writes() && !record.is_private)
        uploads_.add(i, std::move(record), nullptr);
    } catch (...) {
      report_.absorb_current();
    }
  }
  [[noreturn]] void throw_known_failure(std::size_t i) const {
    const recorded_failure& failure = *known_[i].record->failure;
    report_.counts.known_failures.add();
    std::optional<duration> left;
    if (failure.until != no_deadline) left = std::max<duration>(failure.until - now(), duration(1));
    throw pass_failure(
        failure.kind,
        name_of(i) + " is known to fail and is not run again (erase " + short_id(keys_[i].id) + " to try): " + failure.message,
        left);
  }

  // ---------------------------------------------------------------------------------------------- evaluations

  std::string evaluate(std::size_t i) {
    known_step& step = known_[i];
    if (step.result) {
      report_.counts.evaluation_hits.add();
      if (step.result_is_shared) keep_evaluation(i, *step.result, 0, false);
      folder_.note_use(pass_entry_kind::evaluation, step.evaluation.id, now());
      return *step.result;
    }
    if (!options_.evaluate)
      core::fail(error_cause::invalid_argument, name_of(i) + " names an evaluator; give run_options::evaluate what evaluates");
    const making alone(folder_, ids_, report_, step.evaluation.id, options_.stop, [&] { tell(i, pass_phase::waiting); });
    try {  // others may have evaluated it since the survey
      if (found_record<evaluation_record> found = folder_.find_evaluation(step.evaluation); found.record) {
        report_.counts.joined.add();
        return found.record->result;
      }
    } catch (...) {
      report_.absorb_current();
    }
    const std::filesystem::path model = obtain(i);
    stop_if_asked();
    tell(i, pass_phase::evaluating);
    const auto begun = std::chrono::steady_clock::now();
    std::string result = options_.evaluate(chain_[i], model, options_.stop);
    stop_if_asked();
    report_.counts.evaluations.add();
    result = format::canonical_json(result, "the result of the evaluator of " + name_of(i));
    keep_evaluation(i, result, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(), true);
    return result;
  }
  void keep_evaluation(std::size_t i, const std::string& result, double seconds, bool is_new) {
    const pass_key& key = known_[i].evaluation;
    const evaluation_record record{key.id, key.text, keys_[i].id, result, seconds, now(), folder_.workflow()};
    try {
      const std::shared_ptr<upload_claim> claim =
          is_new ? uploads_.claim(pass_entry_kind::evaluation, record.id, key.is_private) : nullptr;
      folder_.write_evaluation(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::evaluation, record.id, now());
      uploads_.add(i, record, claim);
    } catch (...) {
      report_.absorb_current();
    }
  }

  // ---------------------------------------------------------------------------------------------- publishing

  /// Entries of this chain that an earlier run could not put into the shared store.
  void publish_what_is_pending() {
    for (std::size_t i = 0; i < chain_.size(); ++i) try {
        uploads_.add_pending(i, pass_entry_kind::run, keys_[i].id, [&] { return folder_.find_run(keys_[i]); });
        if (known_[i].is_evaluated())
          uploads_.add_pending(i, pass_entry_kind::evaluation, known_[i].evaluation.id,
                               [&] { return folder_.find_evaluation(known_[i].evaluation); });
      } catch (...) {
        report_.absorb_current();
      }
  }

  const pass_settings& settings_;
  const pass_folder& folder_;
  pass_exchange& exchange_;
  pass_report& report_;
  pass_survey survey_;
  ids_in_making& ids_;
  const pass_input& input_;
  const std::vector<pass>& chain_;
  const std::vector<pass_key> keys_;
  const pass_function& run_pass_;
  const run_options& options_;
  const std::shared_ptr<chain_listener> listener_;
  chain_uploads uploads_;
  std::vector<known_step> known_;
  std::vector<std::optional<std::filesystem::path>> outputs_;
  std::vector<work_folder> unkept_;
  chain_result* result_ = nullptr;
};

}  // namespace artifacts
}  // namespace larder
