// The scenario of compression: D17.
#include <larder/codec/zstd.hpp>
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

#include <sys/stat.h>

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;

namespace {

bytes noise(std::size_t size) {
  std::mt19937_64 random(17);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return bytes::copy_of(text);
}

/// Bytes of the values' places in a directory: what its segments' records and files take, without what is only set aside.
std::uint64_t taken(const fs::path& directory) {
  std::uint64_t sum = 0;
  for (const auto& file : fs::directory_iterator(directory / "entries")) sum += fs::file_size(file);
  return sum;
}

}  // namespace

TEST_CASE("D17 on disk: 1 MB of zeros takes under 64 KB, the logical size is told apart; noise takes no more than itself and a header") {
  const support::temporary_folder root;
  const bytes zeros = bytes::copy_of(std::string(1'000'000, '\0'));
  {
    auto c = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{100_MB}, larder::zstd{}, larder::mmap_disk{root / "zeros"});
    CHECK(c.put("zeros", zeros));
    CHECK(c.get("zeros") == zeros);
    CHECK(c.weight() < 64'000);
    CHECK(c.stats().stored_bytes == c.weight());
    CHECK(c.stats().logical_bytes == 1'000'000);
  }
  CHECK(taken(root / "zeros") < 64'000);  // closed: the segment has been cut behind its last record
  for (const std::size_t size : {std::size_t{50'000}, std::size_t{3'000'000}}) {
    const fs::path place = root / std::to_string(size);
    {
      auto c = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{100_MB}, larder::zstd{}, larder::mmap_disk{place});
      CHECK(c.put("noise", noise(size)));
      CHECK(c.get("noise") == noise(size));
      CHECK(c.weight() == size);
      CHECK(c.stats().logical_bytes == size);
    }
    CHECK(taken(place) < size + 1024);
  }
  {
    auto again = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{100_MB}, larder::zstd{}, larder::mmap_disk{root / "zeros"});
    CHECK(again.get("zeros") == zeros);
    CHECK(again.stats().logical_bytes == 1'000'000);
  }
}

TEST_CASE("D17 in memory: from 4 KiB values are kept compressed when that saves an eighth; weight() counts what is stored") {
  auto c = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{100_MB}, larder::zstd{});
  const bytes zeros = bytes::copy_of(std::string(1'000'000, '\0'));
  CHECK(c.put("zeros", zeros));
  CHECK(c.weight() < 64'000);
  CHECK(c.get("zeros") == zeros);
  CHECK(c.stats().logical_bytes == 1'000'000);
  c.clear();
  CHECK(c.put("4095", bytes::copy_of(std::string(4095, '\0'))));
  CHECK(c.weight() == 4095);
  CHECK(c.put("4096", bytes::copy_of(std::string(4096, '\0'))));
  CHECK(c.weight() < 4095 + 100);
  CHECK(c.stats().logical_bytes == 4095 + 4096);
  c.clear();
  // A tenth of it is zeros: less than an eighth is saved. A fifth: more is.
  std::string tenth(noise(100'000).text());
  std::string fifth = tenth;
  tenth.replace(0, 10'000, 10'000, '\0');
  fifth.replace(0, 20'000, 20'000, '\0');
  CHECK(c.put("tenth", bytes::copy_of(tenth)));
  CHECK(c.weight() == 100'000);
  CHECK(c.put("fifth", bytes::copy_of(fifth)));
  CHECK(c.weight() < 181'000);
  CHECK(c.get("tenth")->text() == tenth);
  CHECK(c.get("fifth")->text() == fifth);
}
