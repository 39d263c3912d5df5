#include "server_fixture.hpp"
#include "support/prometheus_samples.hpp"

#include <larder/larder.hpp>
#include <larder/observe/cache_collection.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/serve/metrics_server.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace larder::literals;
using serving::answer;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
answer ask(const larder::metrics_server& server, const std::string& path, const std::string& fields = {}) {
  return serving::ask(server.port(), serving::get(path, fields));
}

/// Caches by name as a cache_manager has them.
struct shelf {
  using cache = larder::cache<int, int, larder::max_entries>;
  std::vector<std::string> names() const { return {"left", "right"}; }
  const cache& at(std::string_view name) const { return name == "left" ? left : right; }
  cache left{larder::max_entries{5}};
  cache right{larder::max_entries{6}};
};

static_assert(larder::observe::cache_collection<shelf>);
static_assert(!larder::observe::cache_collection<shelf::cache>);
template <class Caches>
concept addable = requires(larder::metrics_server& server, Caches&& caches) {
  server.add(std::forward<Caches>(caches));
};
static_assert(addable<const shelf&> && !addable<shelf>);  // one that ends at once cannot be meant

}  // namespace

TEST_CASE("a program shows its caches in one line") {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1000}, larder::latency_histogram{1});
  larder::metrics_server server{{.port = 0}};
  server.add("names", names);
  names.put("a secret key", 1);
  names.get("a secret key");
  names.get("b");

  const answer text = ask(server, "/metrics");
  CHECK(text.status == 200);
  CHECK(text.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(has(text.body, "larder_cache_hits_total{cache=\"names\"} 1\n"));
  CHECK(has(text.body, "larder_cache_misses_total{cache=\"names\"} 1\n"));
  CHECK(has(text.body, "larder_latency_seconds_count{cache=\"names\",operation=\"get\"} 2\n"));
  CHECK(!has(text.body, "secret"));
  if (const auto samples = support::prometheus_samples(text.body)) CHECK(samples->size() > 50);

  const answer json = ask(server, "/status.json");
  CHECK(json.field("Content-Type") == "application/json");
  CHECK(has(json.body, "\"caches\":[{\"name\":\"names\","));
  CHECK(has(json.body, "\"hits\":1,\"misses\":1,"));
  CHECK(!has(json.body, "secret"));

  const answer page = ask(server, "/?x=1");
  CHECK(page.status == 200);
  CHECK(has(page.body, "<!doctype html>"));
  CHECK(!has(page.body, "://"));  // nothing comes from elsewhere
  CHECK(has(page.field("Content-Security-Policy"), "default-src 'none'"));
  CHECK(ask(server, "/healthz").body == "ok\n");
  CHECK(ask(server, "/nothing").status == 404);
  CHECK(server.url() == "http://127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("caches come and go while it serves") {
  larder::metrics_server server;
  CHECK(has(ask(server, "/status.json").body, "\"caches\":[]"));
  {
    auto cache = larder::make_cache<int, int>(larder::max_entries{5});
    server.add("first", cache);
    CHECK_THROWS_WITH_AS(server.add("first", cache),
                         "larder: metrics_server: a cache named \"first\" is shown already; give each its own name",
                         larder::error);
    CHECK(has(ask(server, "/metrics").body, "cache=\"first\""));
    CHECK(server.erase("first"));
    CHECK(!server.erase("first"));
  }
  CHECK(ask(server, "/metrics").body.empty());

  auto held = std::make_shared<larder::cache<int, int, larder::max_entries>>(larder::max_entries{5});
  server.add("second", held);
  CHECK(has(ask(server, "/metrics").body, "cache=\"second\""));
  held = std::make_shared<larder::cache<int, int, larder::max_entries>>(larder::max_entries{6});
  server.add("second", held);  // the name is free again
  CHECK(has(ask(server, "/metrics").body, "larder_cache_capacity_entries{cache=\"second\"} 6\n"));
  held.reset();
  CHECK(ask(server, "/metrics").body.empty());
}

TEST_CASE("all caches of a manager are shown at once, and go together") {
  larder::metrics_server server;
  {
    const shelf both;
    server.add(both);
    const std::string shown = ask(server, "/metrics").body;
    CHECK(has(shown, "larder_cache_capacity_entries{cache=\"left\"} 5\n"));
    CHECK(has(shown, "larder_cache_capacity_entries{cache=\"right\"} 6\n"));
    CHECK_THROWS_WITH_AS(server.add(both),
                         "larder: metrics_server: a cache named \"left\" is shown already; give each its own name",
                         larder::error);
    CHECK(server.erase("left"));  // each of them alone as well
    CHECK(!has(ask(server, "/metrics").body, "\"left\""));
    CHECK(server.erase(both));
    CHECK(!server.erase(both));
  }
  CHECK(ask(server, "/metrics").body.empty());

  const shelf::cache other(larder::max_entries{7});
  server.add("right", other);
  const shelf refused;
  CHECK_THROWS_AS(server.add(refused), larder::error);
  CHECK(!has(ask(server, "/metrics").body, "\"left\""));  // all or none
  CHECK(!server.erase(refused));
  CHECK(has(ask(server, "/metrics").body, "larder_cache_capacity_entries{cache=\"right\"} 7\n"));
  CHECK(server.erase("right"));

  auto held = std::make_shared<shelf>();
  server.add(held);
  CHECK(has(ask(server, "/status.json").body, "\"name\":\"right\""));
  held = std::make_shared<shelf>();
  server.add(held);  // the names are free again
  CHECK(server.erase(*held));
  server.add(std::shared_ptr<const shelf>(held));
  CHECK(has(ask(server, "/metrics").body, "cache=\"right\""));
  held.reset();
  server.add(held);  // nothing, which is shown as nothing
  CHECK(ask(server, "/metrics").body.empty());
}

TEST_CASE("threads add, use and take away caches while clients ask") {
  larder::metrics_server server;
  std::atomic<bool> done{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        auto cache = larder::make_cache<int, std::string>(larder::max_entries{50}, larder::latency_histogram{1});
        const std::string name = std::to_string(t);
        server.add(name, cache);
        const shelf both;
        if (t == 0) server.add(both);
        for (int k = 0; k < 200; ++k) cache.put(k, "x");
        if (!server.erase(name) || (t == 0 && !server.erase(both))) break;
      }
    });
  for (int c = 0; c < 2; ++c)
    threads.emplace_back([&] {
      while (!done) answered += ask(server, "/metrics").status == 200 ? 1 : 0;
    });
  threads[0].join();
  threads[1].join();
  done = true;
  threads[2].join();
  threads[3].join();
  CHECK(answered > 0);
  CHECK(ask(server, "/metrics").body.empty());
}

