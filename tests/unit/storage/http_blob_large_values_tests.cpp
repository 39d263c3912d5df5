// Values over 8 MiB of a remote cache: in chunks, each checked, into memory or, in tiers, into the files of a disk tier.

#include <larder/cache.hpp>
#include <larder/core/transfer.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/testing/blob_server.hpp>
#include <larder/tiered.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/sanitizers.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
namespace fs = std::filesystem;
using larder::bytes;
using larder::error_cause;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;

constexpr std::uint64_t MiB = std::uint64_t{1} << 20U;

larder::http_blob<larder::webdav> at(const blob_server& server, larder::transfer_settings how = {}) {
  return {larder::webdav{.url = server.url(), .timeouts = patient}, std::move(how)};
}

using far_cache = larder::cache<std::string, bytes, larder::unbounded, larder::http_blob<larder::webdav>>;
using disk_cache = larder::cache<std::string, bytes, larder::max_bytes, larder::mmap_disk>;
using near_cache = larder::cache<std::string, bytes, larder::max_bytes>;

/// As another machine does.
void publish(const blob_server& server, const bytes& value) {
  far_cache elsewhere(larder::unbounded{}, at(server));
  REQUIRE(elsewhere.put("model", value));
}

/// Where the n-th chunk of the only entry on the server begins in its object.
std::uint64_t chunk_at(const blob_server& server, std::uint64_t n) {
  const bytes object = *server.object(server.paths().at(0));
  return larder::format::decode_entry_head(object.span(), object.size())->payload_offset + n * 8 * MiB;
}

