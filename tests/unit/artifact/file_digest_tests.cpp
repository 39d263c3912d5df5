#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/file_stamp.hpp>

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::digest_algorithm;
using larder::digest_of;
using larder::digest_of_file;
using larder::error_cause;
using support::says;

namespace {

std::string pattern(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 % 253);
  return content;
}

}  // namespace

TEST_CASE("the digest of a file is that of its content, whatever its size") {
  const support::temporary_folder folder;
  constexpr std::size_t piece = larder::artifacts::digest_piece;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, piece - 1, piece, piece + 1, 3 * piece}) {
    CAPTURE(size);
    const std::string content = pattern(size);
    support::write_file(folder / "f", content);
    CHECK(digest_of_file(folder / "f", digest_algorithm::sha256) == digest_of(content, digest_algorithm::sha256));
    CHECK(larder::digests_of_file(folder / "f", digest_algorithm::md5, digest_algorithm::xxh3_128) ==
          std::pair(digest_of(content, digest_algorithm::md5), digest_of(content, digest_algorithm::xxh3_128)));
  }
  std::filesystem::create_symlink("f", folder / "link");
  CHECK(digest_of_file(folder / "link", digest_algorithm::md5) == digest_of_file(folder / "f", digest_algorithm::md5));
}

TEST_CASE("what is no file is named") {
  const support::temporary_folder folder;
  const auto refused = [&](const char* name) {
    return support::refusal_of([&] { digest_of_file(folder / name, digest_algorithm::sha256); });
  };
  CHECK(refused("none").cause == error_cause::io);
  CHECK(says(refused("none"), (folder / "none").string()));
  std::filesystem::create_directory(folder / "folder");
  CHECK(says(refused("folder"), "is no regular file, but a folder"));
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(says(refused("fifo"), "is no regular file"));
}

TEST_CASE("progress is told, and a stop ends it") {
  const support::temporary_folder folder;
  constexpr std::size_t piece = larder::artifacts::digest_piece;
  support::write_file(folder / "f", pattern(2 * piece + 5));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  digest_of_file(folder / "f", digest_algorithm::xxh3_128,
                 {.progress = [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); }});
  const std::uint64_t total = 2 * piece + 5;
  CHECK(told == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{piece, total}, {2 * piece, total}, {total, total}});
  std::stop_source stop;
  std::uint64_t reached = 0;
  const support::refusal stopped = support::refusal_of([&] {
    digest_of_file(folder / "f", digest_algorithm::sha256,
                   {.stop = stop.get_token(), .progress = [&](std::uint64_t done, std::uint64_t) {
                      reached = done;
                      stop.request_stop();
                    }});
  });
  CHECK(stopped.cause == error_cause::cancelled);
  CHECK(reached == piece);
}

TEST_CASE("a file that changes while it is read has no digest") {
  const support::temporary_folder folder;
  constexpr std::size_t piece = larder::artifacts::digest_piece;
  const auto with = [&](auto change) {
    support::write_file(folder / "f", pattern(2 * piece));
    bool once = false;
    return support::refusal_of([&] {
      digest_of_file(folder / "f", digest_algorithm::sha256, {.progress = [&](std::uint64_t, std::uint64_t) {
                       if (!std::exchange(once, true)) change();
                     }});
    });
  };
  CHECK(says(with([&] { std::ofstream(folder / "f", std::ios::app) << "more"; }), "was changed while it was read"));
  CHECK(says(with([&] { std::filesystem::resize_file(folder / "f", piece); }), "was changed while it was read"));
  CHECK(
      says(with([&] { std::ofstream(folder / "f", std::ios::in | std::ios::out) << "other"; }), "was changed while it was read"));
  CHECK(with([&] {
          std::filesystem::rename(folder / "f", folder / "g");
          support::write_file(folder / "f", "new");
        }).cause == error_cause::io);  // its names are part of its state
}
