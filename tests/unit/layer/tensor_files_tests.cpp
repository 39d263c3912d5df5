#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/tensor_files.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::layer_of;
using larder::layers::readable_file;
using larder::layers::tensor_files;

namespace {

larder::tensor_info tensor(const std::string& name, std::uint64_t offset, std::uint64_t size) {
  larder::tensor_info info;
  info.name = name;
  info.offset = offset;
  info.size = size;
  return info;
}
std::string read(const tensor_files& files, std::size_t layer, std::size_t offset, std::size_t size) {
  std::string out(size, '?');
  files.read(layer, offset, std::as_writable_bytes(std::span(out)));
  return out;
}

/// Two files with heads of two bytes; the layers "a" and "b" lie across both.
struct two_files {
  two_files() {
    write_file(folder / "one", "##aaabb");
    write_file(folder / "two", "##BBA");
    files.add(readable_file(folder / "one"), {tensor("a.1", 0, 3), tensor("b.1", 3, 2)}, 2);
    files.add(readable_file(folder / "two"), {tensor("b.2", 0, 2), tensor("a.2", 2, 1)}, 2);
    auto by_name = larder::group_by{[](std::string_view name) { return std::string(name.substr(0, 1)); }};
    files.lay_out(larder::layers::group_tensors(files.tensors(), by_name),
                  [](const larder::tensor_info&) { return std::uint64_t{4}; });
  }
  scratch_directory folder;
  tensor_files files;
};

}  // namespace

TEST_CASE("tensors of several files lie in their layers, each where it may begin") {
  const two_files model;
  REQUIRE(model.files.layers().size() == 2);
  CHECK(model.files.tensors().size() == 4);
  CHECK(model.files.tensors()[2].offset == 0);  // in its own file
  CHECK(model.files.layers()[0].size == 5);
  const std::string zero(1, '\0');
  CHECK(read(model.files, 0, 0, 5) == "aaa" + zero + "A");
  CHECK(read(model.files, 1, 0, 6) == "bb" + zero + zero + "BB");
  CHECK(read(model.files, 1, 3, 2) == zero + "B");
}

TEST_CASE("a layer does not begin when any file was changed, and no piece of a changed one is read") {
  const two_files model;
  std::filesystem::resize_file(model.folder / "two", 4);
  CHECK_THROWS_AS(read(model.files, 0, 0, 3), larder::error);  // of the other file alone
  CHECK(read(model.files, 0, 1, 2) == "aa");
  CHECK_THROWS_AS(read(model.files, 1, 4, 2), larder::error);
}
