#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/core/verify.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/layer/gguf.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_files.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/verify_tensors.hpp>

#include "hand_source.hpp"
#include "written_model.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/folders.hpp"
#include "support/gguf_file.hpp"
#include "support/refusal.hpp"
#include "support/split_model.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::verify;
using larder::verify_tensors;
namespace fs = std::filesystem;

namespace {

/// Three layers: two tensors with a gap between them, one tensor of several pieces, one without bytes.
const std::vector<file_tensor> odd_tensors{{"model.layers.0.a", "U8", "[3]", 3},
                                           {"model.layers.1.big", "U8", "[5000000]", 5'000'000},
                                           {"model.layers.0.b", "F32", "[2]", 8},
                                           {"model.layers.2.none", "F64", "[0]", 0},
                                           {"model.layers.2.c", "U8", "[5]", 5}};

/// A model and the manifest beside it.
struct digested_model {
  digested_model() {
    write_file(path, model_bytes(odd_tensors));
    describe();
  }
  void describe() const { write_file(manifest(), support::split_of(larder::safetensors{path}, "m").text()); }
  fs::path manifest() const { return larder::layers::digests_path(path); }
  /// Flips a bit of the file's data, in place and without a trace in its times.
  void flip(std::uint64_t offset_in_data, unsigned bit) const {
    const auto time = fs::last_write_time(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    std::uint64_t length = 0;
    file.read(reinterpret_cast<char*>(&length), 8);
    const auto at = static_cast<std::streamoff>(8 + length + offset_in_data);
    file.seekg(at);
    char byte = 0;
    file.get(byte);
    file.seekp(at);
    file.put(static_cast<char>(byte ^ (1 << bit)));
    file.close();
    fs::last_write_time(path, time);
  }

  scratch_directory folder;
  fs::path path = folder / "model.safetensors";
};

}  // namespace

TEST_CASE("a manifest is called after the model and lies beside it") {
  using larder::layers::digests_name;
  using larder::layers::digests_path;
  CHECK(digests_name("models/a.gguf") == "a.gguf.digests.json");
  CHECK(digests_path("models/m.safetensors") == "models/m.safetensors.digests.json");
  CHECK(digests_path("m.safetensors") == "m.safetensors.digests.json");
  CHECK(digests_path("models/layers/") == "models/layers.digests.json");
  CHECK(digests_path("models/x/../layers") == "models/layers.digests.json");
  CHECK(digests_path(".") == fs::canonical(".").parent_path() / (fs::canonical(".").filename().string() + ".digests.json"));
}

TEST_CASE("a model without a manifest is read as before, and says that it knows no digests") {
  const digested_model m;
  fs::remove(m.manifest());
  larder::layer_cache layers{larder::safetensors{m.path}, larder::max_bytes{20_MB}, verify_tensors{verify::always}};
  CHECK(layers.source().digests().empty());
  layers.get(0);
  CHECK(layers.stats().bytes_verified == 0);
}

TEST_CASE("each layer is verified at its first read while the cache is open, and its bytes are counted") {
  const digested_model m;
  larder::layer_cache layers{larder::safetensors{m.path}, larder::lru{}, larder::max_entries{1}};
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t i = 0; i < 3; ++i) layers.get(i);
  CHECK(layers.stats().loads == 6);
  CHECK(layers.stats().bytes_read == 2 * (12U + 5'000'000 + 5));
  CHECK(layers.stats().bytes_verified == 12 + 5'000'000 + 5);
  CHECK(layers.stats().damaged == 0);

  larder::layer_cache always{larder::safetensors{m.path}, larder::lru{}, larder::max_entries{1}, verify_tensors{verify::always}};
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t i = 0; i < 3; ++i) always.get(i);
  CHECK(always.stats().bytes_verified == always.stats().bytes_read);

  larder::layer_cache never{larder::safetensors{m.path}, larder::max_bytes{20_MB}, verify_tensors{verify::never}};
  m.flip(0, 0);
  larder::layer_cache unverified{larder::safetensors{m.path}, verify_tensors{verify::never}};
  CHECK_NOTHROW(unverified.get(0));
  CHECK(unverified.stats().bytes_verified == 0);
}

