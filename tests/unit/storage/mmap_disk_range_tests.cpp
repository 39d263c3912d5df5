// get_range: parts of values, checked by the chunks that they touch; and values that were written before there were chunks.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/testing/manual_clock.hpp>

#include "disk_cache_driver.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;
using namespace std::chrono_literals;
using namespace store_driver;
using larder::bytes;

namespace {

constexpr std::size_t chunk = 256 * 1024;
constexpr std::size_t size = 5 * chunk + 1000;  // the last chunk is short


fs::path only_value_file(const fs::path& directory) {
  fs::path result;
  for (const auto& found : fs::directory_iterator(directory / "entries"))
    if (found.path().extension() == ".value") {
      REQUIRE(result.empty());
      result = found.path();
    }
  REQUIRE_FALSE(result.empty());
  return result;
}
void flip(const fs::path& path, std::size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char old = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(old ^ 8));
}

/// Writes a value's file and record as it was done before records knew of chunks.
struct earlier_writer : larder::mmap_disk::store {
  using larder::mmap_disk::store::store;
  struct nobody {
    void put(const larder::digest&, const handle&, const larder::stored_info&) {}
    void erase(const larder::digest&) {}
    void evict(const larder::digest&, larder::format::record_place) {}
    void clear() {}
  };
  void put_as_before(const std::string& key, const bytes& whole) {
    {
      const auto held = lock();
      recover(nobody{});
      follow(nobody{});
    }
    staged made(threads_.current());
    made.key = bytes::copy_of(key);
    made.record.kind = larder::format::record_kind::value_file;
    made.record.id = id_of(key);
    made.reference = larder::format::file_reference{files_.write(whole.span()), whole.size(), larder::digest_of(whole.span())};
    made.wrote_file = files_.path_of(made.reference->number);
    made.payload = bytes::copy_of(made.reference->encode());
    write(made);
    const auto held = lock();
    REQUIRE(publish(made).has_value());
  }
};

}  // namespace

TEST_CASE("a part is what the same part of the whole is, wherever the value lies") {
  scratch dir;
  auto mapped = open(dir / "cache");
  auto copying = open(dir / "cache", 1_GiB, {.read = larder::read_mode::copy});
  auto careless = open(dir / "cache", 1_GiB, {.verify = larder::verify::never});
  auto careful = open(dir / "cache", 1_GiB, {.verify = larder::verify::always});
  auto memory = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB});
  auto shared = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB}, larder::directory{dir / "shared"});
  for (const std::size_t n : {std::size_t{0}, std::size_t{10}, std::size_t{70'000}, 3 * chunk, size, 8 * chunk}) {
    CAPTURE(n);
    const std::string text = text_of(n);
    const std::string key = "size " + std::to_string(n);
    mapped.put(key, bytes::copy_of(text));
    memory.put(key, bytes::copy_of(text));
    shared.put(key, bytes::copy_of(text));
    std::vector<std::pair<std::size_t, std::size_t>> parts{{0, 0}, {0, n}, {n, 0}};
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, 3 * chunk - 5, 5 * chunk, 5 * chunk + 999})
      for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{10}, chunk - 1, chunk, chunk + 1, 2 * chunk + 7})
        if (offset + length <= n) parts.emplace_back(offset, length);
    for (const auto& [offset, length] : parts) {
      const std::string part = text.substr(offset, length);
      for (auto* cache : {&mapped, &copying, &careless, &careful}) {
        const auto found = cache->get_range(key, offset, length);
        REQUIRE(found.has_value());
        CHECK(found->text() == part);
      }
      CHECK(memory.get_range(key, offset, length)->text() == part);
      CHECK(shared.get_range(key, offset, length)->text() == part);
    }
    CHECK(mapped.get_range(key, n / 3)->text() == text.substr(n / 3));
    CHECK(copying.get_range(key, n / 3)->text() == text.substr(n / 3));
    CHECK(memory.get_range(key, n / 3)->text() == text.substr(n / 3));
    CHECK(mapped.get(key) == bytes::copy_of(text));
  }
  CHECK_FALSE(mapped.get_range("nobody", 0, 1).has_value());
  CHECK(mapped.errors().total() + copying.errors().total() + careful.errors().total() == 0);
}

TEST_CASE("a part that does not lie in the value is the caller's error, as with slice") {
  scratch dir;
  auto disk = open(dir / "cache");
  auto copying = open(dir / "cache", 1_GiB, {.read = larder::read_mode::copy});
  auto memory = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB});
  for (const std::size_t n : {std::size_t{100}, size}) {
    disk.put("a", value(n));
    memory.put("a", value(n));
    for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{n + 1, 0}, {0, n + 1}, {n, 1}, {5, n - 4}, {n + 1, static_cast<std::size_t>(-1)}, {1, static_cast<std::size_t>(-2)}}) {
      CHECK_THROWS_AS(disk.get_range("a", offset, length), larder::error);
      CHECK_THROWS_AS(copying.get_range("a", offset, length), larder::error);
      CHECK_THROWS_AS(memory.get_range("a", offset, length), larder::error);
    }
    CHECK_THROWS_WITH(disk.get_range("a", 7, n), ("larder: get_range(7, " + std::to_string(n) + ") of a value that has " + std::to_string(n) +
                                                  " bytes; ask for a part that lies in it").c_str());
    CHECK(disk.get("a") == value(n));
  }
  CHECK(disk.errors().total() == 0);  // no failure of the storage
}

