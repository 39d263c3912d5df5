// What a team does: machines that share a container of Azure Blob Storage (here its emulator) below a memory and a disk tier of
// their own.

#include <larder/larder.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "support/azurite.hpp"
#include "support/temporary_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::literals;

namespace {

namespace fs = std::filesystem;
using larder_tests::azurite;

larder::bytes noise(std::size_t size, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> words(size / 8 + 1);
  for (std::uint64_t& word : words) word = random();
  return larder::bytes::copy_of(words.data(), size);
}

using memory_cache = larder::cache<std::string, larder::bytes, larder::max_bytes>;
using disk_cache = larder::cache<std::string, larder::bytes, larder::max_bytes, larder::mmap_disk>;
using cloud_cache = larder::cache<std::string, larder::bytes, larder::unbounded, larder::http_blob<larder::azure>>;

/// One machine: its memory, its disk, and the container that it shares.
struct machine {
  machine(const fs::path& directory, const larder::azure& account)
      : disk(larder::max_bytes{256_MiB}, larder::mmap_disk{directory}), cloud(larder::unbounded{}, larder::http_blob{account}) {}

  memory_cache memory{larder::max_bytes{128_MiB}};
  disk_cache disk;
  cloud_cache cloud;
  larder::tiered<larder::tier<memory_cache, larder::tier_mode::write_through>,
                 larder::tier<disk_cache, larder::tier_mode::write_through>,
                 larder::tier<cloud_cache, larder::tier_mode::write_through>>
      models{memory, disk, cloud};
};

}  // namespace

TEST_CASE("what one machine computed, the others find in the cloud, then on their disk, then in memory") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const support::temporary_folder here;
  larder::azure account = larder::azure::emulator("models", server->endpoint());
  account.prefix = "team/a";
  int computed = 0;
  const auto compute = [&](const std::string& key) {
    ++computed;
    return noise(key == "large" ? 20'000'000 : 10'000, key == "large" ? 1U : 2U);
  };
  {
    machine first(here / "first", account);
    CHECK_FALSE(first.models.get("large"));  // no container yet: nothing is there
    CHECK(first.models.get_or_load("large", compute) == noise(20'000'000, 1));
    CHECK(first.models.get_or_load("small", compute) == noise(10'000, 2));
    CHECK(computed == 2);
    CHECK(first.models.stats()[2].errors.total() == 0);
  }
  {
    machine second(here / "second", account);
    CHECK(second.models.get_or_load("large", compute) == noise(20'000'000, 1));
    CHECK(second.models.get_or_load("small", compute) == noise(10'000, 2));
    CHECK(computed == 2);
    CHECK(second.models.stats()[2].hits == 2);
    CHECK(second.disk.contains("large"));
    CHECK(second.models.get("large")->where() == larder::residence::mapping);  // in the disk tier's file, not in a second copy
    CHECK(second.models.stats()[0].hits == 1);
  }
  machine again(here / "second", account);  // the second one, started anew
  CHECK(again.models.get("large") == noise(20'000'000, 1));
  CHECK(again.models.stats()[1].hits == 1);
  CHECK(again.models.stats()[2].hits + again.models.stats()[2].misses == 0);

  CHECK(again.models.erase("small"));
  machine third(here / "third", account);
  CHECK_FALSE(third.models.get("small"));
  CHECK(third.cloud.stats().errors.total() == 0);
}

TEST_CASE("a container that cannot be reached costs misses with their reason, and nothing else") {
  const support::temporary_folder here;
  larder::azure account =
      larder::azure::emulator("models", "http://127.0.0.1:9/devstoreaccount1");  // the port where nobody answers
  auto disk = std::make_unique<disk_cache>(larder::max_bytes{64_MiB}, larder::mmap_disk{here / "alone"});
  auto cloud = std::make_unique<cloud_cache>(larder::unbounded{},
                                             larder::http_blob{account, larder::resilience{.retry = {.tries = 2, .base = 1ms}}});
  cloud_cache& far = *cloud;
  larder::tiered models{std::move(disk), std::move(cloud)};
  CHECK(models.get_or_load("weights", [](const std::string&) { return noise(1000, 3); }) == noise(1000, 3));
  CHECK(models.get("weights") == noise(1000, 3));
  CHECK(far.stats().errors[larder::error_cause::network] > 0);
  CHECK(far.stats().remote->requests > 0);
}
