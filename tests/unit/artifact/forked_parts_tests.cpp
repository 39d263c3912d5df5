// Children that are forked while another thread is inside a lock: they find it free, and what it guards in order.

#include <larder/artifact/home_key.hpp>
#include <larder/artifact/output_making.hpp>
#include <larder/artifact/pass_cache.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/resolver_turns.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <pthread.h>

#include "made_passes.hpp"
#include "support/in_child.hpp"
#include "support/sanitizers.hpp"
#include "support/temporary_folder.hpp"

#if defined(__SANITIZE_ADDRESS__) && defined(__clang__)
namespace __lsan {  // of the sanitizer's runtime, which is linked into the test
void LockAllocator();
void UnlockAllocator();
}  // namespace __lsan
#endif

namespace {

using namespace passes_in_test;
using namespace larder::artifacts;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool has_address_sanitizer = true;
#else
constexpr bool has_address_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__) && defined(__clang__)
/// What LLVM does itself since 18 (llvm-project #75290): nobody is in the sanitizer's allocator while a child is made, which would wait in it for ever.
[[maybe_unused]] const int fork_handlers = ::pthread_atfork(__lsan::LockAllocator, __lsan::UnlockAllocator, __lsan::UnlockAllocator);
#endif

/// child() in many children of a process one of whose threads does nothing but busy(i), so that most are forked while it holds a lock.
template <class Busy, class Child>
void fork_beside(Busy&& busy, Child&& child, int forks = 40) {
  std::atomic<bool> is_over{false};
  std::atomic<int> rounds{0};
  std::thread other([&] {
    while (!is_over) busy(rounds++);
  });
  while (rounds < 10) std::this_thread::yield();
  for (int i = 0; i < forks; ++i) support::in_child(child);
  is_over = true;
  other.join();
}

}  // namespace

TEST_CASE("warnings, in a child that was forked while another thread warned") {
  pass_report report(nullptr, {"given"});
  fork_beside([&](int i) { report.warn_once("subject " + std::to_string(i % 1000), "text"); },
              [&] {
                report.warn_once("the child's", "its own");
                report.warn_once("the child's", "its own");
                return report.warnings() == std::vector<std::string>{"given", "its own"};
              });
}

TEST_CASE("ids in making, in a child that was forked while another thread began to make one") {
  ids_in_making ids;
  fork_beside(
      [&](int i) {
        const std::string id(40, static_cast<char>('a' + i % 20));
        ids.add(id);
        ids.remove(id);
      },
      [&] {
        ids.add("mine");
        bool is_refused = false;
        try {
          ids.check("mine");
        } catch (const larder::error& e) {
          is_refused = e.cause() == larder::error_cause::reentrant;
        }
        ids.remove("mine");
        ids.check("mine");
        ids.check(std::string(40, 'a'));  // its parent's thread makes it, perhaps; this process does not
        return is_refused;
      });
}

TEST_CASE("the key of a home, in a child that was forked while another thread marked a secret by it") {
  const support::temporary_folder home;
  home_key key(home / "resolution.key");
  const std::string mark = key.mark_of("api_key", "hush");
  fork_beside([&](int i) { key.mark_of("api_key", std::to_string(i)); }, [&] { return key.mark_of("api_key", "hush") == mark; });
}

TEST_CASE("turns of resolvers, in a child that was forked while another thread began one") {
  resolver_turns turns;
  fork_beside([&](int) { const resolver_turns::turn one(turns); },
              [&] {
                const resolver_turns::turn outer(turns);
                const resolver_turns::turn inner(turns);
                return !outer.is_nested() && inner.is_nested();
              });
}

// Not with the address sanitizer: there one child in some thousand hangs, and the sanitizer's own allocator, which that other thread is in most of the
// time, is not made for forks.
TEST_CASE("a cache of passes, in a child that was forked while another thread ran chains and uploaded them" *
          doctest::skip(has_address_sanitizer)) {
  const support::temporary_folder here;
  const auto store = std::make_shared<counting_store>();
  larder::pass_settings settings = settings_in(here / "cache");
#if defined(__SANITIZE_THREAD__)  // it ends a child that starts a thread
  settings.look_ahead = 1;
#endif
  larder::pass_cache cache(settings, store);
  const std::vector<larder::pass> chain = three_passes();
  counted_passes passes;
  cache.run("model-1", chain, std::ref(passes));
  fork_beside(
      [&](int i) {
        counted_passes others;
        cache.run("model-of-thread-" + std::to_string(i), {step_called("A")}, std::ref(others));
      },
      [&] {  // which asks the store for nothing: its lock is the test's own
        counted_passes mine;
        return content_of(cache.run("model-1", chain, std::ref(mine)) / "model.onnx") == model_of(chain) && mine.all_runs() == 0;
      },
      10);
}
