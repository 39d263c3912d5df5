#include <larder/core/bytes.hpp>
#include <larder/core/chunk_store.hpp>
#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/chunked_model.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/verify_tensors.hpp>

#include "written_model.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/split_model.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::chunk_piece;
using larder::chunked_model;
namespace fs = std::filesystem;

namespace {

const std::vector<file_tensor> odd_tensors{{"model.layers.0.a", "U8", "[3]", 3},  {"model.layers.1.big", "U8", "[5000]", 5000},
                                           {"model.layers.0.b", "F32", "[2]", 8}, {"model.layers.2.none", "F64", "[0]", 0},
                                           {"model.layers.2.c", "U8", "[5]", 5},  {"model.layers.2.d", "U8", "[1000]", 1000}};

/// A model in chunks of 1000 bytes in a directory.
struct chunked_files {
  chunked_files() {
    write_file(folder / "model.safetensors", model_bytes(odd_tensors));
    split = support::split_of(source(), "m", 1000);
    fs::create_directories(folder / "chunks/manifests");
    for (const auto& [id, content] : split.chunks) write_file(folder / "chunks" / id, content);
    write_file(folder / "chunks/manifests/m.json", split.text());
  }
  larder::safetensors source() const { return larder::safetensors{folder / "model.safetensors"}; }
  fs::path chunks() const { return folder / "chunks"; }
  fs::path first_chunk_of(std::size_t layer, std::size_t tensor) const {
    return chunks() / split.manifest.layers[layer].tensors[tensor].chunks.front().id.hex();
  }

  scratch_directory folder;
  support::split_model split;
};

std::string layer_text(const auto& source, std::size_t layer, std::size_t piece) {
  std::string out(static_cast<std::size_t>(source.layers()[layer].size), '?');
  for (std::size_t at = 0; at < out.size(); at += piece)
    source.read(layer, at, std::as_writable_bytes(std::span(out)).subspan(at, std::min(piece, out.size() - at)));
  return out;
}

/// Chunks in memory, which says what is read.
class noted_chunks {
 public:
  struct state {
    support::split_model model;
    std::mutex mutex;
    std::vector<std::size_t> reads;  // pieces
  };
  explicit noted_chunks(std::shared_ptr<state> s) : state_(std::move(s)) {}
  std::string name() const { return "memory"; }
  larder::bytes manifest(const std::string&) const {
    return larder::bytes::copy_of(state_->model.text().data(), state_->model.text().size());
  }
  void read(std::span<const chunk_piece> pieces) const {
    const std::lock_guard lock(state_->mutex);
    state_->reads.push_back(pieces.size());
    for (const chunk_piece& piece : pieces) {
      const std::string& chunk = state_->model.chunks.at(piece.id.hex());
      REQUIRE(chunk.size() == piece.chunk_size);
      REQUIRE(piece.offset + piece.room.size() <= chunk.size());
      REQUIRE_FALSE(piece.room.empty());
      std::memcpy(piece.room.data(), chunk.data() + piece.offset, piece.room.size());
    }
  }
  std::uint64_t read_unit() const { return 700; }

 private:
  std::shared_ptr<state> state_;
};

static_assert(larder::layer_source<chunked_model<noted_chunks>>);
static_assert(std::is_same_v<decltype(chunked_model{"DIR", "name"}), chunked_model<larder::chunk_directory>>);
static_assert(std::is_same_v<decltype(chunked_model{std::declval<fs::path>(), std::declval<std::string>()}),
                             chunked_model<larder::chunk_directory>>);

}  // namespace

TEST_CASE("a model in chunks has the layers and the bytes of the model that was split, read in pieces of any size") {
  const chunked_files f;
  const larder::safetensors whole = f.source();
  const chunked_model parts{f.chunks(), "m"};
  CHECK(parts.name() == "m");
  REQUIRE(parts.layers().size() == whole.layers().size());
  for (std::size_t i = 0; i < whole.layers().size(); ++i) {
    CHECK(parts.layers()[i].name == whole.layers()[i].name);
    CHECK(parts.layers()[i].size == whole.layers()[i].size);
    CHECK(parts.layers()[i].tensors == whole.layers()[i].tensors);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{700}, std::size_t{1000}, std::size_t{100'000}}) {
      CAPTURE(piece);
      CHECK(layer_text(parts, i, piece) == layer_text(whole, i, piece));
    }
  }
  CHECK(parts.read_unit() == larder::layers::read_unit);
}

