#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/aligned_pages.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/file_pages.hpp>
#include <larder/layer/file_reading.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/submission_ring.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/refusal.hpp"

using namespace larder_tests;
using larder::read_path;
using larder::layers::arrival;
using larder::layers::file_pages;
using larder::layers::file_piece;
using larder::layers::file_reading;
using larder::layers::readable_file;

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t mebibyte = std::size_t{1} << 20U;

/// Memory that begins so far into a page.
class room {
 public:
  room(std::size_t size, std::size_t begin) : memory_(size + page), whole_(memory_.whole().subspan(begin, size)) {
    std::fill(whole_.begin(), whole_.end(), std::byte{0xEE});
  }
  std::span<std::byte> whole() const noexcept { return whole_; }

 private:
  larder::layers::aligned_pages memory_;
  std::span<std::byte> whole_;
};

/// Checks what has arrived when it is told of it, from where it was told of last.
class checking final : public arrival {
 public:
  checking(std::span<const std::byte> layer, std::function<char(std::size_t)> expected)
      : layer_(layer), expected_(std::move(expected)) {}
  void arrived(std::uint64_t end) override {
    REQUIRE(end >= seen_);
    REQUIRE(end <= layer_.size());
    for (; seen_ < end; ++seen_)
      if (layer_[static_cast<std::size_t>(seen_)] != static_cast<std::byte>(expected_(static_cast<std::size_t>(seen_)))) ++wrong_;
    ++times_;
    if (fails_at_ != 0 && end >= fails_at_) throw std::runtime_error("no further");
  }
  void fail_at(std::uint64_t end) { fails_at_ = end; }
  std::uint64_t seen() const { return seen_; }
  std::uint64_t wrong() const { return wrong_; }
  std::size_t times() const { return times_; }

 private:
  std::span<const std::byte> layer_;
  std::function<char(std::size_t)> expected_;
  std::uint64_t seen_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t fails_at_ = 0;
  std::size_t times_ = 0;
};

class written_file {
 public:
  explicit written_file(std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = data_byte(i);
    write_file(path(), content);
  }
  std::filesystem::path path() const { return folder_ / "data"; }
  /// What was written is on the disk and not in the page cache, as far as the file system has one apart.
  void forget_pages() const {
    const int file = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    ::fsync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }

 private:
  scratch_directory folder_;
};

}  // namespace

TEST_CASE("pieces of a file come to their places whole by every path, from the disk and from the page cache") {
  constexpr std::size_t size = 9 * mebibyte + 1234;
  const written_file written(size);
  std::mt19937 random(20261128);
  const auto up_to = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n)(random); };
  for (const read_path::kind kind : {read_path::automatic, read_path::buffered, read_path::direct}) {
    readable_file file(written.path());
    const bool past_cache = file.open_direct();
    const file_pages pages(file);
    file_reading reading(past_cache ? kind : read_path::buffered);
    for (int turn = 0; turn < 24; ++turn) {
      const std::size_t offset = turn == 0 ? 0 : up_to(size / 2);
      const std::size_t n = turn == 0 ? size : turn % 4 == 1 ? up_to(3 * page) + 1 : up_to(size - offset - 1) + 1;
      const room memory(n, turn % 3 == 2 ? up_to(page - 1) : offset % page);  // in step with the file or not
      const std::span<std::byte> layer = memory.whole();
      std::vector<file_piece> pieces;  // one range as one piece or as several that touch
      for (std::size_t at = 0; at < n;) {
        const std::size_t part = turn % 5 == 0 ? n : std::min(n - at, up_to(n) + 1);
        pieces.push_back({&file, &pages, offset + at, layer.subspan(at, part)});
        at += part;
      }
      if (turn % 2 == 0) written.forget_pages();
      checking heard(layer, [&](std::size_t i) { return data_byte(offset + i); });
      reading.read(pieces, layer, heard);
      CAPTURE(kind);
      CAPTURE(offset);
      CAPTURE(n);
      CHECK(heard.seen() == n);
      CHECK(heard.wrong() == 0);
      if (kind == read_path::buffered) CHECK(heard.times() >= n / mebibyte);  // it hears on the way, not only at the end
    }
  }
}

