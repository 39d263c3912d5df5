// A program's file that is to become a value: what is refused, and how its content comes over.

#include <larder/storage/file_adoption.hpp>

#include "store_driver.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

using namespace store_driver;
using larder::adopt_mode;
using larder::storage::adopted_file;
using larder::storage::file_descriptor;
using larder::storage::open_file;
using larder::storage::source_error;

namespace {

/// The path of a file with this content.
std::string source_at(const fs::path& path, const std::string& content) {
  write_file(path, content);
  return path.string();
}

}  // namespace

TEST_CASE("only a regular file that can be read is adopted, and a FIFO is not waited for") {
  const scratch dir;
  const auto adopt = [&](const char* name, adopt_mode how = adopt_mode::automatic) { adopted_file((dir / name).string(), how); };
  CHECK_THROWS_WITH_AS(adopt("missing"), doctest::Contains("missing"), source_error);
  fs::create_directory(dir / "folder");
  CHECK_THROWS_WITH_AS(adopt("folder"), doctest::Contains("no regular file"), source_error);
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(adopt("fifo"), doctest::Contains("no regular file"), source_error);
  write_file(dir / "file", "content");
  fs::create_symlink(dir / "file", dir / "link");
  CHECK_NOTHROW(adopt("link"));
  CHECK_THROWS_WITH_AS(adopt("link", adopt_mode::move), doctest::Contains("symbolic link"), source_error);
  CHECK_NOTHROW(adopt("file", adopt_mode::move));
}

TEST_CASE("the content comes over whole, in order, by chunks and by copies") {
  const scratch dir;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{262'144}, std::size_t{700'001}}) {
    const std::string content = text_of(size);
    const adopted_file source(source_at(dir / "source", content), adopt_mode::automatic);
    CHECK(source.size() == size);
    CHECK(source.read().text() == content);
    std::string seen;
    source.each_chunk(source.file(), 0, [&](std::uint64_t offset, std::span<const std::byte> chunk) {
      CHECK(offset == seen.size());
      seen.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
    });
    CHECK(seen == content);
    const std::string target = (dir / "target").string();
    {
      const file_descriptor to = open_file(target, O_RDWR | O_CREAT | O_TRUNC);
      source.copy_to(to, target);
    }
    CHECK(read_file(target) == content);
    CHECK_NOTHROW(source.check_unchanged());
  }
}

TEST_CASE("a file that changes while it is adopted is refused") {
  const scratch dir;
  const std::string path = source_at(dir / "source", text_of(1000));
  {
    const adopted_file source(path, adopt_mode::automatic);
    write_file(path, text_of(999));
    CHECK_THROWS_WITH_AS(source.check_unchanged(), doctest::Contains("changed"), source_error);
    CHECK_THROWS_AS(source.read(), source_error);
  }
  const adopted_file source(path, adopt_mode::automatic);
  fs::resize_file(path, 10);
  CHECK_THROWS_AS(source.each_chunk(source.file(), 0, [](std::uint64_t, std::span<const std::byte>) {}), source_error);
}

TEST_CASE("a hard link is no change, and the name goes only while it is this file's") {
  const scratch dir;
  const std::string path = source_at(dir / "source", "content");
  adopted_file source(path, adopt_mode::move);
  CHECK(source.link_to((dir / "linked").string()) == 0);
  CHECK(source.link_to((dir / "linked").string()) == EEXIST);
  CHECK_NOTHROW(source.check_unchanged());
  CHECK(fs::equivalent(path, dir / "linked"));
  fs::remove(path);
  write_file(path, "another one");
  source.remove();
  CHECK(read_file(path) == "another one");
  fs::remove(path);
  fs::create_hard_link(dir / "linked", path);
  source.remove();
  CHECK_FALSE(fs::exists(path));
  CHECK(read_file(dir / "linked") == "content");
}