TEST_CASE("a bit that flipped in any tensor is found at first read: named, counted, not stored, and read again") {
  struct place {
    std::uint64_t offset;  // in the file's data
    const char* layer;
    const char* tensor;
    const char* begin;
  };
  for (const place& p :
       {place{0, "model.layers.0", "model.layers.0.a", "0"}, place{2, "model.layers.0", "model.layers.0.a", "0"},
        place{3, "model.layers.1", "model.layers.1.big", "3"}, place{2'500'000, "model.layers.1", "model.layers.1.big", "3"},
        place{5'000'002, "model.layers.1", "model.layers.1.big", "3"},
        place{5'000'003, "model.layers.0", "model.layers.0.b", "5000003"},
        place{5'000'015, "model.layers.2", "model.layers.2.c", "5000011"}}) {
    CAPTURE(p.offset);
    const digested_model m;
    const std::uint64_t data_begin = fs::file_size(m.path) - 5'000'016;
    m.flip(p.offset, 5);
    larder::layer_cache layers{larder::safetensors{m.path}, larder::max_bytes{20_MB}};
    const support::refusal refused = support::refusal_of([&] { layers.get(p.layer); });
    CHECK(refused.cause == larder::error_cause::corruption);
    CHECK(says(refused, "tensor \"" + std::string(p.tensor) + "\" of layer \"" + p.layer + "\" is not what its digest says"));
    CHECK(says(refused, m.path.string() + ", offset " + std::to_string(data_begin + std::stoull(p.begin))));
    CHECK_FALSE(layers.contains(p.layer));
    CHECK(layers.stats().damaged == 1);
    CHECK(layers.stats().load_failures == 1);
    CHECK(layers.stats().bytes_verified == 0);
    m.flip(p.offset, 5);  // what was wrong was the cable, say
    larder::layer_cache again{larder::safetensors{m.path}, larder::max_bytes{20_MB}};
    CHECK_NOTHROW(again.get(p.layer));
    CHECK(again.stats().bytes_verified == again.get(p.layer).size());
  }
}

namespace {

/// One layer that a loader fills, and of which a digest is known. It comes damaged as often as it is told to.
class shaky_source {
 public:
  shaky_source(hand& h, int damaged) : hand_(&h), damaged_(std::make_shared<std::atomic<int>>(damaged)) {
    layers_.push_back({"layer.0", 3000, {{"layer.0.w", larder::dtype::u8, {3000}, 0, 3000}}});
  }
  static constexpr bool whole_layers = true;
  std::span<const larder::layer_info> layers() const noexcept { return layers_; }
  void read(std::size_t i, std::uint64_t, std::span<std::byte> room) const {
    hand_->load(i, room);
    if (damaged_->fetch_sub(1) > 0) room[2999] ^= std::byte{1};
  }
  larder::layers::tensor_digests digests() const { return {{larder::digest_of(std::string(3000, '\0'))}}; }

