#include <larder/core/long_hash.hpp>

#include <larder/core/digest.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace {

std::vector<std::byte> noise(std::size_t size) {
  std::mt19937_64 generator(20240601);
  std::vector<std::byte> made(size);
  for (std::byte& b : made) b = static_cast<std::byte>(generator());
  return made;
}

bool agrees(const void* data, std::size_t size, std::uint64_t seed) {
  const XXH128_hash_t wide = larder::core::hash_128(data, size, seed);
  return larder::core::hash_64(data, size, seed) == XXH3_64bits_withSeed(data, size, seed) &&
         XXH128_isEqual(wide, XXH3_128bits_withSeed(data, size, seed)) != 0;
}

}  // namespace

TEST_CASE("content of any length, place in memory and seed has the sums that xxHash gives") {
  const std::vector<std::byte> content = noise(70'000);
  std::mt19937_64 seeds(7);
  std::size_t wrong = 0;
  for (std::size_t size = 0; size <= 6'000; ++size)
    wrong += agrees(content.data() + size % 67, size, size % 3 == 0 ? 0 : seeds()) ? 0 : 1;
  for (const std::size_t size : {8'191UL, 8'192UL, 8'193UL, 65'535UL, 65'536UL, 65'537UL, 66'560UL, 69'900UL})
    for (std::size_t offset = 0; offset < 65; ++offset) wrong += agrees(content.data() + offset, size, seeds()) ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("a digest of long content is the canonical one of XXH3-128") {
  const std::vector<std::byte> zeros(100'000);
  XXH3_state_t state{};
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, zeros.data(), zeros.size());
  const XXH128_hash_t streamed = XXH3_128bits_digest(&state);
  CHECK(larder::digest_of(zeros.data(), zeros.size()) == larder::digest{streamed.low64, streamed.high64});
}

TEST_CASE("one bit of long content changes its sums wherever it lies") {
  std::vector<std::byte> content = noise(5'000);
  const std::uint64_t before = larder::core::hash_64(content.data(), content.size());
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < content.size(); ++at) {
    content[at] ^= std::byte{1};
    unnoticed += larder::core::hash_64(content.data(), content.size()) == before ? 1 : 0;
    content[at] ^= std::byte{1};
  }
  CHECK(unnoticed == 0);
}