TEST_CASE("a piece asks for the parts of chunks that it needs, and the place says how large pieces are") {
  const chunked_files f;
  const auto state = std::make_shared<noted_chunks::state>();
  state->model = f.split;
  const chunked_model source{noted_chunks{state}, "m"};
  CHECK(source.read_unit() == 700);
  std::vector<std::byte> room(700);
  source.read(1, 600, room);
  CHECK(state->reads == std::vector<std::size_t>{2});  // 600 to 999 of one, 1000 to 1299 of the next
  source.read(1, 1000, room);
  CHECK(state->reads.back() == 1);  // from the beginning of the second
  source.read(1, 300, room);
  CHECK(state->reads.back() == 1);  // up to the end of the first
  larder::layer_cache layers{chunked_model{noted_chunks{state}, "m"}, larder::max_bytes{1_MiB}};
  state->reads.clear();
  layers.get(1);
  CHECK(state->reads.size() == 8);
}

TEST_CASE("layers in chunks are cached and verified like those of a file") {
  const chunked_files f;
  larder::layer_cache layers{chunked_model{f.chunks().string(), "m"}, larder::max_bytes{1_MiB}};
  larder::layer_cache from_file{f.source(), larder::max_bytes{1_MiB}};
  for (auto layer : layers.pass()) CHECK(layer.data() == from_file.get(layer.index()).data());
  CHECK(layers.stats().bytes_verified == layers.weight());
  CHECK(layers.get(0).tensor("b").as_span<float>().size() == 2);
}

TEST_CASE("layer 0 is usable while chunks of later ones are not there yet") {
  const chunked_files f;
  const fs::path last = f.first_chunk_of(2, 2);
  const std::string content = f.split.chunks.at(last.filename().string());
  fs::remove(last);
  larder::layer_cache layers{chunked_model{f.chunks(), "m"}, larder::max_bytes{1_MiB}};
  CHECK(layers.get(0).size() == 12);
  const support::refusal refused = support::refusal_of([&] { layers.get(2); });
  CHECK(refused.cause == larder::error_cause::io);
  CHECK(says(refused, last.filename().string()));
  write_file(last, content);
  CHECK_NOTHROW(layers.get(2));
}

TEST_CASE("a chunk that is not what its name says is found before its layer is handed out") {
  const chunked_files f;
  const fs::path chunk = f.first_chunk_of(1, 0);
  std::string content = f.split.chunks.at(chunk.filename().string());
  content[999] = static_cast<char>(content[999] ^ 1);
  write_file(chunk, content);
  larder::layer_cache layers{chunked_model{f.chunks(), "m"}, larder::max_bytes{1_MiB}};
  const support::refusal refused = support::refusal_of([&] { layers.get(1); });
  CHECK(refused.cause == larder::error_cause::corruption);
  CHECK(says(refused, "tensor \"model.layers.1.big\" of layer \"model.layers.1\""));
  CHECK(says(refused, "chunk " + chunk.filename().string() + " in " + f.chunks().string()));
  CHECK(layers.stats().damaged == 1);

  write_file(chunk, content + "x");
  CHECK(
      says(support::refusal_of([&] { layers.get(1); }), chunk.string() + " has 1001 bytes, and the chunk of that name has 1000"));
  write_file(chunk, content.substr(1));
  CHECK(support::cause_of([&] { layers.get(1); }) == larder::error_cause::corruption);
}

TEST_CASE("names that lead elsewhere, absent models and manifests that will not do are refused") {
  const chunked_files f;
  const auto opened = [&](const std::string& name) { return support::refusal_of([&] { chunked_model{f.chunks(), name}; }); };
  write_file(f.folder / "outside.json", f.split.text());
  CHECK(opened("../../outside").cause == larder::error_cause::invalid_argument);
  CHECK(opened("").cause == larder::error_cause::invalid_argument);
  CHECK(opened("other").cause == larder::error_cause::io);
  write_file(f.chunks() / "manifests/whole.json", support::split_of(f.source(), "whole").text());
  const support::refusal whole = opened("whole");
  CHECK(whole.cause == larder::error_cause::invalid_argument);
  CHECK(says(whole, "the manifest of whole in " + f.chunks().string() + " says nothing of chunks"));
  write_file(f.chunks() / "manifests/cut.json", f.split.text().substr(0, 100));
  const support::refusal cut = opened("cut");
  CHECK(cut.cause == larder::error_cause::corruption);
  CHECK(says(cut, "the manifest of cut in " + f.chunks().string() + ": not a valid manifest of a model"));
  fs::resize_file(f.chunks() / "manifests/cut.json", 300'000'000);
  CHECK(says(opened("cut"), "a manifest of 300000000 bytes is not read"));
  CHECK(larder::chunk_directory("d").path_of_manifest("m") == "d/manifests/m.json");
  CHECK(larder::chunk_directory("d").path_of_chunk({1, 2}) == "d/00000000000000020000000000000001");
  CHECK(chunked_model{f.chunks(), "m"}.place_of(2, 0) == "no chunk, since it has no bytes");
}
