#include "demo/served.hpp"

#include "demo/print.hpp"
#include "demo/published_model.hpp"
#include "progress.hpp"

#include <larder/larder.hpp>
#include <larder/layer/chunked_model.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/serve/weight_server.hpp>
#include <larder/storage/http_chunks.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace demo {
namespace {

/// A client that knows nothing but where the server is, with a quarter of the model as its memory.
outcome ask(const std::string& url, const std::string& name, const reference& model, const larder::weight_server& server) {
  tools::progress bar("client of " + name, model.layers.size());
  const larder::weight_server_stats before = server.stats();
  const auto begin = std::chrono::steady_clock::now();
  larder::layer_cache layers{larder::chunked_model{larder::http_chunks{url}, name},
                             larder::max_bytes{std::max(model.bytes / 4, model.largest)}};
  outcome all;
  for (const larder::layer layer : layers.pass()) {
    all.add({layer.tensor_count(), model.differing(layer.index(), layer)});
    bar.at(layer.index() + 1);
  }
  const double took = seconds_since(begin);
  const larder::weight_server_stats after = server.stats();
  bar.finish(text("%7.3f s  %14s   the server read %llu files, and had %llu answers in memory", took,
                  rate(model.bytes, took).c_str(), static_cast<unsigned long long>(after.store_reads - before.store_reads),
                  static_cast<unsigned long long>(after.hits - before.hits)));
  return all;
}

}  // namespace

outcome serve_to_clients(const reference& base, const reference& tuned, const options& chosen) {
  const std::filesystem::path folder = chosen.directory / "chunks";
  const std::uint64_t of_base = split_into(folder, "base", base);
  const std::uint64_t of_tuned = split_into(folder, "tuned", tuned);
  larder::weight_server server{{.chunks_dir = folder.string(), .cache_size = base.bytes + tuned.bytes, .port = 0}};
  server.start();
  std::printf("\na weight server for both at %s, with a page to look at\n", server.url().c_str());
  if (of_base + of_tuned != 0)
    std::printf("their chunks: %s written for the first, %s for the second\n", larder::format_size(of_base).c_str(),
                larder::format_size(of_tuned).c_str());
  outcome all;
  all.add(ask(server.url(), "base", base, server));
  all.add(ask(server.url(), "base", base, server));
  all.add(ask(server.url(), "tuned", tuned, server));
  return all;
}

}  // namespace demo
