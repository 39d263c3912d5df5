#include "tensors_in_memory.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/shared_layers.hpp>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/sanitizers.hpp"

#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own

using namespace larder_tests;

namespace {

constexpr std::uint64_t large = 100'003;

std::shared_ptr<model_in_memory> model_of(std::uint64_t tuned_seed, std::size_t layers = 3) {
  std::vector<model_in_memory::tensors_of_layer> all(layers);
  for (std::size_t i = 0; i < layers; ++i) all[i] = {{10 * i, large}, {tuned_seed + i, large}, {10 * i + 2, large}};
  return std::make_shared<model_in_memory>(all);
}

template <class Cache>
bool all_right(Cache& layers, const model_in_memory& model) {
  bool right = true;
  for (std::size_t i = 0; i < layers.layer_count(); ++i) right = right && is_right(layers.get(i), model);
  return right;
}

}  // namespace

TEST_CASE("a child has the tensors that were there, drops them and reads its own, and the parent's stay as they are") {
  const auto base_of = model_of(100);
  const auto tuned_of = model_of(200);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  CHECK(all_right(base, *base_of));
  CHECK(all_right(tuned, *tuned_of));
  std::optional<larder::layer> lease = tuned.get(2);
  support::in_child([&] {
    bool good = is_right(*lease, *tuned_of) && all_right(base, *base_of) && all_right(tuned, *tuned_of);
    const std::uint64_t before = tuned_of->bytes_read();
    tuned.clear();
    base.clear();
    good = good && shared.tensors() == 0 && is_right(*lease, *tuned_of);
    good = good && all_right(base, *base_of) && all_right(tuned, *tuned_of);  // among themselves they share again
    good = good && shared.tensors() == 3 * 4 && tuned_of->bytes_read() == before + 3 * large;
    lease.reset();
    base.clear();
    tuned.clear();
    return good && shared.tensors() == 0;
  });
  CHECK(shared.tensors() == 3 * 4);
  CHECK(is_right(*lease, *tuned_of));
  CHECK(all_right(base, *base_of));
  CHECK(all_right(tuned, *tuned_of));
}

TEST_CASE("a child still has what the parent has dropped and read other things after") {
  const auto base_of = model_of(100);
  const auto tuned_of = model_of(200);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  std::optional<larder::layer> lease = base.get(0);
  int go[2];
  REQUIRE(::pipe(go) == 0);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    char c = 0;
    const bool told = ::read(go[0], &c, 1) == 1;
    ::_exit(told && is_right(*lease, *base_of) ? 0 : 1);
  }
  lease.reset();
  base.clear();
  for (int round = 0; round < 5; ++round) {
    CHECK(all_right(tuned, *tuned_of));
    tuned.clear();
  }
  CHECK(::write(go[1], "x", 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(go[0]);
  ::close(go[1]);
}

#if !defined(__SANITIZE_ADDRESS__)  // whose own locks a child may inherit locked, and which catches the signal
TEST_CASE("a layer that a thread of the parent reads at the time of a fork is read anew by the child") {
  const auto base_of = model_of(100);
  const auto tuned_of = model_of(200);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  base.get(1);
  std::atomic<int> stage{0};
  const ::pid_t parent = ::getpid();
  const auto hold = [&](std::size_t, std::uint64_t, std::size_t) {
    if (::getpid() != parent || stage == 2) return;
    stage = 1;
    while (stage != 2) std::this_thread::yield();
  };
  const auto check = [&](auto& cache, const std::shared_ptr<model_in_memory>& model, std::size_t i) {
    model->before_read = hold;
    stage = 0;
    std::thread reader([&] { cache.get(i); });
    while (stage != 1) std::this_thread::yield();
    support::in_child([&] {
      const std::uint64_t before = model->bytes_read();
      bool good = is_right(cache.get(i), *model) && model->bytes_read() == before + 3 * large;  // finds nothing of its parent's
      model->contents[i][large / 2] ^= std::byte{1};
      cache.erase(i);
      bool refused = false;
      try {
        cache.get(i);
      } catch (const larder::error&) {
        refused = true;
      }
      return good && refused;
    });
    stage = 2;
    reader.join();
    CHECK(is_right(cache.get(i), *model));
  };
  check(base, base_of, 0);    // all of it
  check(tuned, tuned_of, 1);  // the rest of it
}

TEST_CASE("who writes into a tensor that others have gets a signal") {
  const auto base_of = model_of(100);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{model_of(200)}, shared};
  const larder::layer first = base.get(0);
  const larder::layer second = tuned.get(0);
  for (const std::byte* inner : {first.data().data() + 50'000, second.data().data() + 50'000}) {
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::signal(SIGSEGV, SIG_DFL);
      *const_cast<volatile std::byte*>(inner) = std::byte{1};
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGSEGV);
  }
  CHECK(is_right(first, *base_of));
}

TEST_CASE("at the limit of mappings layers are not shared, as long as there is memory bytes are right") {
  const auto base_of = model_of(100, 6);
  const auto tuned_of = model_of(200, 6);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  const std::vector<char> room(1 << 16);
  CHECK(is_right(base.get(0), *base_of));
  CHECK(is_right(tuned.get(0), *tuned_of));
  support::in_child([&] {
    constexpr std::size_t page = 4096;
    std::vector<void*> all;
    all.reserve(1 << 20);
    const auto fill = [&] {
      for (;;) {  // two in a row are never joined
        void* at = ::mmap(nullptr, page, all.size() % 2 == 0 ? PROT_READ : PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) return;
        all.push_back(at);
        if (all.size() > 900'000) ::_exit(0);  // no limit here that can be reached
      }
    };
    int right = 0;
    int with_room = 0;
    for (int left = 0; left < 60; ++left) {
      fill();
      for (int k = 0; k < left; ++k) {
        ::munmap(all.back(), page);
        all.pop_back();
      }
      for (std::size_t i = 1; i < 6; ++i) try {
          if (!is_right(base.get(i), *base_of) || !is_right(tuned.get(i), *tuned_of)) return false;
          ++right;
        } catch (const std::bad_alloc&) {  // what the heap says
          if (left > 20) return false;
        }
      if (shared.tensors() > 4) ++with_room;
      base.clear();
      tuned.clear();
    }
    while (!all.empty()) {
      ::munmap(all.back(), page);
      all.pop_back();
    }
    return right > 100 && with_room > 10 && with_room < 60 && all_right(base, *base_of) && all_right(tuned, *tuned_of) &&
           shared.tensors() == 6 * 4 && tuned.stats().shared_bytes == 6 * 2 * large;
  });
}
#endif

#endif
