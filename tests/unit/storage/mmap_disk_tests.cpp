// What a cache on mmap_disk promises of its directory: in place, shared, evicted by segments, opened again. What happens when processes
// die and devices refuse is in tests/faults.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "disk_cache_driver.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <mutex>
#include <span>
#include <sstream>
#include <string>
#include <thread>

#include <sys/stat.h>

using namespace larder::literals;
using namespace store_driver;
using larder::bytes;

static_assert(larder::logged_store<larder::mmap_disk::store>);
static_assert(larder::storage_policy<larder::mmap_disk>);
static_assert(sizeof(larder::mmap_disk::store::handle) == 8);

namespace {

/// Whether the address lies in a mapping of a file below the directory.
bool lies_in_mapping(const void* pointer, const fs::path& directory) { return rights_in_mapping(pointer, directory).has_value(); }
std::uint64_t occupied(const fs::path& directory) {
  std::uint64_t sum = 0;
  for (const auto& found : fs::recursive_directory_iterator(directory)) {
    struct stat answer {};
    if (::lstat(found.path().c_str(), &answer) == 0 && S_ISREG(answer.st_mode)) sum += static_cast<std::uint64_t>(answer.st_blocks) * 512;
  }
  return sum;
}
std::size_t values_files(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& found : fs::directory_iterator(directory / "entries")) count += found.path().extension() == ".value" ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("payloads lie aligned in a mapping and are shared by whoever holds them; copies are on the heap") {
  scratch dir;
  auto cache = open(dir / "cache");
  auto copying = open(dir / "cache", 1_GiB, {.read = larder::read_mode::copy});
  for (const std::size_t size : {1U, 63U, 4016U, 4096U, 70'000U, 262'143U, 262'144U, 700'000U, 3'000'001U}) {
    CAPTURE(size);
    const std::string key = "size " + std::to_string(size);
    REQUIRE(cache.put(key, value(size)));
    const auto first = cache.get(key);
    const auto second = cache.get(key);
    REQUIRE((first && second));
    CHECK(first->text() == text_of(size));
    CHECK(first->data() == second->data());
    CHECK(first->where() == larder::residence::mapping);
    CHECK(lies_in_mapping(first->data(), dir.path()));
    CHECK(reinterpret_cast<std::uintptr_t>(first->data()) % (size >= 262'144 ? 4096 : 64) == 0);
    const auto copy = copying.get(key);
    REQUIRE(copy.has_value());
    CHECK(*copy == *first);
    CHECK_FALSE(lies_in_mapping(copy->data(), dir.path()));
    CHECK(reinterpret_cast<std::uintptr_t>(copy->data()) % 64 == 0);
  }
}

TEST_CASE("large values of equal content share one file, which stays while a key has it") {
  scratch dir;
  auto cache = open(dir / "cache");
  const bytes large = value(2'000'000);
  for (const char* key : {"a", "b", "c"}) CHECK(cache.put(key, large));
  CHECK(cache.put("other", value(2'000'000, 2)));
  CHECK(cache.weight() == 8'000'000);
  CHECK(values_files(dir / "cache") == 2);
  CHECK(cache.get("a")->data() == cache.get("c")->data());
  cache.erase("a");
  cache.put("b", value(10));
  CHECK(values_files(dir / "cache") == 2);
  CHECK(cache.get("c") == large);
  {
    auto again = open(dir / "cache");
    CHECK(again.get("c") == large);
    again.erase("c");
    CHECK(values_files(dir / "cache") == 1);
  }
  CHECK_FALSE(cache.get("c").has_value());
  CHECK(cache.put("d", large));
  CHECK(cache.get("d") == large);
}

TEST_CASE("pinned bytes are those of entries that have left while somebody holds them") {
  scratch dir;
  auto cache = open(dir / "cache");
  for (const std::size_t size : {5000U, 1'500'000U}) {
    CAPTURE(size);
    cache.put("a", value(size));
    cache.put("b", value(700));
    std::optional<bytes> a = cache.get("a");
    std::optional<bytes> b = cache.get("b");
    std::optional<bytes> same = cache.get("a");
    CHECK(cache.stats().pinned_bytes == 0);
    cache.erase("a");
    CHECK(cache.stats().pinned_bytes == size);  // once, however many hold it
    cache.put("b", value(1));
    CHECK(cache.stats().pinned_bytes == size + 700);
    bytes part = a->slice(10, 20);
    a.reset();
    same.reset();
    CHECK(cache.stats().pinned_bytes == size + 700);  // a part holds all of it
    CHECK(part.text() == text_of(size).substr(10, 20));
    part = {};
    b.reset();
    CHECK(cache.stats().pinned_bytes == 0);
  }
  std::optional<bytes> kept = cache.get("b");
  cache.clear();
  CHECK(cache.stats().pinned_bytes == 1);
  kept.reset();
  CHECK(cache.stats().pinned_bytes == 0);
}

TEST_CASE("two caches on one directory follow each other") {
  scratch dir;
  auto one = open(dir / "cache");
  auto two = open(dir / "cache");
  one.put("a", value(5));
  CHECK(two.get("a") == value(5));
  const std::optional<bytes> held = one.get("a");
  two.put("a", value(8, 2));
  CHECK(one.get("a") == value(8, 2));
  CHECK(held == value(5));
  two.put("b", bytes());
  CHECK(two.erase("a"));
  CHECK_FALSE(one.contains("a"));
  CHECK(one.get("b") == bytes());
  CHECK_FALSE(one.put_if_absent("b", value(3)));
  CHECK((one.size() == 1 && one.weight() == 0));
  two.clear();
  CHECK_FALSE(one.get("b").has_value());
  one.put("c", value(2'000'000));
  CHECK(two.get("c") == value(2'000'000));
  CHECK(two.weight() == 2'000'000);
}

TEST_CASE("who opens beside one that goes on in an older segment sees what was in it before") {
  scratch dir;
  {
    auto cache = open(dir / "cache");
    cache.put("first", value(100));
    cache.put("erased", value(100));
  }
  auto goes_on = open(dir / "cache");
  auto beside = open(dir / "cache");
  CHECK(beside.get("first") == value(100));
  goes_on.put("second", value(200));
  goes_on.erase("erased");
  auto third = open(dir / "cache");
  for (auto* cache : {&goes_on, &beside, &third}) {
    CHECK(cache->get("first") == value(100));
    CHECK(cache->get("second") == value(200));
    CHECK_FALSE(cache->contains("erased"));
    CHECK(cache->size() == 2);
  }
}

TEST_CASE("a child goes on with the cache that it was forked with, beside its parent") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("before", value(100));
  cache.put("old", value(100));
  const std::optional<bytes> held = cache.get("before");
  CHECK(in_child([&] {
          if (held != value(100) || cache.get("before") != value(100)) return 1;
          cache.put("before", value(200));
          cache.put("child's", value(2'000'000));
          cache.erase("old");
          return cache.get("before") == value(200) ? 0 : 2;
        }) == 0);
  CHECK(cache.get("before") == value(200));
  CHECK(cache.get("child's") == value(2'000'000));
  CHECK_FALSE(cache.contains("old"));
  CHECK(in_child([&] {  // with one of its own
          auto own = open(dir / "cache");
          own.put("own", value(3));
          return own.size() == 3 ? 0 : 1;
        }) == 0);
  CHECK(cache.get("own") == value(3));
  CHECK(held == value(100));
}

TEST_CASE("of several processes that put if absent one wins each key, and everybody sees its value") {
  scratch dir;
  std::array<pid_t, 4> children{};
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i] = ::fork();
    REQUIRE(children[i] >= 0);
    if (children[i] == 0) {
      unsigned won = 0;
      {
        auto cache = open(dir / "cache");
        for (unsigned key = 0; key < 60; ++key) {
          const bool mine = cache.put_if_absent(std::to_string(key), value(100 + i));
          if (mine && cache.get(std::to_string(key)) != value(100 + i)) ::_exit(255);
          won += mine ? 1U : 0U;
        }
      }
      ::_exit(static_cast<int>(won));
    }
  }
  int won = 0;
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) <= 60);
    won += WEXITSTATUS(status);
  }
  CHECK(won == 60);
  CHECK(open(dir / "cache").size() == 60);
}