struct folder : support::temporary_folder {
  std::vector<std::string> staging() const {
    std::vector<std::string> names;
    for (const auto& each : fs::directory_iterator(*this / "staging")) names.push_back(each.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

/// Bytes of this process's memory that no file backs; 0 where a sanitizer has most of it.
std::uint64_t anonymous_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

/// Three tiers over one server.
struct three_tiers {
  three_tiers(const blob_server& server, const fs::path& directory, larder::transfer_settings how = {},
              std::uint64_t disk_size = 1024 * MiB)
      : near(larder::max_bytes{512 * MiB}),
        disk(larder::max_bytes{disk_size}, larder::mmap_disk{directory}),
        far(larder::unbounded{}, at(server, std::move(how))) {}
  near_cache near;
  disk_cache disk;
  far_cache far;
  larder::tiered<larder::tier<near_cache, larder::tier_mode::write_through>,
                 larder::tier<disk_cache, larder::tier_mode::write_through>,
                 larder::tier<far_cache, larder::tier_mode::write_through>>
      all{near, disk, far};
};

}  // namespace

TEST_CASE("a large value comes in chunks, as it was put") {
  blob_server server;
  far_cache cache(larder::unbounded{}, at(server));
  for (const std::uint64_t size : {8 * MiB, 8 * MiB + 64 * 1024 + 1, 24 * MiB, 25 * MiB + 77}) {
    CAPTURE(size);
    const bytes value = pattern_bytes(size);
    REQUIRE(cache.put("model", value));
    const std::uint64_t before = server.counts()["GET"];
    const std::optional<bytes> found = cache.get("model");
    REQUIRE(found.has_value());
    CHECK(*found == value);
    CHECK(reinterpret_cast<std::uintptr_t>(found->data()) % 64 == 0);
    CHECK(server.counts()["GET"] - before == (size + 8 * MiB - 1) / (8 * MiB));
  }
  CHECK(cache.contains("model"));
  CHECK(cache.stats().errors.total() == 0);
  CHECK(cache.erase("model"));
  CHECK_FALSE(cache.get("model"));
}

TEST_CASE("a bit that turned in one chunk costs one more request, for that chunk") {
  blob_server server;
  far_cache cache(larder::unbounded{}, at(server));
  const bytes value = pattern_bytes(40 * MiB);
  REQUIRE(cache.put("model", value));
  const std::uint64_t third = chunk_at(server, 3);
  server.inject({.kind = fault_kind::flip_byte, .method = "GET", .after = 12345, .range_from = third});
  const std::optional<bytes> found = cache.get("model");
  REQUIRE(found.has_value());
  CHECK(*found == value);
  CHECK(server.counts()["GET"] == 6);
  CHECK(server.counts().ranges.at(third) == 2);

  server.inject({.kind = fault_kind::flip_byte,
                 .method = "GET",
                 .after = 5 * MiB,
                 .range_from = 0});  // in the first chunk, which came with the head
  CHECK(cache.get("model") == value);
  CHECK(server.counts()["GET"] == 12);

  server.inject({.kind = fault_kind::flip_byte, .method = "GET", .after = 60, .range_from = 0});  // in the head
  CHECK(cache.get("model") == value);
  CHECK(cache.stats().errors.total() == 0);

  server.inject({.kind = fault_kind::flip_byte, .times = 2, .method = "GET", .after = 0, .range_from = third});
  CHECK_FALSE(cache.get("model").has_value());
  CHECK(cache.stats().errors[error_cause::corruption] == 1);
}

TEST_CASE("a large entry of version 1 and one with a head longer than the first request are read as before") {
  blob_server server;
  const bytes value = pattern_bytes(20 * MiB);
  far_cache cache(larder::unbounded{}, at(server));
  REQUIRE(cache.put("model", value));
  larder::stored_entry entry;
  entry.key = larder::codec<std::string>::encode("model");
  entry.id = larder::digest_of(entry.key.span());
  entry.payload = value;
  const std::string path = server.paths().at(0);
  std::string object = std::string(larder::format::encode_entry_head(entry).text()) + std::string(value.text());
  server.store(path, bytes::copy_of(object));
  CHECK(cache.get("model") == value);
  object[15 * MiB] ^= 1;
  server.store(path, bytes::copy_of(object));
  CHECK_FALSE(cache.get("model").has_value());
  CHECK(cache.stats().errors[error_cause::corruption] == 1);

  far_cache narrow(larder::unbounded{}, at(server, {.first_request = 4096}));
  const std::string long_key(9000, 'k');
  REQUIRE(narrow.put(long_key, value));
  CHECK(narrow.get(long_key) == value);
}

TEST_CASE("an entry that is too old, or is another key's, is not fetched beyond its head") {
  blob_server server;
  auto clock = larder::manual_clock{};
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::ttl{}, larder::time_source{clock}, at(server));
  REQUIRE(cache.put("model", pattern_bytes(20 * MiB), 10s));
  clock.advance(11s);
  CHECK_FALSE(cache.get("model").has_value());
  CHECK(server.counts()["GET"] == 1);
  CHECK(cache.stats().errors.total() == 0);

  REQUIRE(cache.put("other", pattern_bytes(20 * MiB)));
  const std::vector<std::string> paths = server.paths();
  REQUIRE(paths.size() == 2);
  const bool first_is_old =
      paths[0].find(larder::digest_of(larder::codec<std::string>::encode("model").span()).hex()) != std::string::npos;
  server.store(paths[first_is_old ? 0 : 1], *server.object(paths[first_is_old ? 1 : 0]));
  CHECK_FALSE(cache.get("model").has_value());
  CHECK(cache.stats().errors[error_cause::corruption] == 1);
}

TEST_CASE("a look-up can be followed and given up; then it is a counted miss") {
  blob_server server;
  far_cache cache(larder::unbounded{}, at(server));
  REQUIRE(cache.put("model", pattern_bytes(80 * MiB)));  // more than all streams have in flight
  std::stop_source stop;
  std::uint64_t seen = 0;
  CHECK_FALSE(cache
                  .get("model", {.stop = stop.get_token(),
                                 .progress =
                                     [&](std::uint64_t landed, std::uint64_t total) {
                                       CHECK(total > 80 * MiB);
                                       seen = landed;
                                       if (landed > 12 * MiB) stop.request_stop();
                                     }})
                  .has_value());
  CHECK(seen > 12 * MiB);
  CHECK(seen < 80 * MiB);
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);
  CHECK(cache.stats().misses == 1);
}

TEST_CASE("a large value lands in the caller's memory, chunk by chunk, without a copy of its own") {
  blob_server server;
  const bytes value = pattern_bytes(40 * MiB + 5);
  publish(server, value);
  far_cache cache(larder::unbounded{}, at(server));
  std::vector<std::byte> memory(value.size() + 100, std::byte{7});
  const std::uint64_t before = anonymous_memory();
  std::uint64_t most = 0;
  std::uint64_t told = 0;
  const auto found = cache.get_into("model", memory, {.stop = {}, .progress = [&](std::uint64_t landed, std::uint64_t) {
                                                        told = landed;
                                                        most = std::max(most, anonymous_memory());
                                                      }});
  REQUIRE(found == value.size());
  CHECK(std::memcmp(memory.data(), value.data(), value.size()) == 0);
  CHECK(std::all_of(memory.begin() + static_cast<std::ptrdiff_t>(value.size()), memory.end(), [](std::byte b) { return b == std::byte{7}; }));
  CHECK(told > value.size());
  CHECK(most <= before + 24 * MiB);  // the first request's 8 MiB, and buffers
  CHECK(cache.stats().hits == 1);
}

