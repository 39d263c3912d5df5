#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/shard_files.hpp>

#include <larder/core/bytes.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/versioned_bucket.hpp"
#include "support/write_file.hpp"

namespace {

using larder::error_cause;
using larder::shard_file;

/// Another time of change, which a file system with coarse times might not give by itself.
void touch(const std::filesystem::path& path) {
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(2));
}

}  // namespace

TEST_CASE("a file is read in parts, and not past its end") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.bin", "0123456789");
  const shard_file file = folder / "a.bin";
  CHECK(file.size() == 10);
  CHECK_FALSE(file.is_remote());
  CHECK(file.name() == (folder / "a.bin").string());
  CHECK(file.read(3, 4).text() == "3456");
  CHECK(file.read(8, 100).text() == "89");
  CHECK(file.read(10, 1).empty());
  CHECK(file.read(~std::uint64_t{0}, ~std::uint64_t{0}).empty());
  std::byte room[4];
  file.read(6, room);
  CHECK(room[3] == std::byte{'9'});
  CHECK(support::cause_of([&] { file.read(7, room); }) == error_cause::io);
  file.read(100, std::span<std::byte>{});
  const shard_file copy = file;
  CHECK(copy.identity() == file.identity());
}

TEST_CASE("what is no file is refused at once, and a pipe is not waited for") {
  const support::temporary_folder folder;
  CHECK(says(support::refusal_of([&] { shard_file(folder / "none"); }), "none\""));
  CHECK(support::cause_of([&] { shard_file(folder / "none"); }) == error_cause::io);
  CHECK(support::cause_of([&] { shard_file(folder.path()); }) == error_cause::invalid_argument);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(says(support::refusal_of([&] { shard_file(folder / "pipe"); }), "is not a file"));
}

TEST_CASE("a file that is changed, replaced or removed is not read any more, and is another one to a new data set") {
  const support::temporary_folder folder;
  const std::filesystem::path path = folder / "a.bin";
  support::write_file(path, "0123456789");
  const shard_file file(path);
  const auto refused = [&] {
    const support::refusal why = support::refusal_of([&] { file.read(0, 5); });
    CHECK(why.cause == error_cause::io);
    return why;
  };
  touch(path);
  CHECK(says(refused(), "is not what it was when the data set was opened; open it again"));
  CHECK(shard_file(path).identity() != file.identity());

  const shard_file touched(path);
  CHECK(touched.read(0, 5).text() == "01234");
  support::write_file(folder / "b.bin", "0123456789");
  std::filesystem::last_write_time(folder / "b.bin", std::filesystem::last_write_time(path));
  std::filesystem::rename(folder / "b.bin", path);  // as large and as old, but another file
  CHECK(support::cause_of([&] { touched.read(0, 5); }) == error_cause::io);
  CHECK(shard_file(path).identity() != touched.identity());
  std::filesystem::remove(path);
  CHECK(says(refused(), "cannot open"));
}

TEST_CASE("a folder that is moved leaves its files the same") {
  const support::temporary_folder folder;
  std::filesystem::create_directory(folder / "old");
  support::write_file(folder / "old/a.bin", "0123456789");
  const larder::digest before = shard_file(folder / "old/a.bin").identity();
  std::filesystem::rename(folder / "old", folder / "new");
  CHECK(shard_file(folder / "new/a.bin").identity() == before);
  std::filesystem::rename(folder / "new/a.bin", folder / "new/b.bin");
  CHECK(shard_file(folder / "new/b.bin").identity() != before);
}

TEST_CASE("objects of a storage are files that share its connection, and one that is replaced is an error") {
  const support::versioned_bucket storage;
  storage.put("data/a", "0123456789");
  storage.put("data/b", "abc");
  const std::vector<shard_file> files = larder::remote_shards(storage, {"data/b", "data/a"});
  REQUIRE(files.size() == 2);
  CHECK(storage.to->stores == 1);
  CHECK(files[0].is_remote());
  CHECK(files[0].name() == "data/b");
  CHECK(files[1].read(8, 100).text() == "89");
  CHECK(files[0].identity() != files[1].identity());
  CHECK(larder::remote_shards(storage, {"data/a"})[0].identity() == files[1].identity());
  storage.put("data/a", "9876543210");
  CHECK(support::cause_of([&] { files[1].read(0, 1); }) == error_cause::io);
  CHECK(larder::remote_shards(storage, {"data/a"})[0].identity() != files[1].identity());
  CHECK(says(support::refusal_of([&] { larder::remote_shards(storage, {"data/a", "data/none"}); }), "no object data/none"));
  CHECK(larder::remote_shards(storage, {}).empty());
  CHECK(larder::shard_files(files).name() == "b and 1 more");
  CHECK(larder::shard_files(files[0]).name() == "b");
}
