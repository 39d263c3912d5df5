// Caches on `mmap_disk` that compress, and what others make of their directories.
#include <larder/codec/zstd.hpp>
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "../cache/run_lengths.hpp"
#include "store_driver.hpp"

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;
using larder::error_cause;
using larder::mmap_disk;
using larder::mmap_disk_options;
using larder::read_mode;
using larder::zstd;
using store_driver::read_file;
using store_driver::scratch;
using store_driver::write_file;
using text = std::string;

namespace {

text noise(std::size_t size) {
  std::mt19937_64 random(size);
  text made(size, '\0');
  for (char& c : made) c = static_cast<char>(random());
  return made;
}
/// Compresses to about half.
text half_noise(std::size_t size) {
  text made = noise(size);
  std::fill_n(made.begin(), size / 2, 'h');
  return made;
}

struct hears {
  std::vector<larder::error_event>* all;
  void operator()(const larder::error_event& e) const { all->push_back(e); }
};

template <class Value = text, class... Policies>
auto open(const fs::path& directory, std::vector<larder::error_event>& errors, const mmap_disk_options& options, Policies... more) {
  return larder::make_cache<text, Value>(larder::lru{}, larder::max_bytes{64_MiB}, mmap_disk{directory, options},
                                         larder::error_listener<hears>{hears{&errors}}, std::move(more)...);
}

std::vector<fs::path> entry_files(const fs::path& cache, const char* extension) {
  std::vector<fs::path> found;
  for (const auto& file : fs::directory_iterator(cache / "entries"))
    if (file.path().extension() == extension) found.push_back(file.path());
  std::sort(found.begin(), found.end());
  return found;
}
std::size_t files_in(const fs::path& directory) {
  return fs::exists(directory) ? static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator())) : 0;
}

