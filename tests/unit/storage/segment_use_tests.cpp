// A record that is written anew keeps the last use of its entry: compacting makes nobody older.

#include <larder/cache.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "store_driver.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace store_driver;
using namespace larder::literals;

namespace {

auto open_cache(const fs::path& directory, larder::manual_clock& clock) {
  larder::mmap_disk_options options;
  options.segment_size = 64_KiB;
  return larder::make_cache<std::string, std::string>(larder::unbounded{}, larder::expire_after_access{16h}, larder::time_source{clock},
                                                      larder::mmap_disk{directory, options});
}

/// Enough of other values that the oldest segment is written anew.
template <class Cache>
void compact(Cache& cache) {
  for (int i = 0; i < 400; ++i) cache.put("other", std::string(2000, static_cast<char>(i)));
}

}  // namespace

TEST_CASE("an entry that was used is not too old after its record was written anew: beside others, and for those who come later") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  larder::manual_clock clock(larder::instant{1'000'000h});
  {
    auto cache = open_cache(directory, clock);
    auto other = open_cache(directory, clock);
    cache.put("used", "1");
    cache.put("unused", "2");
    clock.advance(15h);
    CHECK(cache.get("used") == "1");
    CHECK(other.get("none") == std::nullopt);
    compact(cache);
    clock.advance(2h);
    CHECK(other.get("used") == "1");
    CHECK(other.get("unused") == std::nullopt);
    CHECK(cache.get("used") == "1");
  }
  auto later = open_cache(directory, clock);
  CHECK(later.get("used") == "1");
}

TEST_CASE("the last use stays with a record that is written anew a second time") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  larder::manual_clock clock(larder::instant{1'000'000h});
  {
    auto cache = open_cache(directory, clock);
    cache.put("used", "1");
    clock.advance(15h);
    CHECK(cache.get("used") == "1");
    compact(cache);
    compact(cache);
  }
  clock.advance(15h);
  auto later = open_cache(directory, clock);
  CHECK(later.get("used") == "1");
}
