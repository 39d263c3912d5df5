// Memory, smaller than the model, is a layer_cache whose residency is planned; below it lie a mapped disk cache and a WebDAV server in
// this process, with a fixed bandwidth.

#include "demo/tiers.hpp"

#include "demo/print.hpp"
#include "progress.hpp"

#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/loader_source.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/testing/blob_server.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace demo {
namespace {

using namespace larder::literals;

/// What was read from one tier below memory.
struct tier_use {
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> nanoseconds{0};
};

void row(const char* tier, std::uint64_t hits, std::uint64_t misses, std::uint64_t bytes, double waited) {
  std::printf("  %-10s %8llu %8llu %12s %14s %10.3f s\n", tier, static_cast<unsigned long long>(hits),
              static_cast<unsigned long long>(misses), larder::format_size(bytes).c_str(), rate(bytes, waited).c_str(), waited);
}

/// The key of a tensor in the lower tiers: the model by content, so that no other model's bytes can be taken for it.
std::string key_of(const larder::digest& model, const std::string& layer, const std::string& tensor) {
  return model.hex() + "/" + layer + "/" + tensor;
}

}  // namespace

outcome stream_through_tiers(const reference& model, const options& chosen) {
  const std::vector<larder::layer_info>& layers = model.layers;
  // The slowest tier: a server in this process, as a colleague's machine would have filled it.
  larder::testing::blob_server server;
  auto remote = larder::make_cache<std::string, larder::bytes>(
      larder::unbounded{}, larder::http_blob{larder::webdav{.url = server.url() + "/models"}});
  {
    tools::progress bar("publishing to the server", layers.size());
    const larder::safetensors source(model.path);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      larder::mutable_bytes buffer(layers[i].size);
      source.read(i, 0, buffer.span());
      const larder::bytes content = std::move(buffer).freeze();
      for (const larder::tensor_info& tensor : layers[i].tensors)
        if (!remote.put(key_of(model.identity, layers[i].name, tensor.name), content.slice(tensor.offset, tensor.size)))
          throw larder::error(larder::error_cause::server, "the demo's own server did not take a tensor");
      bar.at(i + 1);
    }
    bar.finish(server.url() +
               (chosen.bandwidth == 0 ? std::string() : ", answers limited to " + larder::format_size(chosen.bandwidth) + "/s"));
  }
  server.throttle(chosen.bandwidth);

  // The middle tier, which stays for the next run.
  auto disk = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{model.bytes + model.bytes / 4 + 1_MiB},
                                                             larder::mmap_disk{chosen.directory / "tensors"});
  if (chosen.cold) disk.clear();
  std::size_t warm = 0;
  for (const larder::layer_info& layer : layers)
    for (const larder::tensor_info& tensor : layer.tensors)
      warm += disk.contains(key_of(model.identity, layer.name, tensor.name)) ? 1 : 0;
  if (warm != 0)
    std::printf("starting warm: %zu of %zu tensors are on disk in %s (--cold forgets them)\n", warm, model.tensors,
                chosen.directory.c_str());
  else
    std::printf("starting cold: nothing of this model is on disk in %s\n", chosen.directory.c_str());

  larder::tiered lower{disk, larder::read_only(remote)};
  tier_use from_disk;
  tier_use from_remote;
  const auto load_layer = [&](std::size_t index, std::span<std::byte> destination) {
    for (const larder::tensor_info& tensor : layers[index].tensors) {
      const auto begin = std::chrono::steady_clock::now();
      const std::optional<larder::bytes> found = lower.get(key_of(model.identity, layers[index].name, tensor.name));
      if (!found || found->size() != tensor.size)
        throw larder::error(larder::error_cause::server,
                            "no tier has the tensor \"" + layers[index].name + "." + tensor.name + "\"");
      if (tensor.size != 0) std::memcpy(destination.data() + tensor.offset, found->data(), tensor.size);
      tier_use& used = found->where() == larder::residence::mapping ? from_disk : from_remote;
      used.bytes += tensor.size;
      used.nanoseconds += (std::chrono::steady_clock::now() - begin).count();
    }
  };

  // The fastest tier: half of the model, or its largest layer where that is more.
  const std::uint64_t memory = chosen.memory != 0 ? chosen.memory : std::max(model.bytes / 2, model.largest);
  larder::layer_cache streamed{larder::loader_source{std::vector<larder::layer_info>(layers.begin(), layers.end()), load_layer},
                               larder::max_bytes{memory}};
  const larder::residency_plan plan = streamed.plan();
  std::printf("memory %s for %s: %zu of %zu layers stay, the rest goes through %zu slot%s\n\n",
              larder::format_size(memory).c_str(), larder::format_size(model.bytes).c_str(), plan.resident_count, layers.size(),
              plan.stream_slots, plan.stream_slots == 1 ? "" : "s");

  struct pass_result {
    double seconds;
    std::uint64_t disk_bytes;
    std::uint64_t remote_bytes;
  };
  std::vector<pass_result> results;
  std::size_t wrong = 0;
  std::uint64_t served = 0;
  auto steps = streamed.passes(chosen.passes);
  auto step = steps.begin();
  for (unsigned pass = 1; pass <= chosen.passes; ++pass) {
    tools::progress bar(text("pass %u of %u", pass, chosen.passes), layers.size());
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t disk_before = from_disk.bytes;
    const std::uint64_t remote_before = from_remote.bytes;
    for (std::size_t i = 0; i < layers.size(); ++i, ++step) {
      const larder::layer layer = *step;
      wrong += model.differing(i, layer);
      served += layers[i].size;
      bar.at(i + 1);
    }
    results.push_back({seconds_since(begin), from_disk.bytes - disk_before, from_remote.bytes - remote_before});
    const pass_result& r = results.back();
    bar.finish(text("%7.3f s  %14s   disk %s, server %s", r.seconds, rate(model.bytes, r.seconds).c_str(),
                    larder::format_size(r.disk_bytes).c_str(), larder::format_size(r.remote_bytes).c_str()));
  }

  const larder::layer_stats stats = streamed.stats();
  const auto tiers = lower.stats();
  std::printf("\n  %-10s %8s %8s %12s %14s %12s\n", "tier", "hits", "misses", "bytes", "throughput", "time waited");
  row("memory", stats.hits, stats.misses, served, seconds(stats.wait_time));
  row("disk", tiers[0].hits, tiers[0].misses, from_disk.bytes, static_cast<double>(from_disk.nanoseconds) / 1e9);
  row("server", tiers[1].hits, tiers[1].misses, from_remote.bytes, static_cast<double>(from_remote.nanoseconds) / 1e9);
  std::printf(
      "  (memory: hits and misses count layers, and the wait is the computation's; disk and server: tensors, and the "
      "loader's)\n\n");
  for (std::size_t pass = 1; pass < results.size(); ++pass) {
    const pass_result& first = results.front();
    const pass_result& r = results[pass];
    std::printf("pass %zu against the first: %.3f s less (%.1fx as fast), %s less from the server, %s not loaded at all\n",
                pass + 1, first.seconds - r.seconds, r.seconds > 0 ? first.seconds / r.seconds : 0.0,
                larder::format_size(first.remote_bytes - std::min(first.remote_bytes, r.remote_bytes)).c_str(),
                larder::format_size(model.bytes - std::min(model.bytes, r.disk_bytes + r.remote_bytes)).c_str());
  }
  const larder::residency_plan after = streamed.plan();
  if (after.predicted_pass && after.shortest_pass)
    std::printf("a further pass would take about %.3f s; with these costs no choice of residents takes less than %.3f s\n",
                seconds(*after.predicted_pass), seconds(*after.shortest_pass));
  return {model.tensors * results.size(), wrong};
}

}  // namespace demo
