#include <larder/codec/codec.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using larder::bytes;
using larder::codec;

namespace {

enum class precision : std::uint16_t { half = 7 };
struct shape {
  std::uint32_t rows;
  std::uint32_t columns;
  float scale;
  bool operator==(const shape&) const = default;
};
struct no_default {
  explicit no_default(int n) : number(n) {}
  int number;
};
/// A user's own type: "name=value".
struct setting {
  std::string name;
  std::string value;
  bool operator==(const setting&) const = default;
};

template <class T>
T there_and_back(const T& value) {
  return codec<T>::decode(codec<T>::encode(value));
}
template <class T>
std::string refusal(const bytes& encoded) {
  try {
    (void)codec<T>::decode(encoded);
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::codec);
    return e.what();
  }
  return {};
}

}  // namespace

template <>
struct larder::codec<setting> {
  static bytes encode(const setting& s) { return bytes::copy_of(s.name + "=" + s.value); }
  static setting decode(const bytes& encoded) {
    const std::string_view text = encoded.text();
    const std::size_t at = text.find('=');
    if (at == std::string_view::npos) throw larder::error(larder::error_cause::codec, "a setting has no =");
    return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
  }
};

TEST_CASE("bytes pass through without a copy") {
  const bytes value = bytes::copy_of(std::string_view("payload"));
  CHECK(codec<bytes>::encode(value).data() == value.data());
  CHECK(codec<bytes>::decode(value).data() == value.data());
}

TEST_CASE("values come back as they went") {
  CHECK(there_and_back(std::string("text with \0 inside", 18)) == std::string("text with \0 inside", 18));
  CHECK(there_and_back(std::string()).empty());
  CHECK(there_and_back(-42) == -42);
  CHECK(there_and_back(1.5) == 1.5);
  CHECK(there_and_back(true));
  CHECK(there_and_back(precision::half) == precision::half);
  CHECK(there_and_back(shape{2, 3, 0.5F}) == shape{2, 3, 0.5F});
  CHECK(there_and_back(std::array<int, 3>{1, 2, 3}) == std::array<int, 3>{1, 2, 3});
  CHECK(there_and_back(no_default(9)).number == 9);
  CHECK(there_and_back(std::vector<float>{1, 2, 3}) == std::vector<float>{1, 2, 3});
  CHECK(there_and_back(std::vector<shape>{{1, 2, 3}, {4, 5, 6}}) == std::vector<shape>{{1, 2, 3}, {4, 5, 6}});
  CHECK(there_and_back(std::vector<double>()).empty());
  CHECK(there_and_back(setting{"a", "b=c"}) == setting{"a", "b=c"});
}

TEST_CASE("encoded sizes are those of the values alone") {
  CHECK(codec<std::string>::encode("abc").size() == 3);
  CHECK(codec<std::vector<float>>::encode({1, 2, 3}).size() == 12);
  CHECK(codec<shape>::encode({1, 2, 3}).size() == sizeof(shape));
}

TEST_CASE("what was written with another type is a codec error that says the sizes") {
  const bytes five = bytes::copy_of(std::string_view("12345"));
  CHECK(refusal<int>(five).find("5 bytes") != std::string::npos);
  CHECK(refusal<int>(five).find("4 bytes") != std::string::npos);
  CHECK(refusal<int>(bytes()).find("0 bytes") != std::string::npos);
  CHECK(refusal<std::vector<float>>(five).find("5 bytes") != std::string::npos);
  CHECK(refusal<shape>(five) != "");
  CHECK(refusal<setting>(five).find("no =") != std::string::npos);
}

TEST_CASE("a value decodes from memory that is not aligned for it") {
  const bytes encoded = codec<std::vector<double>>::encode({1.25, 2.5});
  larder::mutable_bytes shifted(encoded.size() + 1);
  std::memcpy(shifted.data() + 1, encoded.data(), encoded.size());
  const bytes odd = std::move(shifted).freeze().slice(1);
  CHECK(codec<std::vector<double>>::decode(odd) == std::vector<double>{1.25, 2.5});
  CHECK(codec<double>::decode(odd.slice(8)) == 2.5);
}

TEST_CASE("under max_bytes a value weighs its payload") {
  using larder::core::payload_size;
  CHECK(payload_size(bytes::copy_of(std::string_view("12345"))) == 5);
  CHECK(payload_size(std::string(100, 'a')) == 100);
  CHECK(payload_size(std::vector<float>(10)) == 40);
  CHECK(payload_size(std::vector<std::string>(10)) == 10 * sizeof(std::string));
  CHECK(payload_size(7) == sizeof(int));
  CHECK(payload_size(shape{}) == sizeof(shape));
  CHECK(payload_size(std::array<int, 4>{}) == 16);
}
