#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/gguf.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_grouping.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "support/gguf_file.hpp"
#include "support/refusal.hpp"

using namespace larder_tests;
using namespace larder::literals;
using support::gguf_file;

namespace {

constexpr std::uint32_t f32 = 0;
constexpr std::uint32_t q4_k = 12;

/// Adds a tensor where the format wants it.
void add(gguf_file& file, std::string name, std::vector<std::uint64_t> shape, std::uint32_t type, std::uint64_t size) {
  file.tensors.push_back({std::move(name), std::move(shape), type, (file.data_size + 31) / 32 * 32});
  file.data_size = file.tensors.back().offset + size;
}
gguf_file model() {
  gguf_file file;
  file.entries = {gguf_file::entry("general.architecture", 8, support::gguf_text("llama"))};
  add(file, "token_embd.weight", {5}, f32, 20);
  add(file, "blk.1.attn.weight", {512}, q4_k, 288);
  add(file, "blk.0.attn.weight", {256}, q4_k, 144);
  add(file, "blk.0.norm", {3}, f32, 12);
  add(file, "blk.0.ffn.weight", {256, 2}, q4_k, 288);
  add(file, "output.weight", {5}, f32, 20);
  return file;
}
std::vector<std::string> names_of(const larder::gguf& source) {
  std::vector<std::string> names;
  for (const larder::layer_info& l : source.layers()) names.push_back(l.name);
  return names;
}
/// Whether each tensor of the layer holds the file's bytes.
bool matches_file(const larder::gguf& source, const larder::layer& layer) {
  for (const larder::tensor& tensor : layer) {
    const auto in_file = std::find_if(source.tensors().begin(), source.tensors().end(),
                                      [&](const larder::tensor_info& t) { return t.name == tensor.info().name; });
    REQUIRE(in_file != source.tensors().end());
    for (std::size_t k = 0; k < tensor.size(); ++k)
      if (tensor.data().data()[k] != static_cast<std::byte>(gguf_file::byte_at(in_file->offset + k))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the layers of a GGUF file are its blocks in order, with what stands before and behind them") {
  const scratch_directory folder;
  write_file(folder / "model.gguf", model().text());
  const larder::gguf source(folder / "model.gguf");
  CHECK(names_of(source) == std::vector<std::string>{"token_embd", "blk.0", "blk.1", "output"});
  CHECK(source.path() == folder / "model.gguf");
  CHECK(source.tensors().size() == 6);
  CHECK(std::get<std::string>(source.metadata().at("general.architecture")) == "llama");
  const larder::layer_info& block = source.layers()[1];
  REQUIRE(block.tensors.size() == 3);
  for (const larder::tensor_info& t : block.tensors) CHECK(t.offset % 32 == 0);  // as in the file
  CHECK(block.size == 160 + 32 + 288);
}

TEST_CASE("a layer cache streams a GGUF file, and blocked tensors are bytes") {
  const scratch_directory folder;
  write_file(folder / "model.gguf", model().text());
  const larder::gguf source(folder / "model.gguf");
  larder::layer_cache cache{larder::gguf(folder / "model.gguf"), larder::max_bytes{1_KiB}};
  std::size_t count = 0;
  for (const larder::layer& layer : cache.pass()) {
    CHECK(matches_file(source, layer));
    ++count;
  }
  CHECK(count == 4);
  const larder::layer block = cache.get("blk.0");
  CHECK(block.tensor("norm").as_span<float>().size() == 3);
  CHECK(block.tensor("attn.weight").shape().size() == 1);
  CHECK(block.tensor("attn.weight").as_span<std::byte>().size() == 144);
  CHECK_THROWS_WITH_AS(
      block.tensor("attn.weight").as_span<float>(),
      "larder: tensor \"blk.0.attn.weight\" holds blocks of Q4_K, 256 elements in 144 bytes each; read it as std::byte",
      larder::error);
}

TEST_CASE("any piece of a layer is read as the whole is") {
  const scratch_directory folder;
  write_file(folder / "model.gguf", model().text());
  const larder::gguf source(folder / "model.gguf");
  for (std::size_t layer = 0; layer < source.layers().size(); ++layer) {
    std::vector<std::byte> whole(source.layers()[layer].size);
    source.read(layer, 0, whole);
    for (std::size_t begin = 0; begin < whole.size(); begin += 7)
      for (const std::size_t size : {std::size_t{1}, std::size_t{33}, whole.size() - begin}) {
        std::vector<std::byte> piece(std::min(size, whole.size() - begin));
        source.read(layer, begin, piece);
        CHECK(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
  }
}

TEST_CASE("layers of a GGUF file can be grouped by a function or a list") {
  const scratch_directory folder;
  write_file(folder / "model.gguf", model().text());
  const larder::gguf by_kind(folder / "model.gguf", larder::group_by{[](std::string_view name) {
                               return std::string(name.substr(name.rfind('.') + 1));
                             }});
  CHECK(names_of(by_kind) == std::vector<std::string>{"weight", "norm"});
  const larder::gguf listed(folder / "model.gguf", {{"mine", {"output.weight", "blk.0.norm"}}});
  REQUIRE(listed.layers().size() == 1);
  std::vector<std::byte> memory(listed.layers()[0].size);
  listed.read(0, 0, memory);
  CHECK(listed.layers()[0].tensors[1].offset == 32);
  CHECK(memory[25] == std::byte{0});  // between the tensors, which are no neighbours in the file
  CHECK_THROWS_AS(larder::gguf(folder / "model.gguf", {{"mine", {"nothing"}}}), larder::error);
}

TEST_CASE("a GGUF file that is missing, no file, malformed, or changed later is refused by a sentence") {
  const scratch_directory folder;
  CHECK_THROWS_AS(larder::gguf(folder / "nothing.gguf"), larder::error);
  CHECK_THROWS_AS(larder::gguf{folder.path()}, larder::error);
  gguf_file bad = model();
  bad.tensors[3].offset += 32;
  write_file(folder / "bad.gguf", bad.text());
  try {
    larder::gguf source(folder / "bad.gguf");
    FAIL("it was taken");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::corruption);
    CHECK(std::string(e.what()).find("bad.gguf") != std::string::npos);
    CHECK(std::string(e.what()).find("blk.0.norm") != std::string::npos);
  }
  write_file(folder / "model.gguf", model().text());
  const larder::gguf source(folder / "model.gguf");
  std::filesystem::resize_file(folder / "model.gguf", 300);
  std::vector<std::byte> memory(source.layers()[3].size);
  CHECK_THROWS_AS(source.read(3, 0, memory), larder::error);
}

namespace {

/// A model in three files, the first without tensors, as gguf-split can write it; `change` may spoil file i.
template <class Change>
void write_split(const std::filesystem::path& folder, Change change) {
  for (std::uint64_t i = 0; i < 3; ++i) {
    gguf_file file;
    file.entries = {gguf_file::entry("split.no", 2, support::little(static_cast<std::uint16_t>(i))),
                    gguf_file::entry("split.count", 2, support::little(std::uint16_t{3})),
                    gguf_file::entry("split.tensors.count", 5, support::little(std::int32_t{3}))};
    if (i == 0) file.entries.push_back(gguf_file::entry("general.architecture", 8, support::gguf_text("llama")));
    if (i == 1) add(file, "blk.0.attn.weight", {256}, q4_k, 144);
    if (i == 1) add(file, "blk.1.norm", {3}, f32, 12);
    if (i == 2) add(file, "blk.1.attn.weight", {512}, q4_k, 288);
    change(i, file);
    write_file(folder / ("Big-0000" + std::to_string(i + 1) + "-of-00003.gguf"), file.text());
  }
}

}  // namespace

TEST_CASE("a model in several files is opened by its first one") {
  const scratch_directory folder;
  write_split(folder.path(), [](std::uint64_t, gguf_file&) {});
  const larder::gguf source(folder / "Big-00001-of-00003.gguf");
  CHECK(names_of(source) == std::vector<std::string>{"blk.0", "blk.1"});
  CHECK(std::get<std::string>(source.metadata().at("general.architecture")) == "llama");
  REQUIRE(source.layers()[1].tensors.size() == 2);  // of two files
  larder::layer_cache layers{larder::gguf(folder / "Big-00001-of-00003.gguf"), larder::max_bytes{1_MiB}};
  for (const auto& layer : layers.pass()) CHECK(matches_file(source, layer));
}

TEST_CASE("a model whose files do not fit together is refused, with the file and the reason") {
  const scratch_directory folder;
  const auto why = [&](const char* name = "Big-00001-of-00003.gguf") { return support::refusal_of([&] { larder::gguf(folder / name); }); };
  write_split(folder.path(), [](std::uint64_t, gguf_file&) {});
  CHECK(says(why("Big-00002-of-00003.gguf"), "is file 2 of 3 of a model; give the first one"));
  std::filesystem::copy_file(folder / "Big-00001-of-00003.gguf", folder / "Big.gguf");
  CHECK(says(why("Big.gguf"), "is the first of 3 files of a model and is not called as such"));
  std::filesystem::copy_file(folder / "Big-00003-of-00003.gguf", folder / "Big-00002-of-00003.gguf", std::filesystem::copy_options::overwrite_existing);
  CHECK(says(why(), "Big-00002-of-00003.gguf says that it is file 3 of 3; by its name it is another one"));
  std::filesystem::remove(folder / "Big-00002-of-00003.gguf");
  CHECK(why().cause == larder::error_cause::io);
  CHECK(says(why(), "Big-00002-of-00003.gguf"));
  write_split(folder.path(), [](std::uint64_t i, gguf_file& file) {
    if (i == 2) add(file, "more", {3}, f32, 12);
  });
  CHECK(says(why(), "names 3 tensors, its files have 4"));
  write_split(folder.path(), [](std::uint64_t i, gguf_file& file) {
    if (i == 2) file.tensors[0].name = "blk.1.norm";
  });
  CHECK(says(why(), "two files have a tensor"));
}