const text small = text(4095, 's');
const text inside = text(200'000, 'i') + "end";
const text random_inside = noise(50'000);
const text in_file = half_noise(8'000'000);
const text random_file = noise(2'000'000);

template <class Cache>
void put_all(Cache& c) {
  CHECK(c.put("small", small));
  CHECK(c.put("inside", inside));
  CHECK(c.put("random", random_inside));
  CHECK(c.put("file", in_file));
  CHECK(c.put("random file", random_file));
}
template <class Cache>
void check_all(Cache& c) {
  CHECK(c.get("small") == small);
  CHECK(c.get("inside") == inside);
  CHECK(c.get("random") == random_inside);
  CHECK(c.get("file") == in_file);
  CHECK(c.get("random file") == random_file);
  CHECK(c.stats().logical_bytes == small.size() + inside.size() + random_inside.size() + in_file.size() + random_file.size());
  CHECK(c.stats().stored_bytes == c.weight());
  CHECK(c.weight() < 7'000'000);
}

}  // namespace

TEST_CASE("values come back as they were put, from segments and from files of their own, before and after opening again") {
  for (const read_mode mode : {read_mode::mapping, read_mode::copy}) {
    const scratch dir;
    std::vector<larder::error_event> errors;
    {
      auto c = open((dir / "cache"), errors, {.read = mode}, zstd{});
      put_all(c);
      check_all(c);
    }
    std::uint64_t weight = 0;
    {
      auto again = open((dir / "cache"), errors, {.read = mode}, zstd{.level = 7});
      check_all(again);
      weight = again.weight();
      check_all(again);
      CHECK(again.visit("inside", [](const text& v) { CHECK(v == inside); }));
      CHECK(again.peek("inside") == inside);
      CHECK(again.get_or_load("inside", [](const text&) -> text { throw std::runtime_error("not to be called"); }) == inside);
      std::uint64_t listed = 0;
      again.for_each([&](const text&, std::uint64_t w, larder::duration) { listed += w; });
      CHECK(listed == weight);
    }
    // A value's file is what the policy made, and nothing else.
    const auto values = entry_files((dir / "cache"), ".value");
    REQUIRE(values.size() == 2);
    const text larger = read_file(fs::file_size(values[0]) > fs::file_size(values[1]) ? values[0] : values[1]);
    CHECK(larger.substr(0, 4) == "\x28\xb5\x2f\xfd");
    CHECK(errors.empty());
  }
}

TEST_CASE("after a crash the records alone tell both sizes") {
  const scratch dir;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::vector<larder::error_event> errors;
    auto c = open((dir / "cache"), errors, {}, zstd{});
    const bool stored = c.put("small", small) && c.put("inside", inside) && c.put("random", random_inside) && c.put("file", in_file) &&
                        c.put("random file", random_file);
    ::_exit(stored ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  std::vector<larder::error_event> errors;
  auto c = open((dir / "cache"), errors, {}, zstd{});
  check_all(c);
  CHECK(errors.empty());
}

TEST_CASE("a compressed value is on the heap, one that is not is used in place") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  auto c = open<bytes>((dir / "cache"), errors, {}, zstd{});
  c.put("zeros", bytes::copy_of(text(1'000'000, '\0')));
  c.put("random", bytes::copy_of(noise(1'000'000)));
  CHECK(c.get("zeros")->where() == larder::residence::heap);
  CHECK(c.get("random")->where() == larder::residence::mapping);
  CHECK(c.weight() < 1'064'000);
  CHECK(c.weight() > 1'000'000);
  const auto held = c.get("zeros");
  c.clear();
  CHECK(held == bytes::copy_of(text(1'000'000, '\0')));
  CHECK(c.stats().pinned_bytes == 0);
  CHECK(c.stats().logical_bytes == 0);
}

TEST_CASE("who has not the policy meets a miss that names it, and no damage; what was not compressed is served") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  {
    auto c = open((dir / "cache"), errors, {}, zstd{});
    put_all(c);
  }
  for (int round = 0; round < 2; ++round) {
    auto plain = open((dir / "cache"), errors, {});
    CHECK(plain.size() == 5);
    CHECK(plain.contains("inside"));
    CHECK(plain.get("small") == small);
    CHECK(plain.get("random") == random_inside);
    CHECK(plain.get("random file") == random_file);
    CHECK_FALSE(plain.get("inside").has_value());
    CHECK_FALSE(plain.get("file").has_value());
    CHECK(plain.stats().hits == 3);
    CHECK(plain.stats().misses == 2);
    CHECK(plain.stats().errors[error_cause::codec] == 2);
    CHECK(plain.size() == 5);
    CHECK(plain.get_or_load("inside", [](const text&) { return text("loaded"); }) == "loaded");
    CHECK(plain.stats().logical_bytes == plain.weight());
  }
  REQUIRE_FALSE(errors.empty());
  for (const auto& e : errors) {
    CHECK(e.cause == error_cause::codec);
    CHECK(e.message.find("\"zstd\"") != text::npos);
    CHECK(e.message.find("larder::zstd{}") != text::npos);
  }
  errors.clear();
  {
    auto other = open((dir / "cache"), errors, {}, run_lengths{});
    CHECK_FALSE(other.get("inside").has_value());
    CHECK(other.get("small") == small);
    CHECK(other.put("runs", text(5000, 'r')));
    CHECK(other.get("runs") == text(5000, 'r'));
    CHECK(errors.size() == 1);
  }
  CHECK(files_in((dir / "cache") / "quarantine") == 0);
  errors.clear();
  auto c = open((dir / "cache"), errors, {}, zstd{});
  CHECK(c.get("inside") == inside);
  CHECK(c.get("file") == in_file);
  CHECK_FALSE(c.get("runs").has_value());
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("\"runs\"") != text::npos);
  CHECK(errors[0].message.find("the policy that wrote it") != text::npos);
}

