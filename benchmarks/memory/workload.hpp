#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace bench {

/// Ranks 0..n-1 with probability proportional to 1/(rank+1)^skew; the same seed draws the same ranks.
class zipf {
 public:
  zipf(std::size_t n, double skew, std::uint64_t seed);
  std::vector<std::uint32_t> draw(std::size_t count);

 private:
  std::vector<double> cumulative_;
  std::mt19937_64 random_;
};

constexpr std::uint64_t zipf_99_seed = 1;  ///< of every case with skew 0.99
constexpr std::uint64_t zipf_90_seed = 2;

/// A permutation of the 64-bit numbers: what makes keys of ranks, so that neighbours by rank are no neighbours in a table.
std::uint64_t splitmix(std::uint64_t x);

/// The key of a number: 64 bits, or 32 characters.
template <class Key>
Key key_of(std::uint64_t number);
template <>
std::uint64_t key_of<std::uint64_t>(std::uint64_t number);
template <>
std::string key_of<std::string>(std::uint64_t number);

/// The keys of ranks, side by side: a look-up loop streams through them and waits for the cache alone.
template <class Key>
std::vector<Key> keys_of(std::span<const std::uint32_t> ranks) {
  std::vector<Key> keys;
  keys.reserve(ranks.size());
  for (const std::uint32_t rank : ranks) keys.push_back(key_of<Key>(rank));
  return keys;
}

/// Requests that follow what is newest (YCSB's workload D): each `put_every`th is a put of a key that never was, the others get the
/// key that came `rank` puts before the newest.
class latest {
 public:
  static constexpr std::size_t put_every = 20;

  latest(std::size_t window, double skew, std::uint64_t seed) : ranks_(window, skew, seed), newest_(window - 1) {}
  std::vector<std::uint64_t> next(std::size_t count);

 private:
  zipf ranks_;
  std::uint64_t newest_;
};

}  // namespace bench
