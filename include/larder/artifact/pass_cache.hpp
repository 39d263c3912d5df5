#pragma once

// What the passes of model workflows made: each output once, on this machine and, when there is a shared store, on all of them.
//
//   larder::pass_cache passes{larder::pass_settings::from_json(text)};
//   std::filesystem::path out = passes.run(input_id, chain, run_one_pass);   // run_one_pass(pass, input_dir, output_dir, stop_token)

#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/left_uploads.hpp>
#include <larder/artifact/output_assembly.hpp>
#include <larder/artifact/output_making.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_explanation.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_prune.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_run.hpp>
#include <larder/artifact/pass_settings.hpp>
#include <larder/artifact/pass_stats.hpp>
#include <larder/artifact/pass_survey.hpp>
#include <larder/artifact/prune_limits.hpp>
#include <larder/artifact/shared_prune.hpp>
#include <larder/artifact/shared_store.hpp>
#include <larder/cache.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/http_blob.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

namespace artifacts {

/// The container that the settings name, as a store; none when they name none. Sends nothing yet.
/// A template, as the constructor that calls it, so that only who lets the settings name it compiles a cache over HTTP.
template <class Container = cache<std::string, bytes, unbounded, http_blob<azure>>>
std::shared_ptr<shared_store> store_of(const pass_settings& settings) {
  if (!settings.shared) return nullptr;
  return make_shared_store(std::make_unique<Container>(unbounded{}, http_blob<azure>{*settings.shared}));
}

}  // namespace artifacts

/// A cache of what passes make. All members may be called from any number of threads, and from any number of processes with the same folder:
/// an output is made by one of them, the others wait for it.
///
/// Errors: the constructor and wrong use throw `larder::error`; what a pass or an evaluator throws reaches the caller. A shared store that fails is
/// counted in `stats().errors`, and work goes on here.
class pass_cache {
 public:
  /// With the shared store that the settings name, if they name one.
  template <std::same_as<pass_settings> Settings = pass_settings>
  explicit pass_cache(Settings settings = {}) : pass_cache(settings, artifacts::store_of(settings), 0) {}
  /// With a store of one's own instead of the one that the settings name: a cache from `std::string` to `bytes` or tiers of such (an lvalue is
  /// borrowed, a `unique_ptr` or `shared_ptr` held), or a `shared_ptr` to a `shared_store`.
  template <class Store>
  pass_cache(pass_settings settings, Store&& store)
      : pass_cache(std::move(settings), make_shared_store(std::forward<Store>(store)), 0) {}
  pass_cache(const pass_cache&) = delete;
  pass_cache& operator=(const pass_cache&) = delete;

  const pass_settings& settings() const noexcept { return settings_; }

  // ------------------------------------------------------------------------------------------------- chains

  /// What `run` would do. Looks at records only: no byte of a model moves.
  std::vector<step> plan(const pass_input& input, const std::vector<pass>& chain, const std::stop_token& stop = {}) {
    const std::vector<pass_key> keys = keys_of(input, chain);
    const std::vector<artifacts::known_step> known =
        artifacts::pass_survey(folder_, exchange_, report_).look(chain, keys, now(), {stop, {}});
    const artifacts::chain_plan decided = artifacts::plan_of(known);
    std::vector<step> steps;
    for (std::size_t i = 0; i < chain.size(); ++i) {
      step one{i, chain[i].name, keys[i].id, decided.actions[i]};
      if (known[i].record && !known[i].record->failure) {
        one.size = known[i].record->bytes;
        one.seconds = known[i].record->seconds;
      }
      if (one.action == step_action::download) {
        std::set<content_digest> counted;
        for (const pass_file& file : known[i].missing)
          if (counted.insert(file.digest).second) one.bytes += file.size;
      }
      if (known[i].is_evaluated()) one.evaluation = known[i].result ? step_evaluation::reuse : step_evaluation::run;
      if (decided.failing && *decided.failing == i) one.failure = known[i].record->failure;
      if (decided.failing && one.evaluation == step_evaluation::run) one.evaluation = step_evaluation::none;
      steps.push_back(std::move(one));
    }
    return steps;
  }

