#include <larder/eviction/slot_list.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <random>
#include <vector>

namespace {

using larder::no_slot;
using larder::slot;

/// States as a host hands them out: a cheap handle to an array.
struct states {
  std::vector<larder::eviction::links>* all;
  larder::eviction::links& operator[](slot s) const noexcept { return (*all)[s]; }
};
using list = larder::eviction::slot_list<states>;

/// The slots from front to back, after a walk back over the same ones.
std::vector<slot> walk(const list& l, const std::vector<larder::eviction::links>& all) {
  std::vector<slot> forth;
  for (slot s = l.front(); s != no_slot; s = all[s].next) forth.push_back(s);
  std::vector<slot> back;
  for (slot s = l.back(); s != no_slot; s = all[s].prev) back.push_back(s);
  std::reverse(back.begin(), back.end());
  CHECK(back == forth);
  return forth;
}

}  // namespace

TEST_CASE("a slot list begins empty and is empty again when all have left") {
  std::vector<larder::eviction::links> all(2);
  list l(states{&all});
  CHECK(l.empty());
  CHECK(l.front() == no_slot);
  CHECK(l.back() == no_slot);
  l.push_front(0);
  CHECK(l.front() == 0);
  CHECK(l.back() == 0);
  l.push_front(1);
  l.erase(0);
  CHECK(l.back() == 1);
  l.erase(1);
  CHECK(l.empty());
  CHECK(l.back() == no_slot);
}

TEST_CASE("a slot list does as std::list, step by step") {
  constexpr slot places = 12;
  std::vector<larder::eviction::links> all(places);
  list l(states{&all});
  std::list<slot> model;
  std::mt19937 random(7);
  for (int step = 0; step < 5000; ++step) {
    const slot s = static_cast<slot>(random() % places);
    const auto at = std::find(model.begin(), model.end(), s);
    if (at == model.end()) {
      l.push_front(s);
      model.push_front(s);
    } else if (random() % 2 == 0) {
      l.move_to_front(s);
      model.splice(model.begin(), model, at);
    } else {
      l.erase(s);
      model.erase(at);
    }
    REQUIRE(walk(l, all) == std::vector<slot>(model.begin(), model.end()));
    REQUIRE(l.empty() == model.empty());
  }
}
