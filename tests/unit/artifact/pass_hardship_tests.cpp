// What a cache of passes has to bear: folders that go, files that change under its hands, a working directory that is another one.

#include <larder/artifact/pass_cache.hpp>
#include <larder/artifact/pass_folder.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using namespace passes_in_test;

struct working_directory {
  explicit working_directory(const fs::path& here) : before(fs::current_path()) { fs::current_path(here); }
  ~working_directory() { fs::current_path(before); }
  fs::path before;
};

/// A store whose puts wait until it is opened.
class slow_store final : public larder::shared_store {
 public:
  std::optional<larder::bytes> get(std::string_view key, const larder::transfer_control& control) override {
    return inner_.get(key, control);
  }
  std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room,
                                      const larder::transfer_control& control) override {
    return inner_.get_into(key, room, control);
  }
  bool contains(std::string_view key) override { return inner_.contains(key); }
  bool put(std::string_view key, larder::bytes value, const larder::transfer_control& control) override {
    waiting_.count_down();
    open_.wait();
    return inner_.put(key, std::move(value), control);
  }
  bool put_if_absent(std::string_view key, larder::bytes value) override { return inner_.put_if_absent(key, std::move(value)); }
  bool erase(std::string_view key) override { return inner_.erase(key); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f,
                const larder::sweep_control& control) override {
    inner_.for_each(f, control);
  }
  larder::error_counts errors() const override { return inner_.errors(); }

  void wait_for_puts() { waiting_.wait(); }
  void open() { open_.count_down(); }

 private:
  counting_store inner_;
  std::latch waiting_{4}, open_{1};
};

}  // namespace

TEST_CASE("Uploads that take long do not keep another chain from being looked up") {
  const support::temporary_folder here;
  const auto store = std::make_shared<slow_store>();
  larder::pass_settings settings = settings_in(here / "cache");
  settings.look_ahead = 2;
  larder::pass_cache cache(settings, store);
  const auto run = [&](const std::string& name) {
    counted_passes passes;
    cache.run("model-1", {step_called(name)}, std::ref(passes));
  };
  std::thread first(run, "first"), second(run, "second");
  store->wait_for_puts();  // two files each, and no thread is left
  CHECK(cache.plan("model-2", three_passes()).size() == 3);
  store->open();
  first.join();
  second.join();
}

TEST_CASE("The whole folder is removed by hand under a cache: it goes on, and keeps what it makes") {
  const support::temporary_folder here;
  larder::pass_cache cache(settings_in(here / "cache"));
  counted_passes passes;
  cache.run("model-1", three_passes(), std::ref(passes));
  fs::remove_all(here / "cache");
  CHECK(cache.list().empty());
  CHECK(cache.prune().removed.empty());
  CHECK(cache.clean_cache() == 0);
  CHECK(cache.clean_evaluation_cache() == 0);
  CHECK_FALSE(cache.erase("0a1b"));
  CHECK_FALSE(cache.push("0a1b"));
  CHECK(cache.explain("model-1", three_passes(), 0).find("nothing is cached yet") != std::string::npos);
  const fs::path out = cache.run("model-1", three_passes(), std::ref(passes));
  CHECK(content_of(out / "model.onnx") == model_of(three_passes()));
  CHECK(passes.all_runs() == 6);
  cache.run("model-1", three_passes(), std::ref(passes));
  CHECK(passes.all_runs() == 6);
  CHECK(cache.list().size() == 3);
}

TEST_CASE("Two outputs with the same long list of files: one is erased, the other stays") {
  const support::temporary_folder here;
  larder::pass_cache cache(settings_in(here / "cache"));
  int runs = 0;
  const auto many_files = [&](const larder::pass&, const fs::path&, const fs::path& to) {
    ++runs;
    for (int i = 0; i < 40; ++i) write(to / ("part-" + std::to_string(i) + ".bin"), "content of part " + std::to_string(i));
  };
  const std::vector<larder::pass> one{step_called("split", R"({"seed": 1})")}, other{step_called("split", R"({"seed": 2})")};
  const std::string first = cache.run_chain("model-1", one, many_files).id;
  cache.run("model-1", other, many_files);
  CHECK(fs::directory_iterator(here / "cache/listings") != fs::directory_iterator());
  CHECK(cache.erase(first));
  cache.prune();
  cache.run("model-1", other, many_files);
  CHECK(runs == 2);
  CHECK(cache.stats().damaged == 0);
  const std::string second = cache.run_chain("model-1", other, many_files).id;
  REQUIRE(cache.erase(second));
  REQUIRE(fs::directory_iterator(here / "cache/listings") != fs::directory_iterator());
  fs::last_write_time((*fs::directory_iterator(here / "cache/listings")).path(),
                      fs::file_time_type::clock::now() - std::chrono::hours(48));
  cache.prune();
  CHECK(fs::directory_iterator(here / "cache/listings") == fs::directory_iterator());
}

