// What `segment_inspection` says of a directory is what a cache that opens it finds: beside it, after it was closed, after it was killed.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/storage/segment_directory_check.hpp>
#include <larder/storage/segment_inspection.hpp>

#include "store_driver.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace store_driver;
using namespace larder::literals;
using larder::storage::inspected_record;
using larder::storage::inspected_segment;
using larder::storage::record_standing;
using larder::storage::segment_inspection;
using larder::storage::segment_window;

namespace {

using disk_cache = larder::cache<std::string, std::string, larder::lru, larder::max_bytes, larder::ttl, larder::mmap_disk>;
using contents = std::map<std::string, std::uint64_t>;

disk_cache open_cache(const fs::path& directory, std::uint64_t capacity = 64_MiB) {
  larder::mmap_disk_options options;
  options.segment_size = 128_KiB;
  options.file_from = 16_KiB;
  return disk_cache(larder::lru{}, larder::max_bytes{capacity}, larder::mmap_disk{directory, options});
}

contents seen_by(disk_cache& cache) {
  contents all;
  cache.for_each([&](const std::string& key, std::uint64_t weight, larder::duration) { all[key] = weight; });
  return all;
}

contents inspected(const fs::path& directory, bool in_use) {
  const segment_inspection found(directory, in_use);
  contents all;
  found.for_each_live([&](const inspected_segment& in, const inspected_record& record) {
    segment_window window(found.path_of_segment(in.number), in.number);
    const auto head = window.head(record.entry.unit);
    REQUIRE(head);
    CHECK(head->is_right);
    CHECK(head->is_known);
    CHECK(head->record.sequence == record.entry.sequence);
    const std::string key(reinterpret_cast<const char*>(head->key.data()), head->key.size());
    CHECK(all.emplace(key, record.entry.weight).second);
  });
  return all;
}

void work(disk_cache& cache, std::mt19937& random, int steps) {
  const auto key = [&] { return "key " + std::to_string(random() % 60) + std::string(random() % 200, 'k'); };
  for (int i = 0; i < steps; ++i) switch (random() % 10) {
      case 0:
        cache.erase(key());
        break;
      case 1:
        cache.put(key(), std::string(16_KiB + random() % 3 * 4096, static_cast<char>('a' + random() % 2)));
        break;
      case 2:
        cache.get(key());
        break;
      case 3:
        if (random() % 40 == 0) cache.clear();
        break;
      default:
        cache.put(key(), std::string(random() % 9000, static_cast<char>(random())));
    }
}

/// Everything that `stat` and the bytes say of a directory.
std::map<std::string, std::pair<std::string, std::int64_t>> state_of(const fs::path& directory) {
  std::map<std::string, std::pair<std::string, std::int64_t>> all;
  for (const auto& found : fs::recursive_directory_iterator(directory)) {
    std::string content;
    if (found.is_regular_file()) {
      std::ifstream in(found.path(), std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(in), {});
    }
    all[found.path().string()] = {content, found.last_write_time().time_since_epoch().count()};
  }
  return all;
}

std::string refusal_of(const fs::path& directory) {
  try {
    const segment_inspection found(directory, false);
  } catch (const larder::error& e) {
    return e.what();
  }
  return {};
}
bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void write(const fs::path& path, std::string_view content) { std::ofstream(path, std::ios::binary | std::ios::trunc) << content; }

}  // namespace

TEST_CASE("an inspection finds what the caches in a directory have, and what the next one will find") {
  for (std::uint32_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const scratch folder;
    const fs::path directory = folder / "cache";
    const std::uint64_t capacity = seed % 3 == 0 ? 600_KiB : 64_MiB;
    for (int round = 0; round < 3; ++round) {
      {
        disk_cache cache = open_cache(directory, capacity);
        disk_cache other = open_cache(directory, capacity);
        for (int i = 0; i < 4; ++i) {
          work(cache, random, 60);
          work(other, random, 20);
          CHECK(inspected(directory, true) == seen_by(cache));
        }
      }
      const contents after = inspected(directory, false);
      disk_cache cache = open_cache(directory, capacity);
      CHECK(after == seen_by(cache));
    }
  }
}