TEST_CASE("of a large value that the caller's memory cannot take only the beginning is fetched, and its size is said") {
  blob_server server;
  const bytes value = pattern_bytes(40 * MiB);
  publish(server, value);
  far_cache cache(larder::unbounded{}, at(server));
  std::vector<std::byte> memory(value.size() - 1);
  const std::uint64_t before = server.counts()["GET"];
  const refusal refused = refusal_of([&] { cache.get_into("model", memory); });
  CHECK(refused.cause == error_cause::invalid_argument);
  CHECK(says(refused, "has " + std::to_string(value.size()) + " bytes"));
  CHECK(server.counts()["GET"] == before + 1);

  CHECK(cache.put("small", pattern_bytes(100)));
  CHECK(cause_of([&] { cache.get_into("small", std::span(memory).first(99)); }) == error_cause::invalid_argument);
  CHECK(cache.get_into("small", std::span(memory).first(100)) == std::size_t{100});
  CHECK(std::memcmp(memory.data(), pattern_bytes(100).data(), 100) == 0);
}

TEST_CASE("a value that comes damaged, or is given up, is not in the caller's memory") {
  blob_server server;
  const bytes value = pattern_bytes(24 * MiB);
  publish(server, value);
  far_cache cache(larder::unbounded{}, at(server));
  std::vector<std::byte> memory(value.size());
  std::stop_source stop;
  CHECK(cache.get_into("model", memory, {.stop = stop.get_token(), .progress = [&](std::uint64_t, std::uint64_t) { stop.request_stop(); }}) ==
        std::nullopt);
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);

  server.inject({.kind = fault_kind::flip_byte, .times = 2, .method = "GET", .after = 0, .range_from = chunk_at(server, 2)});
  CHECK(cache.get_into("model", memory) == std::nullopt);
  CHECK(cache.stats().errors[error_cause::corruption] == 1);
  CHECK(cache.get_into("model", memory) == value.size());
  CHECK(std::memcmp(memory.data(), value.data(), value.size()) == 0);
}

