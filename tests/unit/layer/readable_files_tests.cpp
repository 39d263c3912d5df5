#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/readable_files.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::readable_file;
using larder::layers::readable_files;

TEST_CASE("files one behind the other are read as one") {
  const scratch_directory folder;
  readable_files files;
  std::size_t expected = 0;
  for (const std::string_view content : {"abc", "", "d", "efghij"}) {
    const std::filesystem::path path = folder / std::to_string(files.count());
    write_file(path, content);
    CHECK(files.add(readable_file(path)) == expected);
    expected += content.size();
  }
  const std::string whole = "abcdefghij";
  CHECK(files.size() == whole.size());
  CHECK(files.place_of(0) == (folder / "0").string() + ", offset 0");
  CHECK(files.place_of(2) == (folder / "0").string() + ", offset 2");
  CHECK(files.place_of(3) == (folder / "2").string() + ", offset 0");  // that of 1 has no bytes
  CHECK(files.place_of(9) == (folder / "3").string() + ", offset 5");
  for (std::size_t begin = 0; begin <= whole.size(); ++begin)
    for (std::size_t size = 0; size <= whole.size() - begin; ++size) {
      std::string out(size, '?');
      files.read(begin, std::as_writable_bytes(std::span(out)));
      CHECK(out == whole.substr(begin, size));
    }
  files.check_unchanged();
  std::filesystem::resize_file(folder / "3", 2);
  CHECK_THROWS_AS(files.check_unchanged(), larder::error);
  std::string out(3, '?');
  files.read(0, std::as_writable_bytes(std::span(out)));  // of a file that is as it was
  CHECK(out == "abc");
  CHECK_THROWS_AS(files.read(3, std::as_writable_bytes(std::span(out).first(2))), larder::error);
}