TEST_CASE("what the listener of a read throws ends it with nothing in flight, and the next read is whole") {
  constexpr std::size_t size = 24 * mebibyte;
  const written_file written(size);
  readable_file file(written.path());
  file.open_direct();
  const file_pages pages(file);
  for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
    file_reading reading(kind);
    for (int turn = 0; turn < 4; ++turn) {
      const room left(size, 0);
      {
        written.forget_pages();
        checking heard(left.whole(), &data_byte);
        heard.fail_at(static_cast<std::uint64_t>(turn) * 2 * mebibyte + 1);
        const std::vector<file_piece> pieces{{&file, &pages, 0, left.whole()}};
        CHECK_THROWS_WITH_AS(reading.read(pieces, left.whole(), heard), "no further", std::runtime_error);
        CHECK(heard.wrong() == 0);
        std::fill(left.whole().begin(), left.whole().end(), std::byte{0xEE});
      }
      const room memory(size, 0);
      checking heard(memory.whole(), &data_byte);
      const std::vector<file_piece> pieces{{&file, &pages, 0, memory.whole()}};
      reading.read(pieces, memory.whole(), heard);
      CHECK(heard.seen() == size);
      CHECK(heard.wrong() == 0);
      // What was in flight when the first read ended would have come into its memory by now.
      CHECK(std::count(left.whole().begin(), left.whole().end(), std::byte{0xEE}) == static_cast<std::ptrdiff_t>(size));
    }
  }
}

TEST_CASE("a file that was truncated, by much or by a few bytes, is named by every path") {
  const written_file written(4 * mebibyte);
  readable_file file(written.path());
  file.open_direct();
  const file_pages pages(file);
  for (const std::size_t left : {4 * mebibyte - 3, 3 * mebibyte + 5})
    for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
      std::filesystem::resize_file(written.path(), left);
      file_reading reading(kind);
      const room memory(4 * mebibyte, 0);
      written.forget_pages();
      checking heard(memory.whole(), &data_byte);
      const std::vector<file_piece> pieces{{&file, &pages, 0, memory.whole()}};
      const support::refusal refused = support::refusal_of([&] { reading.read(pieces, memory.whole(), heard); });
      CHECK(refused.cause == larder::error_cause::io);
      CHECK(says(refused, file.name()));
      CHECK(says(refused, "truncated"));
      CHECK(heard.wrong() == 0);
    }
}

TEST_CASE("several threads read at once, and a child after fork reads by itself") {
  constexpr std::size_t size = 6 * mebibyte + 77;
  const written_file written(size);
  readable_file file(written.path());
  file.open_direct();
  const file_pages pages(file);
  file_reading reading(read_path::direct);
  const auto read_all = [&] {
    const room memory(size, 0);
    checking heard(memory.whole(), &data_byte);
    const std::vector<file_piece> pieces{{&file, &pages, 0, memory.whole()}};
    written.forget_pages();
    reading.read(pieces, memory.whole(), heard);
    return heard.seen() == size && heard.wrong() == 0;
  };
  std::vector<std::thread> threads;
  std::vector<char> right(4, 0);
  for (std::size_t t = 0; t < right.size(); ++t) threads.emplace_back([&, t] { right[t] = read_all() && read_all() ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<char>(4, 1));

  support::in_child(read_all);
  CHECK(read_all());
}

TEST_CASE("automatic measures both paths on what the page cache has not, and takes from it what it has") {
  constexpr std::size_t size = 4 * mebibyte;
  const written_file written(size);
  readable_file file(written.path());
  if (!file.open_direct() || larder::layers::submission_ring::open(1) == nullptr) {
    MESSAGE("SKIPPED: the file system has no O_DIRECT, or the kernel no io_uring");
    return;
  }
  const file_pages pages(file);
  file_reading reading(read_path::automatic, 2 * size);
  const room memory(size, 0);
  const auto read_all = [&](bool cold) {
    if (cold) written.forget_pages();
    if (cold && *pages.cached_share(0, size, 64) > 0.5) return false;  // a file system that is its own page cache
    checking heard(memory.whole(), &data_byte);
    const std::vector<file_piece> pieces{{&file, &pages, 0, memory.whole()}};
    reading.read(pieces, memory.whole(), heard);
    CHECK(heard.wrong() == 0);
    return true;
  };
  written.forget_pages();
  std::vector<std::byte> whole(size);
  file.read(0, whole);
  for (int turn = 0; turn < 8; ++turn) CHECK(read_all(false));
  CHECK(reading.choice().chosen() == read_path::automatic);  // that was no word about the disk
  for (int turn = 0; turn < 3; ++turn)
    if (!read_all(true)) return;
  CHECK(reading.choice().chosen() == read_path::automatic);  // direct, buffered, direct
  REQUIRE(read_all(true));
  CHECK(reading.choice().chosen() != read_path::automatic);
}