TEST_CASE("what was evicted or erased stays so after another start") {
  scratch dir;
  const auto open_three = [&] {
    return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_entries{3}, larder::mmap_disk{dir / "cache"});
  };
  {
    auto cache = open_three();
    for (const char* key : {"a", "b", "c"}) cache.put(key, value(10));
    cache.get("a");
    cache.put("d", value(10));
    CHECK_FALSE(cache.contains("b"));
  }
  {
    auto cache = open_three();
    CHECK(cache.size() == 3);
    for (const char* key : {"a", "c", "d"}) CHECK(cache.contains(key));
    cache.erase("a");
    cache.put("c", value(20));
  }
  auto cache = open_three();
  CHECK(cache.size() == 2);
  CHECK_FALSE(cache.contains("a"));
  CHECK(cache.get("c") == value(20));
}

TEST_CASE("what was evicted stays so when the journal that said it is gone, and there is room by now") {
  scratch dir;
  const auto open_for = [&](std::uint64_t entries) {
    return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_entries{entries}, larder::mmap_disk{dir / "cache"});
  };
  {
    auto cache = open_for(3);
    for (const char* key : {"a", "b", "c", "d", "e"}) cache.put(key, value(10));
  }
  fs::remove(dir / "cache" / "journal");
  auto cache = open_for(10);
  CHECK(cache.size() == 3);
  for (const char* key : {"a", "b"}) CHECK_FALSE(cache.contains(key));
  for (const char* key : {"c", "d", "e"}) CHECK(cache.get(key) == value(10));
}

