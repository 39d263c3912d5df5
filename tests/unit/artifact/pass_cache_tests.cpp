#include <larder/artifact/pass_cache.hpp>

#include <larder/artifact/output_assembly.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_run.hpp>
#include <larder/artifact/pass_survey.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/refusal.hpp"

using larder::error_cause;
using larder::pass;
using larder::pass_cache;
using larder::pass_mode;
using larder::step;
using larder::step_action;
using namespace passes_in_test;
using support::cause_of;
using support::refusal_of;
using support::says;

namespace {

std::vector<step_action> actions_of(const std::vector<step>& steps) {
  std::vector<step_action> actions;
  for (const step& one : steps) actions.push_back(one.action);
  return actions;
}
using actions = std::vector<step_action>;
constexpr step_action ran = step_action::run, reused = step_action::reuse, fetched = step_action::download,
                      skipped = step_action::skip;

/// An evaluator that counts.
struct counted_evaluator {
  int runs = 0;
  std::string operator()(const pass&, const fs::path& model, const std::stop_token&) {
    ++runs;
    return "{\"size\": " + std::to_string(content_of(model / "model.onnx").size()) + "}";
  }
};

std::vector<std::string> blob_keys(const std::vector<pass>& chain, std::size_t index) {
  std::string content, last;
  for (std::size_t i = 0; i <= index; ++i) content += '>' + chain[i].name + chain[i].config;
  std::vector<std::string> keys;
  for (const std::string& text : {content, chain[index].config})
    keys.push_back(
        larder::artifacts::shared_blob_key(larder::digest_of(std::string_view(text), larder::digest_algorithm::sha256)));
  return keys;
}

}  // namespace

TEST_CASE("the page's snippet does what it says") {
  const support::temporary_folder here;
  const std::string text = "{\"cache_dir\": \"" + (here / "cache").string() + "\"}";
  const std::string input_id = "0a1b2c3d";
  std::vector<std::string> reported;
  const auto report = [&](step_action action, std::uint64_t bytes) {
    reported.push_back(std::string(larder::to_string(action)) + ' ' + std::to_string(bytes));
  };
  counted_passes counted;
  const auto run_one_pass = [&](const pass& one, const fs::path& from, const fs::path& to, std::stop_token stop) {
    counted(one, from, to, stop);
  };

  larder::pass_cache passes{larder::pass_settings::from_json(text)};
  std::vector<larder::pass> chain{{.name = "OnnxConversion", .config = R"({"target_opset": 17})"}, {.name = "OrtQuantize"}};
  for (const larder::step& s : passes.plan(input_id, chain)) report(s.action, s.bytes);  // run, reuse, download, skip
  std::filesystem::path out = passes.run(input_id, chain, run_one_pass);  // run_one_pass(pass, input_dir, output_dir, stop_token)
  std::string why = passes.explain(input_id, chain, 1);

  CHECK(reported == std::vector<std::string>{"run 0", "run 0"});
  CHECK(content_of(out / "model.onnx") == model_of(chain));
  CHECK(content_of(out / "meta/config.json") == "{}");
  CHECK(why.find("is cached here") != std::string::npos);
  CHECK(passes.run(input_id, chain, run_one_pass) == out);
  CHECK(counted.all_runs() == 2);
  CHECK(actions_of(passes.plan(input_id, chain)) == actions{skipped, reused});
}

TEST_CASE("P1: a chain that is shared whole moves the files of its last pass alone, and P5: a second run asks for nothing") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);
  const support::temporary_folder here;
  counted_passes passes;
  for (int process = 0; process < 2; ++process) {
    pass_cache cache(settings_in(here / "cache"), store);
    const fs::path out = cache.run("model-1", chain, std::ref(passes));
    CHECK(content_of(out / "model.onnx") == model_of(chain));
    CHECK(passes.all_runs() == 0);
    if (process == 0) {
      CHECK(cache.stats().shared_hits == 1);
      CHECK(cache.stats().downloads == 2);
      CHECK(cache.stats().downloaded_bytes == model_of(chain).size() + chain[2].config.size());
      for (const std::string& key : blob_keys(chain, 2)) CHECK(store->asked_for(key) == 1);
      CHECK(store->asked_for("/blobs/") == 2);
      CHECK(store->writes() == 0);
      store->forget_counts();
      cache.run("model-1", chain, std::ref(passes));
    }
    CHECK(store->requests() == 0);
  }
}

