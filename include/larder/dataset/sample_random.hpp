#pragma once

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): 8 bytes, a few instructions a number, and any
// start is as good as another, which a generator per sample needs.

#include <cstdint>

namespace larder {

/// Random numbers for one sample in one epoch, the same ones on every machine; for the distributions of `<random>`.
class sample_random {
 public:
  using result_type = std::uint64_t;

  explicit constexpr sample_random(std::uint64_t seed) noexcept : state_(seed) {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~std::uint64_t{0}; }
  constexpr result_type operator()() noexcept {
    std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  /// In [0, 1), which the distributions of `<random>` do not give alike everywhere.
  constexpr double uniform() noexcept { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace larder