TEST_CASE("two processes at once, one with the policy and one without") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  auto c = open((dir / "cache"), errors, {}, zstd{});
  c.put("before", inside);
  int ask[2];
  int answer[2];
  REQUIRE(::pipe(ask) == 0);
  REQUIRE(::pipe(answer) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    char go = 0;
    bool right = true;
    {
      std::vector<larder::error_event> own;
      auto plain = open((dir / "cache"), own, {});
      right = !plain.get("before") && plain.put("plain", inside) && plain.get("plain") == inside;
      right = ::write(answer[1], "1", 1) == 1 && ::read(ask[0], &go, 1) == 1 && right;
      right = right && plain.get("mine") == random_inside && !plain.get("compressed") && plain.size() == 4 && own.size() == 2;
      right = right && plain.put("before", "new") && plain.erase("compressed");
    }
    right = ::write(answer[1], right ? "1" : "0", 1) == 1 && right;
    ::_exit(right ? 0 : 1);
  }
  char said = 0;
  REQUIRE(::read(answer[0], &said, 1) == 1);
  CHECK(c.get("plain") == inside);
  CHECK(c.put("mine", random_inside));
  CHECK(c.put("compressed", text(100'000, 'c')));
  CHECK(c.stats().logical_bytes == 2 * inside.size() + random_inside.size() + 100'000);
  REQUIRE(::write(ask[1], "1", 1) == 1);
  REQUIRE(::read(answer[0], &said, 1) == 1);
  CHECK(said == '1');
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(c.get("before") == "new");
  CHECK_FALSE(c.contains("compressed"));
  CHECK(c.stats().logical_bytes == 3 + inside.size() + random_inside.size());
  CHECK(c.weight() == c.stats().stored_bytes);
  CHECK(errors.empty());
  for (const int fd : {ask[0], ask[1], answer[0], answer[1]}) ::close(fd);
}

TEST_CASE("what another cache on the directory compressed is learned with both sizes, used, replaced and evicted") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  auto c = open((dir / "cache"), errors, {}, zstd{});
  auto other = open((dir / "cache"), errors, {}, zstd{.level = 3});
  CHECK(other.put("inside", inside));
  CHECK(other.put("file", in_file));
  CHECK(c.get("inside") == inside);
  CHECK(c.get("file") == in_file);
  CHECK(c.stats().logical_bytes == inside.size() + in_file.size());
  CHECK(c.weight() == other.weight());
  CHECK(c.put("inside", text(6000, 'x')));
  CHECK(other.get("inside") == text(6000, 'x'));
  CHECK(other.stats().logical_bytes == 6000 + in_file.size());
  other.set_capacity(larder::max_bytes{1000});
  CHECK_FALSE(c.contains("file"));
  CHECK(c.contains("inside"));
  CHECK(c.stats().logical_bytes == 6000);
  CHECK(c.weight() == other.weight());
  CHECK(errors.empty());
}

TEST_CASE("a bit flipped in what is stored is a counted miss, and never another value") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  const text value = text(20'000, 'v') + noise(300);
  {
    auto c = open((dir / "cache"), errors, {}, zstd{});
    c.put("a", value);
  }
  const auto segments = entry_files((dir / "cache"), ".segment");
  REQUIRE(segments.size() == 1);
  const text whole = read_file(segments[0]);
  const std::size_t frame = whole.find("\x28\xb5\x2f\xfd");
  REQUIRE(frame != text::npos);
  std::mt19937 random(1);
  for (const larder::verify how : {larder::verify::first_read, larder::verify::never}) {
    std::size_t misses = 0;
    std::vector<std::size_t> bits;
    for (std::size_t bit = (frame - 16) * 8; bit < (frame + 20) * 8; ++bit) bits.push_back(bit);  // the compressed head, the frame's head
    for (int i = 0; i < 100; ++i) bits.push_back((frame + random() % 300) * 8 + random() % 8);
    for (const std::size_t bit : bits) {
      CAPTURE(bit - frame * 8);
      text flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const fs::path copy = (dir / "damaged");
      fs::remove_all(copy);
      fs::create_directories(copy / "entries");
      fs::copy((dir / "cache") / "format", copy / "format");
      write_file(copy / "entries" / segments[0].filename(), flipped);
      errors.clear();
      auto c = open(copy, errors, {.verify = how}, zstd{});
      const auto found = c.get("a");
      if (how == larder::verify::first_read) {
        CHECK_FALSE(found.has_value());
      } else if (found) {  // who verifies nothing may get what the policy makes of it, of the right size
        CHECK(found->size() == value.size());
      }
      if (!found) {
        ++misses;
        CHECK(c.stats().misses == 1);
        CHECK(c.stats().hits == 0);
        CHECK(c.stats().errors.total() == 1);
        // A damaged one is forgotten, one that another policy seems to have made is not.
        CHECK(c.size() == (c.stats().errors[error_cause::codec] == 1 ? 1 : 0));
        CHECK(c.put("a", "again"));
        CHECK(c.get("a") == "again");
        CHECK(c.stats().logical_bytes == 5);
      }
    }
    CHECK(misses > 100);
  }
}

TEST_CASE("a record whose frame is cut but whose checksums are right is a counted miss, and forgotten") {
  // A policy that cuts its own frames stands for a writer that does so.
  struct cuts : zstd {
    struct compressor : zstd::compressor {
      explicit compressor(const cuts& policy) : zstd::compressor(policy) {}
      std::size_t compress(std::span<const std::byte> value, std::span<std::byte> to) const {
        return zstd::compressor::compress(value, to) - 1;
      }
    };
  };
  const scratch dir;
  std::vector<larder::error_event> errors;
  {
    auto c = open((dir / "cache"), errors, {}, cuts{});
    CHECK(c.put("inside", inside));
    CHECK(c.put("file", in_file));
  }
  auto c = open((dir / "cache"), errors, {}, zstd{});
  CHECK(c.size() == 2);
  CHECK_FALSE(c.get("inside").has_value());
  CHECK_FALSE(c.get("file").has_value());
  CHECK(c.stats().errors[error_cause::corruption] == 2);
  CHECK(c.stats().misses == 2);
  CHECK(c.size() == 0);
  CHECK(c.stats().logical_bytes == 0);
  CHECK(c.get_or_load("inside", [](const text&) { return inside; }) == inside);
  CHECK(c.get("inside") == inside);
}

TEST_CASE("the listener is told the values themselves, and decompressing for it takes no lock") {
  const scratch dir;
  struct watched : run_lengths {
    std::function<void()>* on_decompress = nullptr;
    struct compressor : run_lengths::compressor {
      explicit compressor(const watched& policy) : run_lengths::compressor(policy), call(policy.on_decompress) {}
      bool decompress(std::span<const std::byte> frame, std::span<std::byte> to) const {
        (*call)();
        return run_lengths::compressor::decompress(frame, to);
      }
      std::function<void()>* call;
    };
  };
  std::function<void()> on_decompress = [] {};
  watched policy;
  policy.on_decompress = &on_decompress;
  std::map<text, std::pair<text, larder::removal_cause>> told;
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_entries{3}, mmap_disk{(dir / "cache")}, policy,
                                          larder::removal_listener{[&](const text& key, const text& value, larder::removal_cause cause) {
                                            told[key] = {value, cause};
                                          }});
  for (const char* key : {"a", "b", "c"}) c.put(key, text(100'000, key[0]));
  int calls = 0;
  on_decompress = [&] {
    ++calls;
    std::thread([&] {
      c.contains("x");
      c.put("c", "small");  // takes the lock
    }).join();
  };
  c.put("d", text(100'000, 'd'));  // evicts a
  CHECK(c.erase("b"));
  CHECK(c.get("d") == text(100'000, 'd'));
  CHECK(c.erase_if([](const text& key, const text& value) { return key == "d" && value == text(100'000, 'd'); }) == 1);
  CHECK(calls >= 4);
  CHECK(told["a"] == std::pair(text(100'000, 'a'), larder::removal_cause::evicted));
  CHECK(told["b"] == std::pair(text(100'000, 'b'), larder::removal_cause::erased));
  CHECK(told["d"] == std::pair(text(100'000, 'd'), larder::removal_cause::erased));
  on_decompress = [] {};
}

TEST_CASE("equal content is one file, compressed or not; each goes with its last entry") {
  const scratch dir;
  std::vector<larder::error_event> errors;
  auto c = open((dir / "cache"), errors, {}, zstd{});
  CHECK(c.put("one", in_file));
  CHECK(c.put("two", in_file));
  CHECK(entry_files((dir / "cache"), ".value").size() == 1);
  CHECK(c.stats().logical_bytes == 2 * in_file.size());
  CHECK(c.erase("one"));
  CHECK(c.get("two") == in_file);
  CHECK(c.erase("two"));
  c.put("x", "x");
  CHECK(entry_files((dir / "cache"), ".value").empty());
  CHECK(c.stats().logical_bytes == 1);
}

TEST_CASE("under a capacity that segments are dropped for, values stay right and the sums exact, through reopening") {
  const scratch dir;
  std::map<text, text> truth;
  std::mt19937 random(7);
  for (int round = 0; round < 4; ++round) {
    auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_bytes{2_MiB}, mmap_disk{(dir / "cache")}, zstd{.from = 1000});
    const auto compare = [&] {
      std::uint64_t stored = 0;
      std::uint64_t logical = 0;
      std::vector<text> keys;
      c.for_each([&](const text& key, std::uint64_t weight, larder::duration) {
        stored += weight;
        keys.push_back(key);
      });
      for (const text& key : keys) {
        const auto value = c.peek(key);
        REQUIRE(value.has_value());
        CHECK(*value == truth[key]);
        logical += value->size();
      }
      CHECK(c.weight() == stored);
      CHECK(c.stats().stored_bytes == stored);
      CHECK(c.stats().logical_bytes == logical);
      CHECK(c.weight() <= 2_MiB);
    };
    compare();
    for (int i = 0; i < 600; ++i) {
      const text key = std::to_string(random() % 300);
      const std::size_t size = random() % 40'000;
      switch (random() % 8) {
        case 0: c.erase(key); break;
        case 1: c.put(key, truth[key] = noise(size)); break;
        case 2:
        case 3:
          if (const auto v = c.get(key)) CHECK(*v == truth[key]);
          break;
        default: c.put(key, truth[key] = half_noise(size)); break;
      }
    }
    compare();
    CHECK(c.stats().evictions > 0);
    CHECK(c.stats().logical_bytes > c.stats().stored_bytes);
    CHECK(c.stats().errors.total() == 0);
  }
}

TEST_CASE("many at once are compressed like one at a time, parts are parts of the value, and what is filled in place stays as it is") {
  const scratch dir;
  std::vector<std::pair<text, bytes>> many;
  for (int i = 0; i < 150; ++i) many.emplace_back("key" + std::to_string(i), bytes::copy_of(i % 3 == 0 ? noise(20'000) : half_noise(20'000)));
  const bytes large = bytes::copy_of(half_noise(5'000'000));
  const auto compare = [&](auto& c) {
    for (const auto& [key, value] : many) {
      REQUIRE(c.get(key) == value);
      CHECK(c.get_range(key, 5'000, 777) == value.slice(5'000, 777));
      CHECK(c.get_range(key, 20'000, 0) == bytes());
      CHECK_THROWS_AS(c.get_range(key, 19'999, 2), larder::error);
    }
    CHECK(c.get_range("large", 4'000'000, 999'999) == large.slice(4'000'000, 999'999));
    CHECK(c.get_range("filled", 1, 2) == bytes::copy_of("bc", 2));
  };
  for (int round = 0; round < 2; ++round) {
    auto c = larder::make_cache<text, bytes>(larder::max_bytes{64_MiB}, mmap_disk{(dir / "cache")}, zstd{});
    if (round == 0) {
      CHECK(c.put_many(many) == many.size());
      CHECK(c.put("large", large));
      auto room = c.reserve("filled", 4);
      REQUIRE(room);
      std::memcpy(room.data(), "abcd", 4);
      CHECK(room.commit());
    }
    compare(c);
    CHECK(c.size() == many.size() + 2);
    CHECK(c.stats().logical_bytes == 150 * 20'000 + large.size() + 4);
    CHECK(c.stats().stored_bytes < c.stats().logical_bytes * 4 / 5);
    CHECK(c.stats().errors.total() == 0);
  }
}