TEST_CASE("P2: an evaluator in the middle brings that model too, runs once, and the first pass stays where it is") {
  std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  chain[1].evaluator = R"({"metric": "size"})";
  counted_passes passes;
  counted_evaluator evaluator;
  const auto before = cache.plan("model-1", chain);
  CHECK(actions_of(before) == actions{skipped, fetched, fetched});
  CHECK(before[1].evaluation == larder::step_evaluation::run);
  const larder::chain_result result = cache.run_chain("model-1", chain, std::ref(passes), {.evaluate = std::ref(evaluator)});
  CHECK(content_of(result.folder / "model.onnx") == model_of(chain));
  CHECK(result.actions == actions{skipped, fetched, fetched});
  REQUIRE(result.evaluations[1]);
  const std::string second_model = model_of({chain[0], chain[1]});
  CHECK(*result.evaluations[1] == "{\"size\": " + std::to_string(second_model.size()) + "}");
  CHECK(evaluator.runs == 1);
  CHECK(passes.all_runs() == 0);
  for (const std::string& key : {blob_keys(chain, 1)[0], blob_keys(chain, 2)[0]}) CHECK(store->asked_for(key) == 1);
  CHECK(store->asked_for(blob_keys(chain, 0)[0]) == 0);

  cache.run("model-1", chain, std::ref(passes), {.evaluate = std::ref(evaluator)});
  CHECK(evaluator.runs == 1);
  CHECK(cache.evaluation("model-1", chain, 1) == result.evaluations[1]);

  SUBCASE("another machine finds the evaluation, and leaves the model where it is") {
    store->forget_counts();
    pass_cache other(settings_in(here / "other"), store);
    other.run("model-1", chain, std::ref(passes), {.evaluate = std::ref(evaluator)});
    CHECK(evaluator.runs == 1);
    CHECK(store->asked_for(blob_keys(chain, 1)[0]) == 0);
    CHECK(other.stats().evaluation_hits == 1);
  }
  SUBCASE("P16: another configuration evaluates again, and makes no model again") {
    chain[1].evaluator = R"({"metric": "size", "samples": 10})";
    store->forget_counts();
    cache.run("model-1", chain, std::ref(passes), {.evaluate = std::ref(evaluator)});
    CHECK(evaluator.runs == 2);
    CHECK(passes.all_runs() == 0);
    CHECK(store->asked_for("/blobs/") == 0);
  }
  SUBCASE("without what evaluates it is an error that says so") {
    chain[1].evaluator = R"({"metric": "other"})";
    const auto refusal = refusal_of([&] { cache.run("model-1", chain, std::ref(passes)); });
    CHECK(refusal.cause == error_cause::invalid_argument);
    CHECK(says(refusal, "run_options::evaluate"));
  }
}

