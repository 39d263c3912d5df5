#include <larder/dataset/aggregate_fields.hpp>
#include <larder/dataset/fingerprintable.hpp>

#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace larder::datasets;

struct raw {
  std::string text;
  int label = 0;
};
struct padded {
  char c;
  double x;
};
struct nested {
  raw one;
  std::vector<float> numbers;
  padded two;
  bool flag;
};
struct with_pointer {
  std::string text;
  const int* where;
};
struct with_constructor {
  explicit with_constructor(int x) : n(x) {}
  std::string text;
  int n;
};
struct of_ten {
  int a, b, c, d, e, f, g, h, i;
  std::string j;
};

template <class T>
larder::digest print(const T& value) {
  fingerprint_builder to;
  add_fingerprint(to, value);
  return to.finish();
}

}  // namespace

TEST_CASE("plain structs are taken apart") {
  static_assert(count_fields<raw>() == 2);
  static_assert(count_fields<nested>() == 4);
  static_assert(count_fields<of_ten>() == 10);
  static_assert(plain_aggregate<raw> && plain_aggregate<of_ten> && !plain_aggregate<with_constructor> && !plain_aggregate<int>);
  const raw one{"text", 7};
  CHECK(fields_of_aggregate(one) == std::tuple<std::string, int>("text", 7));
  const of_ten many{1, 2, 3, 4, 5, 6, 7, 8, 9, "ten"};
  CHECK(std::get<9>(fields_of_aggregate(many)) == "ten");
  CHECK(std::get<0>(fields_of_aggregate(many)) == 1);
}

TEST_CASE("a struct has the fingerprint of its fields, never of its padding or of a pointer") {
  static_assert(larder::fingerprintable<raw> && larder::fingerprintable<padded> && larder::fingerprintable<nested>);
  static_assert(!larder::fingerprintable<with_pointer> && !larder::fingerprintable<with_constructor>);
  CHECK(print(raw{"a", 1}) == print(raw{"a", 1}));
  CHECK(print(raw{"a", 1}) != print(raw{"a", 2}));
  CHECK(print(raw{"a", 1}) != print(raw{"b", 1}));
  padded first;
  padded second;
  __builtin_memset(static_cast<void*>(&first), 1, sizeof first);
  __builtin_memset(static_cast<void*>(&second), 2, sizeof second);
  first.c = second.c = 'x';
  first.x = second.x = 0.5;
  CHECK(print(first) == print(second));
  CHECK(print(nested{{"a", 1}, {1.0F}, {'c', 2.0}, true}) != print(nested{{"a", 1}, {1.0F}, {'c', 2.0}, false}));
}
