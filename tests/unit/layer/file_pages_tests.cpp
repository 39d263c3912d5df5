#include "written_model.hpp"

#include <larder/layer/file_pages.hpp>
#include <larder/layer/readable_file.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::file_pages;
using larder::layers::readable_file;

TEST_CASE("the page cache is asked what it holds of a file, without being filled") {
  constexpr std::size_t size = std::size_t{4} << 20U;
  const scratch_directory folder;
  write_file(folder / "data", std::string(size, 'x'));
  const readable_file file(folder / "data");
  file_pages first(file);
  const file_pages pages(std::move(first));
  REQUIRE(pages.cached_share(0, size, 64).has_value());
  CHECK(*pages.cached_share(0, size, 64) == 1.0);  // just written
  CHECK(pages.cached_share(size, 1, 64) == std::nullopt);
  CHECK(pages.cached_share(0, 0, 64) == std::nullopt);
  CHECK(pages.cached_share(size - 1, 100, 64).has_value());

  struct statfs system {};
  REQUIRE(::statfs((folder / "data").c_str(), &system) == 0);
  if (system.f_type == 0x0102'1994) {
    MESSAGE("SKIPPED: a tmpfs is its own page cache");
    return;
  }
  ::fsync(file.descriptor());
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  CHECK(*pages.cached_share(0, size, 64) == 0.0);
  CHECK(*pages.cached_share(0, size, 64) == 0.0);  // asking brought nothing there
  std::vector<std::byte> half(size / 2);
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_RANDOM);
  file.read(0, half);
  CHECK(*pages.cached_share(0, size / 2, 64) == 1.0);
  CHECK(*pages.cached_share(size / 2, size / 2, 64) < 0.5);
}

TEST_CASE("an empty file has no pages") {
  const scratch_directory folder;
  write_file(folder / "data", "");
  const readable_file file(folder / "data");
  CHECK(file_pages(file).cached_share(0, 1, 64) == std::nullopt);
}
