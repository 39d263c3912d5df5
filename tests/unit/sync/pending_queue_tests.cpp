#include <larder/sync/pending_queue.hpp>

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

TEST_CASE("pending_queue is first in, first out, as a deque is, however it grows and shrinks") {
  larder::sync::pending_queue<std::string> queue;
  std::deque<std::string> model;
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto draw = random() % 100;
    const bool filling = (i / 1000) % 2 == 0;
    if (draw < (filling ? 60U : 35U)) {
      queue.push(std::to_string(i));
      model.push_back(std::to_string(i));
    } else if (draw < 98) {
      if (!model.empty()) {
        REQUIRE(queue.pop() == model.front());
        model.pop_front();
      }
    } else if (draw == 98 && !model.empty()) {
      queue.drop_newest();
      model.pop_back();
    }
    REQUIRE(queue.size() == model.size());
    REQUIRE(queue.empty() == model.empty());
  }
  larder::sync::pending_queue<std::string> other;
  other.swap(queue);
  CHECK(queue.empty());
  CHECK(other.size() == model.size());
  other.clear();
  CHECK(other.empty());
}