TEST_CASE("P3: what is missing at the end is made from the last output that is shared, once, and published") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with({chain[0], chain[1]});
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  counted_passes passes;
  CHECK(actions_of(cache.plan("model-1", chain)) == actions{skipped, fetched, ran});
  const fs::path out = cache.run("model-1", chain, std::ref(passes));
  CHECK(content_of(out / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 1);
  CHECK(passes.runs("OrtQuantize") == 1);
  CHECK(store->asked_for(blob_keys(chain, 1)[0]) == 1);
  CHECK(store->asked_for(blob_keys(chain, 0)[0]) == 0);
  CHECK(store->keys_with("/runs/").size() == 3);
  pass_cache other(settings_in(here / "other"), store);
  CHECK(content_of(other.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 1);
}

TEST_CASE("P4: with updates off nothing is written to the shared store, and the output is here") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with({chain[0], chain[1]});
  const auto before = store->values();
  const support::temporary_folder here;
  counted_passes passes;
  {
    larder::pass_settings settings = settings_in(here / "cache");
    settings.mode = pass_mode::read_only;
    pass_cache cache(settings, store);
    cache.run("model-1", chain, std::ref(passes));
    CHECK(passes.all_runs() == 1);
    CHECK(store->writes() == 0);
    CHECK(store->values() == before);
  }
  pass_cache again(settings_in(here / "cache"));
  CHECK(content_of(again.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 1);
}

TEST_CASE("P8: what depends on a callable is never shared, is found here, and warns once") {
  std::vector<pass> chain = three_passes();
  const auto store = std::make_shared<counting_store>();
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  const auto loader = [] {};
  const larder::opaque_attribute one(loader), other(loader);
  counted_passes passes;
  const larder::pass_input input("model-1", {}, one);
  const fs::path out = cache.run(input, chain, std::ref(passes));
  CHECK(cache.run(input, chain, std::ref(passes)) == out);
  CHECK(cache.plan(input, chain).back().action == reused);
  CHECK(passes.all_runs() == 3);
  CHECK(store->requests() == 0);
  CHECK(cache.warnings().size() == 1);
  CHECK(cache.run(larder::pass_input("model-1", {}, other), chain, std::ref(passes)) != out);
  CHECK(passes.all_runs() == 6);
  CHECK(store->requests() == 0);
  CHECK(cache.warnings().size() == 2);

  passes.forget();
  chain[1].opaque = one;  // what comes before it is shared
  cache.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(store->keys_with("/runs/").size() == 1);
}

TEST_CASE(
    "P10: a write that fails at any object is no failure of the work, shows nothing to others, and the next run can publish") {
  const std::vector<pass> chain{step_called("OnnxConversion", R"({"target_opset": 17})")};
  const std::size_t writes = [&] {
    const auto store = std::make_shared<counting_store>();
    const support::temporary_folder here;
    pass_cache cache(settings_in(here / "cache"), store);
    counted_passes passes;
    cache.run("model-1", chain, std::ref(passes));
    return store->writes();
  }();
  REQUIRE(writes == 3);  // two files and a record
  for (std::size_t k = 0; k < 2 * 2 * writes; ++k) {
    const std::size_t look_ahead = k % 2 == 0 ? 1 : 8;  // with more than one files go side by side, behind the passes
    const bool all_after = k / 2 % 2 == 0;
    const std::size_t at = k / 4;
    CAPTURE(at);
    CAPTURE(all_after);
    CAPTURE(look_ahead);
    const auto store = std::make_shared<counting_store>();
    const support::temporary_folder here;
    counted_passes passes;
    larder::pass_settings settings = settings_in(here / "cache");
    settings.look_ahead = look_ahead;
    pass_cache cache(settings, store);
    store->fail_writes_from(at);
    if (!all_after) {
      store->fail_writes_from(std::nullopt);
      store->fail_write(at);
    }
    const fs::path out = cache.run("model-1", chain, std::ref(passes));
    CHECK(content_of(out / "model.onnx") == model_of(chain));
    const bool is_visible = !store->keys_with("/runs/").empty();
    if (all_after || at + 1 < writes) {
      CHECK_FALSE(is_visible);
      CHECK(cache.stats().unpublished == 1);
      CHECK(cache.stats().errors[error_cause::server] >= 1);
    }
    store->fail_writes_from(std::nullopt);
    cache.run("model-1", chain, std::ref(passes));
    CHECK(passes.all_runs() == 1);
    pass_cache other(settings_in(here / "other"), store);
    CHECK(content_of(other.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
    CHECK(passes.all_runs() == 1);
    CHECK(store->erased() == 0);
    store->forget_counts();
    cache.run("model-1", chain, std::ref(passes));
    CHECK(store->requests() == 0);
  }
}

TEST_CASE("P11: a shared object that was cut or changed is not used, is counted, and what it had is made again and published") {
  const std::vector<pass> chain = three_passes();
  for (const std::string& part : std::vector<std::string>{"model", "config", "record"})
    for (const int damage : {0, 1, 2, 3}) {
      CAPTURE(part);
      CAPTURE(damage);
      const auto store = store_with(chain);
      const std::string key = part == "record" ? larder::artifacts::shared_run_key(larder::keys_of_chain("model-1", chain)[2].id)
                                               : blob_keys(chain, 2)[part == "model" ? 0 : 1];
      std::string value = store->values().at(key);
      if (damage == 0) value.pop_back();
      if (damage == 1) value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 4);
      if (damage == 2) value += 'x';
      if (damage == 3) value.clear();
      store->set(key, value);
      const support::temporary_folder here;
      pass_cache cache(settings_in(here / "cache"), store);
      counted_passes passes;
      CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
      CHECK(passes.all_runs() == 1);
      CHECK(cache.stats().damaged + cache.stats().poisoned > 0);
      pass_cache other(settings_in(here / "other"), store);
      CHECK(content_of(other.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
      CHECK(passes.all_runs() == 1);
      CHECK(other.stats().damaged + other.stats().poisoned == 0);
    }
}

TEST_CASE("P12: a record with names that lead out is refused: nothing is written outside") {
  const std::vector<pass> chain{step_called("A")};
  const larder::pass_key key = larder::keys_of_chain("model-1", chain)[0];
  const std::string content = "planted";
  const larder::content_digest digest = larder::digest_of(std::string_view(content), larder::digest_algorithm::sha256);
  const support::temporary_folder here;
  for (const std::string& name :
       std::vector<std::string>{"../x", "/" + (here / "abs").string(), "a/../../b", "C:\\x", "../../cache/runs/x"}) {
    CAPTURE(name);
    const auto store = std::make_shared<counting_store>();
    larder::pass_record record;
    record.id = key.id;
    record.key = key.text;
    record.files = {{name, content.size(), digest}};
    record.bytes = content.size();
    record.workflow = "w";
    store->set(larder::artifacts::shared_run_key(key.id), larder::artifacts::seal_text(record.text(nullptr), {}));
    store->set(larder::artifacts::shared_blob_key(digest), content);
    pass_cache cache(settings_in(here / "cache"), store);
    counted_passes passes;
    CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
    CHECK(passes.all_runs() == 1);
    CHECK(cache.stats().poisoned == 1);
    CHECK(store->asked_for("/blobs/") == 0);
    for (const auto& entry : fs::recursive_directory_iterator(here.path()))
      if (entry.is_regular_file()) CHECK(content_of(entry.path()) != content);
    cache.erase(key.id);
  }
}

TEST_CASE("P13: a pass that failed is not run again, nor what builds on it, shared store or not") {
  const std::vector<pass> chain = three_passes();
  for (const bool is_shared : {false, true}) {
    CAPTURE(is_shared);
    const support::temporary_folder here;
    const auto store = std::make_shared<counting_store>();
    larder::manual_clock clock(std::chrono::hours(24 * 365 * 55));
    const auto settings_at = [&](const char* name) {
      larder::pass_settings settings = settings_in(here / name);
      settings.now = [&] { return clock.now(); };
      return settings;
    };
    const auto made = [&](const char* name) {
      return is_shared ? std::make_unique<pass_cache>(settings_at(name), store) : std::make_unique<pass_cache>(settings_at(name));
    };
    counted_passes passes;
    std::optional<larder::pass_failure> failure(std::in_place, larder::failure_kind::permanent, "unsupported operator");
    const auto run_one = [&](const pass& one, const fs::path& from, const fs::path& to, const std::stop_token& stop) {
      passes(one, from, to, stop);
      if (one.name == "OrtTransformersOptimization" && failure) throw *failure;
    };
    const auto cache = made("cache");
    CHECK_THROWS_AS(cache->run("model-1", chain, run_one), larder::pass_failure);
    CHECK(passes.all_runs() == 2);
    for (int again = 0; again < 2; ++again) {
      const auto refusal = refusal_of([&] { cache->run("model-1", chain, run_one); });
      CHECK(refusal.cause == error_cause::load);
      CHECK(says(refusal, "unsupported operator"));
      CHECK(says(refusal, "pass 1 (OrtTransformersOptimization)"));
    }
    CHECK(passes.all_runs() == 2);
    CHECK(cache->stats().known_failures == 2);
    const auto steps = cache->plan("model-1", chain);
    CHECK(actions_of(steps) == actions{skipped, skipped, skipped});
    REQUIRE(steps[1].failure);
    CHECK(steps[1].failure->kind == larder::failure_kind::permanent);
    CHECK(cache->explain("model-1", chain, 1).find("known to fail: unsupported operator") != std::string::npos);

    if (is_shared) {  // a permanent one is known to others as well
      const auto other = made("other");
      CHECK_THROWS_AS(other->run("model-1", chain, run_one), larder::pass_failure);
      CHECK(passes.all_runs() == 2);
    }

    passes.forget();
    failure.emplace(larder::failure_kind::transient, "out of memory", std::chrono::minutes(5));
    std::vector<pass> second = chain;
    second[1].config = R"({"x": 1})";
    const std::size_t shared_before = store->keys_with("/runs/").size();
    CHECK_THROWS_AS(cache->run("model-1", second, run_one), larder::pass_failure);
    CHECK(store->keys_with("/runs/").size() == shared_before);  // nobody else's business
    CHECK(passes.all_runs() == 1);
    clock.advance(std::chrono::minutes(5) - std::chrono::milliseconds(1));
    CHECK_THROWS_AS(cache->run("model-1", second, run_one), larder::pass_failure);
    CHECK(passes.all_runs() == 1);
    clock.advance(std::chrono::milliseconds(2));
    failure.reset();
    CHECK(content_of(cache->run("model-1", second, run_one) / "model.onnx") == model_of(second));
    CHECK(passes.all_runs() == 3);
  }
}

TEST_CASE("P13: what else a pass throws is not remembered") {
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"));
  const std::vector<pass> chain{step_called("A")};
  int runs = 0;
  const auto fails = [&](const pass&, const fs::path&, const fs::path&) {
    ++runs;
    throw std::runtime_error("a bug");
  };
  CHECK_THROWS_AS(cache.run("model-1", chain, fails), std::runtime_error);
  CHECK_THROWS_AS(cache.run("model-1", chain, fails), std::runtime_error);
  CHECK(runs == 2);
  CHECK(fs::is_empty(here / "cache/work"));
  CHECK(cache.stats().failed_runs == 2);
}

TEST_CASE("P17: a local record that somebody damaged is made good from the shared store, else the pass runs; nothing throws") {
  const std::vector<pass> chain = three_passes();
  const std::string id = larder::keys_of_chain("model-1", chain)[2].id;
  for (const bool is_shared : {true, false})
    for (const int damage : {0, 1, 2, 3, 4, 5, 6}) {
      CAPTURE(is_shared);
      CAPTURE(damage);
      const support::temporary_folder here;
      const auto store = std::make_shared<counting_store>();
      const auto made = [&] {
        return is_shared ? std::make_unique<pass_cache>(settings_in(here / "cache"), store)
                         : std::make_unique<pass_cache>(settings_in(here / "cache"));
      };
      counted_passes passes;
      made()->run("model-1", chain, std::ref(passes));
      passes.forget();
      const fs::path record = here / "cache/runs" / (id + ".json");
      const fs::path output = here / "cache/outputs" / id;
      const std::string text = content_of(record);
      if (damage == 0) write(record, text.substr(0, text.size() / 2));
      if (damage == 1) write(record, "");
      if (damage == 2) {
        std::string changed = text;
        changed[text.size() / 2] = static_cast<char>(changed[text.size() / 2] ^ 1);
        write(record, changed);
      }
      if (damage == 3) {
        fs::remove(record);
        fs::create_symlink("/etc/passwd", record);
      }
      if (damage == 4) {  // the model itself, and with it the blob: they are one file
        fs::permissions(output / "model.onnx", fs::perms::owner_all);
        std::string changed = content_of(output / "model.onnx");
        changed[0] = 'X';
        std::ofstream(output / "model.onnx", std::ios::binary) << changed;
      }
      if (damage == 5) write(output / "model.onnx", "other");
      if (damage == 6) {
        fs::remove_all(output);
        fs::remove_all(here / "cache/blobs");
      }
      const auto cache = made();
      const fs::path out = cache->run("model-1", chain, std::ref(passes));
      CHECK(content_of(out / "model.onnx") == model_of(chain));
      const bool is_in_blobs = damage == 5;
      CHECK(passes.all_runs() == (is_shared || is_in_blobs ? 0 : 1));
      if (damage != 6 && damage != 1) CHECK(cache->stats().damaged > 0);
      passes.forget();
      cache->run("model-1", chain, std::ref(passes));
      CHECK(passes.all_runs() == 0);
      CHECK(content_of("/etc/passwd").find("larder pass") == std::string::npos);
    }
}

TEST_CASE("P18: cleaning evaluations keeps the runs, cleaning the cache keeps what other workflows have") {
  std::vector<pass> chain = three_passes();
  chain[2].evaluator = "{}";
  std::vector<pass> other_chain{step_called("Other")};
  const support::temporary_folder here;
  counted_passes passes;
  counted_evaluator evaluator;
  const larder::run_options options{.evaluate = std::ref(evaluator)};
  const auto settings_of = [&](const std::string& workflow) {
    larder::pass_settings settings = settings_in(here / "cache");
    settings.workflow_id = workflow;
    return settings;
  };
  {
    pass_cache mine(settings_of("mine"));
    mine.run("model-1", chain, std::ref(passes), options);
    pass_cache yours(settings_of("yours"));
    yours.run("model-1", other_chain, std::ref(passes));
    yours.run("model-1", {chain[0]}, std::ref(passes));  // made by mine, used by yours
  }
  CHECK(passes.all_runs() == 4);
  CHECK(evaluator.runs == 1);
  larder::pass_settings settings = settings_of("mine");
  SUBCASE("evaluations") {
    settings.clean_evaluation_cache = true;
    pass_cache mine(settings);
    mine.run("model-1", chain, std::ref(passes), options);
    CHECK(evaluator.runs == 2);
    CHECK(passes.all_runs() == 4);
  }
  SUBCASE("everything") {
    settings.clean_cache = true;
    pass_cache mine(settings);
    CHECK(mine.list().size() == 2);
    passes.forget();
    pass_cache yours(settings_of("yours"));
    yours.run("model-1", other_chain, std::ref(passes));
    yours.run("model-1", {chain[0]}, std::ref(passes));
    CHECK(passes.all_runs() == 0);
    mine.run("model-1", chain, std::ref(passes), options);
    CHECK(passes.all_runs() == 2);
    CHECK(evaluator.runs == 2);
  }
  SUBCASE("pinned entries stay") {
    {
      pass_cache mine(settings_of("mine"));
      CHECK(mine.pin("model-1", chain) == 3);
      CHECK(mine.clean_cache() == 0);
      CHECK(mine.unpin("model-1", chain) == 3);
      CHECK(mine.clean_cache() == 2);
    }
  }
}

TEST_CASE("P19: the older spelling works on a store as the new one does") {
  const std::vector<pass> chain = three_passes();
  const support::temporary_folder here;
  const auto settings_of = [&](const std::string& spelling, const char* name) {
    return larder::pass_settings::from_json("{\"cache_dir\": \"" + (here / name).string() + "\", " + spelling + "}");
  };
  const std::string older =
      R"("cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net", "container_name": "models")";
  const auto store = store_with({chain[0], chain[1]});
  counted_passes passes;
  pass_cache quiet(settings_of(older + R"(, "upload_to_cloud": false})", "quiet"), store);
  quiet.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 1);
  CHECK(store->writes() == 0);
  pass_cache loud(settings_of(older + "}", "loud"), store);
  loud.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 2);
  CHECK(store->keys_with("/runs/").size() == 3);
  CHECK(store->asked_for(blob_keys(chain, 0)[0]) == 0);
}

TEST_CASE("P20: the plan says what would move before anything does, and is what happens") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  counted_passes passes;
  auto steps = cache.plan("model-1", chain);
  CHECK(actions_of(steps) == actions{skipped, skipped, fetched});
  CHECK(steps[0].bytes == 0);
  CHECK(steps[2].bytes == model_of(chain).size() + chain[2].config.size());
  CHECK(steps[2].size == steps[2].bytes);
  CHECK(steps[0].size == model_of({chain[0]}).size() + chain[0].config.size());
  CHECK(store->asked_for("/blobs/") == 0);
  CHECK(store->writes() == 0);
  CHECK(fs::is_empty(here / "cache/outputs"));
  cache.run("model-1", chain, std::ref(passes));
  CHECK(cache.stats().downloaded_bytes == steps[2].bytes);

  std::vector<pass> longer = chain;
  longer.push_back(step_called("Pack", chain[2].config));
  steps = cache.plan("model-1", longer);
  CHECK(actions_of(steps) == actions{skipped, skipped, reused, ran});
  CHECK(steps[3].bytes == 0);

  // A file that is here under another output does not move again.
  const auto other_store = store_with(longer);
  pass_cache another(settings_in(here / "cache"), other_store);
  steps = another.plan("model-1", longer);
  CHECK(actions_of(steps) == actions{skipped, skipped, skipped, fetched});
  CHECK(steps[3].bytes == model_of(longer).size());
  CHECK(steps[3].size == steps[3].bytes + chain[2].config.size());
  another.run("model-1", longer, std::ref(passes));
  CHECK(another.stats().downloads == 1);
  CHECK(passes.all_runs() == 0);
}

TEST_CASE("P21: a miss is explained by the field that differs from the nearest entry") {
  std::vector<pass> chain = three_passes();
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"));
  counted_passes passes;
  CHECK(cache.explain("model-1", chain, 0).find("nothing is cached yet") != std::string::npos);
  cache.run("model-1", chain, std::ref(passes));
  CHECK(cache.explain("model-1", chain, 2).find("is cached here") != std::string::npos);
  chain[2].config = R"({"bits": 4})";
  const std::string why = cache.explain("model-1", chain, 2);
  CHECK(why.find("pass_config.bits: 4 here, 8 there") != std::string::npos);
  CHECK(why.find("pass 2 (OrtQuantize") != std::string::npos);
  chain = three_passes();
  chain[2].accelerator = "gpu-cuda";
  CHECK(cache.explain("model-1", chain, 2).find(R"(accelerator_spec: "gpu-cuda" here, null there)") != std::string::npos);
  chain = three_passes();
  chain[0].config = R"({"target_opset": 18, "extra": true})";
  const std::string upstream = cache.explain("model-1", chain, 1);
  CHECK(upstream.find("input_model_id: ") != std::string::npos);
  CHECK(upstream.find("pass 0, OnnxConversion: pass_config.extra is true here, absent there, pass_config.target_opset is 18 "
                      "here, 17 there") != std::string::npos);
  chain = three_passes();
  CHECK(cache.explain("model-2", chain, 0).find(R"(input_model_id: "model-2" here, "model-1" there)") != std::string::npos);
  CHECK(cause_of([&] { cache.explain("model-1", chain, 3); }) == error_cause::invalid_argument);
}

TEST_CASE("P22: read-only never writes, write-only never looks, read-write does both") {
  const std::vector<pass> chain = three_passes();
  const support::temporary_folder here;
  const auto store = store_with(chain);
  const auto cache_of = [&](pass_mode mode, const char* name) {
    larder::pass_settings settings = settings_in(here / name);
    settings.mode = mode;
    return std::make_unique<pass_cache>(settings, store);
  };
  counted_passes passes;
  cache_of(pass_mode::write_only, "w")->run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(store->asked().empty());
  CHECK(store->writes() > 0);
  CHECK(store->requests() == store->writes());
  passes.forget();
  store->forget_counts();
  cache_of(pass_mode::read_only, "r")->run("model-2", chain, std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(store->writes() == 0);
  CHECK_FALSE(store->asked().empty());
  passes.forget();
  cache_of(pass_mode::read_write, "rw")->run("model-2", chain, std::ref(passes));
  CHECK(store->writes() > 0);
  passes.forget();
  cache_of(pass_mode::read_only, "r2")->run("model-2", chain, std::ref(passes));
  CHECK(passes.all_runs() == 0);
}

TEST_CASE("a chain of 20 is decided by one request for each record at most, and walked backward without look-ahead") {
  std::vector<pass> chain;
  for (int i = 0; i < 20; ++i) chain.push_back(step_called("Pass" + std::to_string(i)));
  const auto store = store_with(chain);
  const support::temporary_folder here;
  for (const std::size_t ahead : {std::size_t{32}, std::size_t{1}}) {
    larder::pass_settings settings = settings_in(here / std::to_string(ahead));
    settings.look_ahead = ahead;
    pass_cache cache(settings, store);
    store->forget_counts();
    cache.plan("model-1", chain);
    CHECK(store->requests() == (ahead == 1 ? 1 : 20));
    store->forget_counts();
    cache.plan("model-2", chain);
    CHECK(store->requests() == 20);
  }
}

TEST_CASE("a shared store that is down costs nothing but its counted errors") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  store->take_down(true);
  counted_passes passes;
  CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 3);
  CHECK(cache.stats().errors[error_cause::network] > 0);
  store->take_down(false);
  CHECK(cache.push_pending() == 3);
  CHECK(cache.push_pending() == 0);
}

