#include "support/every_word.hpp"

#include <larder/dataset/dataset_stats.hpp>

#include <doctest/doctest.h>

TEST_CASE("every figure of a data set cache is exported") {
  CHECK(support::words_not_shown<larder::dataset_stats>() == std::vector<std::size_t>{});
}
