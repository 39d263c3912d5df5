// The demo: a model streamed in passes through three tiers. Memory, smaller than the model, is a layer_cache whose
// residency is planned; below it lie a mapped disk cache and a WebDAV server in this process, with a fixed bandwidth.
// Every tensor of every pass is compared with the file.

#include "demo/model_file.hpp"
#include "progress.hpp"

#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/testing/blob_server.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace larder::literals;

struct options {
  std::filesystem::path model;
  std::filesystem::path directory = ".cache/larder-demo";
  std::uint64_t memory = 0;  // 0: half of the model
  std::uint64_t bandwidth = 200_MB;
  unsigned passes = 3;
  bool cold = false;
};

/// What was read from one tier below memory.
struct tier_use {
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> nanoseconds{0};
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
double seconds(larder::duration d) { return std::chrono::duration<double>(d).count(); }

std::string text(const char* format, auto... values) {
  std::string line(256, '\0');
  line.resize(static_cast<std::size_t>(std::snprintf(line.data(), line.size(), format, values...)));
  return line;
}
std::string rate(std::uint64_t bytes, double s) {
  return s <= 0.0005 || bytes == 0 ? "-" : larder::format_size(static_cast<std::uint64_t>(static_cast<double>(bytes) / s)) + "/s";
}

void row(const char* tier, std::uint64_t hits, std::uint64_t misses, std::uint64_t bytes, double waited) {
  std::printf("  %-10s %8llu %8llu %12s %14s %10.3f s\n", tier, static_cast<unsigned long long>(hits), static_cast<unsigned long long>(misses),
              larder::format_size(bytes).c_str(), rate(bytes, waited).c_str(), waited);
}

/// The key of a tensor in the lower tiers: the model by content, so that no other model's bytes can be taken for it.
std::string key_of(const larder::digest& model, const std::string& layer, const std::string& tensor) {
  return model.hex() + "/" + layer + "/" + tensor;
}

int run(const options& chosen) {
  std::filesystem::create_directories(chosen.directory);
  std::filesystem::path model = chosen.model;
  if (model.empty()) {
    model = chosen.directory / "model-32x16MB.safetensors";
    if (!std::filesystem::exists(model)) {
      tools::progress bar("making a model", 32);
      demo::make_model(model, 32, 512_MB, [&](std::size_t done) { bar.at(done); });
      bar.finish("32 layers in " + model.string());
    }
  }

  // The source, and the digest of every tensor to compare with.
  const larder::safetensors source(model);
  const auto layers = source.layers();
  std::vector<std::vector<larder::digest>> expected(layers.size());
  std::vector<std::vector<larder::bytes>> tensors(layers.size());
  larder::digest_stream whole;
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  std::size_t tensor_count = 0;
  {
    tools::progress bar("reading the model", layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      larder::mutable_bytes buffer(layers[i].size);
      source.read(i, 0, buffer.span());
      const larder::bytes content = std::move(buffer).freeze();
      for (const larder::tensor_info& tensor : layers[i].tensors) {
        tensors[i].push_back(content.slice(tensor.offset, tensor.size));
        expected[i].push_back(larder::digest_of(tensors[i].back().span()));
        whole.update(layers[i].name.data(), layers[i].name.size());
        whole.update(tensor.name.data(), tensor.name.size());
        whole.update(&expected[i].back(), sizeof(larder::digest));
        ++tensor_count;
      }
      total += layers[i].size;
      largest = std::max(largest, layers[i].size);
      bar.at(i + 1);
    }
    bar.finish(text("%s, %zu layers, %zu tensors", larder::format_size(total).c_str(), layers.size(), tensor_count));
  }
  const larder::digest identity = whole.finish();

  // The slowest tier: a server in this process, as a colleague's machine would have filled it.
  larder::testing::blob_server server;
  auto remote = larder::make_cache<std::string, larder::bytes>(larder::unbounded{},
                                                               larder::http_blob{larder::webdav{.url = server.url() + "/models"}});
  {
    tools::progress bar("publishing to the server", layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      for (std::size_t t = 0; t < layers[i].tensors.size(); ++t)
        if (!remote.put(key_of(identity, layers[i].name, layers[i].tensors[t].name), tensors[i][t]))
          throw larder::error(larder::error_cause::server, "the demo's own server did not take a tensor");
      tensors[i].clear();
      bar.at(i + 1);
    }
    bar.finish(server.url() + (chosen.bandwidth == 0 ? std::string() : ", answers limited to " + larder::format_size(chosen.bandwidth) + "/s"));
  }
  server.throttle(chosen.bandwidth);

  // The middle tier, which stays for the next run.
  auto disk = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{total + total / 4 + 1_MiB},
                                                             larder::mmap_disk{chosen.directory / "tensors"});
  if (chosen.cold) disk.clear();
  std::size_t warm = 0;
  for (const larder::layer_info& layer : layers)
    for (const larder::tensor_info& tensor : layer.tensors) warm += disk.contains(key_of(identity, layer.name, tensor.name)) ? 1 : 0;
  if (warm != 0)
    std::printf("starting warm: %zu of %zu tensors are on disk in %s (--cold forgets them)\n", warm, tensor_count, chosen.directory.c_str());
  else
    std::printf("starting cold: nothing of this model is on disk in %s\n", chosen.directory.c_str());