TEST_CASE("with a key, records that others have planted in the shared store are not used") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);  // unsigned
  const support::temporary_folder here;
  const auto settings_of = [&](const char* name) {
    larder::pass_settings settings = settings_in(here / name);
    settings.record_key = "the team's";
    return settings;
  };
  counted_passes passes;
  pass_cache first(settings_of("first"), store);
  first.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(first.stats().poisoned == 3);
  passes.forget();
  pass_cache second(settings_of("second"), store);
  second.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 0);
  for (const auto& entry : fs::recursive_directory_iterator(here.path()))
    if (entry.is_regular_file()) CHECK(content_of(entry.path()).find("the team's") == std::string::npos);
}

TEST_CASE("outputs are read only, stored once, and may be of many files, of none, and of empty ones") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> many{step_called("Many")}, none{step_called("None")};
  const auto run_one = [&](const pass& one, const fs::path&, const fs::path& to) {
    if (one.name != "Many") return;
    for (int i = 0; i < 300; ++i)
      write(to / "folder" / ("file-" + std::to_string(i)), i % 3 == 0 ? "" : "content " + std::to_string(i % 10));
    fs::create_symlink("folder/file-1", to / "link");
  };
  const fs::path out = cache.run("model-1", many, run_one);
  const auto listed = cache.list();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].record.files.size() == 301);
  CHECK(listed[0].record.listing);
  CHECK(content_of(here / "cache/runs" / (listed[0].record.id + ".json")).size() < 1024);
  CHECK((fs::status(out / "folder/file-1").permissions() & fs::perms::owner_write) == fs::perms::none);
  CHECK(fs::hard_link_count(out / "folder/file-1") > 2);
  CHECK(content_of(out / "link") == "content 1");
  CHECK(store->keys_with("/blobs/").size() == 11);  // ten contents, and the list
  CHECK(fs::is_empty(cache.run("model-1", none, run_one)));

  pass_cache other(settings_in(here / "other"), store);
  const auto steps = other.plan("model-1", many);
  CHECK(steps[0].bytes < steps[0].size);
  const fs::path there = other.run("model-1", many, run_one);
  for (const larder::pass_file& file : listed[0].record.files)
    CHECK(content_of(there / file.name) == content_of(out / file.name));
  CHECK(other.stats().runs == 0);
  CHECK(other.stats().downloads == 10);
  CHECK(other.stats().downloaded_bytes == steps[0].bytes);
}