TEST_CASE("an inspection of what a killed process left finds what the next cache will find, and changes nothing") {
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const scratch folder;
    const fs::path directory = folder / "cache";
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::mt19937 random(seed);
      disk_cache cache = open_cache(directory, seed % 2 == 0 ? 500_KiB : 64_MiB);
      work(cache, random, 300);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const auto before = state_of(directory);
    const contents found = inspected(directory, false);
    const segment_inspection inspection(directory, false);
    CHECK(inspection.lost().empty());
    CHECK(inspection.missing_segments().empty());
    CHECK(state_of(directory) == before);
    disk_cache cache = open_cache(directory);
    CHECK(found == seen_by(cache));
  }
}

TEST_CASE("an inspection beside a process that writes, seals and drops segments finds every key at any moment") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  larder::mmap_disk_options options;
  options.segment_size = 64_KiB;
  const larder::mmap_disk storage{directory, options};
  const auto key = [](std::uint32_t i) { return "key " + std::to_string(i); };
  {
    auto first = larder::make_cache<std::string, std::string>(larder::unbounded{}, storage);
    for (std::uint32_t i = 0; i < 20; ++i) first.put(key(i), "first");
  }
  auto beside = larder::make_cache<std::string, std::string>(larder::unbounded{}, storage);  // so that nobody ever comes in alone
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto cache = larder::make_cache<std::string, std::string>(larder::unbounded{}, storage);
    std::mt19937 random(7);
    for (;;) cache.put(key(static_cast<std::uint32_t>(random() % 20)), std::string(random() % 4000, 'v'));
  }
  std::uint32_t newest = 0;
  const auto latest = std::chrono::steady_clock::now() + 30s;
  const auto goes_on = [&] { return newest > 2 || std::chrono::steady_clock::now() > latest; };
  for (int i = 0; i < 300 || !goes_on(); ++i) {
    const segment_inspection found(directory, true);
    std::size_t live = 0;
    found.for_each_live([&](const inspected_segment&, const inspected_record&) { ++live; });
    CHECK(live == 20);
    CHECK(found.missing_segments().empty());
    newest = found.segments().back().number;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(newest > 2);  // it did go on meanwhile, however busy the machine is
}

