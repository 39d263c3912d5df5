// Random chains over random presence here and in the shared store, against a model of a few lines.
#include <larder/artifact/pass_cache.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "made_passes.hpp"

using larder::pass;
using larder::pass_cache;
using larder::step;
using larder::step_action;
using namespace passes_in_test;

namespace {

struct world {
  std::vector<pass> chain;
  std::set<std::size_t> here, shared, evaluated_here, evaluated_shared;
};

/// What must happen, said forwards: an output is needed by the caller, by its evaluator, or by the pass behind it when that one runs.
std::vector<step_action> expected(const world& w) {
  std::vector<step_action> actions(w.chain.size(), step_action::skip);
  for (std::size_t i = w.chain.size(); i-- > 0;) {
    const bool judged = w.chain[i].evaluator && !w.evaluated_here.contains(i) && !w.evaluated_shared.contains(i);
    const bool needed = i + 1 == w.chain.size() || actions[i + 1] == step_action::run || judged;
    if (!needed) continue;
    actions[i] = w.here.contains(i) ? step_action::reuse : w.shared.contains(i) ? step_action::download : step_action::run;
  }
  return actions;
}

}  // namespace

TEST_CASE("plan and run do what the model says, for any chain and any presence") {
  CHECK(rc::check("chains", [] {
    const auto length = *rc::gen::inRange<std::size_t>(1, 6);
    world w;
    for (std::size_t i = 0; i < length; ++i) {
      w.chain.push_back(step_called("Pass" + std::to_string(i), "{\"n\": " + std::to_string(i) + "}"));
      if (*rc::gen::inRange(0, 3) == 0) w.chain.back().evaluator = "{}";
    }
    const auto some = [&] {
      std::set<std::size_t> chosen;
      for (std::size_t i = 0; i < length; ++i)
        if (*rc::gen::inRange(0, 2) == 0) chosen.insert(i);
      return chosen;
    };
    w.here = some();
    w.shared = some();
    for (const std::size_t i : some())
      if (w.chain[i].evaluator) w.evaluated_here.insert(i);
    for (const std::size_t i : some())
      if (w.chain[i].evaluator) w.evaluated_shared.insert(i);
    const bool looks_ahead = *rc::gen::arbitrary<bool>();

    // Everything is made, then what the world does not have is taken away.
    const support::temporary_folder folder;
    const auto store = std::make_shared<counting_store>();
    counted_passes passes;
    int evaluations = 0;
    const larder::run_options options{.evaluate = [&](const pass& one, const fs::path&, const std::stop_token&) {
      ++evaluations;
      return "\"" + one.name + "\"";
    }};
    larder::pass_settings settings = settings_in(folder / "cache");
    settings.look_ahead = looks_ahead ? 32 : 1;
    pass_cache cache(settings, store);
    cache.run("model", w.chain, std::ref(passes), options);
    const auto keys = larder::keys_of_chain("model", w.chain);
    for (std::size_t i = 0; i < length; ++i) {
      if (!w.here.contains(i)) RC_ASSERT(cache.erase(keys[i].id));
      if (!w.shared.contains(i)) store->erase(larder::artifacts::shared_run_key(keys[i].id));
      if (!w.chain[i].evaluator) continue;
      const std::string id = larder::key_of_evaluation(keys[i], *w.chain[i].evaluator).id;
      if (!w.evaluated_here.contains(i)) fs::remove(folder / "cache/evaluations" / (id + ".json"));
      if (!w.evaluated_shared.contains(i)) store->erase(larder::artifacts::shared_evaluation_key(id));
    }
    for (std::size_t i = 0; i < length; ++i)  // contents that only erased outputs had
      if (!w.here.contains(i))
        for (const larder::content_digest& digest :
             {larder::digest_of(
                  std::string_view(model_of({w.chain.begin(), w.chain.begin() + static_cast<std::ptrdiff_t>(i) + 1})),
                  larder::digest_algorithm::sha256),
              larder::digest_of(std::string_view(w.chain[i].config), larder::digest_algorithm::sha256)})
          fs::remove(folder / "cache/blobs" / digest.hex());
    passes.forget();
    evaluations = 0;
    store->forget_counts();
    const auto before = cache.stats();

    const std::vector<step> plan = cache.plan("model", w.chain);
    const std::vector<step_action> wanted = expected(w);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < length; ++i) {
      RC_ASSERT(plan[i].action == wanted[i]);
      bytes += plan[i].bytes;
    }
    RC_ASSERT(store->asked_for("/blobs/") == 0U);
    const larder::chain_result result = cache.run_chain("model", w.chain, std::ref(passes), options);
    RC_ASSERT(content_of(result.folder / "model.onnx") == model_of(w.chain));
    RC_ASSERT(result.actions == wanted);
    RC_ASSERT(passes.all_runs() == std::count(wanted.begin(), wanted.end(), step_action::run));
    RC_ASSERT(cache.stats().downloaded_bytes - before.downloaded_bytes == bytes);
    int judged = 0;
    for (std::size_t i = 0; i < length; ++i) {
      if (!w.chain[i].evaluator) continue;
      RC_ASSERT(result.evaluations[i] == "\"" + w.chain[i].name + "\"");
      if (!w.evaluated_here.contains(i) && !w.evaluated_shared.contains(i)) ++judged;
    }
    RC_ASSERT(evaluations == judged);
    store->forget_counts();
    cache.run("model", w.chain, std::ref(passes), options);
    RC_ASSERT(store->requests() == 0U);
  }));
}
