#include <larder/storage/shared_log.hpp>

#include "store_driver.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace store_driver;
using larder::format::record_place;
using larder::storage::file_error;
using larder::storage::shared_log;
using change = shared_log::change;
using outlook = shared_log::outlook;

namespace {

shared_log create_in(const scratch& dir, unsigned slots_log2, std::uint32_t oldest = 1) {
  return shared_log::create((dir / "journal").string(), (dir / "staged").string(), slots_log2, 1000, oldest, {7, 3}, 42);
}

std::optional<shared_log> open_in(const scratch& dir) { return shared_log::open((dir / "journal").string()); }

shared_log::entry record_at(std::uint32_t segment, std::uint32_t unit) { return {change::record, {segment, unit}}; }

/// The unit at a position whose entry has to be there.
std::uint32_t unit_at(const shared_log& log, std::uint64_t position) {
  shared_log::entry found;
  REQUIRE(log.read(position, found) == outlook::found);
  return found.place.unit;
}

/// Segment `oldest + distance`, written and read back.
std::uint32_t read_back(std::uint32_t oldest, std::int64_t distance) {
  const scratch dir;
  shared_log log = create_in(dir, 4, oldest);
  REQUIRE(log.append(0, record_at(static_cast<std::uint32_t>(oldest + distance), 9), 0));
  shared_log::entry found;
  REQUIRE(log.read(0, found) == outlook::found);
  CHECK(found.place.unit == 9);
  return found.place.segment;
}

}  // namespace

