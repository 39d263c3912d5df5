#include "support/every_word.hpp"

#include <larder/serve/weight_server_stats.hpp>

#include <doctest/doctest.h>

TEST_CASE("every figure of a weight server is exported") {
  CHECK(support::words_not_shown<larder::weight_server_stats>(sizeof(larder::cache_stats), sizeof(larder::weight_server_stats)) ==
        std::vector<std::size_t>{});
}
