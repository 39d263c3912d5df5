#include "server_fixture.hpp"

#include "support/refusal.hpp"

#include <larder/core/units.hpp>
#include <larder/serve/weight_server.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

using namespace larder::literals;
using serving::get;
using serving::hear;

TEST_CASE("a server is started and stopped") {
  const serving::chunk_folder chunks;
  chunks.write("a", "content");
  larder::weight_server server{{.chunks_dir = chunks.path(), .cache_size = 200_MB, .port = 0}};
  CHECK(server.port() == 0);
  server.start();
  const int port = server.port();
  CHECK(port > 0);
  CHECK(server.url() == "http://127.0.0.1:" + std::to_string(port));
  server.start();  // it runs already
  CHECK(server.port() == port);
  CHECK(serving::ask(port, get("/v1/c/a")).body == "content");
  server.stop();
  server.stop();
  CHECK(support::cause_of([&] { server.start(); }) == larder::error_cause::invalid_argument);
  CHECK(server.stats().requests == 1);
  larder::weight_server never{{.chunks_dir = chunks.path()}};
  never.stop();
}

TEST_CASE("other machines are served only with a token") {
  const serving::chunk_folder chunks;
  larder::weight_server open{{.chunks_dir = chunks.path(), .host = "0.0.0.0"}};
  const auto refused = support::refusal_of([&] { open.start(); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(support::says(refused, "token"));
  larder::weight_server closed{{.chunks_dir = chunks.path(), .host = "0.0.0.0", .token = "t"}};
  closed.start();
  CHECK(serving::ask(closed.port(), get("/metrics")).status == 401);
  CHECK(serving::ask(closed.port(), get("/metrics", "Authorization: Bearer t\r\n")).status == 200);
}

TEST_CASE("what cannot be served is refused with a sentence") {
  const serving::chunk_folder chunks;
  CHECK(support::cause_of([] { larder::weight_server({}); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { larder::weight_server({.chunks_dir = chunks.path() + "/none"}); }) == larder::error_cause::io);
  larder::weight_server first{{.chunks_dir = chunks.path()}};
  first.start();
  larder::weight_server second{{.chunks_dir = chunks.path(), .port = first.port()}};
  CHECK(support::cause_of([&] { second.start(); }) == larder::error_cause::io);
  larder::weight_server nowhere{{.chunks_dir = chunks.path(), .host = "example.org"}};
  CHECK(support::cause_of([&] { nowhere.start(); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("a stop lets an answer that has begun go on to its end, and idle connections go") {
  serving::served_folder served({.cache_size = 100_MB, .drain_on_stop = 30s});
  const std::string content = serving::content_of(32_MiB);
  const std::string name = served.chunks.add(content);
  const auto port = static_cast<std::uint16_t>(served.server.port());
  support::talk idle(port);
  idle.say(get("/healthz"));
  CHECK(hear(idle).status == 200);
  support::talk busy(port);
  busy.say(get("/v1/c/" + name));
  std::string head = busy.hear(1000);
  std::thread stops([&] { served.server.stop(); });
  CHECK(idle.hear().empty());
  const std::string rest = busy.hear();
  stops.join();
  CHECK(head.size() + rest.size() > content.size());
  CHECK(rest.ends_with(content.substr(content.size() - 1000)));
}

TEST_CASE("a stop takes nothing from a client that has said more, and refuses late ones at once") {
  serving::served_folder served({.cache_size = 100_MB, .drain_on_stop = 30s});
  const std::string content = serving::content_of(32_MiB);
  const std::string name = served.chunks.add(content);
  const auto port = static_cast<std::uint16_t>(served.server.port());
  support::talk busy(port);
  busy.say(get("/v1/c/" + name));
  const std::string head = busy.hear(1000);
  for (int i = 0; i < 1000; ++i) busy.say(get("/v1/c/" + name, "X: " + std::string(100, 'x') + "\r\n"));
  std::thread stops([&] { served.server.stop(); });
  CHECK(support::eventually([&] {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const larder::storage::file_descriptor late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(late.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno == ECONNREFUSED;
  }));
  const std::string rest = busy.hear();
  stops.join();
  CHECK(head.size() + rest.size() > content.size());
  CHECK(rest.ends_with(content.substr(content.size() - 1000)));
  CHECK(busy.error == 0);
}

TEST_CASE("a start that failed can be tried again") {
  const serving::chunk_folder chunks;
  auto first = std::make_unique<larder::weight_server>(larder::weight_server_settings{.chunks_dir = chunks.path()});
  first->start();
  larder::weight_server second{{.chunks_dir = chunks.path(), .port = first->port()}};
  CHECK(support::cause_of([&] { second.start(); }) == larder::error_cause::io);
  first.reset();
  second.start();
  CHECK(serving::ask(second.port(), get("/healthz")).status == 200);
}

TEST_CASE("a stop ends what takes longer than it may") {
  serving::served_folder served({.cache_size = 100_MB, .drain_on_stop = 0ms});
  const std::string name = served.chunks.add(serving::content_of(32_MiB));
  support::talk busy(static_cast<std::uint16_t>(served.server.port()));
  busy.say(get("/v1/c/" + name));
  CHECK(busy.hear(1000).size() == 1000);
  served.server.stop();
  CHECK(busy.hear().size() < 32_MiB);
}

TEST_CASE("an IPv6 interface is served") {
  const serving::chunk_folder chunks;
  larder::weight_server server{{.chunks_dir = chunks.path(), .host = "::1"}};
  try {
    server.start();
  } catch (const larder::error&) {
    MESSAGE("skipped: this machine has no ::1");
    return;
  }
  CHECK(server.url() == "http://[::1]:" + std::to_string(server.port()));
}
