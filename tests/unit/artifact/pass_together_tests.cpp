// Several threads and processes with one id at once.
#include <larder/artifact/pass_cache.hpp>

#include <larder/artifact/locked_file.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/directory.hpp>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/in_child.hpp"
#include "support/sanitizers.hpp"

using larder::pass;
using larder::pass_cache;
using namespace passes_in_test;

namespace {

/// Says how many entries a store has whole: records whose every file is there as they say.
std::size_t whole_entries(const counting_store& store) {
  std::size_t whole = 0;
  const auto values = store.values();
  for (const auto& [key, value] : values) {
    if (key.find("/runs/") == std::string::npos) continue;
    const auto opened = larder::artifacts::unseal_text(value, {});
    REQUIRE(opened.state == larder::artifacts::seal_state::whole);
    const larder::pass_record record = larder::pass_record::parse(opened.body);
    for (const larder::pass_file& file : record.files) {
      const auto blob = values.find(larder::artifacts::shared_blob_key(file.digest));
      REQUIRE(blob != values.end());
      CHECK(larder::digest_of(std::string_view(blob->second), larder::digest_algorithm::sha256) == file.digest);
    }
    ++whole;
  }
  return whole;
}

}  // namespace

TEST_CASE("P9: 16 threads that want one output run its pass once") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  pass_cache cache(settings_in(here / "cache"), store);
  const std::vector<pass> chain = three_passes();
  counted_passes passes;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      if (content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain)) ++right;
    });
  for (std::thread& t : threads) t.join();
  CHECK(right == 16);
  CHECK(passes.all_runs() == 3);
  CHECK(whole_entries(*store) == 3);
  CHECK(store->erased() == 0);
}

TEST_CASE("P9: what another makes between the look and the lock is neither made nor evaluated again") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  std::vector<pass> chain = three_passes();
  chain.back().evaluator = R"({"metric": "accuracy"})";
  counted_passes passes;
  std::atomic<int> evaluated{0};
  const larder::run_options options{.evaluate = [&](const pass&, const fs::path&, const std::stop_token&) {
    ++evaluated;
    return std::string("1");
  }};
  pass_cache other(settings_in(here / "cache")), cache(settings_in(here / "cache"), store);
  std::once_flag other_runs;
  store->before = [&](std::string_view operation, std::string_view) {
    if (operation == "get") std::call_once(other_runs, [&] { other.run("model-1", chain, std::ref(passes), options); });
  };
  CHECK(content_of(cache.run("model-1", chain, std::ref(passes), options) / "model.onnx") == model_of(chain));
  CHECK(passes.all_runs() == 3);
  CHECK(evaluated == 1);
  CHECK(cache.stats().joined == 2);  // the last output, and what was said of it
}

TEST_CASE("P9: two publishers of one id, in both orders and 16 at once, leave one whole entry and delete nothing") {
  const std::vector<pass> chain{step_called("A")};
  // What they make differs: a pass that is not reproducible.
  const auto made_by = [](const std::string& who) {
    return [who](const pass&, const fs::path&, const fs::path& to) { write(to / "model.onnx", "made by " + who); };
  };
  SUBCASE("one after the other, neither of which has seen the other's") {
    const support::temporary_folder here;
    const auto store = std::make_shared<counting_store>();
    larder::pass_settings first = settings_in(here / "first"), second = settings_in(here / "second");
    pass_cache one(first, store), two(second, store);
    // The second looks while nothing is there, and publishes when the first has.
    two.run("model-1", chain, [&](const pass& step, const fs::path& from, const fs::path& to) {
      one.run("model-1", chain, made_by("one"));
      made_by("two")(step, from, to);
    });
    CHECK(whole_entries(*store) == 1);
    CHECK(store->erased() == 0);
    pass_cache third(settings_in(here / "third"), store);
    CHECK(content_of(third.run("model-1", chain, made_by("three")) / "model.onnx") == "made by one");
  }
  SUBCASE("16 machines") {
    const support::temporary_folder here;
    const auto store = std::make_shared<counting_store>();
    std::vector<std::unique_ptr<pass_cache>> machines;
    for (int i = 0; i < 16; ++i) machines.push_back(std::make_unique<pass_cache>(settings_in(here / std::to_string(i)), store));
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back([&, i] { machines[static_cast<std::size_t>(i)]->run("model-1", chain, made_by(std::to_string(i))); });
    for (std::thread& t : threads) t.join();
    CHECK(whole_entries(*store) == 1);
    CHECK(store->erased() == 0);
    for (const auto& machine : machines) CHECK(machine->stats().unpublished == 0);
  }
}