TEST_CASE("a flipped bit matters to the parts that touch its chunk, and to no other") {
  for (const larder::read_mode mode : {larder::read_mode::mapping, larder::read_mode::copy})
    for (const larder::verify when : {larder::verify::first_read, larder::verify::always})
      for (std::size_t damaged = 0; damaged <= size / chunk; ++damaged) {
        CAPTURE(damaged);
        scratch dir;
        { open(dir / "cache").put("a", value(size)); }
        flip(only_value_file(dir / "cache"), damaged * chunk + 500);
        auto cache = open(dir / "cache", 1_GiB, {.verify = when, .read = mode});
        const std::string text = text_of(size);
        for (std::size_t i = 0; i <= size / chunk; ++i) {
          if (i == damaged) continue;
          const auto found = cache.get_range("a", i * chunk + 7, 900);
          REQUIRE(found.has_value());
          CHECK(found->text() == text.substr(i * chunk + 7, 900));
        }
        CHECK(cache.errors().total() == 0);
        CHECK(cache.stats().misses == 0);
        CHECK_FALSE(cache.get_range("a", damaged * chunk + 700, 10).has_value());
        CHECK(cache.errors()[larder::error_cause::corruption] == 1);
        CHECK(cache.stats().misses == 1);
        CHECK_FALSE(cache.contains("a"));
        CHECK(files_in(dir / "cache" / "quarantine") == 1);
        CHECK(cache.put("a", value(size)));
        CHECK(cache.get("a") == value(size));
      }
}

TEST_CASE("parts that were right do not make the whole right") {
  scratch dir;
  { open(dir / "cache").put("a", value(size)); }
  flip(only_value_file(dir / "cache"), 3 * chunk);
  auto cache = open(dir / "cache");
  CHECK(cache.get_range("a", 0, 3 * chunk).has_value());
  CHECK(cache.get_range("a", 4 * chunk).has_value());
  CHECK_FALSE(cache.get("a").has_value());
  CHECK(cache.errors()[larder::error_cause::corruption] == 1);
}

TEST_CASE("first_read compares a chunk once, always each time, never not at all") {
  scratch dir;
  const std::string text = text_of(size);
  auto first = open(dir / "cache");
  first.put("a", value(size));
  auto never = open(dir / "cache", 1_GiB, {.verify = larder::verify::never});
  auto always = open(dir / "cache", 1_GiB, {.verify = larder::verify::always});
  for (auto* cache : {&first, &never, &always}) CHECK(cache->get_range("a", 10, 10)->text() == text.substr(10, 10));
  flip(only_value_file(dir / "cache"), 100);
  CHECK(first.get_range("a", 10, 10).has_value());
  CHECK(never.get_range("a", 10, 10).has_value());
  CHECK_FALSE(always.get_range("a", 10, 10).has_value());
}

TEST_CASE("what a record says of its file is checked before any part is believed") {
  for (const std::size_t back : {1U, 9U, 20U, 40U, 60U, 80U}) {  // in the checksums, the chunks' size and the reference
    CAPTURE(back);
    scratch dir;
    { open(dir / "cache").put("a", value(size)); }
    fs::path segment;
    for (const auto& found : fs::directory_iterator(dir / "cache" / "entries"))
      if (found.path().extension() == ".segment") segment = found.path();
    // The first record: an 88-byte head, the key, and at 128 a payload of 40 bytes and 8 for each of 6 chunks.
    flip(segment, 64 + 128 + 40 + 48 - back);
    auto cache = open(dir / "cache");
    CHECK_FALSE(cache.get_range("a", 0, 10).has_value());
    CHECK_FALSE(cache.get("a").has_value());
    CHECK(cache.errors()[larder::error_cause::corruption] >= 1);
  }
}

TEST_CASE("a part is a use, and holds the entry's memory as its whole does") {
  scratch dir;
  larder::manual_clock now;
  auto cache = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB}, larder::expire_after_access{10s}, larder::time_source{now},
                                                      larder::mmap_disk{dir / "cache"});
  cache.put("a", value(size));
  for (int i = 0; i < 5; ++i) {
    now.advance(8s);
    CHECK(cache.get_range("a", 10, 10).has_value());
  }
  CHECK(cache.stats().hits == 5);
  const bytes part = *cache.get_range("a", 10, 10);
  cache.erase("a");
  CHECK(cache.stats().pinned_bytes == size);
  CHECK(part.text() == text_of(size).substr(10, 10));
  now.advance(11s);
  CHECK_FALSE(cache.get_range("a", 10, 10).has_value());
}

TEST_CASE("values that were written before records knew of chunks are read as ever") {
  for (const larder::read_mode mode : {larder::read_mode::mapping, larder::read_mode::copy}) {
    scratch dir;
    sink errors;
    const bytes whole = value(3 * chunk + 5);
    {
      earlier_writer store(larder::mmap_disk{dir / "cache", {.file_from = 1000}}, errors);
      store.put_as_before("old", whole);
    }
    {
      auto cache = open(dir / "cache", 1_GiB, {.read = mode, .file_from = 1000});
      CHECK(cache.size() == 1);
      CHECK(cache.weight() == whole.size());
      CHECK(cache.get_range("old", chunk - 5, 10)->text() == whole.text().substr(chunk - 5, 10));
      CHECK(cache.get("old") == whole);
      cache.put("new", whole);  // its content has another name now: a file of its own
      CHECK(cache.get("new") == whole);
      cache.erase("old");
      CHECK(cache.get("new") == whole);
      CHECK(cache.errors().total() == 0);
    }
    CHECK(open(dir / "cache").get("new") == whole);
    {
      earlier_writer store(larder::mmap_disk{dir / "other"}, errors);
      store.put_as_before("old", whole);
    }
    flip(only_value_file(dir / "other"), 3 * chunk);
    auto cache = open(dir / "other", 1_GiB, {.read = mode});
    CHECK_FALSE(cache.get_range("old", 0, 10).has_value());  // without chunks all of it is compared
    CHECK(cache.errors()[larder::error_cause::corruption] == 1);
  }
}
