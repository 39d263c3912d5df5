// What outlives what: views, clocks that jump, sizes at every threshold, and files that are not ours.

#include "damage.hpp"
#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"

#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/time_source.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sys/mman.h>

using namespace faults;

TEST_CASE("fault 20: bytes outlive overwrite, erase, eviction, clear, the cache and its directory") {
  const scratch dir;
  const values form{100, 400'000};
  constexpr unsigned keys = 20;
  constexpr std::uint64_t capacity = 6'000'000;
  std::vector<larder::bytes> held;
  const auto unchanged = [&] {
    for (unsigned key = 0; key < keys; ++key)
      if (!form.is(key, 1, held[key])) return false;
    return true;
  };
  auto cache = std::make_unique<disk_cache>(larder::lru{}, larder::max_bytes{capacity}, larder::mmap_disk{dir / "cache"});
  for (unsigned key = 0; key < keys; ++key) REQUIRE(cache->put(key_text(key), form.make(key, 1)));
  for (unsigned key = 0; key < keys; ++key) held.push_back(cache->get(key_text(key)).value());
  for (unsigned key = 0; key < 5; ++key) CHECK(cache->put(key_text(key), form.make(key, 2)));
  CHECK(unchanged());
  for (unsigned key = 5; key < 10; ++key) CHECK(cache->erase(key_text(key)));
  CHECK(unchanged());
  for (unsigned more = 100; more < 200; ++more) CHECK(cache->put(key_text(more), form.make(more, 3)));
  CHECK(cache->stats().evictions > 0);
  CHECK(unchanged());
  CHECK(cache->stats().pinned_bytes > 0);
  cache->clear();
  CHECK(unchanged());
  cache.reset();
  CHECK(unchanged());
  fs::remove_all(dir / "cache");
  CHECK(unchanged());
  held.clear();
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) CHECK(line.find((dir / "cache").string()) == std::string::npos);
}

