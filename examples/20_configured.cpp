// links: larder::config larder::toml larder::serve
// Caches from a file and the environment: chosen at run time, watched (`larder top`, Prometheus), backed up while they are in use.
#include <larder/config/cache_manager.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/toml.hpp>
#include <larder/larder.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/serve/metrics_server.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

using namespace larder::literals;

int main() {
  std::filesystem::remove_all("backup");
  std::filesystem::remove_all(".cache");
  std::ofstream("larder.toml") << R"(
[model_cache]
size = "64MB"            # in memory
disk_size = "1GB"        # on disk: .cache/model_cache, as nothing else is said
cleanup_policy = "lru"
compression = true
max_age = "7d"
latency = true           # how long it takes, in what is shown of it

[caches.embeddings]
size = "0.1 of memory"
max_entries = 100000
policy = "sieve"
)";
  ::setenv("MODEL_CACHE_MEMORY_SIZE", "32MB", 1);   // wins over the file

  const larder::settings all = larder::settings::load("larder.toml");
  std::cout << explained(all) << '\n';

  // Only the orders that the file names are compiled. Without the table it is all of them.
  larder::cache_manager manager{all, {}, larder::policy_table<larder::lru, larder::sieve>{}};
  manager.start();   // drops what is too old, every 300 s

  larder::metrics_server server{{.port = 0}};   // as long as it lives; all caches, tier by tier
  server.add(manager);
  std::cout << "a browser, Prometheus and `larder top` look at " << server.url() << '\n';

  larder::managed_cache& models = manager.at("model_cache");
  models.put("layer.0", larder::bytes::copy_of(std::string(1'000'000, '\0')));
  const larder::bytes layer = models.get_or_load("layer.1", [](const std::string& key) { return larder::bytes::copy_of("weights of " + key); });
  manager.at("embeddings").put("token 17", larder::bytes::copy_of(std::string("a vector")));
  models.get("layer.0");

  const larder::backup_report saved = manager.backup("model_cache", "backup");
  models.clear();
  manager.restore("model_cache", "backup");
  for (const larder::cache_metrics& of : manager.metrics())
    std::cout << of.name << ": hit rate " << of.hit_rate << ", " << of.memory_bytes << " bytes in memory, " << of.disk_bytes << " on disk, " << of.evictions
              << " evictions\n";

  larder::metrics shown;   // the text that Prometheus gets, without a server
  shown.add(manager);
  const std::string text = shown.prometheus();
  const std::size_t capacities = text.find("larder_cache_capacity_bytes{");
  std::cout << text.substr(capacities, text.find('#', capacities) - capacities);

  try {
    larder::settings::from_toml("[model_cache]\nsise = \"4GB\"\n", "typo.toml");
  } catch (const larder::error& e) {
    std::cout << e.what() << '\n';
  }
  const bool is_shown = text.find("larder_cache_capacity_bytes{cache=\"model_cache\",tier=\"1\"} 1000000000\n") != std::string::npos &&
                        models.figures().latency->load.count() == 1;
  const bool right = is_shown && saved.entries == 2 && models.get("layer.1")->text() == "weights of layer.1" && models.capacity() == 32_MB && layer.size() == 18;
  return right ? 0 : 1;
}