TEST_CASE("an inspection says which files of values entries share, and which entry has lost its own") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  {
    disk_cache cache = open_cache(directory);
    cache.put("a", std::string(100'000, 'x'));
    cache.put("b", std::string(100'000, 'x'));
    cache.put("c", std::string(100'000, 'y'));
  }
  segment_inspection found(directory, false);
  REQUIRE(found.references().size() == 3);
  REQUIRE(found.value_numbers().size() == 2);
  std::map<std::uint64_t, int> uses;
  for (const auto& reference : found.references()) ++uses[reference.number];
  for (const auto& [number, count] : uses)
    if (count == 1) fs::remove(found.path_of_value(number));
  std::map<record_standing, int> standings;
  const segment_inspection again(directory, false);
  for (const inspected_segment& one : again.segments())
    for (const inspected_record& record : one.records) ++standings[record.standing];
  CHECK(standings == std::map<record_standing, int>{{record_standing::live, 2}, {record_standing::file_missing, 1}});
}

TEST_CASE("an inspection notices a published record that is not whole, and a segment that is not there") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    disk_cache cache = open_cache(directory);
    for (int i = 0; i < 40; ++i) cache.put("key " + std::to_string(i), std::string(8000, static_cast<char>('a' + i % 26)));
    cache.put("key 39", "newer");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const contents before = inspected(directory, false);
  REQUIRE(before.size() == 40);
  REQUIRE(before.at("key 39") == 5);
  const std::uint32_t last = segment_inspection(directory, false).segments().back().number;
  REQUIRE(last > 1);
  const fs::path path = segment_inspection(directory, false).path_of_segment(last);
  std::string content;
  {
    std::ifstream in(path, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t at = content.find("newer");
  REQUIRE(at != std::string::npos);
  content[at] = 'N';
  write(path, content);
  const contents damaged = inspected(directory, false);
  CHECK(damaged.size() == 39);
  CHECK(damaged.count("key 39") == 0);  // and not its older value
  REQUIRE(segment_inspection(directory, false).lost().size() == 1);
  CHECK(segment_inspection(directory, false).lost().front().tag == larder::digest_of(std::string_view("key 39")).low);

  fs::remove(segment_inspection(directory, false).path_of_segment(1));
  CHECK(segment_inspection(directory, false).missing_segments() == std::vector<std::uint32_t>{1});
}

TEST_CASE("a kind of record that a later version writes is no damage, and hides what the key had before") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  {
    disk_cache cache = open_cache(directory);
    cache.put("old", "1");
    cache.put("other", "2");
    cache.put("old", "3");
  }
  const segment_inspection before(directory, false);
  REQUIRE(before.segments().size() == 1);
  const inspected_segment& one = before.segments().front();
  REQUIRE(one.records.size() == 3);
  std::string content;
  {
    std::ifstream in(before.path_of_segment(one.number), std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  // The last record becomes one of kind 7, with a head that is right, and the footer says so.
  const std::size_t at = one.place(one.records[2]).offset();
  content[at + 4] = 7;
  const auto checksum = larder::format::detail::header_checksum(
      reinterpret_cast<const std::byte*>(content.data() + at),
      std::as_bytes(std::span(content).subspan(at + larder::format::segment_record::header_size, 3)), one.place(one.records[2]));
  std::memcpy(content.data() + at + 72, &checksum, 8);
  std::vector<larder::format::footer_entry> entries;
  for (const inspected_record& record : one.records) entries.push_back(record.entry);
  entries[2].kind = static_cast<larder::format::record_kind>(7);
  const std::vector<std::uint64_t> uses(3);
  const auto footer = larder::format::encode_footer(entries, uses, one.number, one.records_end);
  content.replace(static_cast<std::size_t>(one.records_end), std::string::npos, reinterpret_cast<const char*>(footer.data()),
                  footer.size());
  write(before.path_of_segment(one.number), content);

  const segment_inspection after(directory, false);
  const auto& records = after.segments().front().records;
  REQUIRE(records.size() == 3);
  CHECK(records[0].standing == record_standing::outdated);
  CHECK(records[1].standing == record_standing::live);
  CHECK(records[2].standing == record_standing::later);
  segment_window window(after.path_of_segment(one.number), one.number);
  const auto head = window.head(records[2].entry.unit);
  REQUIRE(head);
  CHECK(head->is_right);
  CHECK_FALSE(head->is_known);
  CHECK(static_cast<int>(head->record.kind) == 7);
}

TEST_CASE("the end of a segment's file is told apart: a footer, none, a damaged one, one of a later version") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  { open_cache(directory).put("a", std::string(5000, 'a')); }
  const fs::path path = segment_inspection(directory, false).path_of_segment(1);
  std::string content;
  {
    std::ifstream in(path, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto ending = [&](std::string with) {
    write(path, with);
    return segment_window(path.string(), 1).footer().second;
  };
  const auto flipped = [&](std::size_t from_end) {
    std::string other = content;
    other[content.size() - from_end] = static_cast<char>(other[content.size() - from_end] ^ 4);
    return other;
  };
  CHECK(ending(content) == segment_window::ending::footer);
  for (const std::size_t from_end : {64U, 57U, 50U, 40U, 32U, 8U, 1U, 73U, 100U}) {
    CAPTURE(from_end);
    CHECK(ending(flipped(from_end)) == segment_window::ending::damaged);
    CHECK(inspected(directory, false) == contents{{"a", 5000}});
  }
  CHECK(ending(flipped(66)) == segment_window::ending::footer);  // a use stamp
  CHECK(ending(content.substr(0, content.size() - 10)) == segment_window::ending::none);
  CHECK(ending(content.substr(0, 63)) == segment_window::ending::none);
  CHECK(ending("") == segment_window::ending::none);
  std::string later = content;
  char* const trailer = later.data() + later.size() - 64;
  trailer[8] = 2;
  const std::uint64_t checksum = XXH3_64bits(trailer, 56);
  std::memcpy(trailer + 56, &checksum, 8);
  CHECK(ending(later) == segment_window::ending::other);
  CHECK_FALSE(segment_window((folder / "missing").string(), 1));
}

TEST_CASE("an inspection refuses what is no directory of mmap_disk with a sentence that says why") {
  const scratch folder;
  CHECK(says(refusal_of(folder / "missing"), "is not there"));
  write(folder / "file", "text");
  CHECK(says(refusal_of(folder / "file"), "is not a directory"));
  fs::create_directory(folder / "empty");
  CHECK(says(refusal_of(folder / "empty"), "is empty"));
  fs::create_directory(folder / "foreign");
  write(folder / "foreign" / "notes.txt", "text");
  CHECK(says(refusal_of(folder / "foreign"), "it has no marker file \"format\""));

  const fs::path directory = folder / "cache";
  { open_cache(directory).put("a", "1"); }
  const auto marker = [&](const std::string& version, const std::string& order) {
    const std::string text = "larder storage, version " + version + "\n" + order + "\n";
    write(directory / "format", text + larder::digest_of(text).hex() + "\n");
    return refusal_of(directory);
  };
  CHECK(marker("2", "little-endian") == "");
  CHECK(says(marker("1", "little-endian"), "is of version 1"));
  CHECK(says(marker("3", "little-endian"), "was written as version 3,little-endian, and this reads version 2,little-endian"));
  CHECK(says(marker("2", "big-endian"), "2,big-endian"));
  write(directory / "format", "damaged");
  CHECK(refusal_of(directory) == "");
  CHECK_FALSE(segment_inspection(directory, false).has_marker());
  CHECK(inspected(directory, false) == contents{{"a", 1}});
  fs::create_directory_symlink(directory, folder / "link");
  CHECK(inspected(folder / "link", false) == contents{{"a", 1}});
  write(directory / "stranger", "x");
  CHECK(says(refusal_of(directory), "holds \"stranger\""));
}

TEST_CASE("a look tells how far it is, and what is told it may end it") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  {
    disk_cache cache = open_cache(directory);
    for (int i = 0; i < 400; ++i) cache.put("key " + std::to_string(i), std::string(1000, 'v'));
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  const segment_inspection found(directory, false, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); });
  REQUIRE(found.segments().size() > 1);
  REQUIRE(told.size() == 2 * found.segments().size());
  for (std::size_t i = 0; i < told.size(); ++i) CHECK(told[i] == std::pair<std::uint64_t, std::uint64_t>(i, told.size()));
  CHECK_THROWS_AS(segment_inspection(directory, false, [](std::uint64_t, std::uint64_t) { throw larder::error(larder::error_cause::cancelled, "enough"); }),
                  larder::error);
}

TEST_CASE("an inspection says what the journal has seen, and where the segment ends that takes records") {
  const scratch folder;
  const fs::path directory = folder / "cache";
  disk_cache cache = open_cache(directory);
  for (const char* key : {"a", "b", "c"}) cache.put(key, "value");
  const segment_inspection before(directory, true);
  REQUIRE(before.log());
  REQUIRE(before.segments().size() == 1);
  const inspected_segment& one = before.segments().front();
  CHECK(one.is_active);
  CHECK(before.log()->end >= 3);
  CHECK(before.log()->slots >= before.log()->end);
  CHECK(before.log()->oldest <= one.number);
  CHECK(before.log()->active.segment == one.number);
  CHECK(before.log()->active.offset() == one.records_end);
  REQUIRE(one.records.size() == 3);
  CHECK(one.place(one.records.back()).offset() < one.records_end);

  cache.put("d", "value");
  const segment_inspection after(directory, true);
  REQUIRE(after.log());
  CHECK(after.log()->end == before.log()->end + 1);
  CHECK(after.log()->sequence == before.log()->sequence + 1);
  const inspected_segment& longer = after.segments().front();
  REQUIRE(longer.records.size() == 4);
  CHECK(longer.place(longer.records.back()).offset() == one.records_end);
  CHECK(longer.records_end > one.records_end);
}

TEST_CASE("an inspection says when an entry was used last, while its segment takes records and afterwards") {
  using stamp = larder::format::use_stamp;
  const scratch folder;
  const fs::path directory = folder / "cache";
  larder::manual_clock clock(larder::instant{1'000'000h});
  const auto last_use = [&](bool in_use) {
    const segment_inspection found(directory, in_use);
    larder::instant used{0};
    found.for_each_live([&](const inspected_segment& in, const inspected_record& record) {
      if (const auto seen = stamp::decode(record.use, in.place(record))) used = *seen;
    });
    return used;
  };
  {
    auto cache = larder::make_cache<std::string, std::string>(larder::unbounded{}, larder::expire_after_access{16h},
                                                              larder::time_source{clock}, larder::mmap_disk{directory});
    cache.put("key", "value");
    clock.advance(10h);
    CHECK(cache.get("key") == "value");
    CHECK(last_use(true) >= larder::instant{1'000'000h + 9h});
  }
  CHECK(last_use(false) >= larder::instant{1'000'000h + 9h});
}