TEST_CASE("what was erased where it lies, for want of room, stays so at every start") {
  namespace format = larder::format;
  scratch dir;
  CHECK(in_child([&] {
          auto* cache = new auto(open(dir / "cache"));  // ends without a destructor, as killed
          cache->put("a", value(1000, 1));
          cache->put("b", value(1000, 2));
          return 0;
        }) == 0);
  const fs::path segment = dir / "cache" / "entries" / "00000001.segment";
  std::string content = read_file(segment);
  const std::size_t payload = content.find(text_of(1000, 1));
  REQUIRE(payload != std::string::npos);
  const std::size_t at = payload - 128;
  const std::uint64_t stamp = format::use_stamp::erased({1, static_cast<std::uint32_t>(at / format::record_place::unit_size)});
  std::memcpy(content.data() + at + format::segment_record::use_offset, &stamp, sizeof stamp);
  write_file(segment, content);
  for (int start = 0; start < 3; ++start) {
    CAPTURE(start);
    auto cache = open(dir / "cache");
    CHECK_FALSE(cache.contains("a"));
    CHECK(cache.get("b") == value(1000, 2));
    CHECK(cache.size() == 1);
  }
}

TEST_CASE("who comes again goes on in the segment that was closed last") {
  scratch dir;
  for (unsigned i = 0; i < 5; ++i) {
    auto cache = open(dir / "cache");
    CHECK(cache.put(std::to_string(i), value(1000, i)));
  }
  auto cache = open(dir / "cache");
  for (unsigned i = 0; i < 5; ++i) CHECK(cache.get(std::to_string(i)) == value(1000, i));
  std::size_t segments = 0;
  for (const auto& found : fs::directory_iterator(dir / "cache" / "entries"))
    segments += found.path().extension() == ".segment" ? 1 : 0;
  CHECK(segments == 1);
}

TEST_CASE("the oldest segment goes when there is no room, and what is used is carried over") {
  scratch dir;
  constexpr std::uint64_t capacity = 4_MiB;
  constexpr std::uint64_t segment = 128_KiB;
  auto cache = open(dir / "cache", capacity);
  const auto hot = [](int i) { return "hot " + std::to_string(i); };
  for (int i = 0; i < 50; ++i) REQUIRE(cache.put(hot(i), value(1000, static_cast<unsigned>(i))));
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(cache.put("cold " + std::to_string(i), value(1000)));
    if (i % 10 == 0) CHECK(cache.get(hot(i / 10 % 50)) == value(1000, static_cast<unsigned>(i / 10 % 50)));
    if (i % 500 == 0) {
      CHECK(cache.weight() <= capacity);
      CHECK(occupied(dir / "cache" / "entries") <= capacity + 2 * segment);
    }
  }
  CHECK(cache.stats().evictions > 15'000);
  CHECK(cache.weight() > capacity / 2);
  auto again = open(dir / "cache", capacity);
  for (int i = 0; i < 50; ++i) CHECK(again.get(hot(i)) == value(1000, static_cast<unsigned>(i)));
  CHECK((again.size() == cache.size() && again.weight() == cache.weight()));
}

