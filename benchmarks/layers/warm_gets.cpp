#include "catalogue.hpp"

#include "../lap.hpp"

#include <larder/layer/layer_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t layers = 32;
constexpr std::size_t size = 64 * 1024;
constexpr std::size_t uses = 2'000'000;
static_assert(uses % layers == 0);

const std::vector<metric> metrics{{"get", "ns", 1}, {"cpu", "ns", 1}};

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < layers; ++i) all.push_back("model.layers." + std::to_string(i));
  return all;
}

void fill(std::size_t index, std::span<std::byte> room) { std::memset(room.data(), static_cast<int>(index), room.size()); }

/// What `look(k)` takes, which looks up layer k % layers and gives its first byte.
template <class Look>
std::vector<double> turn(Look&& look) {
  std::size_t sum = 0;
  const lap taken = time([&] {
    for (std::size_t k = 0; k < uses; ++k) sum += static_cast<std::size_t>(look(k));
  });
  if (sum != uses / layers * (layers * (layers - 1) / 2)) throw std::runtime_error("the layers are not what was loaded");
  return {taken.wall * 1e9 / static_cast<double>(uses), taken.cpu * 1e9 / static_cast<double>(uses)};
}

/// `use(cache)` with a cache in which every layer is resident.
template <class Use>
std::vector<double> with_cache(Use&& use) {
  std::vector<larder::layer_info> all(layers);
  const std::vector<std::string> called = names();
  for (std::size_t i = 0; i < layers; ++i) {
    all[i].name = called[i];
    all[i].size = size;
  }
  larder::layer_cache cache{larder::loader_source{std::move(all), fill}};
  for (const larder::layer& layer : cache.pass()) static_cast<void>(layer);
  return use(cache);
}

/// The least that one would write by hand: a map of shared pointers under a lock.
std::vector<double> hand_written() {
  std::mutex mutex;
  std::unordered_map<std::size_t, std::shared_ptr<std::vector<std::byte>>> map;
  for (std::size_t i = 0; i < layers; ++i) {
    auto& room = map[i] = std::make_shared<std::vector<std::byte>>(size);
    fill(i, *room);
  }
  return turn([&](std::size_t k) {
    std::shared_ptr<std::vector<std::byte>> layer;
    {
      const std::lock_guard lock(mutex);
      layer = map.find(k % layers)->second;
    }
    return (*layer)[0];
  });
}

std::vector<double> by_index() {
  return with_cache([](auto& cache) { return turn([&](std::size_t k) { return cache.get(k % layers).data().data()[0]; }); });
}

std::vector<double> by_name() {
  const std::vector<std::string> called = names();
  return with_cache(
      [&](auto& cache) { return turn([&](std::size_t k) { return cache.get(called[k % layers]).data().data()[0]; }); });
}

std::vector<double> in_a_pass() {
  return with_cache([](auto& cache) {
    auto steps = cache.passes(uses / layers);
    auto step = steps.begin();
    return turn([&](std::size_t) {
      const std::byte first = (*step).data().data()[0];
      ++step;
      return first;
    });
  });
}

}  // namespace

std::vector<contest> warm_gets(const options& wanted) {
  if (!wanted.wants_case("warm_get")) return {};
  return {{"warm_get",
           metrics,
           {{"map under a lock", hand_written},
            {"larder", by_index},
            {"larder, by name", by_name},
            {"larder, in a pass", in_a_pass}}}};
}

}  // namespace bench
