#pragma once

// One walk over a chain: backward from its end to what is there, then forward, each output made or brought by one thread of one process.

#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/found_record.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/output_assembly.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_settings.hpp>
#include <larder/artifact/pass_survey.hpp>
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
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder {

enum class pass_phase : std::uint8_t { waiting, downloading, running, keeping, uploading, evaluating };

/// How far a chain is: `done` of `total` bytes of this phase; a total of 0 is not known.
struct pass_progress {
  std::size_t index = 0;
  pass_phase phase = pass_phase::running;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

/// What runs a pass: reads `input`, writes files into the empty folder `output`.
using pass_function = std::function<void(const pass& step, const std::filesystem::path& input,
                                         const std::filesystem::path& output, const std::stop_token& stop)>;
/// What evaluates a model by `step.evaluator`: gives JSON.
using evaluate_function =
    std::function<std::string(const pass& step, const std::filesystem::path& model, const std::stop_token& stop)>;

struct run_options {
  std::stop_token stop{};        ///< ends it with `larder::error` (cancelled); what was made until then is kept
  evaluate_function evaluate{};  ///< needed when a pass of the chain names an evaluator
  std::function<void(const pass_progress&)> progress{};  ///< by one thread at a time, not always the caller's; must not throw
};

/// What a chain came to.
struct chain_result {
  std::filesystem::path folder;  ///< of the last output; read only, until it is pruned
  std::string id;
  std::vector<step_action> actions;                     ///< what became of each pass
  std::vector<std::optional<std::string>> evaluations;  ///< of each pass that names an evaluator: JSON
};

namespace artifacts {

/// Which ids threads of this process are making.
class ids_in_making {
 public:
  /// Throws `larder::error` (reentrant) when this thread makes it: it would wait for itself.
  void check(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = makers_.find(id);
    if (found != makers_.end() && found->second == std::this_thread::get_id())
      core::fail(error_cause::reentrant, "a pass asks for its own output (" + short_id(id) + "), which it is making");
  }
  void add(const std::string& id) {
    const std::lock_guard lock(mutex_);
    makers_[id] = std::this_thread::get_id();
  }
  void remove(const std::string& id) noexcept {
    const std::lock_guard lock(mutex_);
    makers_.erase(id);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::thread::id> makers_;
};

/// What is made by this thread while it lives, and by nobody else as far as there are locks.
class making {
 public:
  making(const pass_folder& folder, ids_in_making& ids, pass_report& report, std::string id, const std::stop_token& stop,
         const std::function<void()>& waits)
      : ids_(ids), id_(std::move(id)) {
    ids_.check(id_);
    try {
      lock_ = in_folders([&] { folder.make_folders(); }, [&] { return locked_file::try_lock(folder.lock_of(id_)); });
      if (!lock_) {
        has_waited_ = true;
        lock_ = locked_file::lock(folder.lock_of(id_), stop, [&](const std::optional<task_progress>&) { waits(); });
      }
    } catch (...) {  // a lock is advice: what is made is published in a way that is safe without
      report.absorb_current();
    }
    ids_.add(id_);
  }
  making(const making&) = delete;
  making& operator=(const making&) = delete;
  ~making() {
    ids_.remove(id_);
    if (lock_) lock_->discard();
  }
  bool has_waited() const noexcept { return has_waited_; }

 private:
  ids_in_making& ids_;
  std::string id_;
  std::optional<locked_file> lock_;
  bool has_waited_ = false;
};

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
            ids_in_making& ids, const pass_input& input, const std::vector<pass>& chain, std::vector<pass_key> keys,
            const pass_function& run_pass, const run_options& options)
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
        outputs_(chain.size()) {}

  chain_result run() {
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

 private:
  instant now() const { return settings_.now ? settings_.now() : wall_time::now(); }
  void tell(std::size_t i, pass_phase phase, std::uint64_t done = 0, std::uint64_t total = 0) const {
    if (options_.progress) options_.progress({i, phase, done, total});
  }
  transfer_control followed(std::size_t i, pass_phase phase) const {
    transfer_control control{options_.stop, {}};
    if (options_.progress)
      control.progress = [this, i, phase](std::uint64_t done, std::uint64_t total) { tell(i, phase, done, total); };
    return control;
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
    if (alone.has_waited()) {
      const known_step before = step;
      step = known_step{};
      step.evaluation = before.evaluation;
      step.result = before.result;
      survey_.look_here(step, keys_[i], now());
      if (is_ready(step)) {
        report_.counts.joined.add();
        return take(i, step_action::reuse);
      }
      if (!step.is_available() && !step.is_failure()) step = before;
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
    const work_folder work(folder_.begin_work());
    const steady::time_point begun = steady::now();
    pass_record record;
    record.id = keys_[i].id;
    record.key = keys_[i].text;
    record.is_private = keys_[i].is_private;
    record.workflow = folder_.workflow();
    try {
      run_pass_(chain_[i], from, work.path(), options_.stop);
    } catch (const pass_failure& failure) {
      report_.counts.failed_runs.add();
      record.made = now();
      record_failure(std::move(record), failure);
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
    bool is_kept = false;
    try {
      record.files = folder_.keep_files(work.path(), followed(i, pass_phase::keeping));
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
    outputs_[i] = folder_.publish_output(work.path(), record.id);
    if (!is_kept) return;
    try {
      const bool is_to_share = exchange_.writes() && !record.is_private;
      const std::filesystem::path pending = folder_.pending_path(pass_folder::marker_of(pass_entry_kind::run, record.id));
      if (is_to_share) pass_folder::touch(pending);
      folder_.write_run(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::run, record.id, now());
      if (is_to_share && exchange_.publish(record, followed(i, pass_phase::uploading))) storage::remove_file(pending.string());
    } catch (...) {
      report_.absorb_current();
    }
    attempted_.insert(record.id);
  }

  // ---------------------------------------------------------------------------------------------- failures

  void record_failure(pass_record record, const pass_failure& failure) {
    const duration lives =
        failure.time_to_live().value_or(failure.kind() == failure_kind::transient ? settings_.transient_ttl : duration::max());
    record.failure = recorded_failure{failure.kind(), message_text(failure.message()), core::deadline_after(record.made, lives)};
    try {
      folder_.write_run(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::run, record.id, now());
      if (failure.kind() == failure_kind::permanent && exchange_.writes() && !record.is_private) exchange_.publish(record);
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
    if (alone.has_waited()) try {
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
      folder_.write_evaluation(record, exchange_.signing());
      folder_.note_use(pass_entry_kind::evaluation, record.id, now());
      if (!is_new || !exchange_.writes() || key.is_private) return;
      const std::filesystem::path pending = folder_.pending_path(pass_folder::marker_of(pass_entry_kind::evaluation, record.id));
      pass_folder::touch(pending);
      if (exchange_.publish(record)) storage::remove_file(pending.string());
      attempted_.insert(record.id);
    } catch (...) {
      report_.absorb_current();
    }
  }

  // ---------------------------------------------------------------------------------------------- publishing

  /// Entries of this chain that an earlier run could not put into the shared store.
  void publish_what_is_pending() {
    if (!exchange_.writes()) return;
    for (std::size_t i = 0; i < chain_.size(); ++i) try {
        const std::filesystem::path run = folder_.pending_path(pass_folder::marker_of(pass_entry_kind::run, keys_[i].id));
        if (!attempted_.contains(keys_[i].id) && pass_folder::is_there(run)) {
          const found_record<pass_record> found = folder_.find_run(keys_[i]);
          if (!found.record || found.record->failure || exchange_.publish(*found.record, followed(i, pass_phase::uploading)))
            storage::remove_file(run.string());
        }
        if (!known_[i].is_evaluated() || attempted_.contains(known_[i].evaluation.id)) continue;
        const std::filesystem::path evaluation =
            folder_.pending_path(pass_folder::marker_of(pass_entry_kind::evaluation, known_[i].evaluation.id));
        if (!pass_folder::is_there(evaluation)) continue;
        const found_record<evaluation_record> found = folder_.find_evaluation(known_[i].evaluation);
        if (!found.record || exchange_.publish(*found.record)) storage::remove_file(evaluation.string());
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
  std::vector<known_step> known_;
  std::vector<std::optional<std::filesystem::path>> outputs_;
  std::set<std::string> attempted_;  // ids that this run has tried to publish
  chain_result* result_ = nullptr;
};

}  // namespace artifacts
}  // namespace larder