TEST_CASE("without a capacity the files do not grow with what is written over") {
  scratch dir;
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::mmap_disk{dir / "cache"});
  for (unsigned i = 0; i < 8000; ++i) REQUIRE(cache.put(std::to_string(i % 10), value(5000, i)));
  for (unsigned i = 7990; i < 8000; ++i) CHECK(cache.get(std::to_string(i % 10)) == value(5000, i));
  CHECK(cache.size() == 10);
  CHECK(occupied(dir / "cache") < 10_MiB);
}

TEST_CASE("a process that lags by more than the log remembers reads everything anew") {
  scratch dir;
  auto lagging = open(dir / "cache", 4_MiB);
  lagging.put("mine", value(10));
  lagging.put("erased", value(10));
  CHECK(in_child([&] {
          auto other = open(dir / "cache", 4_MiB);
          other.erase("erased");
          for (unsigned i = 0; i < 9000; ++i) other.put(std::to_string(i % 100), value(20, i));
          return other.size() == 101 ? 0 : 1;
        }) == 0);
  CHECK(lagging.get("mine") == value(10));
  CHECK_FALSE(lagging.contains("erased"));
  for (unsigned i = 8900; i < 9000; ++i) CHECK(lagging.get(std::to_string(i % 100)) == value(20, i));
  CHECK(lagging.size() == 101);
}

TEST_CASE("a journal that is removed, cut or garbled costs no entry, and those who work go on") {
  for (const int how : {0, 1, 2}) {
    CAPTURE(how);
    scratch dir;
    const fs::path journal = dir / "cache" / "journal";
    {
      auto cache = open(dir / "cache");
      cache.put("a", value(100));
      cache.put("b", value(2'000'000));
    }
    if (how == 0) fs::remove(journal);
    if (how == 1) fs::resize_file(journal, 100);
    if (how == 2) write_file(journal, std::string(fs::file_size(journal), 'x'));
    auto cache = open(dir / "cache");
    CHECK(cache.get("a") == value(100));
    CHECK(cache.get("b") == value(2'000'000));
    fs::remove(journal);  // under its nose
    CHECK(cache.put("c", value(5)));
    CHECK(cache.get("a") == value(100));
    CHECK(cache.get("c") == value(5));
    CHECK(in_child([&] { return open(dir / "cache").get("c") == value(5) ? 0 : 1; }) == 0);
    CHECK(cache.stats().errors.total() == 0);
  }
}

TEST_CASE("uses are remembered across restarts and seen by others") {
  using namespace std::chrono_literals;
  scratch dir;
  larder::manual_clock clock{larder::instant{1'000'000s}};
  const auto open_expiring = [&] {
    return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{1_MiB}, larder::expire_after_access{1600s},
                                                  larder::mmap_disk{dir / "cache"}, larder::time_source{clock});
  };
  {
    auto cache = open_expiring();
    cache.put("used", value(10));
    cache.put("unused", value(10));
    auto other = open_expiring();
    clock.advance(1500s);
    CHECK(cache.get("used").has_value());
    clock.advance(1000s);
    CHECK(other.get("used").has_value());  // by the use that the first one remembered
    CHECK_FALSE(other.get("unused").has_value());
  }
  clock.advance(1500s);
  {
    auto cache = open_expiring();
    CHECK(cache.get("used").has_value());
  }
  clock.advance(1601s);
  auto cache = open_expiring();
  CHECK_FALSE(cache.get("used").has_value());
}