TEST_CASE("P9: two processes that share a folder run a pass once, and two that share a store leave one whole entry") {
  const support::temporary_folder here;
  const std::vector<pass> chain = three_passes();
  using folder_cache = larder::cache<std::string, larder::bytes, larder::unbounded, larder::directory>;
  const auto child = [&](const fs::path& cache_dir) {
    const pid_t started = ::fork();
    REQUIRE(started >= 0);
    if (started != 0) return started;
    ::alarm(60);
    bool good = false;
    try {
      folder_cache shared(larder::unbounded{}, larder::directory{here / "shared"});
      pass_cache cache(settings_in(cache_dir), shared);
      const fs::path out = cache.run("model-1", chain, [&](const pass& step, const fs::path& from, const fs::path& to) {
        counted_passes()(step, from, to, {});
        write(here / "ran" / (step.name + '.' + std::to_string(::getpid())), "x");
      });
      good = content_of(out / "model.onnx") == model_of(chain);
    } catch (const std::exception&) {
    }
    ::_exit(good ? 0 : 1);
  };
  const auto ended_well = [](pid_t process) {
    int status = 0;
    REQUIRE(::waitpid(process, &status, 0) == process);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  const auto runs = [&] {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(here / "ran")) ++n;
    return n;
  };
  const pid_t a = child(here / "one"), b = child(here / "one"), c = child(here / "one"), d = child(here / "one");
  CHECK(ended_well(a));
  CHECK(ended_well(b));
  CHECK(ended_well(c));
  CHECK(ended_well(d));
  CHECK(runs() == 3);
  const pid_t e = child(here / "two"), f = child(here / "three");
  CHECK(ended_well(e));
  CHECK(ended_well(f));
  CHECK(runs() == 3);
}

TEST_CASE("a process that is killed while it runs a pass is followed by another one at once") {
  const support::temporary_folder here;
  const std::vector<pass> chain{step_called("A")};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    pass_cache cache(settings_in(here / "cache"));
    cache.run("model-1", chain, [&](const pass&, const fs::path&, const fs::path& to) {
      write(to / "model.onnx", "half");
      write(here / "running", "x");
      for (;;) ::pause();
    });
    ::_exit(1);
  }
  while (!fs::exists(here / "running")) std::this_thread::yield();
  pass_cache cache(settings_in(here / "cache"));
  std::atomic<bool> waits{false};
  std::thread waiter([&] {
    const fs::path out = cache.run("model-1", chain, counted_passes(), {.progress = [&](const larder::pass_progress& p) {
                                     if (p.phase == larder::pass_phase::waiting) waits = true;
                                   }});
    CHECK(content_of(out / "model.onnx") == model_of(chain));
  });
  while (!waits) std::this_thread::yield();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  waiter.join();
  CHECK(cache.list().size() == 1);
}

TEST_CASE("kill -9 at any moment leaves an entry whole or absent, and the next process completes it") {
  const support::temporary_folder here;
  const std::vector<pass> chain = three_passes();
  const auto files_in = [](const fs::path& folder) {
    std::size_t n = 0;
    std::error_code failed;
    for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) ++n;
    return n;
  };
  for (std::size_t files = 8; files < 48; files += 2) {  // that there are when it is killed
    CAPTURE(files);
    const fs::path folder = here / std::to_string(files);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(60);
      pass_cache cache(settings_in(folder));
      cache.run("model-1", chain, counted_passes());
      ::_exit(0);
    }
    int status = 0;
    bool ended = false;
    while (!ended && files_in(folder) < files) ended = ::waitpid(child, &status, WNOHANG) == child;
    if (!ended) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
    }
    pass_cache cache(settings_in(folder));
    counted_passes passes;
    CHECK(content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain));
    CHECK(cache.stats().poisoned == 0);
    CHECK(cache.stats().damaged == 0);
    CHECK(cache.stats().errors.total() == 0);
  }
}

TEST_CASE("a child of fork goes on with its parent's cache") {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  larder::pass_settings settings = settings_in(here / "cache");
#if defined(__SANITIZE_THREAD__)  // it ends a child that starts a thread
  settings.look_ahead = 1;
#endif
  pass_cache cache(settings, store);
  const std::vector<pass> chain = three_passes();
  cache.run("model-1", chain, counted_passes());
  support::in_child([&] {
    counted_passes passes;
    const bool cached =
        content_of(cache.run("model-1", chain, std::ref(passes)) / "model.onnx") == model_of(chain) && passes.all_runs() == 0;
    return cached && content_of(cache.run("model-2", chain, std::ref(passes)) / "model.onnx") == model_of(chain) &&
           passes.all_runs() == 3;
  });
}
