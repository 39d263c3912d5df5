#include "tensors_in_memory.hpp"

#include <larder/core/digest.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/shared_layers.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_of_process.hpp"

using namespace larder_tests;

TEST_CASE("equal tensors of one model lie in memory once, in one layer and in two") {
  const auto model = std::make_shared<model_in_memory>(std::vector<model_in_memory::tensors_of_layer>{
      {{1, 409'600}, {2, 409'600}, {1, 409'600}}, {{5, 4096}, {1, 409'600}, {6, 300'000}}});
  const larder::shared_layers shared;
  larder::layer_cache layers{pieces_source{model}, shared};
  const support::memory_of_process before;
  const larder::layer lease = layers.get(0);
  CHECK(is_right(lease, *model));
  CHECK(shared.tensors() == 2);
  CHECK(support::memory_of_process().shared_bytes < before.shared_bytes + 3 * 409'600 - 200'000);
  CHECK(is_right(layers.get(1), *model));
  CHECK(layers.stats().shared_bytes == 0);  // nobody else's
  CHECK(layers.stats().bytes_read == 3 * 409'600 + 4096 + 300'000);
  CHECK_FALSE(model->was_read(1, 1));
  layers.clear();
  CHECK(is_right(lease, *model));
  CHECK(is_right(layers.get(1), *model));
}

TEST_CASE("small tensors, those that overlap and those of layers with a tensor of no digest are not shared") {
  const larder::shared_layers shared;
  const auto model =
      std::make_shared<model_in_memory>(std::vector<model_in_memory::tensors_of_layer>{{{1, 65'535}, {2, 30'000}, {9, 66'000}},
                                                                                       {{3, 200'000}, {4, 200'000}, {5, 200'000}},
                                                                                       {{6, 200'000}, {7, 200'000}},
                                                                                       {{8, 70'000, 4000}}});
  model->infos[1].tensors[0].size += 1;  // into the second
  model->digests[1][0] = larder::digest_of(std::span(model->contents[1]).first(200'001));
  model->digests[2][1] = std::nullopt;
  larder::layer_cache layers{pieces_source{model}, shared};
  CHECK(is_right(layers.get(0), *model));
  CHECK(shared.tensors() == 0);
  CHECK(is_right(layers.get(1), *model));
  CHECK(shared.tensors() == 1);
  CHECK(is_right(layers.get(2), *model));
  CHECK(shared.tensors() == 1);
  CHECK(is_right(layers.get(3), *model));
  CHECK(shared.tensors() == 2);
  CHECK(shared.size() == 3);
  layers.clear();
  CHECK(shared.tensors() == 0);
}

TEST_CASE("memory that waits for its next layer does not take one whose tensors are shared") {
  const larder::shared_layers shared;
  const auto model = std::make_shared<model_in_memory>(
      std::vector<model_in_memory::tensors_of_layer>{{{1, 60'000}, {2, 60'000}}, {{3, 100'000}}, {{4, 60'000}, {5, 60'000}}});
  larder::layer_cache layers{pieces_source{model}, shared};
  layers.get(0);
  layers.erase(0);
  CHECK(is_right(layers.get(1), *model));
  CHECK(shared.tensors() == 1);
  CHECK(is_right(layers.get(2), *model));
  CHECK(layers.buffer_allocations() == 2);
  CHECK(layers.stats().pinned_bytes == 0);
}
