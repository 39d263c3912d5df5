// What was made apart and meets in one cache: layers that are mapped, that share tensors, that are kept in part, verified each time, loaded
// by two loaders, under capacities that change, with leases.

#include "written_model.hpp"

#include <larder/core/verify.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/shared_layers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/split_model.hpp"

using namespace larder_tests;

namespace {

constexpr std::size_t layers_of_model = 6;
constexpr std::size_t tensors_of_layer = 4;
constexpr std::size_t tensor_size = 400'001;
constexpr std::uint64_t layer_size = tensors_of_layer * tensor_size;

/// A model in a file, with its digests beside it. A tuned one has another last tensor in each layer, and another header.
struct model_on_disk {
  explicit model_on_disk(bool tuned) {
    std::vector<file_tensor> tensors;
    for (std::size_t i = 0; i < layers_of_model; ++i)
      for (std::size_t t = 0; t < tensors_of_layer; ++t)
        tensors.push_back({"model.layers." + std::to_string(i) + ".t" + std::to_string(t), "U8",
                           "[" + std::to_string(tensor_size) + "]", tensor_size});
    content = model_bytes(tensors, tuned ? R"({"tuned":"yes"})" : "");
    data = content.size() - layers_of_model * layer_size;
    for (std::size_t i = 0; tuned && i < layers_of_model; ++i)
      for (std::size_t k = 0; k < tensor_size; ++k) content[data + (i + 1) * layer_size - 1 - k] ^= 0x5a;
    write_file(path, content);
    write_file(larder::layers::digests_path(path), support::split_of(larder::safetensors{path}, "m").text());
  }
  bool is_right(const larder::layer& layer) const {
    const std::string_view expected = std::string_view(content).substr(data + layer.index() * layer_size, layer_size);
    return layer.data().text() == expected;
  }
  larder::safetensors source() const { return larder::safetensors{path}; }

  scratch_directory folder;
  std::filesystem::path path = folder / "model.safetensors";
  std::string content;
  std::size_t data = 0;
};

constexpr std::uint64_t all_of_it = layers_of_model * layer_size;
constexpr std::uint64_t few_of_it = 3 * layer_size + layer_size / 2;  // two slots, one resident, and half of a layer in part

template <class Cache>
bool use_at_random(Cache& layers, const model_on_disk& model, unsigned seed) {
  std::mt19937 random(seed);
  std::deque<larder::layer> leases;
  bool all = true;
  for (int step = 0; step < 60; ++step) {
    const std::size_t i = random() % layers_of_model;
    switch (random() % 8) {
      case 0:
        layers.erase(i);
        break;
      case 1:
        layers.set_capacity(random() % 2 != 0 ? all_of_it : few_of_it);
        break;
      case 2:
        for (const larder::layer& layer : layers.pass()) all = all && model.is_right(layer);
        break;
      case 3:
        layers.warmup({i, (i + 1) % layers_of_model}).wait();
        break;
      default:
        leases.push_back(layers.get(i));
        all = all && model.is_right(leases.back());
    }
    if (leases.size() > 3) {
      all = all && model.is_right(leases.front());
      leases.pop_front();
    }
  }
  return all;
}

/// Afterwards, with nobody at it: sums are of what is there, passes read what the plan says.
template <class Cache>
void check_sums(Cache& layers, const model_on_disk& model, bool shares, const std::string& which) {
  CAPTURE(which);
  if (!shares) CHECK(layers.stats().pinned_bytes == 0);  // else others may hold what is ours
  layers.set_capacity(few_of_it);
  layers.clear();
  CHECK(layers.weight() == 0);
  CHECK(layers.stats().shared_bytes == 0);
  CHECK(layers.stats().mapped_bytes == 0);
  CHECK(layers.stats().kept_bytes == 0);
  for (int pass = 0; pass < 2; ++pass)
    for (const larder::layer& layer : layers.pass()) CHECK(model.is_right(layer));
  const std::uint64_t before = layers.stats().bytes_read;
  for (const larder::layer& layer : layers.pass()) CHECK(model.is_right(layer));
  const larder::residency_plan plan = layers.plan();
  if (!plan.by_use) CHECK(layers.stats().bytes_read - before == plan.bytes_per_pass);
  CHECK(layers.stats().kept_bytes == plan.kept_bytes());
  CHECK(plan.kept_bytes() != 0);
  CHECK(layers.weight() + plan.kept_bytes() <= few_of_it);
  if (!shares) CHECK(layers.stats().pinned_bytes == 0);
  if (!shares) CHECK(layers.stats().overhead_bytes < layer_size);
}

}  // namespace

TEST_CASE(
    "mapped, shared, kept in part and verified layers under changing capacities: every byte is right and every sum adds up") {
  const model_on_disk base_of(false);
  const model_on_disk tuned_of(true);
  const larder::shared_layers shared;
  const larder::verify_tensors always{larder::verify::always};
  {
    larder::layer_cache mapped{base_of.source(), larder::max_bytes{few_of_it}, larder::read_path{larder::read_path::mapped},
                               always, shared};
    larder::layer_cache direct{base_of.source(), larder::max_bytes{few_of_it}, larder::read_path{larder::read_path::direct},
                               shared};
    larder::layer_cache tuned{tuned_of.source(), larder::max_bytes{few_of_it}, always, shared};
    larder::layer_cache alone{tuned_of.source(), larder::max_bytes{few_of_it}, larder::read_path{larder::read_path::buffered},
                              larder::prefaulted{}};
    std::vector<char> right(8, 0);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] { right[4 * t] = use_at_random(mapped, base_of, 10 + t); });
      threads.emplace_back([&, t] { right[4 * t + 1] = use_at_random(direct, base_of, 20 + t); });
      threads.emplace_back([&, t] { right[4 * t + 2] = use_at_random(tuned, tuned_of, 30 + t); });
      threads.emplace_back([&, t] { right[4 * t + 3] = use_at_random(alone, tuned_of, 40 + t); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right == std::vector<char>(8, 1));
    check_sums(mapped, base_of, true, "mapped");
    check_sums(direct, base_of, true, "direct");
    check_sums(tuned, tuned_of, true, "tuned");
    check_sums(alone, tuned_of, false, "alone");
  }
  CHECK(shared.size() == 0);
  CHECK(shared.tensors() == 0);
}