TEST_CASE("An output that somebody still writes to while it is taken in is not believed to be what was read") {
  const support::temporary_folder here;
  larder::pass_cache cache(settings_in(here / "cache"));
  fs::path made;
  int runs = 0;
  const auto writes_on = [&](const larder::pass&, const fs::path&, const fs::path& to) {
    made = to / "model.onnx";
    ++runs;
    write(made, std::string(4 << 20, 'a'));
  };
  bool changed = false;
  larder::run_options options;
  options.progress = [&](const larder::pass_progress& told) {
    if (told.phase != larder::pass_phase::keeping || told.done < (2U << 20U) || changed) return;
    changed = true;
    std::fstream(made, std::ios::in | std::ios::out | std::ios::binary) << 'b';
  };
  const std::vector<larder::pass> chain{step_called("slow")};
  const fs::path out = cache.run("model-1", chain, writes_on, options);
  REQUIRE(changed);
  CHECK(content_of(out / "model.onnx").front() == 'b');
  CHECK(cache.stats().uncacheable == 1);
  const std::string again = content_of(cache.run("model-1", chain, writes_on) / "model.onnx");
  CHECK(runs == 2);
  CHECK(again == std::string(4 << 20, 'a'));
}

TEST_CASE("A cache in a relative folder stays where it was made when the working directory is another one") {
  const support::temporary_folder here, elsewhere;
  const working_directory first(here.path());
  larder::pass_cache cache(settings_in("cache"));
  counted_passes passes;
  const fs::path out = cache.run("model-1", three_passes(), std::ref(passes));
  const working_directory second(elsewhere.path());
  CHECK(content_of(out / "model.onnx") == model_of(three_passes()));
  cache.run("model-1", three_passes(), std::ref(passes));
  CHECK(passes.all_runs() == 3);
  CHECK(fs::directory_iterator(elsewhere.path()) == fs::directory_iterator());
}

TEST_CASE("An output that no record speaks of is not kept for ever") {
  const support::temporary_folder here;
  larder::pass_cache cache(settings_in(here / "cache"));
  const auto cannot_be_cached = [](const larder::pass&, const fs::path&, const fs::path& to) { write(to / "a:b", "x"); };
  const fs::path lost = cache.run("model-1", {step_called("lost")}, cannot_be_cached);
  counted_passes passes;
  const fs::path kept = cache.run("model-1", {step_called("kept")}, std::ref(passes));
  cache.prune();
  CHECK(fs::exists(lost / "a:b"));  // somebody may be reading it
  for (const fs::path& output : {lost, kept})
    fs::last_write_time(output, fs::file_time_type::clock::now() - std::chrono::hours(25));
  cache.prune();
  CHECK_FALSE(fs::exists(lost));
  CHECK(fs::exists(kept / "model.onnx"));
}

TEST_CASE("P18: evaluations that are cleaned are gone, also those that another workflow has used") {
  const support::temporary_folder here;
  std::vector<larder::pass> chain{step_called("A")};
  chain[0].evaluator = "{}";
  counted_passes passes;
  int evaluations = 0;
  const larder::run_options options{.evaluate = [&](const larder::pass&, const fs::path&, const std::stop_token&) {
    ++evaluations;
    return std::string("1");
  }};
  const auto cache_of = [&](const std::string& workflow) {
    larder::pass_settings settings = settings_in(here / "cache");
    settings.workflow_id = workflow;
    return std::make_unique<larder::pass_cache>(settings);
  };
  const auto mine = cache_of("mine"), yours = cache_of("yours");
  mine->run("model-1", chain, std::ref(passes), options);
  yours->run("model-1", chain, std::ref(passes), options);
  CHECK(evaluations == 1);
  CHECK(mine->clean_evaluation_cache() == 1);
  mine->run("model-1", chain, std::ref(passes), options);
  CHECK(evaluations == 2);
  CHECK(passes.all_runs() == 1);
}
