#include <larder/dataset/dataset_cache.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/fill_gate.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
#include "support/temporary_folder.hpp"

using namespace made_samples;

namespace {

/// Counters that a process and its children share.
class shared_counts {
 public:
  static constexpr std::size_t most = 1000;
  shared_counts()
      : at_(static_cast<std::atomic<int>*>(::mmap(nullptr, most * sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(static_cast<void*>(at_) != MAP_FAILED);
    for (std::size_t i = 0; i < most; ++i) ::new (&at_[i]) std::atomic<int>(0);
  }
  shared_counts(const shared_counts&) = delete;
  shared_counts& operator=(const shared_counts&) = delete;
  ~shared_counts() { ::munmap(static_cast<void*>(at_), most * sizeof(std::atomic<int>)); }
  std::atomic<int>& operator[](std::size_t i) const noexcept { return at_[i]; }

 private:
  std::atomic<int>* at_;
};

/// Streams all samples and says whether they are right; `during(number)` when one is made.
bool streams_all(const std::filesystem::path& directory, std::uint64_t samples, std::size_t who, std::function<void(std::uint64_t)> during) {
  larder::dataset_cache<std::string> cache{larder::mmap_disk{directory}};
  const auto f = made_by<std::string>("v1", [during = std::move(during)](std::uint64_t number) {
    during(number);
    return sample_of<std::string>(number);
  });
  std::vector<bool> seen(static_cast<std::size_t>(samples));
  for (const auto& batch :
       cache.stream(numbers_source(std::vector<std::uint64_t>(10, samples / 10)), f, {.batch_size = 8, .workers = who % 3, .shuffle = true, .seed = who % 2, .window = 5}))
    for (const std::string& sample : batch) {
      const std::uint64_t number = std::stoull(sample);
      if (sample != sample_of<std::string>(number) || seen[static_cast<std::size_t>(number)]) return false;
      seen[static_cast<std::size_t>(number)] = true;
    }
  for (const bool each : seen)
    if (!each) return false;
  return true;
}

}  // namespace

TEST_CASE("processes on one directory make each sample once, and do without one that is killed") {
  constexpr std::uint64_t samples = 200;
  for (const bool kills : {false, true}) {
    support::temporary_folder folder;
    const shared_counts made;
    std::vector<::pid_t> children;
    for (std::size_t who = 0; who < 4; ++who) {
      const ::pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        ::alarm(120);
        bool right = false;
        try {
          right = streams_all(folder / "cache", samples, who, [&](std::uint64_t number) {
            const int before = made[static_cast<std::size_t>(number)]++;
            if (kills && who == 0 && before == 0 && number >= samples / 4) ::kill(::getpid(), SIGKILL);
          });
        } catch (...) {
        }
        ::_exit(right ? 0 : 1);
      }
      children.push_back(child);
    }
    int killed = 0;
    for (const ::pid_t child : children) {
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      if (kills && child == children[0] && WIFSIGNALED(status)) {
        CHECK(WTERMSIG(status) == SIGKILL);
        ++killed;
        continue;
      }
      CHECK(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) == 0);
    }
    int sum = 0;
    for (std::size_t i = 0; i < samples; ++i) sum += made[i];
    CHECK(sum >= static_cast<int>(samples));
    CHECK(sum <= static_cast<int>(samples) + 2 * killed);  // what it and its workers were at is made again
    if (!kills) CHECK(sum == static_cast<int>(samples));
  }
}

namespace {

constexpr std::uint64_t samples_to_fill = 600;
constexpr std::size_t size_to_fill = 100;
constexpr std::uint64_t room_to_fill = 200 * size_to_fill;

using filled_cache = larder::dataset_cache<larder::bytes>;

numbers_source source_to_fill() { return numbers_source(std::vector<std::uint64_t>(30, samples_to_fill / 30)); }
std::unique_ptr<filled_cache> open_to_fill(const std::filesystem::path& directory, bool by_quota) {
  if (by_quota) return std::make_unique<filled_cache>(larder::mmap_disk{directory});
  return std::make_unique<filled_cache>(larder::mmap_disk{directory}, larder::max_bytes{room_to_fill});
}
/// Streams all samples under the limit; false when there was ever more than it in the cache. `during` when one is made.
bool fills(filled_cache& cache, bool by_quota, std::size_t who, std::function<void()> during) {
  const auto f = made_by<larder::bytes>("v1", [during = std::move(during)](std::uint64_t number) {
    during();
    return sized_sample(number, size_to_fill);
  });
  larder::stream_options options{.batch_size = 4, .workers = who % 3, .shuffle = true, .seed = who, .window = 3};
  if (by_quota) options.quota = room_to_fill;
  for (const auto& batch : cache.stream(source_to_fill(), f, options))
    for (const larder::bytes& sample : batch)
      if (sample.size() != size_to_fill || cache.weight() > room_to_fill + 8 * 30) return false;  // eight bytes for each shard may be another's note
  return true;
}

}  // namespace

TEST_CASE("processes that fill one directory at once fill it to the byte, and not beyond, also when some are killed") {
  for (const bool by_quota : {false, true})
    for (const bool kills : {false, true}) {
      support::temporary_folder folder;
      std::vector<::pid_t> children;
      for (std::size_t who = 0; who < 4; ++who) {
        const ::pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
          ::alarm(120);
          bool right = false;
          try {
            std::atomic<std::uint64_t> made{0};
            const auto cache = open_to_fill(folder / "cache", by_quota);
            right = fills(*cache, by_quota, who, [&] {
              if (++made == 20 + 30 * who && kills && who % 2 == 0) ::kill(::getpid(), SIGKILL);
            });
          } catch (...) {
          }
          ::_exit(right ? 0 : 1);
        }
        children.push_back(child);
      }
      for (std::size_t who = 0; who < children.size(); ++who) {
        int status = 0;
        REQUIRE(::waitpid(children[who], &status, 0) == children[who]);
        if (kills && who % 2 == 0 && WIFSIGNALED(status)) {
          CHECK(WTERMSIG(status) == SIGKILL);
          continue;
        }
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
      }
      // What those who were killed left of it is there for the others, and for the next run.
      const auto cache = open_to_fill(folder / "cache", by_quota);
      CHECK(fills(*cache, by_quota, 1, [] {}));
      CHECK(cache->stats().entries == 200);
      CHECK(cache->weight() == room_to_fill);
      CHECK(fills(*cache, by_quota, 2, [] {}));
      CHECK(cache->weight() == room_to_fill);
    }
}

TEST_CASE("a process that is killed with its sample announced and not put leaves its room to one that goes on") {
  for (const bool by_quota : {false, true}) {
    support::temporary_folder folder;
    const auto cache = open_to_fill(folder / "cache", by_quota);
    larder::stream_options options{.batch_size = 1, .workers = std::size_t{0}};
    if (by_quota) options.quota = room_to_fill;
    const auto f = made_by<larder::bytes>("v1", [](std::uint64_t number) { return sized_sample(number, size_to_fill); });
    auto stream = cache->stream(source_to_fill(), f, options);
    auto at = stream.begin();
    for (int i = 0; i < 50; ++i) ++at;
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(60);
      larder::datasets::fill_gate page((folder / "cache" / ".filling").string());
      const auto inside = page.among();
      if (!inside || !page.announce(page.look(), room_to_fill)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (at != std::default_sentinel) ++at;
    CHECK(stream.stats().not_kept == samples_to_fill - 200);
    CHECK(cache->weight() == room_to_fill);
  }
}