TEST_CASE("a use is remembered of a record whose segment was sealed since this process first saw it") {
  using namespace std::chrono_literals;
  scratch dir;
  larder::manual_clock clock{larder::instant{1'000'000s}};
  const auto open_expiring = [&] {
    return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{4_MiB}, larder::expire_after_access{1600s},
                                                  larder::mmap_disk{dir / "cache"}, larder::time_source{clock});
  };
  {
    auto cache = open_expiring();
    cache.put("used", value(10));
    for (int i = 0; i < 100; ++i) cache.put(std::to_string(i), value(5000));  // some segments more
    clock.advance(1500s);
    CHECK(cache.get("used").has_value());
    clock.advance(1000s);
  }
  auto cache = open_expiring();
  CHECK(cache.get("used").has_value());
  CHECK_FALSE(cache.get("50").has_value());
}

TEST_CASE("a damaged record hides what the key had before, at every start") {
  scratch dir;
  CHECK(in_child([&] {
          auto* cache = new auto(open(dir / "cache"));  // ends without a destructor, as killed
          cache->put("a", value(1000, 1));
          cache->put("b", value(1000, 2));
          cache->put("a", value(1000, 3));
          return 0;
        }) == 0);
  const fs::path segment = dir / "cache" / "entries" / "00000001.segment";
  std::string content = read_file(segment);
  const std::size_t newest = content.find(text_of(1000, 3));
  REQUIRE(newest != std::string::npos);
  content[newest - 128 + 30] ^= 1;  // in its head
  write_file(segment, content);
  for (int start = 0; start < 3; ++start) {
    CAPTURE(start);
    auto cache = open(dir / "cache");
    CHECK_FALSE(cache.get("a").has_value());
    CHECK(cache.get("b") == value(1000, 2));
    CHECK((cache.stats().errors[larder::error_cause::corruption] == 1) == (start == 0));
  }
  {
    auto cache = open(dir / "cache");
    CHECK(cache.put("a", value(1000, 4)));
  }
  CHECK(open(dir / "cache").get("a") == value(1000, 4));
}

TEST_CASE("a record whose key is not the one that its digest says is damage, and nobody's value") {
  namespace format = larder::format;
  for (const larder::read_mode mode : {larder::read_mode::mapping, larder::read_mode::copy}) {
    scratch dir;
    larder::mmap_disk_options options;
    options.read = mode;
    const auto opened = [&] {
      return larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::mmap_disk{dir / "cache", options});
    };
    {
      auto cache = opened();
      cache.put("a", value(1000, 1));
      cache.put("b", value(1000, 2));
    }
    const fs::path segment = dir / "cache" / "entries" / "00000001.segment";
    std::string content = read_file(segment);
    const std::size_t payload = content.find(text_of(1000, 1));
    REQUIRE(payload != std::string::npos);
    const std::size_t at = payload - 128;
    REQUIRE(content[at + format::segment_record::header_size] == 'a');
    content[at + format::segment_record::header_size] = 'z';
    const auto checksum = format::detail::header_checksum(
        reinterpret_cast<const std::byte*>(content.data() + at),
        std::as_bytes(std::span(content).subspan(at + format::segment_record::header_size, 1)),
        format::record_place{1, static_cast<std::uint32_t>(at / format::record_place::unit_size)});
    std::memcpy(content.data() + at + 72, &checksum, 8);  // a head that is right, as a forger would write it
    write_file(segment, content);

    auto cache = opened();
    CHECK_FALSE(cache.get("a").has_value());
    CHECK_FALSE(cache.get("z").has_value());
    CHECK(cache.get("b") == value(1000, 2));
    CHECK(cache.stats().errors[larder::error_cause::corruption] == 1);
  }
}

TEST_CASE("nothing is put into a segment that a clear takes away") {
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    scratch dir;
    auto one = open(dir / "cache", 4_MiB);
    auto two = open(dir / "cache", 4_MiB);
    std::atomic<bool> done{false};
    std::thread writer([&] {
      for (unsigned i = 0; !done; ++i) two.put(std::to_string(i % 50), value(2000, i));
    });
    for (int i = 0; i < 20; ++i) one.clear();
    done = true;
    writer.join();
    for (unsigned i = 0; i < 50; ++i) CHECK((i % 2 == 0 ? one : two).put(std::to_string(i), value(100, i)));
    CHECK(in_child([&] {
            auto other = open(dir / "cache", 4_MiB);
            for (unsigned i = 0; i < 50; ++i)
              if (other.get(std::to_string(i)) != value(100, i)) return 1;
            return other.size() == 50 ? 0 : 2;
          }) == 0);
  }
}

