#include "catalogue.hpp"

#include "../lap.hpp"
#include "computing.hpp"

#include <larder/eviction/lru.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/limit/max_bytes.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace bench {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::size_t passes = 4;                              // the first one loads everything, and is not counted
constexpr auto computing = 20ms;                               // for each layer
constexpr std::uint64_t layer_size = std::uint64_t{4} << 20U;  // little, so that the source's rate is all that a load takes

/// "pass / bound" is the promise; "in turn" is what a pass would take without overlap, with the same layers in memory.
const std::vector<metric> metrics{{"pass", "ms", 0, false},
                                  {"bound", "ms", 0, false},
                                  {"pass / bound", "1", 3, false},
                                  {"in turn", "ms", 0, false},
                                  {"cpu", "ms", 0, false}};

/// Gives out bytes at a fixed rate. Time in which nobody asked is lost, as on a disk, but for what makes up for late wake-ups.
class bucket {
 public:
  explicit bucket(std::chrono::nanoseconds per_layer) : per_layer_(per_layer) {}

  void wait_for(std::size_t bytes) {
    constexpr auto late = 2ms;
    clock::time_point until;
    {
      const std::lock_guard lock(mutex_);
      const auto cost = per_layer_ * static_cast<std::int64_t>(bytes) / static_cast<std::int64_t>(layer_size);
      until = next_ = std::max(next_, clock::now() - late) + cost;
    }
    std::this_thread::sleep_until(until);
  }

 private:
  std::chrono::nanoseconds per_layer_;
  std::mutex mutex_;
  clock::time_point next_;
};

/// Layers out of nothing, each byte of a layer its number, at the bucket's rate.
auto source_of(std::size_t layers, bucket& rate) {
  std::vector<larder::layer_info> all(layers);
  for (std::size_t i = 0; i < layers; ++i) {
    all[i].name = "layers." + std::to_string(i);
    all[i].size = layer_size;
  }
  return larder::loader_source{std::move(all), [&rate](std::size_t index, std::uint64_t, std::span<std::byte> room) {
                                 std::memset(room.data(), static_cast<int>(index), room.size());
                                 rate.wait_for(room.size());
                               }};
}

void use(const larder::layer& layer) {
  const auto bytes = layer.data().span();
  for (std::size_t at = 0; at < bytes.size(); at += 4096)
    if (bytes[at] != static_cast<std::byte>(layer.index())) throw std::runtime_error("a layer holds another one's bytes");
  compute(computing);
}

/// When the passes ended, and the time of the processor from the end of the first to that of the last.
struct ends {
  std::vector<double> at;
  double cpu = 0;

  void add() {
    const double now = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    cpu = at.empty() ? now : cpu;
    at.push_back(seconds_of(CLOCK_MONOTONIC));
    if (at.size() == passes) cpu = (now - cpu) / (passes - 1);
  }
};

std::vector<double> numbers(const ends& e, std::size_t layers, std::size_t missing, std::chrono::nanoseconds per_layer) {
  std::vector<double> each;
  for (std::size_t i = 1; i < e.at.size(); ++i) each.push_back((e.at[i] - e.at[i - 1]) * 1e3);
  const auto ms = [](auto d) { return std::chrono::duration<double, std::milli>(d).count(); };
  const double computed = ms(computing) * static_cast<double>(layers);
  const double loaded = ms(per_layer) * static_cast<double>(missing);
  const double pass = median(each);
  return {pass, std::max(computed, loaded), pass / std::max(computed, loaded), computed + loaded, e.cpu * 1e3};
}

std::vector<double> planned_turn(std::size_t layers, std::chrono::nanoseconds per_layer) {
  bucket rate(per_layer);
  larder::layer_cache cache{source_of(layers, rate), larder::max_bytes{layers * layer_size / 2}};
  ends e;
  std::size_t seen = 0;
  for (const larder::layer& layer : cache.passes(passes)) {
    use(layer);
    if (++seen % layers == 0) e.add();
  }
  return numbers(e, layers, cache.plan().loads_per_pass, per_layer);
}

/// What one would write without a plan: the layers used last stay, and each is loaded when it is asked for.
std::vector<double> lru_turn(std::size_t layers, std::chrono::nanoseconds per_layer) {
  bucket rate(per_layer);
  larder::layer_cache cache{source_of(layers, rate), larder::lru{}, larder::max_bytes{layers * layer_size / 2}};
  ends e;
  for (std::size_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < layers; ++i) use(cache.get(i));
    e.add();
  }
  return numbers(e, layers, layers, per_layer);
}

}  // namespace

std::vector<contest> throttled(const options& wanted) {
  if (!wanted.wants_case("throttled_half")) return {};
  contest all{"throttled_half", metrics, {}};
  for (const auto per_layer : {20ms, 40ms, 60ms})  // computing, about both, and loading is what takes the time
    all.contenders.push_back({"larder, " + std::to_string(per_layer.count()) + " ms a load",
                              [layers = wanted.layers, per_layer] { return planned_turn(layers, per_layer); }});
  all.contenders.push_back({"lru, 40 ms a load", [layers = wanted.layers] { return lru_turn(layers, 40ms); }});
  return {all};
}

}  // namespace bench