  /// The folder of what the chain makes of the input, from what is cached as far as possible: outputs that nobody needs do not move, passes whose
  /// output is there do not run. Its files are read only and may be shared with other outputs. `run_one_pass(pass, input_dir, output_dir,
  /// stop_token)` (the last may be left out) fills an empty folder; what it throws reaches the caller, and is remembered when it is a
  /// `pass_failure`. Throws `pass_failure` without running anything when a pass is known to fail.
  template <class RunPass>
  std::filesystem::path run(const pass_input& input, const std::vector<pass>& chain, RunPass&& run_one_pass,
                            const run_options& options = {}) {
    return run_chain(input, chain, std::forward<RunPass>(run_one_pass), options).folder;
  }
  /// The same, and all that is known of it: what became of each pass, what the evaluators said.
  template <class RunPass>
  chain_result run_chain(const pass_input& input, const std::vector<pass>& chain, RunPass&& run_one_pass,
                         const run_options& options = {}) {
    using path = std::filesystem::path;
    constexpr bool with_stop = std::invocable<RunPass&, const pass&, const path&, const path&, const std::stop_token&>;
    static_assert(with_stop || std::invocable<RunPass&, const pass&, const path&, const path&>,
                  "larder: run_one_pass is called with (const pass&, const std::filesystem::path& input, const "
                  "std::filesystem::path& output, std::stop_token)");
    const pass_function run_pass = [&run_one_pass](const pass& step, const path& from, const path& to,
                                                   const std::stop_token& stop) {
      if constexpr (with_stop)
        static_cast<void>(run_one_pass(step, from, to, stop));
      else
        static_cast<void>(run_one_pass(step, from, to));
    };
    return artifacts::chain_run(settings_, folder_, exchange_, report_, ids_, left_, input, chain, keys_of(input, chain),
                                run_pass, options)
        .run();
  }

  /// Waits until what chains have left to be uploaded has ended, at most so long; whether it has. The destructor does so too, for
  /// `pass_settings::flush_deadline`, and ends what is left then: a later run of the chain uploads it.
  bool flush(duration deadline = std::chrono::seconds(5)) { return left_.flush(deadline); }

  /// What the evaluator of a pass said, when it has and its record is here: JSON.
  std::optional<std::string> evaluation(const pass_input& input, const std::vector<pass>& chain, std::size_t index) {
    const std::vector<pass_key> keys = keys_of(input, chain);
    if (!of_chain(chain, index).evaluator) return std::nullopt;
    const pass_key key = key_of_evaluation(keys[index], *chain[index].evaluator);
    try {
      artifacts::found_record<evaluation_record> found = folder_.find_evaluation(key);
      if (found.record) return std::move(found.record->result);
    } catch (...) {
      report_.absorb_current();
    }
    return std::nullopt;
  }

  /// Why a pass will run, in a sentence: which fields of its key differ from the nearest entry here. Or that it will not, and where its output is.
  std::string explain(const pass_input& input, const std::vector<pass>& chain, std::size_t index) {
    of_chain(chain, index);
    const std::vector<pass> begin(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(index) + 1);
    const std::vector<pass_key> keys = keys_of(input, begin);
    const std::vector<artifacts::known_step> known =
        artifacts::pass_survey(folder_, exchange_, report_).look(begin, keys, now(), {});
    const artifacts::known_step& last = known.back();
    const std::string who =
        "pass " + std::to_string(index) + " (" + chain[index].name + ", " + artifacts::short_id(keys[index].id) + ")";
    if (last.is_available())
      return who +
             (last.where == artifacts::known_step::place::here && last.missing.empty() ? " is cached here"
                                                                                       : " is in the shared store") +
             ", made by \"" + last.record->workflow + "\"";
    if (last.is_failure()) return who + " is known to fail: " + last.record->failure->message;
    return artifacts::pass_explanation(folder_, begin, keys).why_missed(index);
  }

  // ---------------------------------------------------------------------------------------------- upkeep

