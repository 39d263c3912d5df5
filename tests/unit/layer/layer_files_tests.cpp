#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_files.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::layers::before_by_numbers;

namespace {

std::vector<std::string> names_of(const larder::layer_files& source) {
  std::vector<std::string> names;
  for (const larder::layer_info& layer : source.layers()) names.push_back(layer.name);
  return names;
}
support::refusal why(const std::filesystem::path& folder) {
  return support::refusal_of([&] { larder::layer_files{folder}; });
}

}  // namespace

TEST_CASE("names are in an order in which numbers are numbers, and which is one") {
  const std::array<std::string_view, 12> ordered{"",     "1",     "01",   "2", "10",      "a",
                                                 "a1b2", "a1b10", "a2b1", "b", "layer_9", "layer_10"};
  for (std::size_t i = 0; i < ordered.size(); ++i)
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      CAPTURE(ordered[i]);
      CAPTURE(ordered[j]);
      if (i != 1 && i != 2 && j != 1 && j != 2) CHECK(before_by_numbers(ordered[i], ordered[j]) == (i < j));
    }
  CHECK(before_by_numbers("01", "1") != before_by_numbers("1", "01"));
  CHECK_FALSE(before_by_numbers("1", "1"));
  CHECK(before_by_numbers("99999999999999999999999", "100000000000000000000000"));
}

TEST_CASE("each file is a layer, by its tensors or by its bytes, in the order of the numbers") {
  const scratch_directory folder;
  write_file(folder / "model.layers.10.safetensors",
             model_bytes({{"model.layers.10.weight", "F32", "[2]", 8}, {"model.layers.10.bias", "U8", "[3]", 3}}));
  write_file(folder / "model.layers.2.bin", "raw bytes");
  write_file(folder / "model.layers.3.bin", "");
  write_file(folder / "config.json", "{}");
  std::filesystem::create_directory(folder / "old.bin");
  std::filesystem::create_symlink("model.layers.2.bin", folder / "model.layers.11.bin");

  const larder::layer_files source{folder.path()};
  CHECK(names_of(source) == std::vector<std::string>{"model.layers.2", "model.layers.3", "model.layers.10", "model.layers.11"});
  larder::layer_cache layers{larder::layer_files{folder.path()}, larder::max_bytes{1_MiB}};
  const auto raw = layers.get(0).tensor("data").as_span<char>();
  CHECK(std::string(raw.begin(), raw.end()) == "raw bytes");
  CHECK(layers.get(1).tensor("data").size() == 0);
  const auto whole = layers.get(2);
  CHECK(whole.tensor("weight").as_span<float>().size() == 2);
  const auto bias = whole.tensor("bias").as_span<char>();
  REQUIRE(bias.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(bias[i] == data_byte(8 + i));
  CHECK(layers.get(3).tensor("data").size() == 9);
}

TEST_CASE("files with endings of one's own are layers when they are named") {
  const scratch_directory folder;
  write_file(folder / "0.layer", "zero");
  write_file(folder / "1.bin", "one");
  CHECK(names_of(larder::layer_files{folder.path(), {".layer"}}) == std::vector<std::string>{"0"});
  CHECK(names_of(larder::layer_files{folder.path(), {".layer", ".bin"}}) == std::vector<std::string>{"0", "1"});
}

TEST_CASE("a directory that gives no layers, or one twice, is refused with its name") {
  const scratch_directory folder;
  CHECK(why(folder / "nowhere").cause == larder::error_cause::io);
  CHECK(says(why(folder / "nowhere"), "nowhere cannot be listed"));
  CHECK(why(folder.path()).cause == larder::error_cause::invalid_argument);
  CHECK(says(why(folder.path()), "no file that is called as layers are, *.safetensors, *.bin"));
  write_file(folder / "a.bin", "bytes");
  write_file(folder / "a.safetensors", model_bytes({{"a.weight", "U8", "[1]", 1}}));
  CHECK(says(why(folder.path()), "has the layer \"a\" twice"));
  std::filesystem::remove(folder / "a.bin");
  write_file(folder / "b.safetensors", "no header");
  CHECK(why(folder.path()).cause == larder::error_cause::corruption);
  CHECK(says(why(folder.path()), "b.safetensors"));
}

TEST_CASE("a file that changed after it was opened is not read") {
  const scratch_directory folder;
  write_file(folder / "0.bin", "before");
  const larder::layer_files source{folder.path()};
  std::vector<std::byte> room(6);
  source.read(0, 0, room);
  std::filesystem::resize_file(folder / "0.bin", 3);
  CHECK(support::cause_of([&] { source.read(0, 0, room); }) == larder::error_cause::io);
}
