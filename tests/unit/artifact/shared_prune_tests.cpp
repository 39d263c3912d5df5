// Whoever prunes a shared store and whoever publishes there, in every order that matters: what a record names is there, or the record is not.

#include <larder/artifact/pass_cache.hpp>
#include <larder/artifact/prune_limits.hpp>
#include <larder/artifact/shared_prune.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace passes_in_test;
using larder::pass_cache;
using std::chrono::hours;

/// A store in which an old entry has contents that a new one, of another configuration, will have too.
struct shared_contents {
  support::temporary_folder here{};
  std::shared_ptr<counting_store> store = std::make_shared<counting_store>();
  int runs = 0;

  shared_contents() {
    run("old", R"({"seed": 1})");
    store->age_of_all = hours(48);
    store->forget_counts();
  }
  void run(const std::string& folder, const std::string& config) {
    pass_cache cache(settings_in(here / folder), store);
    const fs::path out =
        cache.run("model-1", {step_called("A", config)}, [&](const larder::pass&, const fs::path&, const fs::path& to) {
          ++runs;
          write(to / "model.onnx", std::string(1000, 'm'));
          write(to / "labels", "cat");
        });
    CHECK(content_of(out / "model.onnx") == std::string(1000, 'm'));
    CHECK(cache.stats().damaged == 0);
    CHECK(cache.stats().errors.total() == 0);
  }
  void publish_new() { run("new", R"({"seed": 2})"); }
  larder::prune_report prune_everything() {
    pass_cache pruner(settings_in(here / "pruner"), store);
    return pruner.prune_shared({.max_age = hours(24)});
  }
  /// Does it once, before the first operation of this kind on a key with this part.
  void interrupt(const std::string& what, const std::string& part, std::function<void()> by) {
    store->before = [this, what, part, by = std::move(by)](std::string_view op, std::string_view key) {
      if (op != what || key.find(part) == std::string_view::npos) return;
      store->before = nullptr;
      by();
    };
  }
  std::size_t records() const { return store->keys_with("/runs/").size(); }
  std::size_t contents() const { return store->keys_with("/blobs/").size(); }
};

}  // namespace

TEST_CASE("contents in their time of grace stay when their records go, and leave with a later prune") {
  shared_contents s;
  s.store->age_of_all = hours(2);
  pass_cache pruner(settings_in(s.here / "pruner"), s.store);
  const larder::prune_report would = pruner.prune_shared({.max_age = hours(1), .dry_run = true});
  CHECK(would.freed == 1003);
  CHECK(s.records() == 1);
  const larder::prune_report first = pruner.prune_shared({.max_age = hours(1)});
  CHECK(first.removed.size() == 1);
  CHECK(first.freed == 0);
  CHECK(first.later == 1003);
  CHECK(s.contents() == 2);
  s.publish_new();  // relies on them
  CHECK(s.store->keys_with("/blobs/").size() == 2);
  s.store->age_of_all = hours(25);
  CHECK(pruner.prune_shared({}).freed == 0);
  const larder::prune_report last = pruner.prune_shared({.max_age = hours(1)});
  CHECK(last.removed.size() == 1);
  CHECK(last.freed == 1003);
  CHECK(last.later == 0);
  CHECK(s.store->values().empty());
}

TEST_CASE("contents that go between a publisher's look and his record are sent by him after all") {
  shared_contents s;
  s.interrupt("put_if_absent", "/runs/", [&] {
    const larder::prune_report report = s.prune_everything();
    CHECK(report.removed.size() == 1);
    CHECK(report.freed == 1003);
    CHECK(s.contents() == 0);
  });
  s.publish_new();
  CHECK(s.records() == 1);
  CHECK(s.contents() == 2);
  s.run("reader", R"({"seed": 2})");
  CHECK(s.runs == 2);  // the reader has brought it
}

TEST_CASE("contents whose new record comes before they go stay") {
  shared_contents s;
  s.interrupt("erase", "/runs/", [&] { s.publish_new(); });  // the pruner has listed, and has erased nothing yet
  const larder::prune_report report = s.prune_everything();
  CHECK(report.removed.size() == 1);
  CHECK(report.freed == 0);
  CHECK(report.kept == 1003);
  CHECK(s.records() == 1);
  CHECK(s.contents() == 2);
  s.run("reader", R"({"seed": 2})");
  CHECK(s.runs == 2);
}

TEST_CASE("a record that comes while its contents go, too late to be seen, goes with them: a miss, and no damage") {
  shared_contents s;
  s.interrupt("erase", "/blobs/", [&] { s.publish_new(); });  // the pruner has looked again, and decided
  const larder::prune_report report = s.prune_everything();
  CHECK(report.removed.size() == 2);
  CHECK(report.freed == 1003);
  CHECK(s.records() == 0);
  CHECK(s.contents() == 0);
  s.run("reader", R"({"seed": 2})");
  CHECK(s.runs == 3);
  CHECK(s.records() == 1);
  CHECK(s.contents() == 2);
}

TEST_CASE("a prune that removes nothing lists once") {
  shared_contents s;
  pass_cache pruner(settings_in(s.here / "pruner"), s.store);
  CHECK(pruner.prune_shared({.max_age = hours(100)}).removed.empty());
  CHECK(s.store->listings() == 1);
  CHECK(s.store->erased() == 0);
}
