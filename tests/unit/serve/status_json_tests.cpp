#include "server_fixture.hpp"

#include <larder/serve/metrics_text.hpp>
#include <larder/serve/server_state.hpp>
#include <larder/serve/status_json.hpp>
#include <larder/serve/status_page.hpp>
#include <larder/serve/weight_server_stats.hpp>

#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace {

std::string number_in(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\":");
  if (at == std::string::npos) return "-";
  const std::size_t begin = at + name.size() + 3;
  return json.substr(begin, json.find_first_of(",}", begin) - begin);
}

}  // namespace

TEST_CASE("the status says what has happened") {
  const serving::served_folder served({.cache_size = 1'000'000, .max_connections = 77});
  served.chunks.write("a", "content");
  served.chunks.write("manifests/m.json", "{}");
  for (int i = 0; i < 3; ++i) served.get("/v1/c/a");
  served.get("/v1/m/m/manifest");
  served.get("/v1/c/absent");
  const std::string json = served.get("/status.json").body;
  CHECK(number_in(json, "hits") == "2");
  CHECK(number_in(json, "misses") == "3");
  CHECK(number_in(json, "entries") == "2");
  CHECK(number_in(json, "cached_bytes") == "9");
  CHECK(number_in(json, "memory_bytes") == "9");
  CHECK(number_in(json, "capacity_bytes") == "1000000");
  CHECK(number_in(json, "sent_bytes") == "23");
  CHECK(number_in(json, "requests") == "5");
  CHECK(number_in(json, "max_connections") == "77");
  CHECK(json.find(R"("chunks":[{"name":"a","bytes":7,"uses":3},{"name":"m","manifest":true,"bytes":2,"uses":1}]})") !=
        std::string::npos);
  CHECK(support::eventually([&] { return served.get("/status.json").body.find("\"seconds\":[[") != std::string::npos; }));
}

TEST_CASE("the page asks for nothing but the status, of nobody but the server, and knows what it says") {
  const std::string_view page = larder::serve::status_page;
  CHECK(page.find("fetch('status.json'") != std::string_view::npos);
  for (const char* outside : {"src=", "href=", "@import", "url(", "//cdn", "https:"})
    CHECK(page.find(outside) == std::string_view::npos);
  const serving::served_folder served;
  const std::string json = served.get("/status.json").body;
  std::size_t used = 0;
  for (std::size_t at = page.find("s."); at != std::string_view::npos; at = page.find("s.", at + 1)) {
    if (page[at - 1] != '(' && page[at - 1] != ' ') continue;
    const std::size_t end = page.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at + 2);
    const std::string name(page.substr(at + 2, end - at - 2));
    if (name.find('_') == std::string::npos) continue;  // forEach, length
    CAPTURE(name);
    CHECK(json.find("\"" + name + "\":") != std::string::npos);
    ++used;
  }
  CHECK(used > 10);
}
