#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace bench {

zipf::zipf(std::size_t n, double skew, std::uint64_t seed) : cumulative_(n), random_(seed) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) cumulative_[i] = sum += std::pow(static_cast<double>(i + 1), -skew);
}

std::vector<std::uint32_t> zipf::draw(std::size_t count) {
  std::uniform_real_distribution<double> uniform(0, cumulative_.back());
  std::vector<std::uint32_t> ranks(count);
  for (std::uint32_t& rank : ranks)
    rank = static_cast<std::uint32_t>(std::lower_bound(cumulative_.begin(), cumulative_.end(), uniform(random_)) -
                                      cumulative_.begin());
  return ranks;
}

std::uint64_t splitmix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

template <>
std::uint64_t key_of<std::uint64_t>(std::uint64_t number) {
  return splitmix(number);
}

template <>
std::string key_of<std::string>(std::uint64_t number) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(splitmix(number)),
                static_cast<unsigned long long>(number));
  return text;
}

std::vector<std::uint64_t> latest::next(std::size_t count) {
  const std::vector<std::uint32_t> ranks = ranks_.draw(count);
  std::vector<std::uint64_t> keys(count);
  for (std::size_t i = 0; i < count; ++i) keys[i] = splitmix(i % put_every == put_every - 1 ? ++newest_ : newest_ - ranks[i]);
  return keys;
}

}  // namespace bench
