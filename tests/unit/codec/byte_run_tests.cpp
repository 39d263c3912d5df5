#include <larder/codec/byte_run.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::bytes;
using larder::core::byte_run;
using larder::core::byte_run_of;
using larder::core::content_of;

static_assert(byte_run<bytes> && byte_run<std::string> && byte_run<std::u16string> && byte_run<std::vector<float>>);
static_assert(!byte_run<std::vector<bool>> && !byte_run<std::vector<std::string>> && !byte_run<int> && !byte_run<std::list<char>>);

namespace {

template <class T>
void comes_back(const T& value) {
  const std::vector<std::byte> content(content_of(value).begin(), content_of(value).end());
  const std::optional<T> again = byte_run_of<T>(content.size(), [&](std::span<std::byte> to) {
    REQUIRE(to.size() == content.size());
    std::copy(content.begin(), content.end(), to.begin());
    return true;
  });
  REQUIRE(again.has_value());
  CHECK(*again == value);
}

}  // namespace

TEST_CASE("a run of bytes is taken apart and put together again") {
  comes_back(bytes::copy_of(std::string("value")));
  comes_back(bytes());
  comes_back(std::string("with\0zero", 9));
  comes_back(std::string());
  comes_back(std::u16string(u"wide"));
  comes_back(std::vector<float>{1.5F, -2.0F, 0.0F});
  comes_back(std::vector<std::array<std::uint16_t, 3>>{{1, 2, 3}, {4, 5, 6}});
  comes_back(std::vector<int>());
}

TEST_CASE("the content is the value's own memory") {
  const std::vector<std::uint32_t> value{1, 2, 3};
  CHECK(content_of(value).data() == reinterpret_cast<const std::byte*>(value.data()));
  CHECK(content_of(value).size() == 12);
}

TEST_CASE("what has no whole number of elements is not put together, and what cannot be filled is nothing") {
  int calls = 0;
  const auto fill = [&](std::span<std::byte>) { return ++calls, true; };
  CHECK_FALSE(byte_run_of<std::vector<std::uint32_t>>(7, fill).has_value());
  CHECK_FALSE(byte_run_of<std::u16string>(1, fill).has_value());
  CHECK(calls == 0);
  const auto refuse = [](std::span<std::byte>) { return false; };
  CHECK_FALSE(byte_run_of<bytes>(5, refuse).has_value());
  CHECK_FALSE(byte_run_of<std::string>(5, refuse).has_value());
  CHECK_FALSE(byte_run_of<std::vector<int>>(0, refuse).has_value());
}
