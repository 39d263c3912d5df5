// adopt_file: files that become values of mmap_disk.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/observe/miss_ratio_curve.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "disk_cache_driver.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace larder::literals;
using namespace store_driver;
using larder::adopt_mode;
using larder::bytes;

namespace {

std::size_t values_files(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& found : fs::directory_iterator(directory / "entries")) count += found.path().extension() == ".value" ? 1 : 0;
  return count;
}
/// Why a file is not adopted; nothing when it is.
template <class Cache>
std::string refusal(Cache& cache, const fs::path& path, adopt_mode how = adopt_mode::automatic) {
  try {
    cache.adopt_file("a", path, how);
    return {};
  } catch (const larder::error& e) {
    return e.what();
  }
}
std::string reason_of(const larder::storage::adopted_file& file) {
  try {
    file.check_unchanged();
    return {};
  } catch (const larder::storage::source_error& e) {
    return e.what();
  }
}

constexpr std::size_t chunk = 256 * 1024;

}  // namespace

TEST_CASE("a file's content becomes the value, whatever its size and the way") {
  for (const adopt_mode how : {adopt_mode::automatic, adopt_mode::copy, adopt_mode::link, adopt_mode::move}) {
    CAPTURE(static_cast<int>(how));
    scratch dir;
    const std::vector<std::size_t> sizes{0, 1, 5000, 1'048'575, 1'048'576, 5 * chunk, 7 * chunk + 13};
    {
      auto cache = open(dir / "cache");
      auto other = open(dir / "cache");
      for (const std::size_t size : sizes) {
        CAPTURE(size);
        const std::string key = std::to_string(size);
        const fs::path file = dir / ("file " + key).c_str();
        write_file(file, text_of(size));
        CHECK(cache.adopt_file(key, file, how));
        CHECK(fs::exists(file) == (how != adopt_mode::move));
        CHECK(cache.get(key) == value(size));
        CHECK(other.get(key) == value(size));
        if (size > 100) CHECK(other.get_range(key, size / 2, 40)->text() == text_of(size).substr(size / 2, 40));
      }
      CHECK(values_files(dir / "cache") == 3);
      CHECK(cache.errors().total() + other.errors().total() == 0);
      cache.flush();
    }
    auto again = open(dir / "cache");
    for (const std::size_t size : sizes) CHECK(again.get(std::to_string(size)) == value(size));
  }
}

TEST_CASE("what is done to the file later does not concern the cache, unless it was linked; then it is noticed") {
  scratch dir;
  constexpr std::size_t size = 6 * chunk;
  for (const adopt_mode how : {adopt_mode::automatic, adopt_mode::copy, adopt_mode::link}) {
    CAPTURE(static_cast<int>(how));
    write_file(dir / "file", text_of(size));
    fs::remove_all(dir / "cache");
    { CHECK(open(dir / "cache").adopt_file("a", dir / "file", how)); }
    {
      std::fstream file(dir / "file", std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(3 * chunk);
      file.put('!');
    }
    auto cache = open(dir / "cache");
    if (how == adopt_mode::link) {
      CHECK(cache.get_range("a", 0, chunk).has_value());
      CHECK_FALSE(cache.get("a").has_value());
      CHECK(cache.errors()[larder::error_cause::corruption] == 1);
    } else {
      CHECK(cache.get("a") == value(size));
    }
  }
}

TEST_CASE("what is no regular file that can be read is the caller's error, and the key stays as it is") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("a", value(10));
  fs::create_directory(dir / "folder");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  fs::create_symlink(dir / "nowhere", dir / "dangling");
  for (const char* name : {"missing", "folder", "fifo", "dangling"})
    for (const adopt_mode how : {adopt_mode::automatic, adopt_mode::copy, adopt_mode::clone, adopt_mode::link, adopt_mode::move}) {
      const std::string why = refusal(cache, dir / name, how);
      CHECK(why.find("larder: cannot adopt the file \"" + (dir / name).string() + "\": ") == 0);
    }
  CHECK(refusal(cache, "").find("larder: cannot adopt the file \"\"") == 0);
  CHECK(cache.get("a") == value(10));
  CHECK(cache.errors().total() == 0);  // nothing is wrong with the storage
  CHECK(cache.stats().refused == 0);
  CHECK(fs::exists(dir / "fifo"));
}

TEST_CASE("a symbolic link is followed, and not moved") {
  scratch dir;
  auto cache = open(dir / "cache");
  for (const std::size_t size : {std::size_t{100}, 5 * chunk}) {
    write_file(dir / "file", text_of(size));
    fs::remove(dir / "link");
    fs::create_symlink(dir / "file", dir / "link");
    for (const adopt_mode how : {adopt_mode::automatic, adopt_mode::link}) {
      cache.erase("a");
      CHECK(cache.adopt_file("a", (dir / "link").string(), how));
      CHECK(cache.get("a") == value(size));
    }
    CHECK(refusal(cache, dir / "link", adopt_mode::move).find("it is a symbolic link") != std::string::npos);
    CHECK(fs::exists(dir / "file"));
    CHECK(fs::is_symlink(dir / "link"));
  }
}

