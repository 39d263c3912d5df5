#include "workload.hpp"

#include <xxhash.h>

#include <cstdio>
#include <iterator>
#include <numeric>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t step = 64;  ///< from one value's window to the next

/// splitmix64: the same numbers on every machine.
class numbers {
 public:
  explicit numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

larder::bytes noise_of(std::size_t size, numbers& random) {
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t) + 1);
  for (std::uint64_t& word : words) word = random.next();
  return larder::bytes::copy_of(words.data(), words.size() * sizeof(std::uint64_t));
}
larder::bytes text_of(std::size_t size, numbers& random) {
  static constexpr const char* words[] = {"layer", "attention", "weight", "float32", "model", "{\"id\": ", "\"name\": ", "bias", "true", "null", "tokens", "shape"};
  std::string text;
  text.reserve(size + 32);
  while (text.size() < size) {
    const std::uint64_t draw = random.next();
    text += words[draw % std::size(words)];
    text += draw >> 32U & 3U ? " " : '.' + std::to_string((draw >> 40U) % 100'000) + ", ";
  }
  return larder::bytes::copy_of(text);
}

}  // namespace

std::uint64_t checksum_of(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

workload::workload(std::size_t count, std::size_t value_size, content made_of) : value_size_(value_size), order_(count) {
  numbers random(20261121);
  const std::size_t all = value_size + count * step;
  const larder::bytes pool = made_of == content::noise ? noise_of(all, random) : text_of(all, random);
  items_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    char key[32];
    std::snprintf(key, sizeof key, "objects/%016llx", static_cast<unsigned long long>(random.next()));
    larder::bytes value = pool.slice(i * step, value_size);
    const std::uint64_t checksum = checksum_of(value.data(), value.size());
    const std::byte first = value.data()[0];
    items_.push_back({i, key, std::move(value), checksum, first});
  }
  std::iota(order_.begin(), order_.end(), 0U);
  for (std::size_t i = count; i > 1; --i) std::swap(order_[i - 1], order_[random.next() % i]);
}

}  // namespace bench
