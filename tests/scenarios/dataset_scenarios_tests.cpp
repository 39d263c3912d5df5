// Scenarios D11, D12 and D22: batches, samples that are made once, a stream that goes on after a crash.

#include <larder/dataset/dataset_cache.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <atomic>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

namespace {

std::vector<int> hundred() {
  std::vector<int> numbers(100);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

TEST_CASE("D11: a hundred samples in batches of 32, and none") {
  support::temporary_folder folder;
  larder::dataset_cache<std::string> cache{larder::mmap_disk{folder / "data"}};
  const std::vector<int> numbers = hundred();
  std::atomic<int> calls{0};
  const larder::preprocess text{"text-v1", [&](int number) {
                                  ++calls;
                                  return std::to_string(number);
                                }};
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<std::size_t> sizes;
    int next = 0;
    for (const auto& batch : cache.stream(numbers, text, {.batch_size = 32})) {
      sizes.push_back(batch.size());
      for (const std::string& sample : batch) CHECK(sample == std::to_string(next++));
    }
    CHECK(sizes == std::vector<std::size_t>{32, 32, 32, 4});
    CHECK(calls == 100);  // streamed again: none more
  }
  const std::vector<int> none;
  for (const auto& batch : cache.stream(none, text)) FAIL("a batch of " << batch.size());
}

TEST_CASE("D12: a sample is made once; another version makes it anew, the same one does not") {
  support::temporary_folder folder;
  const std::vector<int> numbers = hundred();
  std::atomic<int> calls{0};
  const auto run = [&](const std::string& version) {
    larder::dataset_cache<std::string> cache{larder::mmap_disk{folder / "data"}};  // each time as a new process would
    const larder::preprocess text{version, [&](int number) {
                                    ++calls;
                                    return version + std::to_string(number);
                                  }};
    int next = 0;
    for (const auto& batch : cache.stream(numbers, text))
      for (const std::string& sample : batch) CHECK(sample == version + std::to_string(next++));
    return calls.exchange(0);
  };
  CHECK(run("v1") == 100);
  CHECK(run("v1") == 0);
  CHECK(run("v2") == 100);
  CHECK(run("v1") == 0);
  CHECK(run("v2") == 0);
}

TEST_CASE("D22: a stream that goes on from a saved position has each sample once, before and after") {
  support::temporary_folder folder;
  const std::vector<int> numbers = hundred();
  const larder::preprocess text{"text-v1", [](int number) { return std::to_string(number); }};
  for (std::size_t crash = 1; crash < 15; ++crash) {
    std::vector<int> seen(100);
    std::string saved;
    larder::stream_options options{.batch_size = 7, .workers = 2, .shuffle = true, .seed = crash};
    {
      larder::dataset_cache<std::string> cache{larder::mmap_disk{folder / "data"}};
      std::size_t batches = 0;
      for (const auto& batch : cache.stream(numbers, text, options)) {
        for (const std::string& sample : batch) ++seen[static_cast<std::size_t>(std::stoi(sample))];
        saved = batch.position().text();
        if (++batches == crash) break;
      }
    }
    larder::dataset_cache<std::string> cache{larder::mmap_disk{folder / "data"}};
    options.from = larder::stream_position::parse(saved);
    REQUIRE(options.from);
    options.workers = 0;
    options.batch_size = 5;
    for (const auto& batch : cache.stream(numbers, text, options))
      for (const std::string& sample : batch) ++seen[static_cast<std::size_t>(std::stoi(sample))];
    CHECK(seen == std::vector<int>(100, 1));
  }
}
