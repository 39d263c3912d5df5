// What goes to the shared store goes there behind the passes: in order, waited for at the end, and never lost.

#include <larder/artifact/chain_uploads.hpp>
#include <larder/artifact/pass_cache.hpp>
#include <larder/larder.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "gated_store.hpp"
#include "made_passes.hpp"
#include "support/eventually.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace passes_in_test;
using larder::pass;
using larder::pass_cache;
using larder::run_options;
using support::cause_of;

/// Opens the store when a pass of this name runs.
struct opening_pass {
  gated_store& store;
  std::string name;
  counted_passes passes{};

  void operator()(const pass& step, const fs::path& from, const fs::path& to, const std::stop_token& stop) {
    if (step.name == name) {
      store.wait_for_puts(1);
      store.open();
    }
    passes(step, from, to, stop);
  }
};

std::size_t pending_entries(const pass_cache& cache) {
  std::size_t pending = 0;
  for (const larder::pass_entry& entry : cache.list()) pending += entry.is_pending ? 1 : 0;
  return pending;
}

}  // namespace

TEST_CASE("a pass runs while what the one before it made is uploaded; the run ends when all of it is there") {
  const support::temporary_folder here;
  const auto store = std::make_shared<gated_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> chain = three_passes();
  opening_pass passes{*store, chain[1].name};
  const fs::path out = cache.run("model-1", chain, std::ref(passes));  // in the foreground it would wait for ever
  CHECK(content_of(out / "model.onnx") == model_of(chain));
  CHECK(store->inner().keys_with("/runs/").size() == 3);
  CHECK(cache.stats().published == 3);
  CHECK(pending_entries(cache) == 0);
  CHECK(cache.flush(larder::duration::zero()));
}

TEST_CASE("records of a chain get there in its order") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  std::vector<pass> chain;
  for (int i = 0; i < 12; ++i) chain.push_back(step_called("pass" + std::to_string(i)));
  store->fail_writes_from(3 + 2 * 4 + 1);  // at the record of the sixth pass: all but the first share a file
  counted_passes passes;
  const larder::chain_result result = cache.run_chain("model-1", chain, std::ref(passes));
  CHECK(content_of(result.folder / "model.onnx") == model_of(chain));
  std::size_t there = 0;
  for (const larder::step& step : cache.plan("model-1", chain)) there += store->keys_with("/runs/" + step.id).size();
  CHECK(there == 5);
  CHECK(store->keys_with("/runs/").size() == 5);
  CHECK(cache.stats().published == 5);
  CHECK(cache.stats().unpublished == 7);
  CHECK(pending_entries(cache) == 7);
  store->fail_writes_from(std::nullopt);
  cache.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 12);
  CHECK(store->keys_with("/runs/").size() == 12);
  CHECK(pending_entries(cache) == 0);
}

TEST_CASE("a run that does not wait leaves its uploads to the cache, and flush waits for them") {
  const support::temporary_folder here;
  const auto store = std::make_shared<gated_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> chain = three_passes();
  counted_passes passes;
  bool has_returned = false;
  run_options options;
  options.wait_for_uploads = false;
  options.progress = [&](const larder::pass_progress& told) {
    CHECK((!has_returned || told.phase != larder::pass_phase::uploading));
  };
  const fs::path out = cache.run("model-1", chain, std::ref(passes), options);
  has_returned = true;
  CHECK(content_of(out / "model.onnx") == model_of(chain));
  CHECK_FALSE(cache.flush(larder::duration::zero()));
  CHECK(pending_entries(cache) == 3);
  CHECK(store->inner().keys_with("/runs/").empty());
  store->open();
  CHECK(cache.flush(std::chrono::hours(1)));
  CHECK(store->inner().keys_with("/runs/").size() == 3);
  CHECK(pending_entries(cache) == 0);
}

TEST_CASE("what is left when the cache goes is ended, and put there by the next run") {
  const support::temporary_folder here;
  const std::vector<pass> chain = three_passes();
  counted_passes passes;
  larder::pass_settings settings = settings_in(here / "cache");
  const auto closed = std::make_shared<gated_store>();
  {
    settings.flush_deadline = larder::duration::zero();
    pass_cache cache(settings, closed);
    run_options options;
    options.wait_for_uploads = false;
    cache.run("model-1", chain, std::ref(passes), options);
    closed->wait_for_puts(1);
  }
  CHECK(closed->inner().values().empty());
  const auto store = std::make_shared<counting_store>();
  pass_cache cache(settings, store);
  CHECK(pending_entries(cache) == 3);
  cache.run("model-1", chain, std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(store->keys_with("/runs/").size() == 3);
  CHECK(pending_entries(cache) == 0);
}

TEST_CASE("a stop ends uploads; what was made is kept, and put there by the next run") {
  const support::temporary_folder here;
  const auto store = std::make_shared<gated_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> chain = three_passes();
  counted_passes passes;
  std::stop_source stop;
  std::thread stops([&] {
    store->wait_for_puts(1);
    CHECK(support::eventually([&] { return cache.list().size() == 3; }));
    stop.request_stop();
  });
  run_options options;
  options.stop = stop.get_token();
  CHECK(cause_of([&] { cache.run("model-1", chain, std::ref(passes), options); }) == larder::error_cause::cancelled);
  stops.join();
  CHECK(store->inner().values().empty());
  CHECK(cache.stats().published == 0);
  CHECK(cache.stats().unpublished >= 1);
  CHECK(passes.all_runs() == 3);
  store->open();
  CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 3);
  CHECK(store->inner().keys_with("/runs/").size() == 3);
}

