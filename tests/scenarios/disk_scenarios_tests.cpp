// The scenarios of caches on disk and of memory over disk: D1 to D5, D7 to D9, D13, D14, D16. A new process is a fork that
// makes its caches anew.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;
using larder::error_cause;

namespace {

struct scratch : support::temporary_folder {
  fs::path cache() const { return *this / "cache"; }
};

/// Whether f() is true in a new process.
template <class F>
bool in_new_process(F&& f) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool right = false;
    try {
      right = f();
    } catch (...) {
    }
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }

auto disk_cache(const fs::path& directory, std::uint64_t limit = 100_MB) {
  return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{limit}, larder::mmap_disk{directory});
}
auto memory_cache(std::uint64_t limit = 10_MB) { return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{limit}); }

bool lies_in_mapping(const void* pointer, const fs::path& directory) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    if (address >= begin && address < end) return line.find(directory.string()) != std::string::npos;
  }
  return false;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
std::vector<fs::path> files_with(const fs::path& directory, std::string_view text) {
  std::vector<fs::path> found;
  for (const auto& file : fs::recursive_directory_iterator(directory))
    if (file.is_regular_file() && content_of(file.path()).find(text) != std::string::npos) found.push_back(file.path());
  return found;
}

}  // namespace

TEST_CASE("D1 on disk: 1 MB, six puts of 300 KB: the 3 newest live, 900 KB, 3 evictions; 10 bytes more evict nothing") {
  const scratch dir;
  auto c = disk_cache(dir.cache(), 1_MB);
  for (const char* key : {"1", "2", "3", "4", "5", "6"}) CHECK(c.put(key, block(300'000)));
  for (const char* key : {"1", "2", "3"}) CHECK_FALSE(c.contains(key));
  for (const char* key : {"4", "5", "6"}) CHECK(c.contains(key));
  CHECK(c.weight() == 900'000);
  CHECK(c.stats().evictions == 3);
  CHECK(c.put("small", block(10)));
  CHECK(c.stats().evictions == 3);
  CHECK(c.weight() == 900'010);
}

TEST_CASE("D2 put; a new process on the same directory; get: from disk, promoted; again: a memory hit") {
  const scratch dir;
  {
    auto memory = memory_cache();
    auto disk = disk_cache(dir.cache());
    larder::tiered all{memory, disk};
    CHECK(all.put("weights", block(1000, 'w')));
  }
  CHECK(in_new_process([&] {
    auto memory = memory_cache();
    auto disk = disk_cache(dir.cache());
    larder::tiered all{memory, disk};
    const bool from_disk = all.get("weights") == block(1000, 'w') && all.stats()[1].hits == 1 && all.stats().promotions == 1;
    const bool from_memory = all.get("weights") == block(1000, 'w') && all.stats()[0].hits == 1 && all.stats()[1].hits == 1;
    return from_disk && from_memory;
  }));
}

TEST_CASE("D2 what one process puts, another one that is already open sees") {
  const scratch dir;
  auto mine = disk_cache(dir.cache());
  CHECK_FALSE(mine.get("theirs").has_value());
  CHECK(in_new_process([&] { return disk_cache(dir.cache()).put("theirs", block(500, 't')); }));
  CHECK(mine.get("theirs") == block(500, 't'));
  CHECK(mine.size() == 1);
  CHECK(in_new_process([&] { return disk_cache(dir.cache()).erase("theirs"); }));
  CHECK_FALSE(mine.get("theirs").has_value());
}

TEST_CASE("D3 clear(): a miss, no payload left on disk; a new process: still a miss") {
  const scratch dir;
  const std::string marker = "the payload that must go 0123456789";
  {
    auto memory = memory_cache();
    auto disk = disk_cache(dir.cache());
    larder::tiered all{memory, disk};
    for (const char* key : {"a", "b", "c"}) all.put(key, bytes::copy_of(marker + key));
    CHECK(files_with(dir.cache(), marker).size() == 1);  // the segment
    all.clear();
    CHECK_FALSE(all.get("a").has_value());
    CHECK(files_with(dir.cache(), marker).empty());
    CHECK(disk.weight() == 0);
  }
  CHECK(in_new_process([&] {
    auto disk = disk_cache(dir.cache());
    return !disk.get("a") && !disk.contains("b") && disk.empty();
  }));
}

TEST_CASE("D4 1000x1000 floats, evicted from memory, read back: bit-equal through as_span<float>(), in a mapping") {
  const scratch dir;
  std::vector<float> matrix(1'000'000);
  std::iota(matrix.begin(), matrix.end(), -0.5F);
  const bytes original = bytes::copy_of(matrix.data(), matrix.size() * sizeof(float));
  const auto check = [&](auto& all) {
    const std::optional<bytes> back = all.get("matrix");
    if (!back) return false;
    const std::span<const float> floats = back->template as_span<float>();
    return floats.size() == matrix.size() && *back == original && std::equal(floats.begin(), floats.end(), matrix.begin()) &&
           lies_in_mapping(back->data(), dir.cache());
  };
  {
    auto memory = memory_cache(5_MB);
    auto disk = disk_cache(dir.cache());
    larder::tiered all{memory, disk};
    all.put("matrix", original);
    CHECK_FALSE(lies_in_mapping(all.get("matrix")->data(), dir.cache()));
    all.put("other", block(4'000'000));
    CHECK_FALSE(memory.contains("matrix"));
    CHECK(check(all));
    CHECK(memory.contains("matrix"));  // promoted, and shared with the mapping
    CHECK(lies_in_mapping(memory.peek("matrix")->data(), dir.cache()));
  }
  CHECK(in_new_process([&] {
    auto memory = memory_cache(5_MB);
    auto disk = disk_cache(dir.cache());
    larder::tiered all{memory, disk};
    return check(all);
  }));
}

TEST_CASE("D4 bytes from disk stay valid when their entry is evicted, erased or the cache is gone") {
  const scratch dir;
  bytes kept;
  {
    auto c = disk_cache(dir.cache(), 1_MB);
    c.put("a", block(600'000, 'a'));
    kept = *c.get("a");
    c.put("b", block(600'000, 'b'));
    CHECK_FALSE(c.contains("a"));
    CHECK(c.stats().pinned_bytes >= 600'000);
    CHECK(kept == block(600'000, 'a'));
    CHECK(c.weight() == 600'000);
  }
  CHECK(kept == block(600'000, 'a'));
}

TEST_CASE("D5 age 86400 s on an injected time source: kept at 86400, gone at 86401, over processes too") {
  const scratch dir;
  larder::manual_clock now(1'000'000s);
  const auto open = [&](auto&& f) {
    auto c = larder::make_cache<std::string, bytes>(larder::max_bytes{1_MB}, larder::expire_after_write{86400s}, larder::mmap_disk{dir.cache()},
                                                    larder::time_source{now});
    return f(c);
  };
  CHECK(open([](auto& c) { return c.put("a", block(10)); }));
  now += 86400s;
  CHECK(in_new_process([&] { return open([](auto& c) { return c.get("a") == block(10); }); }));
  now += 1s;
  CHECK(in_new_process([&] { return open([](auto& c) { return !c.get("a").has_value(); }); }));
  CHECK(open([](auto& c) { return c.purge_expired() + c.size() == 0; }));
}

TEST_CASE("D5 on disk lru honours access, fifo ignores it, largest_first evicts the largest") {
  const auto survivors = [](auto order) {
    const scratch dir;
    auto c = larder::make_cache<std::string, bytes>(order, larder::max_entries{3}, larder::mmap_disk{dir.cache()});
    c.put("a", block(10));
    c.put("b", block(500));
    c.put("c", block(30));
    c.get("a");
    c.put("d", block(1));
    std::string left;
    for (const char* key : {"a", "b", "c", "d"})
      if (c.contains(key)) left += key;
    return left;
  };
  CHECK(survivors(larder::lru{}) == "acd");
  CHECK(survivors(larder::fifo{}) == "bcd");
  CHECK(survivors(larder::largest_first{}) == "acd");
}

TEST_CASE("D7 on disk: max_entries 3 together with max_bytes, tiny values: the fourth put evicts one") {
  const scratch dir;
  auto c = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_entries{3}, larder::max_bytes{1_GB}, larder::mmap_disk{dir.cache()});
  for (const char* key : {"1", "2", "3", "4"}) c.put(key, block(1));
  CHECK(c.size() == 3);
  CHECK(c.stats().evictions == 1);
  CHECK_FALSE(c.contains("1"));
}

TEST_CASE("D8 one byte flipped on disk: miss, corruption counted, entry quarantined, other keys unharmed") {
  for (const bool reopened : {true, false}) {
    CAPTURE(reopened);
    const scratch dir;
    const std::string payload = "the payload whose byte is flipped";
    const auto damage = [&] {
      const std::vector<fs::path> files = files_with(dir.cache(), payload);
      REQUIRE(files.size() == 1);
      const std::string whole = content_of(files[0]);
      std::fstream file(files[0], std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(static_cast<std::streamoff>(whole.find(payload) + 5));
      file.put('X');
    };
    const auto check = [&](auto& c) {
      const bool miss = !c.get("bad").has_value();
      const bool counted = c.stats().errors[error_cause::corruption] == 1 && c.stats().hits == 0 && c.stats().misses == 1;
      const bool gone = !c.contains("bad") && c.size() == 1;
      const bool unharmed = c.get("good") == block(1000, 'g');
      const bool again = c.put("bad", block(5)) && c.get("bad") == block(5);
      return miss && counted && gone && unharmed && again;
    };
    auto c = disk_cache(dir.cache());
    c.put("good", block(1000, 'g'));
    c.put("bad", bytes::copy_of(payload));
    damage();
    if (reopened)
      CHECK(in_new_process([&] {
        auto other = disk_cache(dir.cache());
        return check(other);
      }));
    else
      CHECK(check(c));
    const std::vector<fs::path> flipped = files_with(dir.cache() / "quarantine", "whose byte is flipped");
    CHECK(flipped.size() == 1);  // a copy for whoever wants to look
  }
}

TEST_CASE("D9 index or metadata damaged: every intact entry found") {
  const scratch dir;
  {
    auto c = disk_cache(dir.cache());
    for (int i = 0; i < 20; ++i) c.put("key " + std::to_string(i), block(static_cast<std::size_t>(i) * 100, static_cast<char>('a' + i)));
  }
  std::vector<fs::path> others;  // all files but the entries themselves
  for (const auto& file : fs::recursive_directory_iterator(dir.cache()))
    if (file.is_regular_file() && file.path().string().find("entries") == std::string::npos) others.push_back(file.path());
  CHECK_FALSE(others.empty());
  const auto all_there = [&] {
    auto c = disk_cache(dir.cache());
    int found = 0;
    for (int i = 0; i < 20; ++i)
      found += c.get("key " + std::to_string(i)) == block(static_cast<std::size_t>(i) * 100, static_cast<char>('a' + i)) ? 1 : 0;
    return found == 20 && c.size() == 20;
  };
  for (const fs::path& file : others) {
    CAPTURE(file.filename().string());
    const std::string before = content_of(file);
    if (!before.empty()) {
      std::ofstream(file, std::ios::binary | std::ios::trunc) << std::string(before.size(), '\x5a');
      CHECK(in_new_process(all_there));
    }
    fs::remove(file);
    CHECK(in_new_process(all_there));
  }
}

TEST_CASE("D13 on disk: keys a/b, ../x, empty, 5000 characters, UTF-8, with NUL: safe and distinct") {
  const scratch dir;
  const std::vector<std::string> keys{"a/b", "../x", "", std::string(5000, 'k'), "größe-日本-🙂", std::string("nul\0tail", 8), "nul", std::string("nul\0", 4)};
  {
    auto c = disk_cache(dir.cache());
    for (const std::string& key : keys) CHECK(c.put(key, bytes::copy_of("value of " + key)));
    CHECK(c.size() == keys.size());
  }
  CHECK(in_new_process([&] {
    auto c = disk_cache(dir.cache());
    return c.size() == keys.size() &&
           std::ranges::all_of(keys, [&](const std::string& key) { return c.get(key) == bytes::copy_of("value of " + key); });
  }));
  std::size_t outside = 0;
  for (const auto& entry : fs::directory_iterator(dir.cache().parent_path())) outside += entry.path() != dir.cache() ? 1U : 0U;
  CHECK(outside == 0);
}

TEST_CASE("D14 on disk an empty value is a value, not a miss") {
  const scratch dir;
  CHECK(disk_cache(dir.cache()).put("empty", bytes()));
  CHECK(in_new_process([&] {
    auto c = disk_cache(dir.cache());
    const std::optional<bytes> value = c.get("empty");
    return value && value->empty() && c.contains("empty") && c.size() == 1 && c.stats().hits == 1;
  }));
}

TEST_CASE("D16 on disk 3 hits of 4 gets: hit rate 0.75") {
  const scratch dir;
  auto c = disk_cache(dir.cache());
  c.put("a", block(1));
  for (const char* key : {"a", "a", "none", "a"}) c.get(key);
  CHECK(c.stats().hit_rate() == doctest::Approx(0.75));
  CHECK(c.stats().hits == 3);
}
