#include <larder/dataset/sample_table.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/sample_key.hpp>

#include <atomic>
#include <cstdint>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"

using larder::bytes;
using larder::datasets::sample_table;
using larder::datasets::shard_key;

TEST_CASE("a table keeps the first view of each sample") {
  CHECK(rc::check([] {
    const auto size = *rc::gen::element<std::uint64_t>(1, 2, 1023, 1024, 1025, 5000);
    sample_table table(shard_key{}, size);
    std::map<std::uint64_t, std::string> model;
    for (int i = 0; i < 40; ++i) {
      const auto number = *rc::gen::inRange<std::uint64_t>(0, size);
      const std::string value = std::to_string(i);
      if (*rc::gen::arbitrary<bool>()) {
        table.keep(number, bytes::copy_of(value));
        model.emplace(number, value);
      }
      const bytes* const found = table.find(number);
      RC_ASSERT((found != nullptr) == model.contains(number));
      if (found != nullptr) RC_ASSERT(found->text() == model[number]);
    }
  }));
}

TEST_CASE("a shard that claims to be huge takes no memory, and one beyond all measure is refused") {
  const sample_table table(shard_key{}, sample_table::most);
  CHECK(table.size() == sample_table::most);
  CHECK(table.find(sample_table::most - 1) == nullptr);
  sample_table small(shard_key{}, 10);
  small.keep(9, bytes::copy_of("last"));
  small.keep(10, bytes::copy_of("none"));
  CHECK(small.find(9) != nullptr);
  for (const std::uint64_t none : {std::uint64_t{10}, std::uint64_t{1024}, std::uint64_t{5000}}) CHECK(small.find(none) == nullptr);
  CHECK(support::cause_of([] { const sample_table refused(shard_key{}, sample_table::most + 1); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([] { const sample_table refused(shard_key{}, ~std::uint64_t{0}); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("threads keep and find the samples of one table") {
  constexpr std::uint64_t size = 3000;
  sample_table table(shard_key{}, size);
  std::latch start(4);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (std::uint64_t i = 0; i < size; ++i) {
        if (const bytes* const found = table.find(i); found != nullptr && found->text() != std::to_string(i)) ++wrong;
        table.keep(i, bytes::copy_of(std::to_string(i)));
      }
    });
  threads.clear();
  CHECK(wrong == 0);
  for (std::uint64_t i = 0; i < size; ++i) {
    REQUIRE(table.find(i) != nullptr);
    CHECK(table.find(i)->text() == std::to_string(i));
  }
}