 private:
  hand* hand_;
  std::shared_ptr<std::atomic<int>> damaged_;
  std::vector<larder::layer_info> layers_;
};

template <class Operation>
std::exception_ptr thrown_by(Operation&& operation) {
  try {
    operation();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}
bool is_corruption(const std::exception_ptr& thrown) {
  return thrown != nullptr && support::cause_of([&] { std::rethrow_exception(thrown); }) == larder::error_cause::corruption;
}

}  // namespace

TEST_CASE("what is wrong reaches everybody who waits, and the next get reads again and finds it right") {
  hand h;
  larder::layer_cache layers{shaky_source(h, 1)};
  h.hold();
  std::vector<std::thread> waiters;
  std::array<std::exception_ptr, 3> refusals;  // kept until all have looked: they share one
  for (std::exception_ptr& mine : refusals) waiters.emplace_back([&] { mine = thrown_by([&] { layers.get(0); }); });
  while (layers.stats().misses != 3) std::this_thread::yield();  // all wait for one load
  h.let_all();
  for (std::thread& t : waiters) t.join();
  for (const std::exception_ptr& refused : refusals) CHECK(is_corruption(refused));
  CHECK(h.loads() == 1);
  CHECK(layers.stats().damaged == 1);
  CHECK(layers.size() == 0);
  CHECK(is_whole(layers.get(0)));
  CHECK(h.loads() == 2);
  CHECK(layers.stats().bytes_verified == 3000);
}

TEST_CASE("a load that is tried again is verified again, and each damaged try counts") {
  hand h;
  larder::layer_cache layers{shaky_source(h, 2), larder::load_retries{3, 0ms}};
  CHECK(is_whole(layers.get(0)));
  CHECK(h.loads() == 3);
  CHECK(layers.stats().damaged == 2);
  CHECK(layers.stats().load_failures == 0);
}

TEST_CASE("a warm-up that meets damage fails, and a pass throws at its step") {
  std::exception_ptr by_warmup;  // looked at when the loader, which shares them, is gone
  std::exception_ptr by_pass;
  {
    hand h;
    larder::layer_cache layers{shaky_source(h, 2)};
    by_warmup = thrown_by([&] { layers.warmup({0}).wait(); });
    by_pass = thrown_by([&] {
      for (auto layer : layers.pass()) CHECK(is_whole(layer));
    });
    CHECK(layers.stats().damaged == 2);
  }
  for (const std::exception_ptr& one : {by_warmup, by_pass}) CHECK(is_corruption(one));
}

TEST_CASE("a manifest that is damaged or another model's is an error when a cache is made, unless nothing is to be verified") {
  const digested_model m;
  const std::string good = support::split_of(larder::safetensors{m.path}, "m").text();
  const auto refused_with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write_file(m.manifest(), text.replace(at, from.size(), to));
    const support::refusal refused = support::refusal_of([&] { larder::layer_cache layers{larder::safetensors{m.path}}; });
    CHECK(refused.cause == larder::error_cause::corruption);
    CHECK(says(refused, m.manifest().string()));
    CHECK_NOTHROW(larder::layer_cache(larder::safetensors{m.path}, verify_tensors{verify::never}));
    return refused;
  };
  CHECK(says(refused_with("\"version\": 1", "\"version\": 9"), "version 9"));
  CHECK(says(refused_with("model.layers.0.a", "model.layers.0.x"),
             "is not about " + m.path.string() + ": tensor \"model.layers.0.a\" of the model is not in it"));
  CHECK(says(refused_with("\"U8\", \"shape\": [3]", "\"I8\", \"shape\": [3]"),
             "is I8 [3] in it, and U8 [3] in the model; write it anew (larder layers digest) or remove it"));
  CHECK(says(refused_with("[2], \"offset\": 4", "[1,2], \"offset\": 4"), "is F32 [1,2] in it, and F32 [2] in the model"));
  CHECK(says(refused_with("{", ""), "not a valid manifest"));

  auto more = support::split_of(larder::safetensors{m.path}, "m");
  more.manifest.layers.push_back({"new", 1, {{{"new.w", larder::dtype::u8, {1}, 0, 1}, {}, {}}}});
  write_file(m.manifest(), more.text());
  CHECK(says(support::refusal_of([&] { larder::safetensors{m.path}.digests(); }), "it has 6 tensors, the model has 5"));
  more.manifest.layers.back().tensors[0].info.name = "model.layers.0.a";
  write_file(m.manifest(), more.text());
  CHECK(
      says(support::refusal_of([&] { larder::safetensors{m.path}.digests(); }), "two layers have a tensor \"model.layers.0.a\""));
}

TEST_CASE("digests find their tensors however a model is grouped") {
  const digested_model m;
  const larder::safetensors one{m.path, larder::group_by{[](std::string_view) { return std::string("all"); }}};
  const auto all = one.digests();
  REQUIRE(all.size() == 1);
  REQUIRE(all[0].size() == 5);
  const larder::safetensors listed{m.path, std::vector<larder::layer_group>{{"mine", {"model.layers.2.c"}}}};
  const auto some = listed.digests();
  REQUIRE(some.size() == 1);
  REQUIRE(some[0].size() == 1);
  CHECK(some[0][0] == larder::safetensors{m.path}.digests()[2][1]);
  larder::layer_cache layers{
      larder::safetensors{m.path, std::vector<larder::layer_group>{{"mine", {"model.layers.2.c", "model.layers.0.b"}}}}};
  layers.get("mine");
  CHECK(layers.stats().bytes_verified == layers.get("mine").size());
}