TEST_CASE("a way that the file system does not have is an error that names another, or it works") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("a", value(10));
  write_file(dir / "file", text_of(5 * chunk));
  const std::string why = refusal(cache, dir / "file", adopt_mode::clone);
  if (why.empty()) {
    CHECK(cache.get("a") == value(5 * chunk));
  } else {
    CHECK(why.find("take adopt_mode::automatic") != std::string::npos);
    CHECK(cache.get("a") == value(10));
    CHECK(values_files(dir / "cache") == 0);
  }
  fs::path elsewhere = "/dev/shm";
  if (!fs::is_directory(elsewhere)) {
    MESSAGE("SKIPPED: there is no other file system");
    return;
  }
  elsewhere /= "larder-adopted-" + std::to_string(::getpid());
  write_file(elsewhere, text_of(5 * chunk, 2));
  CHECK(refusal(cache, elsewhere, adopt_mode::link).find("cannot be linked") != std::string::npos);
  CHECK(cache.adopt_file("b", elsewhere, adopt_mode::move));  // copied and removed
  CHECK_FALSE(fs::exists(elsewhere));
  CHECK(cache.get("b") == value(5 * chunk, 2));
}

TEST_CASE("a refused file is a refused put, and is not moved") {
  scratch dir;
  auto cache = open(dir / "cache", 2_MiB);
  cache.put("a", value(10));
  write_file(dir / "file", text_of(2_MiB + 1));
  CHECK_FALSE(cache.adopt_file("a", dir / "file", adopt_mode::move));
  CHECK(fs::file_size(dir / "file") == 2_MiB + 1);
  CHECK_FALSE(cache.contains("a"));
  CHECK(cache.stats().refused == 1);
  CHECK(values_files(dir / "cache") == 0);
}

TEST_CASE("files of equal content share one, which stays while a key has it") {
  scratch dir;
  auto cache = open(dir / "cache");
  for (const adopt_mode how : {adopt_mode::automatic, adopt_mode::link, adopt_mode::move}) {
    write_file(dir / "file", text_of(5 * chunk));
    CHECK(cache.adopt_file("key " + std::to_string(static_cast<int>(how)), dir / "file", how));
  }
  cache.put("put", value(5 * chunk));
  CHECK(values_files(dir / "cache") == 1);
  CHECK(cache.get("key 0")->data() == cache.get("put")->data());
  CHECK_FALSE(fs::exists(dir / "file"));
  for (const char* key : {"key 0", "key 3", "put"}) cache.erase(key);
  CHECK(cache.get("key 4") == value(5 * chunk));
  cache.erase("key 4");
  CHECK(cache.size() == 0);
  CHECK(values_files(dir / "cache") == 0);
}

TEST_CASE("a file that changes between the look before and the look after is refused") {
  scratch dir;
  const std::string path = (dir / "file").string();
  const auto fresh = [&] {
    write_file(path, text_of(3 * chunk));
    return larder::storage::adopted_file(path, adopt_mode::automatic);
  };
  {
    const auto file = fresh();
    CHECK(reason_of(file).empty());
    fs::resize_file(path, 3 * chunk + 1);
    CHECK(reason_of(file).find("it changed while it was read") != std::string::npos);
  }
  {
    const auto file = fresh();
    struct timespec times[2] {{1, 0}, {1, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    CHECK_FALSE(reason_of(file).empty());
  }
  {
    auto file = fresh();
    CHECK(file.link_to((dir / "linked").string()) == 0);
    CHECK(reason_of(file).empty());  // the link itself is no change
    CHECK(file.link_to((dir / "linked").string()) == EEXIST);
    fs::permissions(path, fs::perms::owner_read);
    CHECK_FALSE(reason_of(file).empty());
  }
  {
    fs::remove(path);
    const auto file = fresh();
    fs::resize_file(path, chunk);
    CHECK_THROWS_AS(file.read(), larder::storage::source_error);
    const larder::storage::file_descriptor to = larder::storage::open_file((dir / "to").string(), O_CREAT | O_RDWR);
    CHECK_THROWS_AS(file.copy_to(to, "to"), larder::storage::source_error);
  }
  {
    fs::remove(path);
    auto file = fresh();
    fs::rename(path, dir / "old");
    write_file(path, "another");
    CHECK_THROWS_AS(file.link_to((dir / "exchanged").string()), larder::storage::source_error);
    CHECK_FALSE(fs::exists(dir / "exchanged"));
    file.remove();
    CHECK(read_file(path) == "another");  // what bears the name now is not what was adopted
  }
}

TEST_CASE("an adopted file is a put to loads and to what observes") {
  scratch dir;
  auto cache = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB}, larder::mmap_disk{dir / "cache"}, larder::miss_ratio_curve{});
  write_file(dir / "file", text_of(5 * chunk));
  const bytes loaded = cache.get_or_load("a", [&](const std::string&) {
    CHECK(cache.adopt_file("a", dir / "file"));
    return value(7);
  });
  CHECK(loaded == value(7));
  CHECK(cache.get("a") == value(5 * chunk));
  for (int i = 0; i < 2000; ++i) CHECK(cache.adopt_file("key " + std::to_string(i % 100), dir / "file"));
  CHECK(cache.size() == 101);
}
