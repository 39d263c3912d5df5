#include <larder/dataset/fingerprintable.hpp>

#include <array>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::digest;
using larder::fingerprintable;
using larder::datasets::add_fingerprint;
using larder::datasets::fingerprint_builder;

namespace {

struct pixels {
  std::array<float, 784> of;
  int label;
};
struct with_private_parts {
  constexpr with_private_parts() = default;
  constexpr explicit with_private_parts(int n) : a(n) {}

 private:
  [[maybe_unused]] int a = 1;
  [[maybe_unused]] int b = 2;
};
struct padded {
  char c;
  int n;
};
struct padded_inside {
  pixels image;
  padded more;
};
struct with_a_view {  // no padding: its bytes are a pointer and numbers
  std::string_view text;
  long n;
};
struct with_a_long_double {
  long double x;
};
struct without_a_default {
  explicit without_a_default(int n) : x(n) {}
  int x;
};
enum class color : std::uint8_t { red, green };
struct named {
  std::string name;
};
struct encoded {
  std::string of;
};

}  // namespace

template <>
struct larder::fingerprint_of<named> {
  static digest of(const named& value) { return digest_of(value.name); }
};
template <>
struct larder::codec<encoded> {
  static bytes encode(const encoded& value) { return bytes::copy_of(value.of); }
  static encoded decode(const bytes& from) { return {std::string(from.text())}; }
};
template <>
struct larder::fingerprint_of<without_a_default> {
  static digest of(const without_a_default& value) { return digest_of(&value.x, sizeof value.x); }
};

namespace {

static_assert(fingerprintable<int> && fingerprintable<const double&> && fingerprintable<bool> && fingerprintable<color>);
static_assert(fingerprintable<int[4]> && fingerprintable<std::array<float, 3>> && fingerprintable<std::complex<float>>);
static_assert(fingerprintable<pixels> && fingerprintable<with_private_parts> && fingerprintable<std::chrono::nanoseconds>);
static_assert(fingerprintable<larder::bytes> && fingerprintable<std::string> && fingerprintable<std::string_view> && fingerprintable<std::u16string>);
static_assert(fingerprintable<std::span<const int>> && fingerprintable<std::vector<std::string>> && fingerprintable<std::vector<bool>>);
static_assert(fingerprintable<std::pair<const std::string, std::vector<int>>> && fingerprintable<std::tuple<int, std::array<named, 2>>>);
static_assert(fingerprintable<named> && fingerprintable<encoded> && fingerprintable<without_a_default>);
static_assert(fingerprintable<std::tuple<std::string&, const int&>>);

static_assert(!fingerprintable<int*> && !fingerprintable<const char*> && !fingerprintable<int* [2]> && !fingerprintable<long double>);
static_assert(fingerprintable<padded> && fingerprintable<padded_inside> && fingerprintable<with_a_view>);  // by their fields
static_assert(!fingerprintable<with_a_long_double>);
static_assert(!fingerprintable<std::reference_wrapper<int>> && !fingerprintable<std::unique_ptr<int>> && !fingerprintable<std::shared_ptr<int>>);
static_assert(fingerprintable<std::vector<padded>> && !fingerprintable<std::vector<int*>> && fingerprintable<std::pair<int, padded>>);
static_assert(!fingerprintable<std::function<void()>> && !fingerprintable<std::map<int, int>> && fingerprintable<std::span<const padded>>);

template <class T>
digest of(const T& value) {
  fingerprint_builder builder;
  add_fingerprint<T>(builder, value);
  return builder.finish();
}

template <class T>
bool differ_as_the_values_do() {
  return rc::check([] {
    const auto a = *rc::gen::arbitrary<T>();
    const auto b = *rc::gen::arbitrary<T>();
    RC_ASSERT(of(a) == of(T(a)));
    RC_ASSERT((of(a) == of(b)) == (a == b));
  });
}

}  // namespace

TEST_CASE("fingerprints are equal where the values are") {
  CHECK(differ_as_the_values_do<int>());
  CHECK(differ_as_the_values_do<bool>());
  CHECK(differ_as_the_values_do<std::string>());
  CHECK(differ_as_the_values_do<std::vector<std::uint8_t>>());
  CHECK(differ_as_the_values_do<std::vector<bool>>());
  CHECK(differ_as_the_values_do<std::vector<std::string>>());
  CHECK(differ_as_the_values_do<std::pair<std::string, std::vector<std::uint16_t>>>());
  CHECK(differ_as_the_values_do<std::tuple<bool, std::string, std::vector<std::vector<bool>>>>());
  CHECK(differ_as_the_values_do<std::vector<std::pair<std::string, std::string>>>());
}

TEST_CASE("where one part ends and the next begins counts") {
  using texts = std::pair<std::string, std::string>;
  CHECK(of(texts("ab", "c")) != of(texts("a", "bc")));
  CHECK(of(std::vector<std::string>{"a", ""}) != of(std::vector<std::string>{"a"}));
  CHECK(of(std::vector<std::vector<int>>{{1}, {2}}) != of(std::vector<std::vector<int>>{{1, 2}}));
  CHECK(of(std::vector<std::vector<int>>{{}, {1}}) != of(std::vector<std::vector<int>>{{1}, {}}));
}

TEST_CASE("every part of a class counts, and what it lies beside does not") {
  pixels one{};
  const digest zeros = of(one);
  one.of[783] = 1;
  CHECK(of(one) != zeros);
  one.of[783] = 0;
  CHECK(of(one) == zeros);
  one.label = 1;
  CHECK(of(one) != zeros);
  CHECK(of(with_private_parts(1)) == of(with_private_parts()));
  CHECK(of(with_private_parts(2)) != of(with_private_parts()));
  CHECK(of(0.0) != of(-0.0));
}

TEST_CASE("text is the same text wherever it is, and bytes are") {
  const std::string text = "a text of some length that no string keeps in itself";
  const std::string copy = text;
  CHECK(of(std::string_view(text)) == of(std::string_view(copy)));
  CHECK(of(std::string_view(text)) == of(copy));
  CHECK(of(larder::bytes::copy_of(text)) == of(larder::bytes::copy_of(copy)));
  const std::vector<int> numbers{1, 2, 3};
  CHECK(of(std::span<const int>(numbers)) == of(numbers));
  CHECK(of(std::array<int, 3>{1, 2, 3}) == of(numbers));
  CHECK(of(std::array<named, 1>{named{"x"}}) == of(std::vector<named>{{"x"}}));
}

TEST_CASE("what a type says of itself counts, or else its codec") {
  CHECK(of(named{"a"}) != of(named{"b"}));
  CHECK(of(named{"a"}) == fingerprint_builder().add(larder::digest_of("a")).finish());
  CHECK(of(encoded{"a"}) != of(encoded{"b"}));
  CHECK(of(encoded{"a"}) == of(std::string("a")));
  CHECK(of(without_a_default(1)) != of(without_a_default(2)));
}

TEST_CASE("fingerprints are those of every release: caches of data sets are kept under them") {
  CHECK(of(1).hex() == "f8232e96000fc1da3e2207e8fed7e9f6");
  CHECK(of(std::string("abc")).hex() == "45bcdc88efffd44520b986a5e7fe1438");
  CHECK(of(std::vector<std::string>{"a", "bc"}).hex() == "5433041e94805bda5adfe1bebc30ed20");
  CHECK(of(std::pair<std::string, std::vector<float>>("x", {1.5F, -2.F})).hex() == "184c1db28b55e5cf5ac282cc43c649e7");
}