TEST_CASE("what is no good request is refused, and what comes slowly waits for nobody") {
  larder::metrics_server server{{.max_connections = 2, .request_timeout = std::chrono::milliseconds(200)}};
  const auto status = [&](const std::string& request) { return serving::ask(server.port(), request).status; };
  CHECK(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n") == 405);
  CHECK(status("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n") == 421);
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n") == 400);
  CHECK(status("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n") == 414);
  CHECK(status("nonsense\r\n\r\n") == 400);
  const answer head = serving::ask(server.port(), "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(head.status == 200);
  CHECK(head.field("Content-Length") == "3");
  support::talk silent(static_cast<std::uint16_t>(server.port()));
  support::talk slow(static_cast<std::uint16_t>(server.port()));
  slow.say("GET / HT");
  CHECK(ask(server, "/healthz").status == 200);  // once their time is over
  CHECK(silent.hear().empty());
  CHECK(slow.hear().empty());
}

TEST_CASE("a token is asked for where one is set, and needed for other machines") {
  larder::metrics_server server{{.token = "sesame"}};
  CHECK(ask(server, "/metrics").status == 401);
  CHECK(ask(server, "/metrics", "Authorization: Bearer wrong\r\n").status == 401);
  CHECK(ask(server, "/metrics", "Authorization: Bearer sesame\r\n").status == 200);
  const auto refused = [](const larder::metrics_server_settings& settings) {
    try {
      const larder::metrics_server made(settings);
    } catch (const larder::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(has(refused({.host = "0.0.0.0"}), "metrics_server: host 0.0.0.0 is reached by other machines; set a token"));
  CHECK(has(refused({.host = "nowhere"}), "metrics_server: host \"nowhere\" is no address"));
  CHECK(has(refused({.port = 70000}), "metrics_server: port is 70000"));
  CHECK(has(refused({.max_connections = 0}), "max_connections is 0"));
  CHECK(has(refused({.request_timeout = std::chrono::milliseconds(0)}), "request_timeout"));
  const std::string taken = refused({.port = server.port()});
  CHECK(has(taken, "metrics_server: cannot listen on 127.0.0.1"));
  CHECK(!has(taken, "sesame"));
}
