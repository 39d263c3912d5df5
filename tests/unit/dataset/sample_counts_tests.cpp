#include <larder/dataset/dataset_stats.hpp>
#include <larder/dataset/sample_counts.hpp>

#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using larder::datasets::batch_counts;
using larder::datasets::sample_counts;

TEST_CASE("what batches cost adds up, from all threads") {
  sample_counts all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        batch_counts n;
        n.hits = 1;
        n.joined = 2;
        n.made = 3;
        n.not_kept = 1;
        n.bytes_out = 10;
        n.bytes_read = 5;
        n.shards_opened = 1;
        n.preprocess_time = 2ns;
        n.read_time = 3ns;
        CHECK(n.samples() == 6);
        all.add(n);
        all.add_batch(7ns);
      }
    });
  for (std::thread& one : threads) one.join();
  larder::dataset_stats s;
  all.read_into(s);
  CHECK(s.hits == 400);
  CHECK(s.joined == 800);
  CHECK(s.made == 1200);
  CHECK(s.samples == 2400);
  CHECK(s.not_kept == 400);
  CHECK(s.batches == 400);
  CHECK(s.bytes_out == 4000);
  CHECK(s.bytes_read == 2000);
  CHECK(s.shards_opened == 400);
  CHECK(s.preprocess_time == 800ns);
  CHECK(s.read_time == 1200ns);
  CHECK(s.stall_time == 2800ns);
  CHECK(s.hit_ratio() == doctest::Approx(1.0 / 6));
  all.reset();
  all.read_into(s);
  CHECK(s.samples == 0);
  CHECK(s.hit_ratio() == 0);
}
