#include "demo/streaming.hpp"

#include "demo/print.hpp"
#include "progress.hpp"

#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/shared_layers.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace demo {

outcome stream_from_file(const reference& model) {
  const std::uint64_t memory = std::max(model.bytes * 3 / 10, model.largest);
  larder::layer_cache streamed{larder::safetensors{model.path}, larder::max_bytes{memory}};
  const larder::residency_plan plan = streamed.plan();
  std::printf("\nthe file itself, without tiers: memory %s, %zu layers stay%s, the rest goes through %zu slot%s\n",
              larder::format_size(memory).c_str(), plan.resident_count,
              plan.partial ? (" and " + larder::format_size(plan.kept_bytes()) + " of another").c_str() : "", plan.stream_slots,
              plan.stream_slots == 1 ? "" : "s");
  outcome all;
  larder::layer_stats before;  // a pass reads ahead for the next one
  auto steps = streamed.passes(2);
  auto step = steps.begin();
  for (unsigned pass = 1; pass <= 2; ++pass) {
    tools::progress bar(text("pass %u of 2", pass), model.layers.size());
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < model.layers.size(); ++i, ++step) {
      all.add({model.layers[i].tensors.size(), model.differing(i, *step)});
      bar.at(i + 1);
    }
    const double took = seconds_since(begin);
    const larder::layer_stats after = streamed.stats();
    bar.finish(text("%7.3f s  %14s   read %s, of that %s compared with digests", took, rate(model.bytes, took).c_str(),
                    larder::format_size(after.bytes_read - before.bytes_read).c_str(),
                    larder::format_size(after.bytes_verified - before.bytes_verified).c_str()));
    before = after;
  }
  return all;
}

outcome open_together(const reference& base, const reference& tuned) {
  constexpr std::size_t shown = 8;  // layers of each
  const larder::shared_layers shared;
  larder::layer_cache first{larder::safetensors{base.path}, larder::max_bytes{base.bytes}, shared};
  larder::layer_cache second{larder::safetensors{tuned.path}, larder::max_bytes{tuned.bytes}, shared};
  outcome all;
  for (std::size_t i = 0; i < std::min(shown, base.layers.size()); ++i) {
    all.add({base.layers[i].tensors.size(), base.differing(i, first.get(i))});
    all.add({tuned.layers[i].tensors.size(), tuned.differing(i, second.get(i))});
  }
  const larder::layer_stats stats = second.stats();
  std::printf(
      "\na model and its fine-tune open at once, %zu layers of each: the first read %s,\n"
      "the second %s: %s of its %s lie in the first one's memory\n",
      first.size(), larder::format_size(first.stats().bytes_read).c_str(), larder::format_size(stats.bytes_read).c_str(),
      larder::format_size(stats.shared_bytes).c_str(), larder::format_size(second.weight()).c_str());
  return all;
}

}  // namespace demo
