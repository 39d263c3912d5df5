#include "tensors_in_memory.hpp"

#include <larder/eviction/lru.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/shared_layers.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/sanitizers.hpp"

using namespace larder_tests;

namespace {

using layers_of_tensors = std::vector<model_in_memory::tensors_of_layer>;

constexpr std::size_t layer_count = 5;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned seeds = 8;
#else
constexpr unsigned seeds = 40;
#endif

/// A family: models that differ in some tensors of a first one, now and then in their places as well.
std::vector<std::shared_ptr<model_in_memory>> random_family(std::mt19937& random, std::size_t models) {
  constexpr std::array<std::uint64_t, 9> sizes{0, 1, 5000, 65'535, 65'536, 69'632, 100'000, 150'001, 262'144};
  constexpr std::array<std::uint64_t, 7> gaps{0, 0, 0, 8, 100, 4096, 5000};
  layers_of_tensors first(layer_count);
  for (auto& tensors : first)
    for (std::size_t t = 0, n = 1 + random() % 5; t < n; ++t)
      tensors.push_back({random() % 6, sizes[random() % sizes.size()], gaps[random() % gaps.size()]});
  std::vector<std::shared_ptr<model_in_memory>> family;
  for (std::size_t m = 0; m < models; ++m) {
    layers_of_tensors all = first;
    for (auto& tensors : all)
      for (seeded_tensor& tensor : tensors) {
        if (random() % 4 == 0) tensor.seed = random() % 12;
        if (random() % 20 == 0) tensor.gap = gaps[random() % gaps.size()];
        if (random() % 30 == 0) tensor.size = sizes[random() % sizes.size()];
      }
    family.push_back(std::make_shared<model_in_memory>(all));
  }
  return family;
}

/// The bytes of every tensor; those between them may be of whoever read the layer first.
bool has_its_tensors(const larder::layer& lease, const model_in_memory& model) {
  const larder::layer_info& info = model.infos[lease.index()];
  if (lease.size() != info.size || lease.tensor_count() != info.tensors.size()) return false;
  for (const larder::tensor_info& tensor : info.tensors) {
    const auto right = std::span(model.contents[lease.index()])
                           .subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.size));
    const auto its = lease.data().span().subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.size));
    if (!std::ranges::equal(right, its)) return false;
  }
  return true;
}

struct held {
  larder::layer lease;
  const model_in_memory* model;
};

/// One step with a cache that the step chose at random.
template <class Cache>
void step(std::mt19937& random, Cache& layers, const model_in_memory& model, std::vector<held>& leases, std::uint64_t total) {
  const std::size_t i = random() % layer_count;
  switch (random() % 14) {
    case 0:
      layers.erase(i);
      break;
    case 1:
      layers.clear();
      break;
    case 2:
      layers.set_capacity(larder::max_bytes{total / 2 + random() % total});
      break;
    case 3:
      layers.warmup({i}).wait();
      break;
    case 4:
      for (const larder::layer& layer : layers.pass()) REQUIRE(has_its_tensors(layer, model));
      break;
    case 5:
    case 6:
      leases.push_back({layers.get(i), &model});
      break;
    default:
      REQUIRE(has_its_tensors(layers.get(i), model));
  }
  std::uint64_t sum = 0;
  layers.for_each([&](std::string_view, std::uint64_t size) { sum += size; });
  REQUIRE(layers.weight() == sum);
  REQUIRE(sum <= layers.capacity());
  REQUIRE(layers.stats().shared_bytes <= sum);
  REQUIRE(layers.stats().bytes_read == layers.stats().bytes_verified);
}

}  // namespace

TEST_CASE("random models of one family hold what they hold without sharing, whatever is evicted and leased") {
  for (unsigned seed = 0; seed < seeds; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto family = random_family(random, 4);
    const larder::shared_layers shared;
    std::uint64_t total = 1;
    for (const auto& model : family)
      for (const larder::layer_info& info : model->infos) total = std::max(total, info.size * layer_count * 2);
    std::vector<held> leases;
    {
      larder::layer_cache pieces{pieces_source{family[0]}, larder::lru{}, larder::max_bytes{total}, shared,
                                 larder::verify_tensors{larder::verify::always}};
      larder::layer_cache whole{whole_source{family[1]}, larder::max_bytes{total}, shared,
                                larder::verify_tensors{larder::verify::always}};
      larder::layer_cache placed{placed_source{family[2], 8 * (random() % 512)}, larder::max_bytes{total}, shared,
                                 larder::verify_tensors{larder::verify::always}};
      larder::layer_cache other{placed_source{family[3], 8 * (random() % 512), 64}, larder::lru{}, larder::max_bytes{total},
                                shared, larder::verify_tensors{larder::verify::always}};
      for (int k = 0; k < 60; ++k) {
        switch (random() % 4) {
          case 0:
            step(random, pieces, *family[0], leases, total);
            break;
          case 1:
            step(random, whole, *family[1], leases, total);
            break;
          case 2:
            step(random, placed, *family[2], leases, total);
            break;
          default:
            step(random, other, *family[3], leases, total);
        }
        while (leases.size() > 6) leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(random() % leases.size()));
        for (const held& h : leases) REQUIRE(has_its_tensors(h.lease, *h.model));
      }
      if (seed % 2 == 0) leases.clear();
      for (const auto clear : {0, 1}) {  // a layer of one may be in the memory of another until both have let go
        pieces.clear();
        whole.clear();
        placed.clear();
        other.clear();
        if (clear == 0 || seed % 2 != 0) continue;
        CHECK(pieces.stats().pinned_bytes + whole.stats().pinned_bytes + placed.stats().pinned_bytes +
                  other.stats().pinned_bytes ==
              0);
        CHECK(shared.tensors() == 0);
        CHECK(shared.size() == 0);
      }
    }
    for (const held& h : leases) REQUIRE(has_its_tensors(h.lease, *h.model));
    leases.clear();
    CHECK(shared.tensors() == 0);
    CHECK(shared.size() == 0);
  }
}
