#include "server_fixture.hpp"

#include <larder/serve/metrics_text.hpp>
#include <larder/serve/server_state.hpp>
#include <larder/serve/weight_server_stats.hpp>

#include <set>
#include <sstream>
#include <string>

TEST_CASE("each metric is described once, before its values") {
  const serving::served_folder served({.cache_size = 1'000'000});
  served.chunks.write("a", "content");
  for (int i = 0; i < 3; ++i) served.get("/v1/c/a");
  served.get("/v1/c/absent");
  const std::string text = served.get("/metrics").body;
  CHECK(text.find("\nlarder_server_cache_hits_total 2\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_cache_misses_total 2\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_responses_total{code=\"200\"} 3\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_responses_total{code=\"404\"} 1\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_sent_bytes_total 21\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_cache_capacity_bytes 1000000\n") != std::string::npos);
  CHECK(text.find("\nlarder_server_connections 1\n") != std::string::npos);

  std::istringstream lines(text);
  std::set<std::string> described;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    std::string name;
    words >> first >> second >> name;
    if (first == "#" && second == "HELP") {
      CHECK(described.insert(name).second);
      current = name;
      CHECK(line.ends_with('.'));
    } else if (first == "#") {
      CHECK(second == "TYPE");
      CHECK(name == current);
      std::string kind;
      words >> kind;
      CHECK((kind == "counter") == current.ends_with("_total"));
      CHECK((kind == "counter" || kind == "gauge"));
    } else {
      CHECK(first.substr(0, first.find('{')) == current);
      CHECK(second.find_first_not_of("0123456789.") == std::string::npos);
    }
  }
  CHECK(described.size() > 20);
  CHECK(text.ends_with('\n'));
}