TEST_CASE("what is appended to a log is read in its order, by another mapping too") {
  const scratch dir;
  shared_log log = create_in(dir, 4);
  std::optional<shared_log> other = open_in(dir);
  REQUIRE(other.has_value());
  CHECK(other->slots() == 16);
  CHECK(other->sequence_at(5) == 1005);
  CHECK(record_place::of_word(other->active().load()) == record_place{7, 3});
  CHECK(other->begin() == record_place{7, 3});
  CHECK(other->oldest() == 1);
  shared_log::entry found;
  CHECK(other->read(0, found) == outlook::not_yet);
  CHECK(other->ends_at(0));
  CHECK(other->end() == 0);

  constexpr std::array kinds{change::record, change::evicted, change::sealed, change::dropped, change::removed, change::retired};
  for (std::uint32_t i = 0; i < kinds.size(); ++i) {
    REQUIRE((i % 2 == 0 ? log : *other).append(i, {kinds[i], {i + 1, 10 * i}}, i));
    CHECK_FALSE((i % 2 == 0 ? *other : log).append(i, record_at(99, 99), 0));
  }
  for (std::uint32_t i = 0; i < kinds.size(); ++i) {
    CHECK_FALSE(other->ends_at(i));
    REQUIRE(other->read(i, found) == outlook::found);
    CHECK(found.what == kinds[i]);
    CHECK(found.place == record_place{i + 1, 10 * i});
    CHECK(other->tag(i) == i);
  }
  CHECK(other->ends_at(kinds.size()));
  CHECK(other->end() == kinds.size());
  CHECK(other->append_at_end(0, record_at(2, 2), 0x1234'5678'9abc'def0) == kinds.size());
  CHECK(log.tag(kinds.size()) == 0x1234'5678'9abc'def0);
}

TEST_CASE("a slot takes each round's entry after the round before it, and no other") {
  const scratch dir;
  shared_log log = create_in(dir, 4);
  CHECK_FALSE(log.append(16, record_at(1, 1), 0));
  REQUIRE(log.append(0, record_at(1, 2), 0));
  CHECK_FALSE(log.append(0, record_at(1, 3), 0));
  CHECK_FALSE(log.append(32, record_at(1, 4), 0));
  REQUIRE(log.append(16, record_at(1, 5), 0));
  CHECK_FALSE(log.append(0, record_at(1, 6), 0));
  CHECK(unit_at(log, 16) == 5);
}

TEST_CASE("threads that append at once win each position once") {
  const scratch dir;
  shared_log log = create_in(dir, 12);
  constexpr std::uint32_t positions = 3000;
  constexpr std::uint32_t count = 4;
  std::atomic<std::uint32_t> waiting{count};
  std::vector<std::vector<std::uint64_t>> won(count);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      for (std::uint64_t p = 0; p < positions; ++p)
        if (log.append(p, record_at(t + 1, static_cast<std::uint32_t>(p)), p)) won[t].push_back(p);
    });
  for (std::thread& each : threads) each.join();
  std::set<std::uint64_t> all;
  for (std::uint32_t t = 0; t < count; ++t)
    for (const std::uint64_t p : won[t]) {
      CHECK(all.insert(p).second);
      shared_log::entry found;
      REQUIRE(log.read(p, found) == outlook::found);
      CHECK(found.place == record_place{t + 1, static_cast<std::uint32_t>(p)});
      CHECK(log.tag(p) == p);
    }
  CHECK(all.size() == positions);
  CHECK(log.end() == positions);
}

TEST_CASE("processes that append at once lose no entry and store none twice") {
  const scratch dir;
  shared_log log = create_in(dir, 12);
  constexpr std::uint32_t each = 700;
  constexpr std::uint32_t count = 4;
  std::vector<pid_t> children;
  for (std::uint32_t c = 0; c < count; ++c) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::optional<shared_log> own = open_in(dir);
      if (!own) ::_exit(1);
      std::uint64_t from = 0;
      for (std::uint32_t i = 0; i < each; ++i) {
        const std::uint64_t at = own->append_at_end(from, record_at(c + 1, i), c * 1000 + i);
        if (i != 0 && at < from) ::_exit(2);
        from = at;
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(log.end() == each * count);
  std::vector<std::uint32_t> next(count + 1);
  for (std::uint64_t p = 0; p < each * count; ++p) {
    shared_log::entry found;
    REQUIRE(log.read(p, found) == outlook::found);
    REQUIRE(found.place.segment >= 1);
    REQUIRE(found.place.segment <= count);
    CHECK(found.place.unit == next[found.place.segment]++);  // each process's own come in its order
    CHECK(log.tag(p) == (found.place.segment - 1) * 1000 + found.place.unit);
  }
}

TEST_CASE("a reader that is a round behind has lost, one that is not reads on") {
  const scratch dir;
  shared_log log = create_in(dir, 4);
  shared_log::entry found;
  // Far enough that the rounds, of which a slot keeps 8 bits, begin again.
  for (std::uint32_t p = 0; p < 16 * 600; ++p) {
    REQUIRE(log.read(p, found) == outlook::not_yet);
    REQUIRE(log.append(p, record_at(1, p), p));
    REQUIRE(unit_at(log, p) == p);
    if (p >= 15) REQUIRE(unit_at(log, p - 15) == p - 15);
    if (p >= 16) REQUIRE(log.read(p - 16, found) == outlook::lost);
    if (p >= 160) REQUIRE(log.read(p - 160, found) == outlook::lost);
    REQUIRE_FALSE(log.append(p, record_at(1, 0), 0));
  }
}

TEST_CASE("a reader that was overtaken does not take its position for the end") {
  const scratch dir;
  shared_log log = create_in(dir, 4);
  for (std::uint32_t p = 0; p < 16 + 5; ++p) REQUIRE(log.append(p, record_at(1, p), p));
  CHECK_FALSE(log.ends_at(0));  // or it never asks what it missed
  CHECK_FALSE(log.ends_at(4));
  CHECK(log.ends_at(21));
}

TEST_CASE("the end is found though more than a round was appended since it was looked for") {
  for (const std::uint32_t appended : {1U, 15U, 16U, 17U, 40U, 16U * 100 + 3}) {
    const scratch dir;
    shared_log log = create_in(dir, 4);
    REQUIRE(log.end() == 0);
    for (std::uint32_t p = 0; p < appended; ++p) REQUIRE(log.append(p, record_at(1, p), p));
    std::optional<shared_log> other = open_in(dir);
    REQUIRE(other.has_value());
    CAPTURE(appended);
    CHECK(other->end() == appended);
    CHECK(log.append_at_end(0, record_at(1, 0), 0) == appended);
  }
}

TEST_CASE("a segment's number is the one nearest to the oldest that counts") {
  constexpr std::int64_t half = 1 << 25;
  for (const std::uint32_t oldest : {1U, 1U << 25, (1U << 26) - 1, 1U << 26, 100'000'000U, 4'000'000'000U})
    for (const std::int64_t distance :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{1000}, std::int64_t{-1000}, half - 1, -half}) {
      if (oldest + distance < 0 || oldest + distance > 0xffff'ffff) continue;
      CAPTURE(oldest);
      CAPTURE(distance);
      CHECK(read_back(oldest, distance) == oldest + distance);
    }
}

TEST_CASE("the oldest segment only rises, and entries before it keep their numbers") {
  const scratch dir;
  shared_log log = create_in(dir, 4, 5);
  REQUIRE(log.append(0, record_at(5, 1), 0));
  log.raise_oldest(9);
  log.raise_oldest(7);
  CHECK(log.oldest() == 9);
  CHECK(open_in(dir)->oldest() == 9);
  shared_log::entry found;
  REQUIRE(log.read(0, found) == outlook::found);
  CHECK(found.place.segment == 5);
}

TEST_CASE("whoever follows a log learns that another took its place") {
  const scratch dir;
  shared_log old = create_in(dir, 4);
  CHECK(old.intact());
  shared_log fresh = create_in(dir, 5);
  CHECK_FALSE(old.intact());
  CHECK(fresh.intact());
  CHECK_FALSE(fs::exists(dir / "staged"));
  old.append_at_end(old.end(), {change::retired, {}}, 0);
  shared_log::entry found;
  REQUIRE(old.read(0, found) == outlook::found);
  CHECK(found.what == change::retired);
  CHECK(fresh.ends_at(0));
  CHECK(open_in(dir)->slots() == 32);
}

TEST_CASE("a log says whether others follow it, as long as they do") {
  const scratch dir;
  const shared_log log = create_in(dir, 4);
  CHECK_FALSE(log.is_held());
  {
    const std::optional<shared_log> other = open_in(dir);
    const std::optional<shared_log> third = open_in(dir);
    CHECK_FALSE(log.is_held());  // to have it open is not to follow it
    other->hold();
    CHECK(log.is_held());
    third->hold();  // any number may
    CHECK(third->is_held());
    CHECK(other->is_held());
  }
  CHECK_FALSE(log.is_held());
}

TEST_CASE("a log whose file was removed or cut is not intact") {
  const scratch dir;
  {
    const shared_log log = create_in(dir, 4);
    fs::resize_file(dir / "journal", 4096);
    CHECK_FALSE(log.intact());
  }
  const shared_log log = create_in(dir, 4);
  CHECK(log.intact());
  fs::remove(dir / "journal");
  CHECK_FALSE(log.intact());
}

TEST_CASE("every flipped bit of a log's header is noticed") {
  const scratch dir;
  static_cast<void>(create_in(dir, 4));
  const std::string good = read_file(dir / "journal");
  REQUIRE(open_in(dir).has_value());
  for (std::size_t bit = 0; bit < 56 * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(static_cast<unsigned char>(bad[bit / 8]) ^ (1U << bit % 8));
    write_file(dir / "journal", bad);
    CAPTURE(bit);
    CHECK_FALSE(open_in(dir).has_value());
  }
  // A number of slots that no shift can make, with a checksum that is right.
  for (const std::uint32_t slots : {25U, 40U, 64U, 0xffff'ffffU}) {
    std::string bad = good;
    std::memcpy(bad.data() + 12, &slots, 4);
    const std::uint64_t checksum = XXH3_64bits(bad.data(), 48);
    std::memcpy(bad.data() + 48, &checksum, 8);
    write_file(dir / "journal", bad);
    CHECK_FALSE(open_in(dir).has_value());
  }
}

TEST_CASE("a log of another size, and what is no file, is not opened") {
  const scratch dir;
  CHECK_FALSE(open_in(dir).has_value());
  static_cast<void>(create_in(dir, 4));
  const auto size = fs::file_size(dir / "journal");
  for (const std::uintmax_t wrong :
       {std::uintmax_t{0}, std::uintmax_t{55}, std::uintmax_t{4096}, size - 1, size + 1, size + 4096}) {
    fs::resize_file(dir / "journal", wrong);
    CHECK_FALSE(open_in(dir).has_value());
    fs::resize_file(dir / "journal", size);
    static_cast<void>(create_in(dir, 4));
  }
  fs::rename(dir / "journal", dir / "real");
  fs::create_symlink(dir / "real", dir / "journal");
  CHECK_FALSE(open_in(dir).has_value());
  fs::remove(dir / "journal");
  fs::create_directory(dir / "journal");
  CHECK_FALSE(open_in(dir).has_value());
}

TEST_CASE("a device without room for a log is an error that leaves nothing") {
  const scratch dir;
  const int answer = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit few{8192, 8192};
    if (::setrlimit(RLIMIT_FSIZE, &few) != 0) return 1;
    try {
      static_cast<void>(create_in(dir, 12));
    } catch (const file_error& e) {
      return e.cause() == larder::error_cause::no_space ? 0 : 2;
    }
    return 3;
  });
  CHECK(answer == 0);
  CHECK(files_in(dir.path()) == 0);
}
