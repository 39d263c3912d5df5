#pragma once

#include <larder/core/digest.hpp>
#include <larder/dataset/dataset_source.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace larder::datasets {

/// What the keys of all samples of a shard begin with, under one version of the preprocessing: 8 bytes of what makes samples of records, 12 of
/// what the shard holds.
struct shard_key {
  static constexpr std::size_t size = 20;
  std::array<char, size> text{};

  static shard_key of(std::uint64_t making, const digest& shard) noexcept {
    shard_key key;
    std::memcpy(key.text.data(), &making, 8);
    std::memcpy(key.text.data() + 8, &shard.low, 8);
    const std::uint32_t high = static_cast<std::uint32_t>(shard.high);
    std::memcpy(key.text.data() + 16, &high, 4);
    return key;
  }
  /// The one that a text begins with; zeros where it is shorter.
  static shard_key of_text(std::string_view begin) noexcept {
    shard_key key;
    std::memcpy(key.text.data(), begin.data(), std::min(begin.size(), size));
    return key;
  }
  std::string_view view() const noexcept { return {text.data(), size}; }
  friend auto operator<=>(const shard_key&, const shard_key&) = default;
};

/// The key of a sample in the cache, short enough to lie in its entry: the shard's and its number there. The number after the last one stands for
/// the shard itself: how many samples it has.
class sample_key {
 public:
  static constexpr std::size_t size = shard_key::size + 8;
  static constexpr std::uint64_t count_number = ~std::uint64_t{0};
  static constexpr std::uint64_t form_number = count_number - 1;  // of the first shard: in which form the samples are kept

  sample_key(const shard_key& shard, std::uint64_t number) noexcept {
    std::memcpy(text_.data(), shard.text.data(), shard_key::size);
    std::memcpy(text_.data() + shard_key::size, &number, 8);
  }
  operator std::string_view() const noexcept { return {text_.data(), size}; }

 private:
  std::array<char, size> text_;
};

/// What values of a type are, as far as their bytes do not tell: integers, signed or not, floating-point numbers, others, and of which size.
template <class T>
constexpr std::uint64_t form_of() noexcept {
  if constexpr (requires {
                  typename T::value_type;
                  requires std::is_arithmetic_v<typename T::value_type>;
                  requires sizeof(typename T::value_type) > 1;
                })
    return std::uint64_t{1} << 32U | form_of<typename T::value_type>();
  else if constexpr (!std::is_trivially_copyable_v<T>)
    return 0;
  else if constexpr (std::is_floating_point_v<T>)
    return std::uint64_t{3} << 40U | sizeof(T);
  else if constexpr (std::is_integral_v<T>)
    return (std::is_signed_v<T> ? std::uint64_t{2} : std::uint64_t{1}) << 40U | sizeof(T);
  else
    return sizeof(T);
}

/// What makes samples out of records, as a number: the version, and what kind of values they are.
template <class Sample>
std::uint64_t making_of(std::string_view version) noexcept {
  return fingerprint_builder().add("larder samples, 1").add(version).add(form_of<Sample>()).finish().low;
}

/// Of records as they are.
inline std::uint64_t making_of_raw() noexcept { return fingerprint_builder().add("larder records, 1").finish().low; }

}  // namespace larder::datasets