TEST_CASE("opening and closing leaks no descriptor, and reads hold none") {
  scratch dir;
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()); };
  const auto before = descriptors();
  for (unsigned i = 0; i < 60; ++i) {
    auto cache = open(dir / "cache");
    cache.put("key " + std::to_string(i % 5), value(i % 2 == 0 ? 100 : 1'200'000, i));
    CHECK(cache.get("key " + std::to_string(i % 5)) == value(i % 2 == 0 ? 100 : 1'200'000, i));
    cache.flush();
  }
  CHECK(descriptors() == before);
  CHECK(files_in(dir / "cache" / "staging") == 0);
  auto cache = open(dir / "cache");
  const auto with_cache = descriptors();
  for (unsigned i = 0; i < 50; ++i) cache.put(std::to_string(i), value(1'200'000, i));
  for (unsigned i = 0; i < 50; ++i) CHECK(cache.get(std::to_string(i)).has_value());
  CHECK(descriptors() <= with_cache + 1);  // the segment that takes records
}

TEST_CASE("a directory of another version or kind is refused with a sentence, and left as it is") {
  scratch dir;
  {
    auto files = larder::make_cache<std::string, bytes>(larder::max_bytes{1_MiB}, larder::directory{dir / "files"});
    files.put("a", value(10));
    auto segments = open(dir / "segments");
    segments.put("a", value(10));
  }
  const std::string before = read_file(dir / "files" / "format");
  const auto why = [&](const fs::path& path) -> std::string {
    try {
      auto cache = open(path);
    } catch (const larder::error& e) {
      return e.what();
    }
    return {};
  };
  CHECK(why(dir / "files").find("written as version 1") != std::string::npos);
  CHECK(read_file(dir / "files" / "format") == before);
  CHECK_THROWS_AS((larder::make_cache<std::string, bytes>(larder::max_bytes{1_MiB}, larder::directory{dir / "segments"})), larder::error);
  write_file(dir / "notes", "somebody's");
  CHECK(why(dir.path()).find("not a larder storage") != std::string::npos);
}

TEST_CASE("values as large as a segment and keys larger than one are stored") {
  scratch dir;
  auto cache = open(dir / "cache", 4_MiB);
  const std::string long_key(300'000, 'k');
  for (const std::size_t size : {60'000U, 65'535U, 65'536U, 65'537U, 131'072U, 200'000U}) {
    CAPTURE(size);
    CHECK(cache.put("value", value(size)));
    CHECK(cache.get("value") == value(size));
    CHECK(cache.put(long_key, value(size)));
    CHECK(cache.get(long_key) == value(size));
  }
  auto again = open(dir / "cache", 4_MiB);
  CHECK(again.get("value") == value(200'000));
  CHECK(again.get(long_key) == value(200'000));
}

TEST_CASE("threads put, get, erase and hold at once") {
  scratch dir;
  std::mutex mutex;
  std::string failures;
  const auto note = [&](const larder::error_event& event) {
    const std::lock_guard guard(mutex);
    failures += event.message;
    failures += '\n';
  };
  auto cache = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{2_MiB}, larder::mmap_disk{dir / "cache"},
                                                      larder::error_listener(note));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::pair<unsigned, bytes>> held;
      for (unsigned i = 0; i < 1500; ++i) {
        const unsigned key = (i * 7 + t) % 60;
        const std::size_t size = 100 + key * 1500;
        if ((i + t) % 3 == 0) cache.put(std::to_string(key), value(size, key));
        if ((i + t) % 41 == 0) cache.erase(std::to_string(key));
        if (std::optional<bytes> found = cache.get(std::to_string(key))) held.emplace_back(key, *std::move(found));
        if (held.size() > 20) {
          for (const auto& [of, what] : held)
            if (what.text() != text_of(100 + of * 1500, of)) ++wrong;
          held.clear();
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cache.weight() <= 2_MiB);
  CHECK(cache.stats().pinned_bytes == 0);
  CHECK(failures == "");
  CHECK(cache.stats().errors.total() == 0);
}