TEST_CASE("what cannot be cached is handed out all the same, and counted") {
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"));
  const std::vector<pass> chain{step_called("A")};
  int runs = 0;
  const auto run_one = [&](const pass&, const fs::path&, const fs::path& to) {
    ++runs;
    write(to / "a:b", "no name for every system");
  };
  CHECK(content_of(cache.run("model-1", chain, run_one) / "a:b") == "no name for every system");
  CHECK(content_of(cache.run("model-1", chain, run_one) / "a:b") == "no name for every system");
  CHECK(runs == 2);
  CHECK(cache.stats().uncacheable == 2);
  CHECK_FALSE(cache.warnings().empty());
}

TEST_CASE("a chain can be stopped; a pass that ended early leaves nothing, what was made before is kept") {
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"));
  const std::vector<pass> chain = three_passes();
  std::stop_source stop;
  counted_passes passes;
  const auto run_one = [&](const pass& one, const fs::path& from, const fs::path& to, const std::stop_token& token) {
    passes(one, from, to, token);
    if (one.name == "OrtTransformersOptimization") stop.request_stop();
  };
  CHECK(cause_of([&] { cache.run("model-1", chain, run_one, {.stop = stop.get_token()}); }) == error_cause::cancelled);
  CHECK(cache.list().size() == 1);
  CHECK(fs::is_empty(here / "cache/work"));
  cache.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 4);
}

