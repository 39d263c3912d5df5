#include "written_model.hpp"
#include "support/folders.hpp"

#include <larder/core/units.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;
using namespace larder::literals;

namespace {

std::vector<std::string> layer_names(const larder::safetensors& source) {
  std::vector<std::string> names;
  for (const larder::layer_info& l : source.layers()) names.push_back(l.name);
  return names;
}
std::vector<std::byte> read_all(const larder::safetensors& source, std::size_t layer) {
  std::vector<std::byte> memory(source.layers()[layer].size);
  source.read(layer, 0, memory);
  return memory;
}
/// Whether each tensor of the layer holds the file's bytes.
bool matches_file(const larder::safetensors& source, const larder::layer& layer) {
  for (const larder::tensor& tensor : layer)
    for (const larder::tensor_info& in_file : source.tensors())
      if (in_file.name == tensor.info().name)
        for (std::size_t k = 0; k < tensor.size(); ++k)
          if (tensor.data().data()[k] != static_cast<std::byte>(data_byte(in_file.offset + k))) return false;
  return true;
}

}  // namespace

TEST_CASE("a layer is named by the first component that is all digits, else by the first") {
  using larder::layers::layer_of;
  CHECK(layer_of("model.layers.7.mlp.weight") == "model.layers.7");
  CHECK(layer_of("h.0.attn.1.bias") == "h.0");
  CHECK(layer_of("12.weight") == "12");
  CHECK(layer_of("layers.10") == "layers.10");
  CHECK(layer_of("lm_head.weight") == "lm_head");
  CHECK(layer_of("conv1.weight") == "conv1");
  CHECK(layer_of("scale") == "scale");
  CHECK(layer_of("block_3.x") == "block_3");
  CHECK(layer_of("a..b") == "a");
  CHECK(layer_of(".5.x") == ".5");
}

TEST_CASE("layers are in file order, numbered ones of one prefix ascending") {
  const scratch_directory directory;
  std::vector<file_tensor> tensors;
  for (const char* name : {"lm_head.weight", "model.embed.weight", "model.layers.0.w", "model.layers.1.w", "model.layers.10.w",
                           "model.layers.2.w", "model.norm.weight"})
    tensors.push_back({name, "U8", "[4]", 4});
  write_file(directory / "m.safetensors", model_bytes(tensors));
  const larder::safetensors source{directory / "m.safetensors"};
  CHECK(layer_names(source) ==
        std::vector<std::string>{"lm_head", "model", "model.layers.0", "model.layers.1", "model.layers.2", "model.layers.10"});
  CHECK(source.layers()[1].tensors.size() == 2);  // embedding and norm, which lie apart in the file
  CHECK(source.layers()[1].size == 8);
}

TEST_CASE("one prefix's layers stand together, each prefix at its first byte") {
  const scratch_directory directory;
  std::vector<file_tensor> tensors;
  for (const char* name : {"dec.1.w", "enc.1.w", "dec.0.w", "enc.00.w", "enc.12345678901234567890123.w", "enc.2.w"})
    tensors.push_back({name, "U8", "[1]", 1});
  write_file(directory / "m.safetensors", model_bytes(tensors));
  CHECK(layer_names(larder::safetensors{directory / "m.safetensors"}) ==
        std::vector<std::string>{"dec.0", "dec.1", "enc.00", "enc.1", "enc.2", "enc.12345678901234567890123"});
}

