#include <larder/serve/server_counts.hpp>

#include <cstddef>

#include <doctest/doctest.h>

using larder::serve::answered_statuses;
using larder::serve::server_counts;

TEST_CASE("answers are counted by status, connections by their ends") {
  server_counts counts;
  for (std::size_t i = 0; i < answered_statuses.size(); ++i)
    for (std::size_t n = 0; n <= i; ++n) counts.add_answer(answered_statuses[i]);
  counts.add_answer(299);
  for (std::size_t i = 0; i < answered_statuses.size(); ++i) CHECK(counts.answers(i) == i + 1);
  CHECK(counts.answers() == answered_statuses.size() * (answered_statuses.size() + 1) / 2);
  counts.add(server_counts::accepted, 3);
  CHECK(counts.open() == 3);
  counts.add(server_counts::closed);
  CHECK(counts.open() == 2);
  counts.add(server_counts::closed, 3);
  CHECK(counts.open() == 0);
  CHECK(counts.load(server_counts::accepted) == 3);
}
