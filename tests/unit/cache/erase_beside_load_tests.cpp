// A load that looked, while a key was being erased, and found the value: nobody who asks after the erase may get it.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "shelf.hpp"

namespace {

/// Where a thread of the story is, and how far it may go. Threads without a part pass by.
class story {
 public:
  enum part { nobody, eraser, loader };
  static inline thread_local part mine = nobody;

  /// What the storage's calls mean for each of them.
  void meet(std::string_view call) {
    if (mine == eraser && call == "lock") {
      eraser_waits = true;
      erase_now.wait(false);
    }
    if (mine == loader && call == "fetch" && looks_.fetch_add(1) == 0)
      throw larder::error(larder::error_cause::io, "the first look fails, so that this thread loads");
    if (mine == loader && call == "fetched" && !loader_has_it.exchange(true)) land_now.wait(false);
  }
  static void await(const std::atomic<bool>& event) {
    while (!event) std::this_thread::yield();
  }
  static void let_go(std::atomic<bool>& gate) {
    gate = true;
    gate.notify_all();
  }

  std::atomic<bool> eraser_waits{false}, erase_now{false}, loader_has_it{false}, land_now{false};

 private:
  std::atomic<int> looks_{0};
};

using cache_type = larder::cache<std::string, std::string, larder::max_bytes, own_storages::shelf>;

/// What a thread gets that asks for "a" when `drop` has erased it, while another thread's load has the erased value in its hand.
std::string seen_after(const std::function<void(cache_type&)>& drop) {
  own_storages::shelf::contents contents;
  cache_type c(larder::max_bytes{1000}, own_storages::shelf{&contents});
  c.put("a", "erased");
  story told;
  contents.fails.watch = [&](std::string_view call) { told.meet(call); };
  std::thread erasing([&] {
    story::mine = story::eraser;
    drop(c);
  });
  story::await(told.eraser_waits);  // it has told the loads, of which there is none
  std::thread loading([&] {
    story::mine = story::loader;
    CHECK(c.get_or_load("a", [](const std::string&) { return std::string("loaded first"); }) == "erased");  // it was there
  });
  story::await(told.loader_has_it);
  story::let_go(told.erase_now);
  erasing.join();
  std::future<std::string> asked =
      std::async(std::launch::async, [&] { return c.get_or_load("a", [](const std::string&) { return std::string("loaded afterwards"); }); });
  while (c.stats().joined == 0 && asked.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  story::let_go(told.land_now);
  loading.join();
  return asked.get();
}

}  // namespace

TEST_CASE("who asks after an erase does not get the erased value from a load that found it before") {
  CHECK(seen_after([](cache_type& c) { c.erase("a"); }) == "loaded afterwards");
  CHECK(seen_after([](cache_type& c) { c.clear(); }) == "loaded afterwards");
  CHECK(seen_after([](cache_type& c) { c.erase_prefix("a"); }) == "loaded afterwards");
  CHECK(seen_after([](cache_type& c) { c.erase_if([](const std::string&) { return true; }); }) == "loaded afterwards");
}
