#include "support/every_word.hpp"

#include <larder/layer/layer_stats.hpp>

#include <doctest/doctest.h>

TEST_CASE("every figure of a layer cache is exported") {
  CHECK(support::words_not_shown<larder::layer_stats>(sizeof(larder::cache_stats), sizeof(larder::layer_stats)) ==
        std::vector<std::size_t>{});
  larder::metrics all;
  larder::layer_stats stats;
  stats.hits = 3;
  stats.prefetch_hits = 2;
  all.add("llama", stats);
  CHECK(all.prometheus().find("larder_cache_hits_total{cache=\"llama\"} 3\n") != std::string::npos);
  CHECK(all.prometheus().find("larder_layers_prefetch_hits_total{cache=\"llama\"} 2\n") != std::string::npos);
}