TEST_CASE("a pass that throws ends the run when what came before it is there, and its own failure too") {
  const support::temporary_folder here;
  const auto store = std::make_shared<gated_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> chain = three_passes();
  counted_passes passes;
  const auto fails = [&](const pass& step, const fs::path& from, const fs::path& to, const std::stop_token& stop) {
    if (step.name == chain[2].name) {
      store->open();
      throw larder::pass_failure(larder::failure_kind::permanent, "it has no such operator");
    }
    passes(step, from, to, stop);
  };
  CHECK_THROWS_AS(cache.run("model-1", chain, fails), larder::pass_failure);
  CHECK(store->inner().keys_with("/runs/").size() == 3);
  pass_cache other(settings_in(here / "other"), store);
  CHECK_THROWS_AS(other.run("model-1", chain, std::ref(passes)), larder::pass_failure);
  CHECK(passes.all_runs() == 2);
}

TEST_CASE("without look-ahead an entry is there before the next pass runs") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  larder::pass_settings settings = settings_in(here / "cache");
  settings.look_ahead = 1;
  pass_cache cache(settings, store);
  counted_passes passes;
  std::vector<std::size_t> there;
  cache.run("model-1", three_passes(),
            [&](const pass& step, const fs::path& from, const fs::path& to, const std::stop_token& stop) {
              there.push_back(store->keys_with("/runs/").size());
              passes(step, from, to, stop);
            });
  CHECK(there == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("an entry that somebody else uploads at this moment is left to him, by who has the same folder") {
  const support::temporary_folder here;
  const auto store = std::make_shared<gated_store>();
  pass_cache first(settings_in(here / "cache"), store), second(settings_in(here / "cache"), store);
  const std::vector<pass> chain{step_called("A")};
  counted_passes passes;
  run_options options;
  options.wait_for_uploads = false;
  first.run("model-1", chain, std::ref(passes), options);
  store->wait_for_puts(2);                         // both files
  second.run("model-1", chain, std::ref(passes));  // does not wait for what is not its own
  CHECK(passes.all_runs() == 1);
  CHECK(store->puts_begun() == 2);
  CHECK(second.stats().published == 0);
  store->open();
  CHECK(first.flush(std::chrono::hours(1)));
  CHECK(pending_entries(second) == 0);
}

TEST_CASE("P10: a write that fails at any object of a chain, uploads behind its passes, shows no entry that is not whole") {
  const std::vector<pass> chain = three_passes();
  constexpr std::size_t writes = 9;  // two files and a record each
  for (std::size_t k = 0; k < 2 * writes; ++k) {
    const std::size_t at = k / 2;
    const bool all_after = k % 2 == 0;
    CAPTURE(at);
    CAPTURE(all_after);
    const support::temporary_folder here;
    const auto store = std::make_shared<counting_store>();
    larder::pass_settings settings = settings_in(here / "cache");
    settings.look_ahead = 4;
    pass_cache cache(settings, store);
    if (all_after)
      store->fail_writes_from(at);
    else
      store->fail_write(at);
    counted_passes passes;
    CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
    const bool is_record = at % 3 == 2;  // which is tried once more
    CHECK(store->keys_with("/runs/").size() == (all_after ? at / 3 : is_record ? 3 : 2));
    CHECK(pending_entries(cache) == 3 - store->keys_with("/runs/").size());
    CHECK(cache.stats().unpublished == pending_entries(cache));
    store->fail_writes_from(std::nullopt);
    pass_cache reader(settings_in(here / "reader"), store);
    reader.run("model-1", chain, std::ref(passes));  // what is visible is whole
    CHECK(reader.stats().damaged + reader.stats().poisoned == 0);
    passes.forget();
    cache.run("model-1", chain, std::ref(passes));
    CHECK(passes.all_runs() == 0);
    CHECK(store->keys_with("/runs/").size() == 3);
    CHECK(pending_entries(cache) == 0);
    CHECK(store->erased() == 0);
  }
}

TEST_CASE("an unsigned record that announces more than the store has sets no room aside") {
  const support::temporary_folder here;
  const std::vector<pass> chain{step_called("A")};
  const larder::pass_key key = larder::keys_of_chain("model-1", chain)[0];
  const std::string content = "a small model";
  const larder::content_digest digest = larder::digest_of(std::string_view(content), larder::digest_algorithm::sha256);
  larder::pass_record record;
  record.id = key.id;
  record.key = key.text;
  record.files = {{"model.onnx", std::uint64_t{1} << 40U, digest}};
  record.bytes = record.files[0].size;
  record.workflow = "w";
  auto memory = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{1 << 20});
  memory.put(larder::artifacts::shared_run_key(key.id),
             larder::bytes::copy_of(larder::artifacts::seal_text(record.text(nullptr), {})));
  memory.put(larder::artifacts::shared_blob_key(digest), larder::bytes::copy_of(content));
  pass_cache cache(settings_in(here / "cache"), memory);
  counted_passes passes;
  CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 1);
  CHECK(cache.stats().damaged == 1);
  CHECK(cache.stats().errors[larder::error_cause::corruption] == 1);
  CHECK(cache.stats().errors[larder::error_cause::no_space] == 0);  // nobody has tried

  const auto store = larder::make_shared_store(memory);
  const std::string stored = larder::artifacts::shared_blob_key(digest);
  CHECK(store->reaches(stored, content.size()));
  CHECK_FALSE(store->reaches(stored, content.size() + 1));
  CHECK_FALSE(store->reaches("passes/blobs/none", 1));
}
