// links: larder::serve
// A program that can be watched: its caches' figures for Prometheus and for people, how long their operations take, what became of a key,
// and a log that says what went wrong without saying secrets. Each is a name among the policies, or a line.
#include <larder/larder.hpp>
#include <larder/observe/key_history.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/observe/log_events.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/serve/metrics_server.hpp>

#include <iostream>
#include <string>

using namespace larder::literals;

int main() {
  larder::log_events events{[](const larder::log_line& line) {
                              std::cout << larder::to_string(line.level) << ' ' << line.cache << ": " << line.text << '\n';
                            },
                            {.name = "embeddings"}};
  auto embeddings = larder::make_cache<std::string, std::string>(
      larder::lru{}, larder::max_entries{3}, larder::latency_histogram{}, larder::key_history{.share = 0.01}, events);

  larder::metrics_server server{{.port = 0}};
  server.add("embeddings", embeddings);
  std::cout << "a browser, Prometheus and `larder top` look at " << server.url() << '\n';

  embeddings.follow("cat");  // besides one key of a hundred
  for (const char* const word : {"cat", "dog", "owl", "fox"})
    embeddings.get_or_load(word, [](const std::string& key) { return key + "..."; });
  for (const larder::key_event& event : embeddings.history("cat")) std::cout << "cat: " << event.text() << '\n';
  if (embeddings.history("cat").back().maker_text != "fox") return 1;

  // Loaders are timed every time, gets and puts one time of 64.
  const larder::cache_stats stats = embeddings.stats();
  std::cout << "99 of 100 loads took no more than " << stats.latency->load.quantile(0.99).count() << " ns\n";
  if (stats.latency->load.count() != 4) return 1;

  larder::metrics all;  // the same text without a server
  all.add("embeddings", embeddings);
  const std::string text = all.prometheus();
  std::cout << text.substr(0, text.find("# HELP", 1));
  return text.find("larder_cache_loads_total{cache=\"embeddings\"} 4\n") == std::string::npos ? 1 : 0;
}
