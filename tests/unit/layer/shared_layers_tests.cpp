#include "written_model.hpp"

#include <larder/core/verify.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_pool.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/shared_layers.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/split_model.hpp"

using namespace larder_tests;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t count = 6;
constexpr std::size_t size = 5000;

/// A base and a model that was tuned from it: other bytes in two of its layers.
struct family {
  family() {
    std::string content = model_bytes(equal_layers(count, size));
    write(base, content);
    for (const std::size_t i : {1U, 4U}) content[content.size() - count * size + i * size + 17] ^= 1;
    write(tuned, content);
  }
  static void write(const fs::path& path, const std::string& content) {
    write_file(path, content);
    write_file(larder::layers::digests_path(path), support::split_of(larder::safetensors{path}, "m").text());
  }
  scratch_directory folder;
  fs::path base = folder / "base.safetensors";
  fs::path tuned = folder / "tuned.safetensors";
};

const std::byte* place_of(const larder::layer& layer) { return layer.data().data(); }

}  // namespace

TEST_CASE("layers that two models have alike lie in memory once, the others twice") {
  const family models;
  const larder::shared_layers shared;
  larder::layer_cache base{larder::safetensors{models.base}, larder::max_bytes{count * size}, shared};
  larder::layer_cache tuned{larder::safetensors{models.tuned}, larder::max_bytes{count * size}, shared};
  base.warmup({0, 1, 2, 3, 4, 5}).wait();
  CHECK(shared.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    const larder::layer ours = tuned.get(i);
    CHECK((place_of(ours) == place_of(base.get(i))) == (i != 1 && i != 4));
    CHECK(ours.index() == i);
    CHECK(ours.name() == "model.layers." + std::to_string(i));
    CHECK(ours.tensor("weight").data() == ours.data());
  }
  CHECK(shared.size() == count + 2);
  const larder::layer_stats stats = tuned.stats();
  CHECK(stats.shared_layers == 4);
  CHECK(stats.shared_bytes == 4 * size);
  CHECK(stats.loads == 2);
  CHECK(stats.bytes_read == 2 * size);
  CHECK(stats.pinned_bytes == 0);
  CHECK(tuned.weight() == count * size);
  CHECK(base.stats().shared_layers == 0);
  CHECK(base.stats().pinned_bytes == 0);
}

TEST_CASE("memory stays while either cache or a lease holds it, and is found no longer") {
  const family models;
  const larder::shared_layers shared;
  std::optional<larder::layer> lease;
  larder::layer_cache tuned{larder::safetensors{models.tuned}, larder::max_bytes{count * size}, shared};
  {
    larder::layer_cache base{larder::safetensors{models.base}, larder::max_bytes{count * size}, shared};
    base.warmup({0, 2, 3}).wait();
    for (const std::size_t i : {0U, 2U}) tuned.get(i);
    lease = base.get(3);
    CHECK(tuned.stats().shared_layers == 2);
    base.clear();
    CHECK(base.stats().pinned_bytes == 3 * size);  // what the other cache and the lease hold
    CHECK(shared.size() == 3);
  }
  CHECK(shared.size() == 3);
  for (const std::size_t i : {0U, 2U, 3U}) {
    const larder::layer ours = tuned.get(i);
    for (std::size_t k = 0; k < size; ++k) REQUIRE(ours.data().data()[k] == static_cast<std::byte>(data_byte(i * size + k)));
  }
  CHECK(tuned.stats().shared_layers == 3);
  lease.reset();
  CHECK(shared.size() == 3);
  tuned.erase(3);
  CHECK(shared.size() == 2);
  tuned.clear();
  CHECK(shared.size() == 0);
  CHECK(tuned.stats().shared_bytes == 0);
  CHECK(place_of(tuned.get(0)) != nullptr);
  CHECK(tuned.stats().loads == 1);
}

TEST_CASE("a layer that a lease of the same cache kept is found again, and is its own") {
  const family models;
  const larder::shared_layers shared;
  larder::layer_cache base{larder::safetensors{models.base}, shared};
  const larder::layer lease = base.get(0);
  base.erase(0);
  CHECK(base.stats().pinned_bytes == size);
  CHECK(place_of(base.get(0)) == place_of(lease));
  CHECK(base.stats().loads == 1);
  CHECK(base.stats().shared_bytes == 0);
  CHECK(base.stats().pinned_bytes == 0);
}

TEST_CASE("what was not verified, or is streamed, is not shared") {
  const family models;
  {
    const larder::shared_layers shared;
    larder::layer_cache unverified{larder::safetensors{models.base}, shared, larder::verify_tensors{larder::verify::never}};
    unverified.get(0);
    CHECK(shared.size() == 0);
  }
  {
    const larder::shared_layers shared;
    larder::layer_cache streaming{larder::safetensors{models.base}, larder::max_bytes{3 * size}, shared};
    for (int pass = 0; pass < 2; ++pass)
      for (const larder::layer& layer : streaming.pass()) CHECK(layer.size() == size);
    CHECK(shared.size() == 1);  // the resident one
    CHECK(streaming.stats().loads == streaming.plan().expected_loads(2));
  }
  {
    fs::remove(larder::layers::digests_path(models.base));
    const larder::shared_layers shared;
    larder::layer_cache unknown{larder::safetensors{models.base}, shared};
    unknown.get(0);
    CHECK(shared.size() == 0);
  }
}

TEST_CASE("a layer that is read again is verified again before it is shared") {
  const family models;
  const larder::shared_layers shared;
  larder::layer_cache base{larder::safetensors{models.base}, shared};
  base.get(0);
  base.erase(0);
  CHECK(shared.size() == 0);
  base.get(0);
  CHECK(shared.size() == 1);
  CHECK(base.stats().bytes_verified == 2 * size);
}

TEST_CASE("threads of several caches that load and drop the same layers find whole ones only") {
  const family models;
  const larder::shared_layers shared;
  std::array<std::thread, 4> threads;
  std::array<std::size_t, 4> wrong{};
  for (std::size_t t = 0; t < threads.size(); ++t)
    threads[t] = std::thread([&, t] {
      larder::layer_cache layers{larder::safetensors{models.base}, larder::lru{}, larder::max_entries{2}, shared};
      for (std::size_t k = 0; k < 400; ++k) {
        const larder::layer one = layers.get((k * 7 + t) % count);
        for (std::size_t at = 0; at < size; at += 97)
          if (one.data().data()[at] != static_cast<std::byte>(data_byte(one.index() * size + at))) ++wrong[t];
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<std::size_t, 4>{});
  CHECK(shared.size() == 0);
}

TEST_CASE("a child after fork shares nothing with its parent's other caches, and works") {
  const family models;
  const larder::shared_layers shared;
  larder::layer_cache base{larder::safetensors{models.base}, shared};
  base.get(0);
  support::in_child([&] {
    larder::layer_cache again{larder::safetensors{models.base}, shared};
    again.get(0);
    const bool right = again.stats().loads == 1 && shared.size() == 1 && base.get(0).size() == size;
    base.clear();
    return right && shared.size() == 1;
  });
  CHECK(shared.size() == 1);
}