TEST_CASE("256 MiB over a line that fails again and again arrive intact, with the value once in memory") {
  blob_server server;
  const bytes value = pattern_bytes(256 * MiB + 4321);
  far_cache cache(larder::unbounded{}, at(server, {.barren_tries = 10}));
  REQUIRE(cache.put("model", value));
  for (std::size_t n = 0; n < 6; ++n) {
    server.inject({.kind = fault_kind::truncate, .method = "GET", .after = 700'000 * n + 1, .skip = 7 * n + 1});
    server.inject({.kind = fault_kind::status, .method = "GET", .status = n % 2 == 0 ? 503 : 500, .skip = 7 * n + 3});
    server.inject({.kind = fault_kind::close, .method = "GET", .skip = 7 * n + 5});
    server.inject({.kind = fault_kind::flip_byte, .method = "GET", .after = 0, .range_from = chunk_at(server, 3 + 5 * n)});
  }
  const std::uint64_t before = anonymous_memory();
  std::uint64_t most = 0;
  const std::optional<bytes> found =
      cache.get("model", {.progress = [&](std::uint64_t, std::uint64_t) { most = std::max(most, anonymous_memory()); }});
  REQUIRE(found.has_value());
  CHECK(*found == value);
  CHECK(server.pending_faults() < 12);  // of 24: how many requests there are depends on what breaks
  CHECK(most - std::min(most, before) < 256 * MiB + 64 * MiB);
}

TEST_CASE("in tiers a large value lands in the disk tier's files and is handed out from there, without a copy in memory") {
  blob_server server;
  folder directory;
  const bytes value = pattern_bytes(128 * MiB + 99);
  publish(server, value);
  three_tiers tiers(server, directory.path());
  const std::uint64_t before = anonymous_memory();
  std::uint64_t most = 0;
  const std::optional<bytes> found =
      tiers.all.get("model", {.progress = [&](std::uint64_t, std::uint64_t) { most = std::max(most, anonymous_memory()); }});
  most = std::max(most, anonymous_memory());
  REQUIRE(found.has_value());
  CHECK(*found == value);
  CHECK(most - std::min(most, before) < 48 * MiB);
  CHECK(tiers.disk.size() == 1);
  CHECK(tiers.near.size() == 1);
  CHECK(tiers.near.peek("model")->where() == larder::residence::mapping);
  CHECK(tiers.near.peek("model")->data() == tiers.disk.peek("model")->data());
  CHECK(directory.staging().empty());
  CHECK(tiers.all.stats().promotions == 2);
  CHECK(tiers.disk.stats().errors.total() == 0);

  const std::uint64_t gets = server.counts()["GET"];
  tiers.near.clear();
  CHECK(tiers.all.get("model") == value);
  CHECK(server.counts()["GET"] == gets);
  CHECK(tiers.all.get_or_load("model", [](const std::string&) { return bytes{}; }) == value);
}

TEST_CASE("what the disk tier cannot take comes into memory all the same") {
  blob_server server;
  folder directory;
  const bytes value = pattern_bytes(24 * MiB);
  publish(server, value);
  three_tiers tiers(server, directory.path(), {}, 4 * MiB);
  CHECK(tiers.all.get("model") == value);
  CHECK(tiers.disk.size() == 0);
  CHECK(tiers.near.size() == 1);
  CHECK(directory.staging().empty());
}

TEST_CASE("an erase or a put during the download wins over what has landed") {
  blob_server server;
  folder directory;
  const bytes value = pattern_bytes(24 * MiB);
  const bytes newer = pattern_bytes(9 * MiB, 5);
  three_tiers tiers(server, directory.path());
  for (const bool erase : {true, false}) {
    CAPTURE(erase);
    tiers.all.clear();
    REQUIRE(tiers.far.put("model", value));
    bool done = false;
    const std::optional<bytes> found =
        tiers.all.get("model", {.progress = [&](std::uint64_t landed, std::uint64_t) {
                        if (landed < 12 * MiB || std::exchange(done, true)) return;
                        std::thread other([&] {
                          erase ? static_cast<void>(tiers.all.erase("model")) : static_cast<void>(tiers.all.put("model", newer));
                        });
                        other.join();
                      }});
    CHECK(done);
    if (erase) {
      CHECK_FALSE(tiers.disk.contains("model"));
      CHECK_FALSE(tiers.near.contains("model"));
      CHECK_FALSE(tiers.all.get("model").has_value());
    } else {
      CHECK(tiers.disk.get("model") == newer);
      CHECK(tiers.all.get("model") == newer);
      if (found) CHECK((*found == value || *found == newer));
    }
    CHECK(directory.staging().empty());
  }
}

TEST_CASE("an object that goes during its download is a miss and leaves nothing behind") {
  blob_server server;
  folder directory;
  three_tiers tiers(server, directory.path());
  REQUIRE(tiers.far.put("model", pattern_bytes(80 * MiB)));
  bool done = false;
  CHECK_FALSE(tiers.all.get("model", {.progress = [&](std::uint64_t landed, std::uint64_t) {
                              if (landed < 9 * MiB || std::exchange(done, true)) return;
                              server.erase(server.paths().at(0));
                            }}));
  CHECK(done);
  CHECK(directory.staging().empty());
  CHECK(tiers.far.stats().errors.total() == 0);
}

TEST_CASE("threads that miss one key together download it once") {
  blob_server server;
  folder directory;
  const bytes value = pattern_bytes(32 * MiB);
  publish(server, value);
  three_tiers tiers(server, directory.path());
  std::atomic<int> right = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i)
    readers.emplace_back([&] {
      if (tiers.all.get("model") == value) ++right;
    });
  for (std::thread& t : readers) t.join();
  CHECK(right == 6);
  CHECK(server.counts()["GET"] == 4);
}

TEST_CASE("who waits for a look-up that another one gave up does it himself") {
  blob_server server;
  folder directory;
  const bytes value = pattern_bytes(80 * MiB);
  publish(server, value);
  three_tiers tiers(server, directory.path());
  std::stop_source stop;
  std::optional<bytes> waited;
  std::thread waiter;
  CHECK_FALSE(tiers.all
                  .get("model", {.stop = stop.get_token(),
                                 .progress =
                                     [&](std::uint64_t landed, std::uint64_t) {
                                       if (landed < 10 * MiB || waiter.joinable()) return;
                                       waiter = std::thread([&] { waited = tiers.all.get("model"); });
                                       while (tiers.all.stats().joined == 0) std::this_thread::yield();
                                       stop.request_stop();
                                     }})
                  .has_value());
  waiter.join();
  REQUIRE(waited.has_value());
  CHECK(*waited == value);
}

#if !defined(__SANITIZE_THREAD__)  // whose own thread a child of fork does not have
TEST_CASE("killed in the middle of a download, the next run fetches only what is missing") {
  folder directory;
  std::array<int, 2> told{};
  REQUIRE(::pipe(told.data()) == 0);
  const pid_t child = ::fork();  // before there are threads whose locks it would inherit
  if (child == 0) {
    std::uint16_t port = 0;
    if (::read(told[0], &port, sizeof port) != sizeof port) ::_exit(1);
    disk_cache disk(larder::max_bytes{1024 * MiB}, larder::mmap_disk{directory.path()});
    far_cache far(larder::unbounded{},
                  larder::http_blob<larder::webdav>(
                      larder::webdav{.url = "http://127.0.0.1:" + std::to_string(port), .timeouts = patient}, {.streams = 1}));
    larder::tiered tiers{disk, far};
    tiers.get("model", {.progress = [](std::uint64_t landed, std::uint64_t) {
                if (landed > 30 * MiB) ::raise(SIGKILL);
              }});
    ::_exit(1);
  }
  blob_server server;
  const bytes value = pattern_bytes(48 * MiB);
  far_cache(larder::unbounded{}, at(server)).put("model", value);
  const std::uint16_t port = server.port();
  REQUIRE(::write(told[1], &port, sizeof port) == sizeof port);
  ::close(told[0]);
  ::close(told[1]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(directory.staging().size() == 2);
  const std::uint64_t before = server.counts()["GET"];

  SUBCASE("as it was") {
    three_tiers tiers(server, directory.path());
    CHECK(tiers.all.get("model") == value);
    CHECK(server.counts()["GET"] - before == 4);  // the head, and the three chunks that were not whole
    CHECK(server.counts().ranges.at(larder::transfer_settings{}.first_request) ==
          1);  // the second chunk, whose start came with the head
    CHECK(server.counts().ranges.at(chunk_at(server, 2)) == 1);
    CHECK(tiers.disk.size() == 1);
    CHECK(directory.staging().empty());
  }
  SUBCASE("damaged meanwhile: what is wrong is fetched as well") {
    for (const std::string& name : directory.staging())
      if (name.ends_with(".partial")) {
        std::fstream file(directory / "staging" / name, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(9 * MiB);
        file << "damage";
      }
    three_tiers tiers(server, directory.path());
    CHECK(tiers.all.get("model") == value);
    CHECK(server.counts()["GET"] - before == 5);
  }
  SUBCASE("the value is another one by now: nothing of the old is used") {
    far_cache(larder::unbounded{}, at(server)).put("model", pattern_bytes(48 * MiB, 9));
    three_tiers tiers(server, directory.path());
    CHECK(tiers.all.get("model") == pattern_bytes(48 * MiB, 9));
    CHECK(directory.staging().empty());
  }
  SUBCASE("somebody else is at it: the file is his") {
    const std::string partial = directory / "staging" / directory.staging().at(1);
    REQUIRE(partial.ends_with(".partial"));
    const int held = ::open(partial.c_str(), O_RDWR | O_CLOEXEC);
    struct flock all {};
    all.l_type = F_WRLCK;
    REQUIRE(::fcntl(held, F_OFD_SETLK, &all) == 0);
    three_tiers tiers(server, directory.path());
    CHECK(tiers.all.get("model") == value);
    CHECK(server.counts()["GET"] - before == 6);
    CHECK(tiers.disk.size() == 1);
    CHECK(directory.staging().size() == 2);
    ::close(held);
  }
  SUBCASE("it has a second name, so it may be published: it is not written to") {
    const fs::path partial = directory / "staging" / directory.staging().at(1);
    fs::create_hard_link(partial, directory / "entries" / "kept");
    const auto touched = fs::last_write_time(partial);
    three_tiers tiers(server, directory.path());
    CHECK(tiers.all.get("model") == value);
    CHECK(fs::last_write_time(directory / "entries" / "kept") == touched);
    CHECK(fs::hard_link_count(directory / "entries" / "kept") == 1);
  }
  SUBCASE("a day later nobody came: it is gone when the cache is opened") {
    for (const std::string& name : directory.staging())
      fs::last_write_time(directory / "staging" / name, fs::file_time_type::clock::now() - std::chrono::hours(25));
    disk_cache disk(larder::max_bytes{1024 * MiB}, larder::mmap_disk{directory.path()});
    CHECK(directory.staging().empty());
  }
}
#endif
