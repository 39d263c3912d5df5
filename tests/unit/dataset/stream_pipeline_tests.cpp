#include <larder/dataset/stream_pipeline.hpp>

#include <larder/core/error.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/storage/memory.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
#include "support/eventually.hpp"
#include "support/refusal.hpp"

using larder::bytes;
using larder::error_cause;
using larder::not_cached;
using larder::preprocess;
using larder::stream_options;
using support::eventually;
using namespace made_samples;

namespace {

struct fragile {
  std::uint64_t number;
};
std::atomic<std::uint64_t> unreadable{~std::uint64_t{0}};

/// Whoever comes through waits until it is opened.
class gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --waiting_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace

template <>
struct larder::codec<fragile> {
  static bytes encode(const fragile& value) { return bytes::copy_of(&value, sizeof value); }
  static fragile decode(const bytes& encoded) {
    fragile value{};
    std::memcpy(&value, encoded.data(), sizeof value);
    if (value.number == unreadable) core::fail(error_cause::codec, "unreadable");
    return value;
  }
};

TEST_CASE("what fails fails at its batch, and the stream resumes there") {
  enum class place { open, record, function, codec, augmentation };
  constexpr std::uint64_t bad = 37;  // in the shard from 30 on, in the batch from 35 on
  for (const place where : {place::open, place::record, place::function, place::codec, place::augmentation})
    for (const std::size_t workers : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
      CAPTURE(static_cast<int>(where));
      CAPTURE(workers);
      larder::dataset_cache<fragile, larder::memory> cache;
      const numbers_source source(std::vector<std::uint64_t>(6, 10));
      std::atomic<bool> fails{true};
      const auto fail = [&](place at, bool here) {
        if (here && at == where && fails) throw std::runtime_error("as ordered");
      };
      source->on_open = [&](std::size_t shard) { fail(place::open, shard == 3); };
      source->on_record = [&](std::uint64_t number) { fail(place::record, number == bad); };
      if (where == place::codec) unreadable = bad;
      const preprocess f{"v1", [&](std::uint64_t number) {
                           fail(place::function, number == bad);
                           return fragile{number};
                         }};
      const not_cached after([&](fragile sample) {
        fail(place::augmentation, sample.number == bad);
        return sample;
      });
      const std::uint64_t expected = where == place::open ? 30 : 35;
      stream_options options{.batch_size = 5, .workers = workers};
      auto stream = cache.stream(source, f, after, options);
      std::uint64_t next = 0;
      bool threw = false;
      try {
        for (const auto& batch : stream)
          for (const fragile& sample : batch) CHECK(sample.number == next++);
      } catch (const std::exception&) {
        threw = true;
      }
      CHECK(threw);
      CHECK(next == expected);
      CHECK(stream.begin() == stream.end());
      CHECK(stream.begin() == stream.end());
      fails = false;
      unreadable = ~std::uint64_t{0};
      options.from = stream.position();
      for (const auto& batch : cache.stream(source, f, after, options))
        for (const fragile& sample : batch) CHECK(sample.number == next++);
      CHECK(next == 60);
    }
}

TEST_CASE("a stop before the first batch") {
  larder::dataset_cache<std::string, larder::memory> cache;
  std::stop_source stop;
  stop.request_stop();
  for (const std::size_t workers : {std::size_t{0}, std::size_t{2}}) {
    auto stream = cache.stream(numbers_source({10}), made_by<std::string>("v1", sample_of<std::string>), {.workers = workers, .stop = stop.get_token()});
    CHECK(support::cause_of([&] { (void)stream.begin(); }) == error_cause::cancelled);
    CHECK(stream.begin() == stream.end());
  }
}

TEST_CASE("a stop while the consumer waits for a worker that is blocked") {
  larder::dataset_cache<std::string, larder::memory> cache;
  std::stop_source stop;
  gate closed;
  const preprocess f{"v1", [&](std::uint64_t number) {
                       if (number >= 4) closed.pass();
                       return sample_of<std::string>(number);
                     }};
  stream_options options{.batch_size = 4, .prefetch = 2, .workers = 2, .stop = stop.get_token()};
  std::optional<larder::stream_position> at;
  {
    auto stream = cache.stream(numbers_source({40}), f, options);
    auto batch = stream.begin();
    REQUIRE(batch != stream.end());
    closed.wait_for_somebody();
    std::jthread stopper([&] { stop.request_stop(); });
    CHECK(support::cause_of([&] { ++batch; }) == error_cause::cancelled);
    CHECK(batch == stream.end());
    at = stream.position();
    closed.open();
  }
  options.stop = {};
  options.from = at;
  std::uint64_t next = 4;
  for (const auto& one : cache.stream(numbers_source({40}), f, options))
    for (const auto& sample : one) CHECK(sample == sample_of<std::string>(next++));
  CHECK(next == 40);
}

TEST_CASE("a stop from within the function ends the batch that it is in") {
  for (const std::size_t workers : {std::size_t{0}, std::size_t{2}}) {
    larder::dataset_cache<std::string, larder::memory> cache;
    std::stop_source stop;
    auto stream = cache.stream(numbers_source({400}), preprocess{"v1",
                                                                 [&](std::uint64_t number) {
                                                                   if (number == 10) stop.request_stop();
                                                                   return sample_of<std::string>(number);
                                                                 }},
                               {.batch_size = 8, .workers = workers, .stop = stop.get_token()});
    CHECK(support::cause_of([&] {
            for (const auto& batch : stream) (void)batch;
          }) == error_cause::cancelled);
  }
}

TEST_CASE("a stream that is dropped in the middle takes its workers along, and leaves other streams alone") {
  for (int times = 0; times < 5; ++times) {
    larder::dataset_cache<std::string, larder::memory> cache;
    const numbers_source source(std::vector<std::uint64_t>(10, 20));
    std::atomic<int> running{0};
    const preprocess f{"v1", [&](std::uint64_t number) {
                         ++running;
                         std::string made = sample_of<std::string>(number);
                         std::this_thread::yield();
                         --running;
                         return made;
                       }};
    std::jthread other([&] {
      std::uint64_t next = 0;
      for (const auto& batch : cache.stream(source, f, {.batch_size = 3, .workers = 2}))
        for (const auto& sample : batch) CHECK(sample == sample_of<std::string>(next++));
      CHECK(next == 200);
    });
    for (int dropped = 0; dropped < 5; ++dropped) {
      std::stop_source stop;
      auto stream = cache.stream(source, f, {.batch_size = 3, .prefetch = 5, .workers = 3, .stop = stop.get_token()});
      int seen = 0;
      try {
        for (const auto& batch : stream) {
          (void)batch;
          if (++seen == dropped + 1) throw std::runtime_error("out of the loop");
        }
      } catch (const std::runtime_error&) {
      }
      CHECK(seen == dropped + 1);
      stop.request_stop();
    }
    other.join();
    CHECK(running == 0);
  }
}

TEST_CASE("who waits for a load of a stream that is stopped makes the sample himself") {
  // The leader is stopped between its look and its load: a source that blocks while it is planned, and a stop meanwhile, come near it; many tries.
  larder::dataset_cache<std::string, larder::memory> cache;
  for (int times = 0; times < 50; ++times) {
    cache.clear();
    std::stop_source stop;
    const numbers_source source({6});
    std::latch start(3);
    std::jthread stopped([&] {
      auto stream = cache.stream(source, made_by<std::string>("v1", sample_of<std::string>), {.batch_size = 2, .workers = 1, .stop = stop.get_token()});
      start.arrive_and_wait();
      try {
        for (const auto& batch : stream) (void)batch;
      } catch (const larder::error& failed) {
        CHECK(failed.cause() == error_cause::cancelled);
      }
    });
    std::jthread stopper([&] {
      start.arrive_and_wait();
      stop.request_stop();
    });
    start.arrive_and_wait();
    CHECK(drain<std::string>(cache.stream(source, made_by<std::string>("v1", sample_of<std::string>), {.batch_size = 2, .workers = 1})).samples().size() == 6);
  }
}

TEST_CASE("at most prefetch batches are made while one is held") {
  for (const std::size_t prefetch : {std::size_t{1}, std::size_t{3}})
    for (const std::size_t workers : {std::size_t{1}, std::size_t{4}}) {
      larder::dataset_cache<std::string, larder::memory> cache;
      std::atomic<std::uint64_t> made{0};
      auto stream = cache.stream(numbers_source({60}), preprocess{"v1",
                                                                   [&](std::uint64_t number) {
                                                                     ++made;
                                                                     return sample_of<std::string>(number);
                                                                   }},
                                 {.batch_size = 4, .prefetch = prefetch, .workers = workers});
      std::uint64_t used = 0;
      for (const auto& batch : stream) {
        used += batch.size();
        const std::uint64_t most = std::min<std::uint64_t>(used + 4 * prefetch, 60);
        CHECK(eventually([&] { return made == most; }));  // and they are
        for (int i = 0; i < 5; ++i) std::this_thread::yield();
        CHECK(made <= most);
      }
    }
}

TEST_CASE("batches that wait are as many bytes as may be ahead, and at most one batch more") {
  for (const std::size_t workers : {std::size_t{1}, std::size_t{4}})
    for (const std::uint64_t ahead : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{400}, std::uint64_t{1000}}) {
      larder::dataset_cache<bytes, larder::memory> cache;
      std::atomic<std::uint64_t> made{0};
      auto stream = cache.stream(numbers_source({60}), preprocess{"v1",
                                                                   [&](std::uint64_t number) {
                                                                     ++made;
                                                                     return sized_sample(number, 100);
                                                                   }},
                                 {.batch_size = 4, .prefetch = 16, .workers = workers, .bytes_ahead = ahead});
      std::uint64_t used = 0;
      for (const auto& batch : stream) {
        used += batch.size();
        const std::uint64_t batches = (ahead + 399) / 400;
        const std::uint64_t most = std::min<std::uint64_t>(used + 4 * batches, 60);
        CHECK(eventually([&] { return made == most; }));
        for (int i = 0; i < 5; ++i) std::this_thread::yield();
        CHECK(made <= most);
      }
      CHECK(used == 60);
    }
}

TEST_CASE("a stream moves") {
  larder::dataset_cache<std::string, larder::memory> cache;
  auto first = cache.stream(numbers_source({10}), made_by<std::string>("v1", sample_of<std::string>), {.batch_size = 2, .workers = 1});
  CHECK(first.begin()->size() == 2);
  auto second = std::move(first);
  std::size_t rest = 0;
  for (const auto& batch : second) rest += batch.size();
  CHECK(rest == 8);
  CHECK(second.stats().samples == 10);
}