  larder::tiered lower{disk, larder::read_only(remote)};
  tier_use from_disk;
  tier_use from_remote;
  const auto load_layer = [&](std::size_t index, std::span<std::byte> destination) {
    for (const larder::tensor_info& tensor : layers[index].tensors) {
      const auto begin = std::chrono::steady_clock::now();
      const std::optional<larder::bytes> found = lower.get(key_of(identity, layers[index].name, tensor.name));
      if (!found || found->size() != tensor.size)
        throw larder::error(larder::error_cause::server, "no tier has the tensor \"" + layers[index].name + "." + tensor.name + "\"");
      if (tensor.size != 0) std::memcpy(destination.data() + tensor.offset, found->data(), tensor.size);
      tier_use& used = found->where() == larder::residence::mapping ? from_disk : from_remote;
      used.bytes += tensor.size;
      used.nanoseconds += (std::chrono::steady_clock::now() - begin).count();
    }
  };

  // The fastest tier: half of the model, or its largest layer where that is more.
  const std::uint64_t memory = chosen.memory != 0 ? chosen.memory : std::max(total / 2, largest);
  larder::layer_cache streamed{larder::loader_source{std::vector<larder::layer_info>(layers.begin(), layers.end()), load_layer},
                               larder::max_bytes{memory}};
  const larder::residency_plan plan = streamed.plan();
  std::printf("memory %s for %s: %zu of %zu layers stay, the rest goes through %zu slot%s\n\n", larder::format_size(memory).c_str(),
              larder::format_size(total).c_str(), plan.resident_count, layers.size(), plan.stream_slots,
              plan.stream_slots == 1 ? "" : "s");

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
      std::size_t t = 0;
      for (const larder::tensor& tensor : layer) {
        if (larder::digest_of(tensor.data().span()) != expected[i][t++]) {
          ++wrong;
          std::fprintf(stderr, "\nWRONG: %s.%s\n", layers[i].name.c_str(), std::string(tensor.name()).c_str());
        }
      }
      served += layers[i].size;
      bar.at(i + 1);
    }
    results.push_back({seconds_since(begin), from_disk.bytes - disk_before, from_remote.bytes - remote_before});
    const pass_result& r = results.back();
    bar.finish(text("%7.3f s  %14s   disk %s, server %s", r.seconds, rate(total, r.seconds).c_str(), larder::format_size(r.disk_bytes).c_str(),
                    larder::format_size(r.remote_bytes).c_str()));
  }

  const larder::layer_stats stats = streamed.stats();
  const auto tiers = lower.stats();
  std::printf("\n  %-10s %8s %8s %12s %14s %12s\n", "tier", "hits", "misses", "bytes", "throughput", "time waited");
  row("memory", stats.hits, stats.misses, served, seconds(stats.wait_time));
  row("disk", tiers[0].hits, tiers[0].misses, from_disk.bytes, static_cast<double>(from_disk.nanoseconds) / 1e9);
  row("server", tiers[1].hits, tiers[1].misses, from_remote.bytes, static_cast<double>(from_remote.nanoseconds) / 1e9);
  std::printf("  (memory: hits and misses count layers, and the wait is the computation's; disk and server: tensors, and the loader's)\n\n");
  for (std::size_t pass = 1; pass < results.size(); ++pass) {
    const pass_result& first = results.front();
    const pass_result& r = results[pass];
    std::printf("pass %zu against the first: %.3f s less (%.1fx as fast), %s less from the server, %s not loaded at all\n", pass + 1,
                first.seconds - r.seconds, r.seconds > 0 ? first.seconds / r.seconds : 0.0,
                larder::format_size(first.remote_bytes - std::min(first.remote_bytes, r.remote_bytes)).c_str(),
                larder::format_size(total - std::min(total, r.disk_bytes + r.remote_bytes)).c_str());
  }
  const larder::residency_plan after = streamed.plan();
  if (after.predicted_pass && after.shortest_pass)
    std::printf("a further pass would take about %.3f s; with these costs no choice of residents takes less than %.3f s\n",
                seconds(*after.predicted_pass), seconds(*after.shortest_pass));
  std::printf("%zu tensors compared with the file, %zu wrong\n", tensor_count * results.size(), wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app{"Streams a model through three tiers (memory, disk, HTTP server) and prints what the caches saved."};
  options chosen;
  std::string memory;
  std::string bandwidth;
  app.add_option("model", chosen.model, "a .safetensors file; without one, a model of 32 layers and 512 MB is made")->check(CLI::ExistingFile);
  app.add_option("--dir", chosen.directory, "where the disk tier (and the made model) stay for the next run")->capture_default_str();
  app.add_option("--memory", memory, "size of the memory tier, such as 256MB (default: half of the model)");
  app.add_option("--bandwidth", bandwidth, "what the server sends per second, such as 200MB; 0 is unlimited (default: 200MB)");
  app.add_option("--passes", chosen.passes, "how often the model is streamed")->capture_default_str()->check(CLI::Range(1U, 1000U));
  app.add_flag("--cold", chosen.cold, "empty the disk tier first");
  CLI11_PARSE(app, count, arguments);
  try {
    if (!memory.empty()) chosen.memory = larder::parse_size(memory, 1'000'000, "--memory");
    if (!bandwidth.empty()) chosen.bandwidth = larder::parse_size(bandwidth, 1'000'000, "--bandwidth");
    return run(chosen);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "demo: %s\n", failure.what());
    return 2;
  }
}
