#include <larder/storage/segment_sizing.hpp>

#include <larder/cache.hpp>
#include <larder/core/units.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

using namespace larder::literals;
using larder::storage::segment_sizing;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t tib = 1024 * 1_GiB;

std::vector<std::uint64_t> sizes_of_segments(const fs::path& folder) {
  std::vector<std::uint64_t> sizes;
  for (const auto& one : fs::recursive_directory_iterator(folder))
    if (one.path().extension() == ".segment") sizes.push_back(one.file_size());
  return sizes;
}

}  // namespace

TEST_CASE("a segment is as large as was asked, or a 32nd of the capacity") {
  CHECK(segment_sizing(3_MiB + 5, std::nullopt).next(1 * tib) == 3_MiB);
  CHECK(segment_sizing(1, std::nullopt).next(0) == 64_KiB);
  CHECK(segment_sizing(8_GiB, 1_MiB).next(0) == 1_GiB);
  CHECK(segment_sizing(0, 1_MiB).next(0) == 128_KiB);
  CHECK(segment_sizing(0, 100_MiB).next(5_GiB) == 2_MiB);
  CHECK(segment_sizing(0, 1_GiB).next(0) == 32_MiB);
  CHECK(segment_sizing(0, 100_GiB).next(0) == 64_MiB);
  CHECK(segment_sizing(0, 512_GiB).next(0) == 128_MiB);
  CHECK(segment_sizing(0, 8 * tib).next(0) == 1_GiB);
  CHECK(segment_sizing(0, 1000 * tib).next(0) == 1_GiB);
}

TEST_CASE("without a capacity segments grow with what is there, so that there are never many") {
  const segment_sizing sizing(0, std::nullopt);
  std::uint64_t bytes = 0;
  std::size_t segments = 0;
  std::uint64_t last = 0;
  for (; bytes < 4 * tib; ++segments) {
    const std::uint64_t next = sizing.next(bytes);
    CHECK(next >= last);
    CHECK(next <= std::max<std::uint64_t>(bytes / 32, 1_MiB));  // what is opened ahead is little beside what is there
    last = next;
    bytes += next;
    if (bytes - next < 1_GiB && bytes >= 1_GiB) CHECK(segments < 200);
  }
  CHECK(segments < 25'000);
}

TEST_CASE("a log has room for a segment's records, and a growing store's does from the start") {
  CHECK(segment_sizing(0, 1_MiB).log_slots(0) == 4096);
  CHECK(segment_sizing(0, 1_GiB).log_slots(0) == 65'536);
  CHECK(segment_sizing(0, 8 * tib).log_slots(0) == 131'072);
  CHECK(segment_sizing(0, std::nullopt).log_slots(0) == 32'768);
  CHECK(segment_sizing(0, std::nullopt).log_slots(4_GiB) == 131'072);
}

TEST_CASE("a store without a capacity makes larger segments as it grows, and goes on so when it is opened again") {
  const support::temporary_folder folder;
  using cache_type = larder::cache<std::uint64_t, larder::bytes, larder::lru, larder::unbounded, larder::mmap_disk>;
  const larder::bytes value = larder::bytes::copy_of(std::string(256 * 1024, 'v'));
  constexpr std::uint64_t values = 440;  // 110 MiB
  {
    cache_type cache{larder::mmap_disk{folder.path()}};
    for (std::uint64_t i = 0; i < values; ++i) cache.put(i, value);
  }
  const std::vector<std::uint64_t> sizes = sizes_of_segments(folder.path());
  REQUIRE(!sizes.empty());
  CHECK(*std::max_element(sizes.begin(), sizes.end()) > 1_MiB);
  CHECK(sizes.size() < 120);
  cache_type cache{larder::mmap_disk{folder.path()}};
  CHECK(cache.size() == values);
  for (std::uint64_t i = 0; i < values; ++i) CHECK(cache.get(i) == value);
  cache.put(values, value);
  CHECK(sizes_of_segments(folder.path()).size() <= sizes.size() + 1);
  CHECK(cache.get(values) == value);
}
