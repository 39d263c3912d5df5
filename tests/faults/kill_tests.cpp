// SIGKILL at random moments: each key is its newest acknowledged version or the one that was under way.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <thread>

using namespace faults;

namespace {

struct kill_loop {
  fs::path directory;
  std::uint64_t capacity;
  history known;
  std::mt19937 random;
  int acknowledged = 0;

  bool evicts() const { return capacity != roomy; }

  /// A worker that is killed, and what a new process finds; what was wrong.
  std::string round() {
    report_reader reports;
    const auto seed = static_cast<std::uint32_t>(random());
    child worker([&]() -> std::string {
      disk_cache cache = open_cache(directory, capacity);
      operations work(cache, known, reports.writing_end(), seed, 40, evicts());
      for (;;)
        if (std::string wrong = work.step(); !wrong.empty()) return wrong;
    });
    reports.hang_up();
    // After some reports and a moment more, so that the kills fall into every part of opening and of each operation.
    for (auto some = random() % 48; some > 0; --some)
      if (!reports.take(known, 60'000)) return "the worker said nothing: " + worker.join();
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 2500);
    while (std::chrono::steady_clock::now() < moment) std::this_thread::yield();
    ::kill(worker.id(), SIGKILL);
    const std::string end = worker.join();
    if (end.find("signal 9") == std::string::npos) return "the worker ended by itself: " + end;
    reports.drain(known);
    acknowledged += reports.acknowledged();

    disk_cache cache = open_cache(directory, capacity);
    if (std::string wrong = known.judge_all(cache, evicts()); !wrong.empty()) return wrong;
    if (cache.weight() > capacity) return "the cache holds " + std::to_string(cache.weight()) + " bytes";
    if (errors_of(cache, larder::error_cause::corruption) != 0) return "a killed writer left something that counts as corrupt";
    // A segment of a 32nd, blocks that are not full and the journal are the allowance.
    if (evicts() && occupied(directory) > capacity + capacity / 8 + 512 * 1024)
      return "the directory occupies " + std::to_string(occupied(directory)) + " bytes";
    return {};
  }

  std::string rounds(int count) {
    for (int i = 0; i < count; ++i)
      if (std::string wrong = round(); !wrong.empty()) return "round " + std::to_string(i) + ": " + wrong;
    return {};
  }
};

}  // namespace

TEST_CASE("fault 1: SIGKILL at any moment loses nothing that was acknowledged") {
  const scratch dir;
  const std::uint32_t seed = suite_seed() + 1;
  CAPTURE(seed);
  kill_loop loop{dir / "cache", roomy, history(12, {}), std::mt19937(seed)};
  CHECK(loop.rounds(scaled(100)) == "");
  CHECK(loop.acknowledged > scaled(100));
  // What was killed left nothing behind that only a look at the device would show. With a small capacity, as a store that
  // reserves room ahead does so by its capacity.
  disk_cache cache = open_cache(dir / "cache", 4'000'000);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(occupied(dir / "cache") < 1'000'000);
}

TEST_CASE("fault 2: SIGKILL under eviction brings no old version back and keeps to the capacity") {
  const scratch dir;
  const std::uint32_t seed = suite_seed() + 2;
  CAPTURE(seed);
  kill_loop loop{dir / "cache", 4'000'000, history(40, {64, 700'000}), std::mt19937(seed)};
  CHECK(loop.rounds(scaled(60)) == "");
  CHECK(loop.acknowledged > scaled(60));
}
