#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/training_cache.hpp>

#include <vector>

#include <doctest/doctest.h>

TEST_CASE("a configuration's training cache is a limit and options") {
  const larder::training_cache settings{.size = 40, .batch_buffer = 3, .prefetch = 2};
  settings.validate();
  CHECK_FALSE(settings.warning());
  const std::vector<int> source{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  larder::dataset_cache<int, larder::memory> data{settings.limit()};
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::size_t> sizes;
    auto stream = data.stream(source, settings.options({.shuffle = true}));
    for (const auto& batch : stream) sizes.push_back(batch.size());
    CHECK(sizes == std::vector<std::size_t>{3, 3, 3, 3, 3, 3, 2});
    CHECK(stream.stats().hits == (epoch == 0 ? 0 : 10));
  }
  CHECK(larder::training_cache{}.options().batch_size == 32);
  CHECK(larder::training_cache{}.options().prefetch == 4);
}

TEST_CASE("orders that suit no epochs are accepted with one warning, others refused") {
  larder::training_cache settings{.cleanup_policy = "fifo"};
  settings.validate();
  REQUIRE(settings.warning());
  CHECK(settings.warning()->find("epoch_pin is used") != std::string::npos);
  settings.cleanup_policy = "lru";
  CHECK(settings.warning());
  settings.cleanup_policy = "least";
  CHECK_THROWS_WITH_AS(settings.validate(), doctest::Contains("cleanup_policy is \"least\"; write epoch_pin"), larder::error);
  settings = {.batch_buffer = 0};
  CHECK_THROWS_WITH_AS(settings.options(), doctest::Contains("batch_buffer is 0"), larder::error);
  settings = {.prefetch = 100'000};
  CHECK_THROWS_AS(settings.options(), larder::error);
}