TEST_CASE("fault 24: values and keys of every size at which something changes") {
  const scratch dir;
  std::vector<std::size_t> sizes{0};
  for (const std::size_t edge :
       {1U, 8U, 48U, 64U, 512U, 4096U, 16'384U, 65'536U, 262'144U, 1'000'000U, 1'048'576U, 2'097'152U, 8'388'608U})
    for (const std::size_t size : {edge - 1, edge, edge + 1}) sizes.push_back(size);
  const auto value_of = [](std::size_t size) { return values{size, size}.text(7, static_cast<version_number>(size + 1)); };
  const auto check = [&](disk_cache& cache) {
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      const std::optional<larder::bytes> found = cache.get("value " + std::to_string(size));
      REQUIRE(found.has_value());
      CHECK(found->size() == size);
      CHECK(found->text() == value_of(size));
      if (size != 0) CHECK(reinterpret_cast<std::uintptr_t>(found->data()) % 64 == 0);
      const std::optional<larder::bytes> named = cache.get(std::string(size % 100'000, 'k') + std::to_string(size));
      REQUIRE(named.has_value());
      CHECK(named->text() == std::to_string(size));
    }
  };
  {
    disk_cache cache = open_cache(dir / "cache");
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      CHECK(cache.put("value " + std::to_string(size), larder::bytes::copy_of(value_of(size))));
      CHECK(cache.put(std::string(size % 100'000, 'k') + std::to_string(size), larder::bytes::copy_of(std::to_string(size))));
    }
    check(cache);
  }
  disk_cache again = open_cache(dir / "cache");
  check(again);
}

TEST_CASE("fault 24: a value of more than 4 GiB") {
  constexpr std::size_t size = (std::size_t{4} << 30) + 12'345;
  if (!is_long()) return skip("in the long form only");
  const scratch dir;
  std::ifstream memory("/proc/meminfo");
  std::uint64_t available = 0;
  for (std::string word; memory >> word;)
    if (word == "MemAvailable:") memory >> available;
  if (available < 10'000'000 || fs::space(dir / "").available < 8'000'000'000)
    return skip("needs 10 GB of memory and 8 GB of disk");
  CHECK(in_child(
            [&]() -> std::string {
              // Sparse: the pages that are not written are the kernel's zero page.
              char* const memory_of = static_cast<char*>(
                  ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
              if (memory_of == MAP_FAILED) return "no memory";
              for (std::size_t at = 0; at < size; at += size / 7) memory_of[at] = static_cast<char>('a' + at % 26);
              memory_of[size - 1] = '!';
              const larder::bytes large = larder::bytes::adopt(0, memory_of, size);
              {
                disk_cache cache = open_cache(dir / "cache", std::uint64_t{6} << 30);
                if (!cache.put("large", large)) return "it was refused";
              }
              disk_cache cache = open_cache(dir / "cache", std::uint64_t{6} << 30);
              const std::optional<larder::bytes> found = cache.get("large");
              if (!found) return "it is missing";
              if (cache.weight() != size) return "it weighs " + std::to_string(cache.weight());
              return found->size() == size && found->text() == large.text() ? "" : "it is another";
            },
            600) == "");
}

namespace {

auto expiring(const fs::path& directory, larder::manual_clock& clock) {
  using namespace std::chrono_literals;
  return larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{roomy}, larder::expire_after_write{24h},
                                                        larder::mmap_disk{directory}, larder::time_source{clock});
}

}  // namespace

TEST_CASE("fault 8: flipped bits give no entry a longer life, and a shorter one counts as damage") {
  using namespace std::chrono_literals;
  const std::uint32_t seed = suite_seed() + 80;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scratch dir;
  const values form{16, 300};
  constexpr unsigned keys = 12;
  const larder::instant start{24h * 10'000};
  larder::manual_clock clock{start};
  {
    auto cache = expiring(dir / "image", clock);
    for (unsigned key = 0; key < keys; ++key) REQUIRE(cache.put(key_text(key), form.make(key, 1)));
  }
  for (int trial = 0; trial < scaled(40); ++trial) {
    CAPTURE(trial);
    for (const auto age : {1h, 23h, 25h}) {
      copy_directory(dir / "image", dir / "copy");
      for (const fs::path& file : files_of(dir / "copy")) {  // every file, near its start, where times are kept
        std::string content = content_of(file);
        if (content.empty()) continue;
        const std::size_t place = random() % std::min<std::size_t>(content.size(), 160);
        content[place] = static_cast<char>(content[place] ^ (1 << random() % 8));
        write_over(file, content);
      }
      clock.set(start + age);
      const std::string wrong = in_child([&]() -> std::string {
        auto cache = expiring(dir / "copy", clock);
        std::size_t missed = 0;
        for (unsigned key = 0; key < keys; ++key) {
          const std::optional<larder::bytes> found = cache.get(key_text(key));
          if (!found) ++missed;
          if (found && age > 24h) return "key " + std::to_string(key) + " has outlived its time";
          if (found && !form.is(key, 1, *found)) return "key " + std::to_string(key) + " has a wrong value";
        }
        return missed == 0 || age > 24h || cache.stats().errors[larder::error_cause::corruption] != 0
                   ? ""
                   : "a miss that nobody counted";
      });
      CHECK(wrong == "");
    }
  }
}

TEST_CASE("fault 23: a clock that jumps forth and back drops nothing that is young and keeps nothing that is old") {
  using namespace std::chrono_literals;
  const scratch dir;
  larder::manual_clock clock{larder::instant{24h * 10'000}};
  const auto open = [&] { return expiring(dir / "cache", clock); };
  const larder::bytes value = larder::bytes::copy_of(std::string(1000, 'v'));
  {
    auto cache = open();
    CHECK(cache.put("first", value));
    clock.advance(-24h * 400);  // somebody set the clock back by a year
    CHECK(cache.get("first").has_value());
    CHECK(cache.put("second", value));
  }
  {
    auto cache = open();  // a start in the wrong year drops nothing
    CHECK(cache.size() == 2);
    CHECK(cache.get("second").has_value());
    clock.advance(25h);
    CHECK_FALSE(cache.get("second").has_value());
    clock.set(larder::instant{24h * 10'000 + 23h});  // and right again
    CHECK(cache.get("first").has_value());
    clock.advance(2h);
    CHECK_FALSE(cache.get("first").has_value());
  }
  auto cache = open();
  CHECK_FALSE(cache.get("first").has_value());
  CHECK_FALSE(cache.get("second").has_value());
}

TEST_CASE("fault 22: files that are not the store's survive everything it does") {
  const image base(suite_seed() + 22, false);
  std::vector<fs::path> foreign;
  std::vector<fs::path> folders{base.directory()};
  for (const auto& found : fs::recursive_directory_iterator(base.directory()))
    if (found.is_directory()) folders.push_back(found.path());
  for (const fs::path& folder : folders) foreign.push_back(folder / ".notes of the user");
  for (const fs::path& file : foreign) write_over(file, "not the store's");
  CHECK(holds_together(base.directory(), base.known(), {}) == "");
  CHECK(in_child([&]() -> std::string {
          disk_cache cache = open_cache(base.directory(), 200'000);  // evicts nearly all
          cache.clear();
          cache.flush();
          return {};
        }) == "");
  for (const fs::path& file : foreign) {
    // The quarantine is the store's own and is emptied.
    if (file.parent_path().filename() == "quarantine") continue;
    CAPTURE(file.string());
    CHECK(fs::exists(file));
    if (fs::exists(file)) CHECK(content_of(file) == "not the store's");
  }
}
