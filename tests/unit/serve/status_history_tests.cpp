#include <larder/serve/status_history.hpp>
#include <larder/serve/weight_server_stats.hpp>

#include <cstddef>
#include <cstdint>

#include <doctest/doctest.h>

using larder::serve::status_history;

TEST_CASE("each second has what was new in it") {
  status_history history;
  CHECK(history.all().empty());
  larder::weight_server_stats now;
  now.hits = 5;
  now.misses = 2;
  now.requests = 8;
  now.bytes_sent = 100;
  now.connections = 3;
  now.memory = 50;
  history.add(now);
  now.hits = 9;
  now.bytes_sent = 101;
  now.connections = 1;
  history.add(now);
  const auto all = history.all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].hits == 5);
  CHECK(all[0].misses == 2);
  CHECK(all[0].requests == 8);
  CHECK(all[0].bytes_sent == 100);
  CHECK(all[0].connections == 3);
  CHECK(all[0].memory == 50);
  CHECK(all[1].hits == 4);
  CHECK(all[1].misses == 0);
  CHECK(all[1].requests == 0);
  CHECK(all[1].bytes_sent == 1);
  CHECK(all[1].connections == 1);
}

TEST_CASE("the last five minutes are kept, oldest first") {
  status_history history;
  larder::weight_server_stats now;
  for (std::uint64_t second = 1; second <= status_history::seconds + 7; ++second) {
    now.hits += second;
    history.add(now);
  }
  const auto all = history.all();
  REQUIRE(all.size() == status_history::seconds);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].hits == i + 8);
}
