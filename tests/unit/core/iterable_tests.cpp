#include <larder/core/iterable.hpp>

#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using larder::core::contiguous;
using larder::core::element_of;
using larder::core::iterable;
using larder::core::iterated;

namespace {

/// What a range of the user's own looks like: iterators of two types, begin and end found by members.
struct countdown {
  struct end_type {};
  struct iterator {
    int left;
    int operator*() const { return left; }
    iterator& operator++() { return --left, *this; }
    bool operator!=(end_type) const { return left != 0; }
  };
  int from;
  iterator begin() const { return {from}; }
  end_type end() const { return {}; }
};

struct begins_only {
  int* begin() const { return nullptr; }
};

template <iterable R>
int sum(const R& range) {
  int total = 0;
  for (const auto& each : range) total += each;
  return total;
}

}  // namespace

TEST_CASE("iterable takes what a range-based for takes, and nothing else") {
  static_assert(iterable<std::vector<int>> && iterable<std::list<int>> && iterable<std::map<int, int>> && iterable<int[3]>);
  static_assert(iterable<std::initializer_list<int>> && iterable<std::string_view> && iterable<countdown>);
  static_assert(!iterable<int> && !iterable<begins_only> && !iterable<std::pair<int, int>> && !iterable<int*>);

  CHECK(sum(std::vector{1, 2, 3}) == 6);
  CHECK(sum(countdown{4}) == 10);
  const int raw[] = {5, 6};
  CHECK(sum(raw) == 11);
}

TEST_CASE("iterated is what a const range's iterator gives") {
  static_assert(std::is_same_v<iterated<std::vector<std::string>>, const std::string&>);
  static_assert(std::is_same_v<iterated<std::vector<bool>>, bool>);
  static_assert(std::is_same_v<iterated<countdown>, int>);
  CHECK(std::is_same_v<iterated<std::span<int>>, int&>);  // a span does not pass its constness on
}

TEST_CASE("contiguous takes elements side by side, and element_of names them") {
  static_assert(contiguous<std::vector<int>> && contiguous<std::string> && contiguous<std::array<double, 2>> && contiguous<std::span<const char>>);
  static_assert(!contiguous<std::vector<bool>> && !contiguous<std::list<int>> && !contiguous<countdown> && !contiguous<int>);
  static_assert(std::is_same_v<element_of<std::span<const char>>, char>);
  CHECK(std::is_same_v<element_of<std::vector<int>>, int>);
}