TEST_CASE("GGUF files and directories of layers are verified likewise") {
  const scratch_directory folder;
  support::gguf_file file;
  file.tensors = {{"blk.0.w", {64}, 2, 0}, {"blk.1.w", {4}, 0, 64}};  // 36 bytes, then 16
  file.data_size = 80;
  write_file(folder / "m.gguf", file.text());
  write_file(folder / "m.gguf.digests.json", support::split_of(larder::gguf{folder / "m.gguf"}, "m").text());
  {
    larder::layer_cache layers{larder::gguf{folder / "m.gguf"}};
    layers.get("blk.0");
    CHECK(layers.stats().bytes_verified == 36);
  }
  std::string damaged = file.text();
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_file(folder / "m.gguf", damaged);
  {
    larder::layer_cache layers{larder::gguf{folder / "m.gguf"}};
    CHECK_NOTHROW(layers.get("blk.0"));
    CHECK(says(support::refusal_of([&] { layers.get("blk.1"); }), "m.gguf, offset " + std::to_string(file.text().size() - 16)));
  }

  fs::create_directory(folder / "split");
  for (const char* name : {"0", "1"}) {
    write_file(folder / "split" / (std::string("l.") + name + ".safetensors"),
               model_bytes({{"weight", "U8", "[4]", 4}, {"bias", "U8", "[2]", 2}}));
    write_file(folder / "split" / (std::string("raw.") + name + ".bin"), std::string("bytes ") + name);
  }
  write_file(folder / "split.digests.json", support::split_of(larder::layer_files{folder / "split"}, "split").text());
  write_file(folder / "split" / "raw.1.bin", "bytes 2");
  larder::layer_cache layers{larder::layer_files{(folder / "split").string() + "/"}};
  for (const char* name : {"l.0", "l.1", "raw.0"}) CHECK_NOTHROW(layers.get(name));
  CHECK(says(support::refusal_of([&] { layers.get("raw.1"); }), "raw.1.bin, offset 0"));
  CHECK(layers.stats().bytes_verified == 6 + 6 + 7);
  fs::remove(folder / "split" / "raw.1.bin");
  CHECK(says(support::refusal_of([&] { larder::layer_files{folder / "split"}.digests(); }), "it has 6 tensors, the model has 5"));
  write_file(folder / "split" / "raw.2.bin", "one more");
  CHECK(says(support::refusal_of([&] { larder::layer_files{folder / "split"}.digests(); }),
             "tensor \"raw.2.data\" of the model is not in it"));
}

TEST_CASE("the files of a model in several, and where in them a tensor is") {
  const scratch_directory folder;
  write_file(folder / "a.safetensors", model_bytes({{"l.0.w", "U8", "[10]", 10}}));
  write_file(folder / "b.safetensors", model_bytes({{"l.1.v", "U8", "[4]", 4}, {"l.1.w", "U8", "[20]", 20}}));
  write_file(folder / "m.safetensors.index.json",
             R"({"weight_map":{"l.0.w":"a.safetensors","l.1.v":"b.safetensors","l.1.w":"b.safetensors"}})");
  const fs::path index = folder / "m.safetensors.index.json";
  write_file(folder / "m.safetensors.index.json.digests.json", support::split_of(larder::safetensors{index}, "m").text());
  const larder::safetensors source{index};
  CHECK(source.digests().size() == 2);
  CHECK(source.place_of(1, 1) ==
        (folder / "b.safetensors").string() + ", offset " + std::to_string(fs::file_size(folder / "b.safetensors") - 20));
}

TEST_CASE("a real model is verified, and a bit in each of its tensors is found") {
  const fs::path real = support::shared_folder() / "real/safetensors/silero_vad_16k.safetensors";
  if (!fs::exists(real)) {
    MESSAGE("SKIPPED: there is no " << real.string());
    return;
  }
  const scratch_directory folder;
  const fs::path path = folder / "m.safetensors";
  fs::copy_file(real, path);
  fs::permissions(path, fs::perms::owner_all);
  const auto split = support::split_of(larder::safetensors{path}, "m");
  write_file(folder / "m.safetensors.digests.json", split.text());
  {
    larder::layer_cache layers{larder::safetensors{path}};
    for (auto layer : layers.pass()) CHECK(layer.size() != 0);
    CHECK(layers.stats().bytes_verified == layers.weight());
  }
  const larder::safetensors source{path};
  const std::uint64_t data_begin = fs::file_size(path) - source.tensors().back().offset - source.tensors().back().size;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  for (const larder::tensor_info& tensor : source.tensors()) {
    if (tensor.size == 0) continue;
    CAPTURE(tensor.name);
    const auto at = static_cast<std::streamoff>(data_begin + tensor.offset + tensor.size / 2);
    const auto flip = [&] {
      file.seekg(at);
      const int byte = file.get();
      file.seekp(at);
      file.put(static_cast<char>(byte ^ 4));
      file.flush();
    };
    flip();
    larder::layer_cache layers{larder::safetensors{path}};
    std::string said;
    for (const larder::layer_info& layer : layers.layers()) said += support::refusal_of([&] { layers.get(layer.name); }).message;
    CHECK(said.find("tensor \"" + tensor.name + "\"") != std::string::npos);
    CHECK(layers.stats().damaged == 1);
    flip();
  }
}