TEST_CASE("grouping by a function and by a list") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes({{"a.0.w", "U8", "[3]", 3}, {"a.0.b", "F32", "[2]", 8}, {"b.w", "U8", "[2]", 2}, {"c.w", "U8", "[2]", 2}}));
  const larder::safetensors halves{path, larder::group_by{[](std::string_view name) { return name < "b" ? "front" : "back"; }}};
  CHECK(layer_names(halves) == std::vector<std::string>{"front", "back"});

  const larder::safetensors listed{path, std::vector<larder::layer_group>{{"two", {"c.w", "a.0.w"}}, {"one", {"b.w"}}}};
  CHECK(layer_names(listed) == std::vector<std::string>{"two", "one"});
  CHECK(listed.layers()[0].tensors[0].name == "c.w");
  larder::layer_cache layers{larder::safetensors{path, std::vector<larder::layer_group>{{"two", {"c.w", "a.0.w"}}, {"one", {"b.w"}}}}};
  CHECK(matches_file(layers.source(), layers.get("two")));

  CHECK_THROWS_WITH_AS(larder::safetensors(path, std::vector<larder::layer_group>{{"x", {"nowhere"}}}), doctest::Contains("\"nowhere\""), larder::error);
  CHECK_THROWS_WITH_AS(larder::safetensors(path, std::vector<larder::layer_group>{{"x", {"b.w", "b.w"}}}), doctest::Contains("twice"), larder::error);
  CHECK_THROWS_WITH_AS(larder::safetensors(path, std::vector<larder::layer_group>{{"x", {"b.w"}}, {"x", {"c.w"}}}), doctest::Contains("two layers"),
                       larder::error);
}

TEST_CASE("L18 tensors are in place and aligned for their type, wherever the file has them") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  // Nothing is aligned in this file: a reader that maps it could not hand out floats.
  write_file(path, model_bytes({{"l.0.a", "U8", "[3]", 3}, {"l.0.b", "F32", "[2,2]", 16}, {"l.1.c", "F64", "[1]", 8}, {"l.0.d", "I16", "[3]", 6},
                                {"l.0.e", "U8", "[0]", 0}, {"l.0.f", "I64", "[1]", 8}}));
  larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{1_MiB}};
  const larder::layer layer = layers.get(0);
  CHECK(matches_file(layers.source(), layer));
  CHECK(layer.tensor_count() == 5);
  CHECK(reinterpret_cast<std::uintptr_t>(layer.data().data()) % 4096 == 0);
  const larder::tensor b = layer.tensor("b");
  CHECK(b.as_span<float>().size() == 4);
  CHECK(b.as_span<std::int32_t>().size() == 4);
  CHECK(b.as_span<std::byte>().size() == 16);
  CHECK_THROWS_WITH_AS(b.as_span<double>(), doctest::Contains("holds F32"), larder::error);
  CHECK(b.shape().size() == 2);
  CHECK(b.dtype() == larder::dtype::f32);
  CHECK(b.name() == "b");
  CHECK(b.info().name == "l.0.b");
  CHECK(layer.tensor("l.0.b").data() == b.data());
  CHECK(layer.tensor("f").as_span<std::int64_t>().size() == 1);
  CHECK(layer.tensor("e").data().empty());
  CHECK(layer.contains("d"));
  CHECK_FALSE(layer.contains("c"));
  // In place: the tensor's bytes are the layer's own.
  CHECK(b.data().data() >= layer.data().data());
  CHECK(b.data().data() + b.size() <= layer.data().data() + layer.data().size());

  // Any piece of a layer reads the same as the whole, gaps included.
  const larder::safetensors& source = layers.source();
  const std::vector<std::byte> whole = read_all(source, 0);
  for (std::size_t from = 0; from < whole.size(); ++from)
    for (std::size_t n = 0; n <= whole.size() - from; ++n) {
      std::vector<std::byte> piece(n, std::byte{0xee});
      source.read(0, from, piece);
      REQUIRE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(from)));
    }
}

TEST_CASE("layers larger than a read unit are whole") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes(equal_layers(3, 5'000'001)));
  larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{5'000'001}};
  for (auto layer : layers.pass()) CHECK(matches_file(layers.source(), layer));
  CHECK(layers.stats().bytes_read == 3 * 5'000'001);
}

TEST_CASE("L18 a file that ends at any byte but its last is refused") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  const std::string whole = model_bytes({{"a.0.w", "F32", "[2]", 8}, {"a.1.w", "U8", "[3]", 3}}, R"({"format":"pt"})");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    write_file(path, std::string_view(whole).substr(0, n));
    CHECK_THROWS_AS(larder::safetensors{path}, larder::error);
  }
  write_file(path, whole);
  const larder::safetensors source{path};
  CHECK(source.metadata().at("format") == "pt");
  CHECK(source.tensors().size() == 2);
  write_file(path, whole + "x");
  CHECK_THROWS_WITH_AS(larder::safetensors{path}, doctest::Contains("m.safetensors"), larder::error);
}