  /// Keeps what a chain made: neither `prune` nor `clean_cache` removes the outputs of it that are here now. How many they are.
  std::size_t pin(const pass_input& input, const std::vector<pass>& chain) {
    std::size_t pinned = 0;
    for (const pass_key& key : keys_of(input, chain))
      if (artifacts::pass_folder::is_there(folder_.run_path(key.id))) {
        artifacts::pass_folder::touch(folder_.pin_path(key.id));
        ++pinned;
      }
    return pinned;
  }
  /// How many were pinned.
  std::size_t unpin(const pass_input& input, const std::vector<pass>& chain) {
    std::size_t unpinned = 0;
    for (const pass_key& key : keys_of(input, chain)) unpinned += storage::remove_file(folder_.pin_path(key.id).string()) ? 1 : 0;
    return unpinned;
  }

  /// The outputs that are here, and the passes that are known to fail; least recently used first.
  std::vector<pass_entry> list() const { return upkeep().list(); }
  /// Drops an entry by its id, or the first digits of one that has no other; false when there is none, or it is being made. What it holds that no
  /// other entry has goes with the next `prune`.
  bool erase(std::string_view id) {
    const std::optional<std::string> whole = id_of(id);
    return whole && upkeep().remove_run(*whole);
  }
  /// What the limits name leaves this machine.
  prune_report prune(const prune_limits& limits = {}) { return upkeep().prune(limits, now()); }
  /// The same in the shared store, for everybody, safe beside others who publish; costs up to three listings and a request for each entry. Throws
  /// `larder::error` when there is none that may be written.
  prune_report prune_shared(const prune_limits& limits, const sweep_control& control = {}) {
    return artifacts::shared_prune(exchange_, limits, control).run();
  }
  /// This workflow's outputs and evaluations go from here, unless another workflow made or used them too, or they are pinned. How many outputs went.
  std::size_t clean_cache() {
    upkeep().clean(artifacts::pass_entry_kind::evaluation);
    const std::size_t removed = upkeep().clean(artifacts::pass_entry_kind::run);
    upkeep().prune({}, now());
    return removed;
  }
  /// This workflow's evaluations go from here, whoever else used them: its evaluators run again. How many.
  std::size_t clean_evaluation_cache() { return upkeep().clean(artifacts::pass_entry_kind::evaluation, true); }

  /// Brings an output from the shared store by its whole id, and says where it is; nothing when it cannot be had.
  std::optional<std::filesystem::path> pull(const std::string& id, const transfer_control& control = {}) {
    if (!artifacts::is_pass_id(id))
      core::fail(error_cause::invalid_argument,
                 "an id of a pass has 64 hexadecimal digits, and this one has " + std::to_string(id.size()) + "; give it whole");
    if (!exchange_.reads()) return std::nullopt;
    const std::optional<pass_record> record = exchange_.find_run_of_id(id, control);
    if (!record || record->failure) return std::nullopt;
    artifacts::known_step step;
    const pass_key key{record->id, record->key, record->is_private};
    const artifacts::making alone(folder_, ids_, report_, id, control.stop, [] {});
    bool moved = false;
    if (artifacts::pass_survey(folder_, exchange_, report_).look_here(step, key, now())) {
      std::size_t damaged = 0;
      if (step.missing.empty() && folder_.has_outputs(*step.record, damaged)) return folder_.output_of(id);
    } else {
      step = {};
      step.where = artifacts::known_step::place::shared;
      step.record = record;
    }
    if (!artifacts::output_assembly(folder_, exchange_, report_).assemble(step, moved, control)) return std::nullopt;
    folder_.note_use(artifacts::pass_entry_kind::run, id, now());
    return folder_.output_of(id);
  }
  /// Puts an output that is here into the shared store, by its id or the first digits of it; whether all of it is there now.
  bool push(std::string_view id, const transfer_control& control = {}) {
    const std::optional<std::string> whole = id_of(id);
    if (!whole) return false;
    for (const pass_entry& entry : list())
      if (entry.record.id == *whole) return push(entry, control);
    return false;
  }
  /// Puts everything there that this machine made and could not put there yet. How many entries are there now.
  std::size_t push_pending(const transfer_control& control = {}) {
    std::size_t pushed = 0;
    for (const pass_entry& entry : list())
      if (entry.is_pending && push(entry, control)) ++pushed;
    return pushed;
  }

  // --------------------------------------------------------------------------------------------- observe

  pass_stats stats() const {
    pass_stats out;
    report_.counts.add_to(out);
    const error_counts shared = exchange_.errors();
    for (std::size_t i = 0; i < error_cause_count; ++i) out.errors.by_cause[i] += shared.by_cause[i];
    return out;
  }
  /// What was accepted but hardly meant, and what somebody should know of.
  std::vector<std::string> warnings() const { return report_.warnings(); }

