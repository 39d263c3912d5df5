#include "server_fixture.hpp"

#include <larder/core/units.hpp>
#include <larder/serve/worker.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace larder::literals;
using serving::answer;
using serving::get;
using serving::hear;

namespace {

std::uint16_t port_of(const serving::served_folder& served) { return static_cast<std::uint16_t>(served.server.port()); }

}  // namespace

TEST_CASE("who begins to ask and does not end is told so and left") {
  const serving::served_folder served({.header_timeout = 40ms});
  support::talk slow(port_of(served));
  slow.say("GET /healthz HTTP/1.1\r\n");
  CHECK(slow.hear().starts_with("HTTP/1.1 408 "));
  support::talk silent(port_of(served));
  CHECK(silent.hear().empty());
  support::talk drips(port_of(served));  // a byte now and then does not help
  std::thread dripping([&] {
    for (int i = 0; i < 2000 && !drips.hears_something(); ++i) {
      drips.say("X");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  CHECK(drips.hear().starts_with("HTTP/1.1 408 "));
  dripping.join();
  CHECK(served.server.stats().timed_out == 3);
}

TEST_CASE("a connection that is idle for too long is closed") {
  const serving::served_folder served({.idle_timeout = 40ms});
  support::talk client(port_of(served));
  client.say(get("/healthz"));
  CHECK(hear(client).status == 200);
  CHECK(client.hear().empty());
  CHECK(served.server.stats().timed_out == 1);
}

TEST_CASE("a client that does not read is cut off, and what it held is given back") {
  const serving::served_folder served({.cache_size = 40_MB, .drain_window = 60ms, .slowest_reader = 1024});
  const std::string content = serving::content_of(32_MiB);
  const std::string large = served.chunks.add(content);
  support::talk stuck(port_of(served));
  stuck.say(get("/v1/c/" + large));
  CHECK(stuck.hear(1000).size() == 1000);
  CHECK(support::eventually([&] { return served.server.stats().too_slow == 1; }));
  CHECK(stuck.hear().size() < content.size());
  CHECK(support::eventually([&] { return served.server.stats().connections == 0; }));
  CHECK(served.server.stats().pinned_bytes == 0);
}

TEST_CASE("slow readers of evicted chunks are counted, and memory stays bounded") {
  const serving::served_folder served({.cache_size = 50_MB, .workers = 2});
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < 4; ++i) names.push_back(served.chunks.add(serving::content_of(20'000'000, i)));
  support::talk slow(port_of(served));
  slow.say(get("/v1/c/" + names[0]));
  std::string all = slow.hear(1000);
  CHECK(all.size() == 1000);
  for (const std::string& name : {names[1], names[2], names[3], names[1]}) {
    CHECK(served.get("/v1/c/" + name).body.size() == 20'000'000);
    CHECK(served.server.stats().memory <= 50'000'000);
  }
  CHECK(served.server.stats().pinned_bytes == 20'000'000);
  const std::size_t head = all.find("\r\n\r\n") + 4;
  all += slow.hear(20'000'000 + head - all.size());
  CHECK(all.substr(head) == serving::content_of(20'000'000, 0));  // it is still right
  CHECK(support::eventually([&] { return served.server.stats().pinned_bytes == 0; }));
}

TEST_CASE("connections over the limit are told when to come again") {
  const serving::served_folder served({.max_connections = 3});
  std::vector<std::unique_ptr<support::talk>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<support::talk>(port_of(served)));
    clients.back()->say(get("/healthz"));
    CHECK(hear(*clients.back()).status == 200);
  }
  const answer turned_away = served.get("/healthz");
  CHECK(turned_away.status == 503);
  CHECK(turned_away.field("Retry-After") == "1");
  CHECK(turned_away.field("Connection") == "close");
  CHECK(served.server.stats().turned_away == 1);
  clients.pop_back();
  CHECK(support::eventually([&] { return served.get("/healthz").status == 200; }));
  clients.front()->say(get("/healthz"));
  CHECK(hear(*clients.front()).status == 200);
}

TEST_CASE("bytes go out while the fill brings the rest, to all who wait") {
  const serving::served_folder served({.cache_size = 100_MB, .workers = 2});
  const std::string content = serving::content_of(24_MiB);
  const std::string name = served.chunks.add(content);
  CHECK(served.right_at_once(8, "/v1/c/" + name, content) == 8);
  const larder::weight_server_stats stats = served.server.stats();
  CHECK(stats.loads == 1);
  CHECK(stats.store_reads == 1);
  CHECK(stats.hits + stats.misses == 8);
  CHECK(stats.stored_bytes == content.size());
  CHECK(stats.bytes_sent == 8 * content.size());
}

TEST_CASE("clients that go away in the middle disturb nobody") {
  for (const std::uint64_t cache_size : {100_MB, std::uint64_t{10}}) {  // from memory, and from the file
    const serving::served_folder served({.cache_size = cache_size});
    const std::string content = serving::content_of(8_MiB);
    const std::string name = served.chunks.add(content);
    for (int i = 0; i < 20; ++i) {
      support::talk client(port_of(served));
      client.say(get("/v1/c/" + name));
      client.hear(static_cast<std::size_t>(i) * 1000);
    }  // closing with unread bytes resets
    CHECK(served.get("/v1/c/" + name).body == content);
    CHECK(support::eventually([&] { return served.server.stats().connections == 0; }));
  }
}

TEST_CASE("many clients, few chunks, less room than they need") {
  const serving::served_folder served({.cache_size = 3_MB, .workers = 2});
  std::vector<std::string> names;
  std::vector<std::string> contents;
  for (std::uint64_t i = 0; i < 8; ++i) {
    contents.push_back(serving::content_of(i % 2 == 0 ? 1'000'000 : 30'000 + i, i));
    names.push_back(served.chunks.add(contents.back()));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (std::size_t c = 0; c < 8; ++c)
    clients.emplace_back([&, c] {
      support::talk client(port_of(served));
      for (std::size_t i = 0; i < 30; ++i) {
        const std::size_t which = (i * (c + 1) + c) % names.size();
        client.say(get("/v1/c/" + names[which]));
        if (hear(client).body != contents[which]) ++wrong;
      }
    });
  for (std::thread& c : clients) c.join();
  CHECK(wrong == 0);
  CHECK(support::eventually([&] { return served.server.stats().memory == served.server.stats().stored_bytes; }));
  const larder::weight_server_stats stats = served.server.stats();
  CHECK(stats.memory <= 3_MB);
  CHECK(stats.evictions > 0);
  CHECK(stats.pinned_bytes == 0);
}