TEST_CASE("L18 any flipped byte of the header is refused or leaves tensors inside the file") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  const std::string whole = model_bytes({{"a.0.w", "F32", "[2]", 8}, {"a.1.w", "U8", "[3]", 3}});
  const std::size_t header = whole.size() - 11;
  for (std::size_t at = 0; at < header; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ (1U << bit));
      write_file(path, flipped);
      std::optional<larder::safetensors> source;
      try {
        source.emplace(path);
      } catch (const larder::error&) {
        continue;
      }
      std::uint64_t bytes = 0;
      for (std::size_t i = 0; i < source->layers().size(); ++i) bytes += read_all(*source, i).size();
      REQUIRE(bytes >= 11);
      REQUIRE(bytes < 11 + 8);  // the data and at most the gaps that align it
    }
}

TEST_CASE("a file that changes or shrinks after it was opened is an error, not a crash") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes(equal_layers(4, 10'000)));
  larder::layer_cache layers{larder::safetensors{path}, larder::max_entries{2}};
  const larder::layer before = layers.get(0);
  std::filesystem::resize_file(path, 25'000);
  CHECK_THROWS_WITH_AS(layers.get(3), doctest::Contains("truncated"), larder::error);
  CHECK_THROWS_WITH_AS(layers.get(1), doctest::Contains("changed in place"), larder::error);
  CHECK(matches_file(layers.source(), before));
  CHECK_FALSE(layers.contains(3));

  // A file that is replaced by a rename goes on being read as it was.
  const auto other = directory / "n.safetensors";
  write_file(other, model_bytes(equal_layers(4, 10'000)));
  larder::layer_cache steady{larder::safetensors{other}};
  write_file(directory / "new", "something else");
  std::filesystem::rename(directory / "new", other);
  CHECK(matches_file(steady.source(), steady.get(2)));
}

TEST_CASE("what is no readable file is an error that names it") {
  const scratch_directory directory;
  CHECK_THROWS_WITH_AS(larder::safetensors{directory / "absent.safetensors"}, doctest::Contains("absent.safetensors cannot be opened"), larder::error);
  CHECK_THROWS_WITH_AS(larder::safetensors{directory / ""}, doctest::Contains("not a regular file"), larder::error);
}

TEST_CASE("the door's snippet, on the real model") {
  const std::filesystem::path path = support::shared_folder() / "real/safetensors/silero_vad_16k.safetensors";
  if (!std::filesystem::exists(path)) {
    MESSAGE("SKIPPED: no real inputs; set LARDER_SHARED_DIR to the directory that holds real/safetensors/silero_vad_16k.safetensors");
    return;
  }
  larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{1_GiB}};
  std::vector<std::string> names;
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
  for (auto layer : layers.pass()) {
    names.emplace_back(layer.name());
    for (const larder::tensor& t : layer) {
      ++tensors;
      bytes += t.as_span<float>().size_bytes();
    }
  }
  CHECK(names == std::vector<std::string>{"stft_conv", "conv1", "conv2", "conv3", "conv4", "lstm_cell", "final_conv"});
  CHECK(tensors == 15);
  CHECK(bytes == 1'238'532);
  CHECK(layers.stats().loads == 7);
  CHECK(layers.get("conv1").tensor("weight").shape()[1] == 129);
  layers.warmup({0, 1, 2}).wait();
  layers.prefetch_next(2, 2);
  CHECK(layers.get(3).name() == "conv3");
  layers.set_capacity(larder::max_bytes{600'000});
  for (int pass = 0; pass < 3; ++pass)
    for (auto layer : layers.pass()) CHECK(layer.size() == layer.data().size());
  CHECK(layers.weight() <= 600'000);
}

namespace {

/// Three files and their index: layers lie across files, and 10 comes behind 9.
void write_split_model(const std::filesystem::path& folder, const std::string& index = {}) {
  write_file(folder / "model-00001-of-00003.safetensors",
             model_bytes({{"embed.weight", "U8", "[40]", 40}, {"model.layers.9.a", "F32", "[3]", 12}}, R"({"format":"pt"})"));
  write_file(folder / "model-00002-of-00003.safetensors",
             model_bytes({{"model.layers.10.a", "F32", "[5]", 20}, {"model.layers.9.b", "U8", "[7]", 7}}, R"({"format":"np","more":"x"})"));
  write_file(folder / "model-00003-of-00003.safetensors", model_bytes({{"head.weight", "U8", "[3]", 3}}));
  write_file(folder / "model.safetensors.index.json", !index.empty() ? index : R"({"metadata":{"total_size":82},"weight_map":{
    "embed.weight":"model-00001-of-00003.safetensors","model.layers.9.a":"model-00001-of-00003.safetensors",
    "model.layers.10.a":"model-00002-of-00003.safetensors","model.layers.9.b":"model-00002-of-00003.safetensors",
    "head.weight":"model-00003-of-00003.safetensors"}})");
}
std::string refusal_of_index(const std::filesystem::path& folder, const std::string& index) {
  write_split_model(folder, index);
  try {
    larder::safetensors source(folder / "model.safetensors.index.json");
    return "";
  } catch (const larder::error& e) {
    return e.what();
  }
}
bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a model in several files is one source, by its index") {
  const scratch_directory folder;
  write_split_model(folder.path());
  const larder::safetensors source(folder / "model.safetensors.index.json");
  CHECK(layer_names(source) == std::vector<std::string>{"embed", "model.layers.9", "model.layers.10", "head"});
  CHECK(source.tensors().size() == 5);
  CHECK(source.path() == folder / "model.safetensors.index.json");
  CHECK(source.metadata().at("format") == "pt");
  CHECK(source.metadata().at("more") == "x");
  larder::layer_cache cache{larder::safetensors(folder / "model.safetensors.index.json"), larder::max_bytes{100}};
  for (const larder::layer& layer : cache.pass()) CHECK(matches_file(source, layer));
  const larder::layer_info& across = source.layers()[1];
  REQUIRE(across.tensors.size() == 2);  // of two files
  const std::vector<std::byte> whole = read_all(source, 1);
  for (std::size_t begin = 0; begin < whole.size(); ++begin)
    for (std::size_t size = 1; size <= whole.size() - begin; ++size) {
      std::vector<std::byte> piece(size);
      source.read(1, begin, piece);
      CHECK(std::memcmp(piece.data(), whole.data() + begin, size) == 0);
    }
}

TEST_CASE("an index that does not say what its files hold is refused") {
  const scratch_directory folder;
  const auto with_map = [&](const std::string& map) { return refusal_of_index(folder.path(), R"({"weight_map":{)" + map + "}}"); };
  const std::string first = "\"model-00001-of-00003.safetensors\"";
  CHECK(contains(with_map("\"embed.weight\":" + first),
                 "tensor \"model.layers.9.a\" is in model-00001-of-00003.safetensors, where the index does not have it"));
  CHECK(contains(with_map("\"embed.weight\":" + first + ",\"model.layers.9.a\":" + first + ",\"missing\":" + first),
                 "has 2 tensors, the index names 3 there"));
  CHECK(contains(with_map("\"embed.weight\":\"nothing.safetensors\""), "nothing.safetensors"));
  CHECK(contains(with_map("\"embed.weight\":\"../model-00001-of-00003.safetensors\""), "is not a plain name in the folder"));
  CHECK(contains(refusal_of_index(folder.path(), "{}"), "it has no weight_map"));
  write_split_model(folder.path());
  const larder::safetensors source(folder / "model.safetensors.index.json");
  std::filesystem::resize_file(folder / "model-00003-of-00003.safetensors", 70);
  CHECK_THROWS_AS(read_all(source, 0), larder::error);  // a change of any of the files
}