TEST_CASE("a pass that asks for its own output is an error, not a deadlock") {
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"));
  const std::vector<pass> chain{step_called("A")};
  std::optional<error_cause> inner;
  cache.run("model-1", chain, [&](const pass&, const fs::path&, const fs::path& to) {
    inner = cause_of([&] { cache.run("model-1", chain, counted_passes()); });
    write(to / "x", "x");
  });
  CHECK(inner == error_cause::reentrant);
}

TEST_CASE("prune by age, by idleness and by size, pinned entries apart; here and in the shared store") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  larder::manual_clock clock(std::chrono::hours(24 * 365 * 55));
  larder::pass_settings settings = settings_in(here / "cache");
  settings.now = [&] { return clock.now(); };
  pass_cache cache(settings, store);
  const auto run_one = [](const pass& one, const fs::path&, const fs::path& to) {
    write(to / "own", std::string(1000, one.name[0]));
    write(to / "same", std::string(500, 's'));
  };
  const auto chain_of = [](const char* name) { return std::vector<pass>{step_called(name)}; };
  for (const char* const name : {"A", "B", "C", "D"}) {
    cache.run("model-1", chain_of(name), run_one);
    clock.advance(std::chrono::hours(1));
  }
  cache.run("model-1", chain_of("A"), run_one);  // used again, an hour after D
  const auto names = [&] {
    std::string left;
    for (const larder::pass_entry& entry : cache.list())
      left += content_of(here / "cache/outputs" / entry.record.id / "own").substr(0, 1);
    return left;
  };
  CHECK(names() == "BCDA");
  SUBCASE("size: the least recently used leave, contents count once") {
    const larder::prune_report would = cache.prune({.max_bytes = 2600, .dry_run = true});
    CHECK(would.removed.size() == 2);
    CHECK(names() == "BCDA");
    const larder::prune_report report = cache.prune({.max_bytes = 2600});
    CHECK(report.removed == would.removed);
    CHECK(report.kept == 2500);
    CHECK(report.freed == 2000);
    CHECK(names() == "DA");
  }
  SUBCASE("idle") {
    CHECK(cache.prune({.max_idle = std::chrono::minutes(150)}).removed.size() == 1);
    CHECK(names() == "CDA");
  }
  SUBCASE("age, and a pin") {
    cache.pin("model-1", chain_of("B"));
    CHECK(cache.prune({.max_age = std::chrono::minutes(150)}).removed.size() == 1);  // A; B is pinned
    CHECK(names() == "BCD");
    CHECK(cache.prune({.max_bytes = 0}).removed.size() == 2);
    CHECK(names() == "B");
  }
  SUBCASE("evaluations leave by age and by idleness, and say no more what they said") {
    std::vector<pass> chain = chain_of("A");
    chain[0].evaluator = R"({"metric": "size"})";
    unsigned evaluated = 0;
    const auto evaluate = [&](const auto&...) {
      ++evaluated;
      return std::string("{\"size\": 1}");
    };
    cache.run("model-1", chain, run_one, {.evaluate = evaluate});
    cache.run("model-1", chain, run_one, {.evaluate = evaluate});
    CHECK(evaluated == 1);
    clock.advance(std::chrono::hours(2));
    CHECK(cache.prune({.max_age = std::chrono::hours(3), .max_idle = std::chrono::hours(3)}).evaluations == 0);
    CHECK(cache.evaluation("model-1", chain, 0));
    clock.advance(std::chrono::hours(2));
    CHECK(cache.prune({.max_age = std::chrono::hours(3), .dry_run = true}).evaluations == 1);
    CHECK(cache.evaluation("model-1", chain, 0));
    CHECK(cache.prune({.max_age = std::chrono::hours(3)}).evaluations == 1);
    CHECK_FALSE(cache.evaluation("model-1", chain, 0));
  }
  SUBCASE("folders of passes that were given up a day ago go") {
    fs::create_directories(here / "cache/work/old/deep");
    fs::create_directories(here / "cache/work/new");
    fs::last_write_time(here / "cache/work/old", fs::file_time_type::clock::now() - std::chrono::hours(25));
    cache.prune({.max_age = std::chrono::hours(100'000)});
    CHECK_FALSE(fs::exists(here / "cache/work/old"));
    CHECK(fs::exists(here / "cache/work/new"));
  }
  SUBCASE("nothing without a limit") {
    CHECK(cache.prune().removed.empty());
    CHECK(names() == "BCDA");
  }
  SUBCASE("shared: by age, contents that others need stay") {
    CHECK(cache.prune_shared({.max_age = std::chrono::hours(1), .grace = larder::duration(0)}).removed.empty());
    CHECK(store->keys_with("/blobs/").size() == 5);
    CHECK(cache.prune_shared({.max_bytes = 2600, .grace = larder::duration(0)}).removed.size() == 2);
    CHECK(store->keys_with("/runs/").size() == 2);
    CHECK(store->keys_with("/blobs/").size() == 3);
    store->age_of_all = std::chrono::hours(2);
    const larder::prune_report report = cache.prune_shared({.max_age = std::chrono::hours(1), .grace = std::chrono::hours(1)});
    CHECK(report.removed.size() == 2);
    CHECK(report.kept == 0);
    CHECK(store->values().empty());
  }
  // What is left works, and what left is made again.
  for (const char* const name : {"A", "B", "C", "D"})
    CHECK(content_of(cache.run("model-1", chain_of(name), run_one) / "own") == std::string(1000, name[0]));
}

TEST_CASE("an entry can be pulled and pushed by its id") {
  const std::vector<pass> chain = three_passes();
  const auto store = store_with(chain);
  const support::temporary_folder here;
  pass_cache cache(settings_in(here / "cache"), store);
  const std::string id = larder::keys_of_chain("model-1", chain)[1].id;
  const auto there = cache.pull(id);
  REQUIRE(there);
  CHECK(content_of(*there / "model.onnx") == model_of({chain[0], chain[1]}));
  CHECK(cache.pull(id) == there);
  CHECK_FALSE(cache.pull(std::string(64, '0')));
  CHECK(cause_of([&] { cache.pull(id.substr(0, 8)); }) == error_cause::invalid_argument);
  const auto empty = std::make_shared<counting_store>();
  pass_cache elsewhere(settings_in(here / "cache"), empty);
  CHECK(elsewhere.push(id.substr(0, 8)));
  CHECK(empty->keys_with("/runs/").size() == 1);
  CHECK(empty->keys_with("/blobs/").size() == 2);
  CHECK_FALSE(elsewhere.push("ffffffff"));
  CHECK(elsewhere.erase(id.substr(0, 8)));
  CHECK(elsewhere.list().empty());
}

TEST_CASE("settings that cannot work are refused") {
  const support::temporary_folder here;
  const auto cause_with = [&](const std::function<void(larder::pass_settings&)>& change) {
    larder::pass_settings settings = settings_in(here / "cache");
    change(settings);
    return cause_of([&] { pass_cache cache(settings); });
  };
  CHECK(cause_with([](auto& s) { s.workflow_id = ""; }) == error_cause::invalid_argument);
  CHECK(cause_with([](auto& s) { s.workflow_id = "\xff"; }) == error_cause::invalid_argument);
  CHECK(cause_with([](auto& s) { s.cache_dir = ""; }) == error_cause::invalid_argument);
  CHECK(cause_with([](auto& s) { s.look_ahead = 0; }) == error_cause::invalid_argument);
  CHECK(cause_with([](auto& s) { s.transient_ttl = larder::duration(0); }) == error_cause::invalid_argument);
  write(here / "file", "x");
  CHECK(cause_with([&](auto& s) { s.cache_dir = here / "file/below"; }) == error_cause::io);
  CHECK_FALSE(cause_with([](auto&) {}));
}
