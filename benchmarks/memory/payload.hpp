#pragma once

#include <larder/core/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

/// How a value is made of a number and what a hit reads of it: something that lies in the entry itself, so that no case measures the
/// heap that the values point to.
template <class Value>
struct payload;

template <>
struct payload<std::uint64_t> {
  static std::uint64_t make(std::uint64_t number) { return number; }
  static std::uint64_t read(std::uint64_t value) { return value; }
};
template <>
struct payload<std::string> {
  static std::string make(std::uint64_t number) { return std::string(64, static_cast<char>('a' + number % 26)); }
  static std::uint64_t read(const std::string& value) { return value.size(); }
};
template <>
struct payload<larder::bytes> {
  static larder::bytes make(std::uint64_t number) {
    const std::array<std::uint64_t, 8> content{number};
    return larder::bytes::copy_of(content.data(), sizeof content);
  }
  static std::uint64_t read(const larder::bytes& value) { return value.size(); }
};

}  // namespace bench