 private:
  pass_cache(pass_settings settings, std::shared_ptr<shared_store> store, int)
      : settings_(checked(std::move(settings))),
        report_(settings_.on_warning, settings_.warnings),
        folder_(settings_.cache_dir, settings_.workflow_id),
        exchange_(settings_, folder_, report_, std::move(store)),
        left_(settings_.flush_deadline) {
    if (settings_.clean_cache)
      clean_cache();
    else if (settings_.clean_evaluation_cache)
      clean_evaluation_cache();
  }

  static pass_settings checked(pass_settings settings) {
    constexpr std::size_t longest = 512;
    if (settings.workflow_id.empty() || settings.workflow_id.size() > longest || !simdjson::validate_utf8(settings.workflow_id))
      core::fail(error_cause::invalid_argument, "a workflow's id is UTF-8 of 1 to " + std::to_string(longest) +
                                                    " bytes; this one has " + std::to_string(settings.workflow_id.size()));
    if (settings.cache_dir.empty())
      core::fail(error_cause::invalid_argument,
                 "the pass cache has no folder; give pass_settings::cache_dir, or leave it at its default");
    if (settings.transient_ttl.count() <= 0)
      core::fail(error_cause::invalid_argument,
                 "pass_settings::transient_ttl is not above zero; give how long a transient failure counts");
    if (settings.look_ahead == 0 || settings.look_ahead > 256)
      core::fail(error_cause::invalid_argument,
                 "pass_settings::look_ahead is " + std::to_string(settings.look_ahead) + "; give 1 to 256 requests");
    return settings;
  }

  instant now() const { return settings_.now ? settings_.now() : wall_time::now(); }
  artifacts::pass_upkeep upkeep() const { return {folder_, report_}; }

  static const pass& of_chain(const std::vector<pass>& chain, std::size_t index) {
    if (index >= chain.size())
      core::fail(error_cause::invalid_argument, "there is no pass " + std::to_string(index) + " in a chain of " +
                                                    std::to_string(chain.size()) + "; they are counted from 0");
    return chain[index];
  }
  std::vector<pass_key> keys_of(const pass_input& input, const std::vector<pass>& chain) {
    std::vector<pass_key> keys = keys_of_chain(input, chain);
    if (exchange_.store() == nullptr) return keys;
    const auto warn = [&](const std::string& mark, const std::string& what) {
      report_.warn_once("opaque " + mark, what +
                                              " has an attribute that cannot be written down: what is made with it is cached "
                                              "here alone, in this process, and not shared");
    };
    if (input.opaque()) warn(input.opaque()->mark(), "the input " + artifacts::short_id(input.id()));
    for (const pass& one : chain)
      if (one.opaque) warn(one.opaque->mark(), "the pass " + one.name);
    return keys;
  }
  std::optional<std::string> id_of(std::string_view begin) const {
    if (begin.size() < 4) core::fail(error_cause::invalid_argument, "give at least 4 digits of an id");
    if (artifacts::is_pass_id(begin)) return std::string(begin);
    std::optional<std::string> found;
    artifacts::for_each_entry(folder_.root() / "runs", [&](const std::filesystem::path& path) {
      const std::string id = path.stem().string();
      if (!id.starts_with(begin) || !artifacts::is_pass_id(id)) return;
      if (found)
        core::fail(error_cause::invalid_argument, "several ids begin with \"" + std::string(begin) + "\"; give more digits");
      found = id;
    });
    return found;
  }
  bool push(const pass_entry& entry, const transfer_control& control) {
    if (entry.record.failure || !exchange_.publish(entry.record, control)) return false;
    storage::remove_file(
        folder_.pending_path(artifacts::pass_folder::marker_of(artifacts::pass_entry_kind::run, entry.record.id)).string());
    return true;
  }

  const pass_settings settings_;
  mutable artifacts::pass_report report_;
  artifacts::pass_folder folder_;
  mutable artifacts::pass_exchange exchange_;
  artifacts::ids_in_making ids_;
  artifacts::left_uploads left_;  // last: they use the rest
};

}  // namespace larder
