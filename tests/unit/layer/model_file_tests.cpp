#include <larder/core/error.hpp>
#include <larder/layer/model_file.hpp>

#include "written_model.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::model_file;

namespace {

/// A file in a map.
struct kept_file {
  std::shared_ptr<std::map<std::string, std::string>> folder;
  std::string called;

  std::string name() const { return called; }
  std::uint64_t size() const { return folder->at(called).size(); }
  void read(std::uint64_t offset, std::span<std::byte> room) const {
    std::memcpy(room.data(), folder->at(called).data() + offset, room.size());
  }
  void check_unchanged() const {
    if (!folder->contains(called)) throw larder::error(larder::error_cause::io, "it is gone");
  }
  kept_file beside(const std::string& other) const { return {folder, other}; }
};
struct slow_file : kept_file {
  slow_file beside(const std::string& other) const { return {kept_file::beside(other)}; }
  std::uint64_t read_unit() const { return 77; }
};

std::string content_of(const model_file& file) {
  std::string out(static_cast<std::size_t>(file.size()), '?');
  file.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

static_assert(larder::layers::model_file_like<larder::layers::readable_file>);
static_assert(larder::layers::model_file_like<kept_file>);
static_assert(!larder::layers::model_file_like<std::string>);
static_assert(std::is_convertible_v<const char*, model_file>);
static_assert(std::is_convertible_v<std::filesystem::path, model_file>);
static_assert(std::is_convertible_v<kept_file, model_file>);
static_assert(!std::is_constructible_v<model_file, int>);

}  // namespace

TEST_CASE("a file of this machine is read by its path, and others of its folder are found") {
  const scratch_directory folder;
  write_file(folder / "one", "first");
  write_file(folder / "two", "second");
  const model_file one = folder / "one";
  CHECK(one.name() == (folder / "one").string());
  CHECK(content_of(one) == "first");
  CHECK(content_of(one.beside("two")) == "second");
  CHECK(one.read_unit() == larder::layers::read_unit);
  CHECK_NOTHROW(one.check_unchanged());
  std::filesystem::resize_file(folder / "one", 2);
  CHECK_THROWS_AS(one.check_unchanged(), larder::error);
  CHECK_THROWS_AS(one.beside("three"), larder::error);
  CHECK_FALSE(one.find_beside("three").has_value());
  CHECK(content_of(one.find_beside("two").value()) == "second");
  std::filesystem::create_directory(folder / "folder");
  CHECK_THROWS_AS(one.find_beside("folder"), larder::error);  // there is something, and it is no file
}

TEST_CASE("a file elsewhere is read as that place reads it") {
  const auto folder = std::make_shared<std::map<std::string, std::string>>();
  *folder = {{"one", "first"}, {"two", "second"}};
  model_file one = kept_file{folder, "one"};
  CHECK(one.name() == "one");
  CHECK(content_of(one) == "first");
  CHECK(content_of(one.beside("two")) == "second");
  CHECK(one.read_unit() == larder::layers::read_unit);
  const model_file moved = std::move(one);
  folder->erase("one");
  CHECK_THROWS_AS(moved.check_unchanged(), larder::error);
  CHECK(model_file(slow_file{{folder, "two"}}).read_unit() == 77);
  CHECK(model_file(slow_file{{folder, "two"}}).beside("two").read_unit() == 77);
  CHECK_FALSE(model_file(slow_file{{folder, "two"}}).find_beside("two").has_value());  // it cannot tell
}
