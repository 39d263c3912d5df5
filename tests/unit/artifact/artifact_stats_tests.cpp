#include "support/every_word.hpp"

#include <larder/artifact/package_store_stats.hpp>
#include <larder/artifact/pass_stats.hpp>
#include <larder/artifact/resolution_stats.hpp>

#include <doctest/doctest.h>

TEST_CASE("every figure of passes, resolutions and packages is exported") {
  CHECK(support::words_not_shown<larder::pass_stats>() == std::vector<std::size_t>{});
  CHECK(support::words_not_shown<larder::resolution_stats>() == std::vector<std::size_t>{});
  CHECK(support::words_not_shown<larder::package_store_stats>() == std::vector<std::size_t>{});
}
