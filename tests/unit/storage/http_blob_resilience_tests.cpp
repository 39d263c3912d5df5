#include <larder/larder.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/silent_sink.hpp"

namespace {

using namespace std::chrono_literals;
using larder::error_cause;
using larder::put_mode;
using larder::remote_state;
using larder::resilience;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
using support::patient;
using store = larder::http_blob<larder::webdav>::store;

static_assert(
    std::is_same_v<decltype(larder::http_blob{larder::webdav{"http://h"}, resilience{}}), larder::http_blob<larder::webdav>>);

support::silent_sink sink;

/// The defaults, patient enough for any machine, and with pauses that take no time.
resilience quick_pauses() {
  resilience how;
  how.lookup_budget = 30s;
  how.retry.base = 0ms;
  how.retry.budget_floor = 1000;
  return how;
}

auto cache_on(const std::string& url, const resilience& how) {
  return larder::make_cache<std::string, larder::bytes>(larder::unbounded{},
                                                        larder::http_blob{larder::webdav{.url = url, .timeouts = patient}, how});
}

larder::bytes text(std::string_view t) { return larder::bytes::copy_of(t); }

/// A socket that takes connections and never says a word.
class silent_server {
 public:
  silent_server() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(socket_, 64) == 0);
    socklen_t size = sizeof(address);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  silent_server(const silent_server&) = delete;
  silent_server& operator=(const silent_server&) = delete;
  ~silent_server() { ::close(socket_); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  unsigned port_ = 0;
};

}  // namespace

TEST_CASE("where nothing fails, nothing more is sent") {
  std::array<larder::testing::blob_server_counts, 2> counts;
  for (const bool resilient : {false, true}) {
    blob_server server;
    auto c = cache_on(server.url() + "/m", resilient ? resilience{} : resilience::none());
    for (int i = 0; i < 5; ++i) {
      const std::string key = std::to_string(i);
      CHECK(c.put(key, text("value")));
      CHECK(c.get(key));
      CHECK(c.contains(key));
      CHECK_FALSE(c.get(key + "x"));
      CHECK(c.put_if_absent(key + "y", text("other")));
      CHECK(c.get_or_load(key + "z", [] { return text("loaded"); }).text() == "loaded");
      CHECK(c.erase(key));
    }
    counts[resilient ? 1 : 0] = server.counts();
    const larder::cache_stats stats = c.stats();
    CHECK(stats.errors.total() == 0);
    REQUIRE(stats.remote);
    CHECK(stats.remote->state == remote_state::healthy);
    CHECK(stats.remote->retries + stats.remote->hedges + stats.remote->known_absent + stats.remote->bypassed == 0);
    CHECK(stats.remote->bytes_sent == server.counts().body_bytes_in);
    CHECK(stats.remote->bytes_received == server.counts().body_bytes_out);
    std::uint64_t requests = 0;
    for (const auto& [method, n] : server.counts().requests) requests += n;
    CHECK(stats.remote->requests == requests);
  }
  CHECK(counts[0].requests == counts[1].requests);
}

TEST_CASE("a failure that passes costs a retry, not a miss") {
  blob_server server;
  auto c = cache_on(server.url() + "/m", quick_pauses());
  CHECK(c.put("a", text("value")));
  for (const fault& f : std::vector<fault>{{.times = 3},
                                           {.times = 1, .status = 429},
                                           {.kind = fault_kind::close, .times = 3},
                                           {.kind = fault_kind::truncate, .after = 3}}) {
    server.inject(f);
    const std::optional<larder::bytes> found = c.get("a");
    REQUIRE(found);
    CHECK(found->text() == "value");
    CHECK(server.pending_faults() == 0);
  }
  for (const char* method : {"PUT", "MOVE", "DELETE"}) {
    CAPTURE(method);
    server.inject({.times = 2, .method = method});
    CHECK(c.put("b", text("value")));
    CHECK(c.erase("b"));
    CHECK(server.pending_faults() == 0);
    server.inject({.kind = fault_kind::lose_answer, .times = 2, .method = method});
    CHECK(c.put("b", text("value")));
    CHECK(c.erase("b"));
    CHECK(server.pending_faults() == 0);
  }
  CHECK(c.stats().errors.total() == 0);
  CHECK(c.stats().remote->retries >= 10);
  CHECK(server.paths().size() == 1);
}

TEST_CASE("create_only that is repeated knows its own object from another's") {
  for (const bool plain : {false, true}) {
    CAPTURE(plain);
    blob_server server({.plain = plain});
    store s(larder::http_blob{larder::webdav{.url = server.url(), .timeouts = patient}, quick_pauses()}, sink);
    const std::array<larder::bytes, 2> parts{text("hel"), text("lo")};
    (void)s.put("first", parts, put_mode::create_only);  // now it is known whether the server moves
    for (const std::size_t times : {std::size_t{1}, std::size_t{2}}) {
      server.inject({.kind = fault_kind::lose_answer, .times = times, .method = plain ? "PUT" : "MOVE"});
      const std::string name = "o" + std::to_string(times);
      CHECK(s.put(name, parts, put_mode::create_only));
      CHECK(s.get(name, {})->text() == "hello");
      CHECK_FALSE(s.put(name, parts, put_mode::create_only));
    }
    // Somebody else's, of the same size, comes between the look and the write; the answer to the first try is lost, too.
    server.inject({.kind = fault_kind::status, .method = "HEAD", .status = 404});
    server.store("/taken", text("HELLO"));
    server.inject({.kind = fault_kind::lose_answer, .method = plain ? "PUT" : "MOVE"});
    CHECK_FALSE(s.put("taken", parts, put_mode::create_only));
    CHECK(s.get("taken", {})->text() == "HELLO");
  }
}

TEST_CASE("a missing collection that the server calls its own failure is made at once") {
  blob_server server;
  store s(larder::http_blob{larder::webdav{.url = server.url() + "/deep", .timeouts = patient}, quick_pauses()}, sink);
  server.inject({.method = "PUT", .status = 500});  // as nginx does
  const std::array<larder::bytes, 1> parts{text("x")};
  CHECK(s.put("a/b", parts, put_mode::replace));
  CHECK(server.counts()["PUT"] <= 3);
  CHECK(s.report().retries == 0);
}

TEST_CASE("a silent server costs the budget of a look-up, and nothing once the breaker is open") {
  const silent_server server;
  resilience how;
  how.lookup_budget = 100ms;
  how.breaker.failures = 2;
  auto c = cache_on(server.url(), how);
  CHECK_FALSE(c.get("a"));
  larder::cache_stats stats = c.stats();
  CHECK(stats.misses == 1);
  CHECK(stats.errors[error_cause::timeout] == 1);
  CHECK(stats.errors.total() == 1);
  REQUIRE(stats.remote);
  CHECK(stats.remote->lookups_over_budget == 1);
  CHECK(stats.remote->state == remote_state::healthy);
  CHECK_FALSE(c.get("b"));
  CHECK(c.stats().remote->state == remote_state::degraded);
  CHECK(c.stats().remote->breaker_openings == 1);
  const std::uint64_t sent = c.stats().remote->requests;
  CHECK(sent == 2);
  CHECK_FALSE(c.get("a"));
  CHECK_FALSE(c.contains("a"));
  CHECK_FALSE(c.put("a", text("x")));
  CHECK_FALSE(c.erase("a"));
  CHECK(c.get_or_load("a", [] { return text("made"); }).text() == "made");
  stats = c.stats();
  CHECK(stats.remote->requests == sent);
  CHECK(stats.remote->refused_by_breaker >= 5);
  CHECK(stats.errors[error_cause::timeout] == 2);
  CHECK(stats.errors[error_cause::network] == stats.remote->refused_by_breaker);
  CHECK(stats.remote->degraded_time > 0ns);
  CHECK(stats.remote->known_absent == 0);
}

TEST_CASE("a server that is not there opens the breaker after two look-ups of four tries each") {
  std::string url;
  {
    const blob_server gone;
    url = gone.url();
  }
  auto c = cache_on(url, quick_pauses());
  CHECK_FALSE(c.get("a"));
  CHECK(c.stats().remote->requests == 4);
  CHECK(c.stats().remote->breaker_openings == 0);
  CHECK_FALSE(c.get("a"));
  CHECK(c.stats().remote->breaker_openings == 1);
  CHECK(c.stats().errors[error_cause::network] == 2);
}

TEST_CASE("after a failure that opened the breaker the server is used again") {
  blob_server server;
  resilience how = quick_pauses();
  how.breaker.failures = 1;
  how.breaker.pause = 1ms;
  how.breaker.longest_pause = 1ms;
  how.retry.tries = 1;
  auto c = cache_on(server.url() + "/m", how);
  CHECK(c.put("a", text("value")));
  server.inject({});
  CHECK_FALSE(c.get("a"));
  CHECK(c.stats().remote->breaker_openings == 1);
  REQUIRE(support::eventually([&] { return c.get("a").has_value(); }));
  CHECK(c.stats().remote->state == remote_state::healthy);
}

TEST_CASE("what was absent a moment ago is not asked for, until this cache puts it or the period is over") {
  blob_server server;
  resilience how = quick_pauses();
  how.absent.period = 1h;
  auto c = cache_on(server.url() + "/m", how);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(c.get("a"));
  CHECK_FALSE(c.contains("a"));
  CHECK(server.counts()["GET"] == 1);
  CHECK(server.counts()["HEAD"] == 0);
  CHECK(c.stats().misses == 5);
  CHECK(c.stats().remote->known_absent == 5);
  CHECK(c.put("a", text("value")));
  REQUIRE(c.get("a"));
  CHECK(c.erase("a"));
  CHECK_FALSE(c.get("a"));
  CHECK(c.put_if_absent("a", text("value")));
  CHECK(c.get("a"));
  CHECK(c.get_or_load("b", [] { return text("loaded"); }).text() == "loaded");
  CHECK(c.get("b"));

  // Another cache's put is seen after the period; with none, at once.
  auto other = cache_on(server.url() + "/m", quick_pauses());
  CHECK_FALSE(c.get("c"));
  CHECK(other.put("c", text("theirs")));
  CHECK_FALSE(c.get("c"));
  CHECK_FALSE(c.put_if_absent("c", text("ours")));  // the server decides
  CHECK(c.get("c")->text() == "theirs");

  // Failures are not absence.
  how.retry.tries = 1;
  how.breaker.on = false;
  auto strict = cache_on(server.url() + "/m", how);
  for (const int status : {401, 403, 500, 503, 408}) {
    server.inject({.method = "GET", .status = status});
    CHECK_FALSE(strict.get("a"));
    CHECK(strict.get("a"));
  }
  CHECK(strict.stats().remote->known_absent == 0);
}

TEST_CASE("a remote that is slower than loading is left out of loads") {
  blob_server server;
  resilience how = quick_pauses();
  how.bypass = {.tolerated = 0ms, .samples = 4, .probe_every = 10, .probe_after = 1h};
  auto c = cache_on(server.url() + "/m", how);
  int loads = 0;
  const auto load = [&](const std::string& key) {
    ++loads;
    return text(key);
  };
  for (int i = 0; i < 4; ++i) CHECK(c.get_or_load("k" + std::to_string(i), load).text() == "k" + std::to_string(i));
  CHECK(c.stats().remote->bypassed == 0);
  CHECK(loads == 4);
  const std::uint64_t before = c.stats().remote->requests;
  for (int i = 0; i < 9; ++i) CHECK(c.get_or_load("k0", load).text() == "k0");  // a request over loopback takes longer than this
  CHECK(c.stats().remote->bypassed == 9);
  CHECK(c.stats().remote->requests == before);
  CHECK(loads == 13);
  CHECK(c.stats().loads == 13);
  CHECK(c.get_or_load("k0", load).text() == "k0");  // the tenth asks
  CHECK(c.stats().remote->requests > before);
  CHECK(loads == 13);
  CHECK(c.get("k1"));  // a plain look-up asks always
}

TEST_CASE("a remote tier that is slower than loading is left out of loads, and faster tiers keep what was loaded") {
  blob_server server;
  resilience how = quick_pauses();
  how.bypass = {.tolerated = 0ms, .samples = 4, .probe_every = 10, .probe_after = 1h};
  auto memory = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_entries{100});
  auto remote = cache_on(server.url() + "/m", how);
  larder::tiered tiers{memory, remote};
  int loads = 0;
  const auto load = [&](const std::string& key) {
    ++loads;
    return text(key);
  };
  for (int i = 0; i < 4; ++i) CHECK(tiers.get_or_load("k" + std::to_string(i), load).text() == "k" + std::to_string(i));
  CHECK(server.paths().size() == 4);
  const std::uint64_t before = remote.stats().remote->requests;
  for (int i = 10; i < 19; ++i) CHECK(tiers.get_or_load("k" + std::to_string(i), load).text() == "k" + std::to_string(i));
  CHECK(remote.stats().remote->bypassed == 9);
  CHECK(remote.stats().remote->requests == before);
  CHECK(loads == 13);
  CHECK(memory.size() == 13);
  memory.clear();
  const auto batch = [&](const std::vector<std::string>& keys) {
    loads += static_cast<int>(keys.size());
    return std::vector<larder::bytes>(keys.size(), text("batch"));
  };
  SUBCASE("in batches, too") {
    CHECK(tiers.get_or_load_many(std::vector<std::string>{"k0", "k20"}, batch)[0].text() == "k0");  // the tenth asks
    CHECK(loads == 14);
    const std::uint64_t asked = remote.stats().remote->requests;
    CHECK(tiers.get_or_load_many(std::vector<std::string>{"k21", "k22"}, batch)[1].text() == "batch");
    CHECK(remote.stats().remote->bypassed == 10);  // of loads, however many keys they are for
    CHECK(remote.stats().remote->requests == asked);
    CHECK(memory.contains("k22"));
    CHECK(tiers.get_or_load_many(std::vector<std::string>{"k21", "k22"}, batch)[0].text() == "batch");
    CHECK(remote.stats().remote->bypassed == 10);  // nothing was to be loaded
    return;
  }
  CHECK(tiers.get_or_load("k0", load).text() == "k0");  // the tenth asks
  CHECK(loads == 13);
  memory.clear();
  CHECK(tiers.get("k1"));  // a plain look-up asks always
  CHECK_FALSE(tiers.get("k10"));
}

TEST_CASE("the report counts from the last reset") {
  blob_server server;
  auto c = cache_on(server.url() + "/m", quick_pauses());
  CHECK(c.put("a", text("value")));
  server.inject({});
  CHECK(c.get("a"));
  CHECK(c.stats().remote->retries == 1);
  c.reset_stats();
  const larder::remote_report fresh = *c.stats().remote;
  CHECK(fresh.requests == 0);
  CHECK(fresh.retries == 0);
  CHECK(fresh.bytes_received == 0);
  CHECK(c.get("a"));
  CHECK(c.stats().remote->requests == 1);

  auto memory = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{3});
  CHECK_FALSE(memory.stats().remote);
}

TEST_CASE("no secret shows in what the stack says") {
  const std::string planted = "hunter2-PLANTED";
  std::vector<std::string> texts;
  std::mutex mutex;
  const auto make = [&](const std::string& url, const resilience& how) {
    return larder::make_cache<std::string, larder::bytes>(
        larder::unbounded{}, larder::http_blob{larder::webdav{.url = url, .bearer_token = planted, .timeouts = patient}, how},
        larder::error_listener{[&](const larder::error_event& e) {
          const std::lock_guard lock(mutex);
          texts.push_back(e.message);
        }});
  };
  {
    blob_server server({.authorization = "Bearer " + planted});
    resilience how = quick_pauses();
    how.breaker.failures = 40;
    auto c = make(server.url() + "/m", how);
    CHECK(c.put("a", text("value")));
    for (const fault& f : std::vector<fault>{{.times = 4, .status = 401},
                                             {.times = 4, .status = 500},
                                             {.times = 4, .status = 429},
                                             {.kind = fault_kind::close, .times = 9},
                                             {.kind = fault_kind::truncate, .times = 4, .after = 0},
                                             {.kind = fault_kind::verbatim,
                                             .times = 4,
                                             .reply = "HTTP/1.1 503 " + planted + "\r\nRetry-After: " + planted +
                                                      "\r\nETag: " + planted + "\r\n\r\n" + planted}}) {
      server.inject(f);
      CHECK_FALSE(c.get("a"));
      server.clear_faults();
    }
    server.inject({.times = 100});
    for (int i = 0; i < 20; ++i) CHECK_FALSE(c.get("a"));
    CHECK(c.stats().remote->refused_by_breaker > 0);
  }
  const silent_server silent;
  resilience how;
  how.lookup_budget = 50ms;
  auto c = make(silent.url(), how);
  CHECK_FALSE(c.get("a"));
  CHECK(texts.size() >= 20);
  for (const std::string& t : texts) {
    CAPTURE(t);
    CHECK(t.find(planted) == std::string::npos);
  }
}

TEST_CASE("a forked child has the whole of its limits, whatever its parent had under way") {
  blob_server server;
  resilience how = quick_pauses();
  how.in_flight.requests = 1;
  auto c = cache_on(server.url() + "/m", how);
  CHECK(c.put("a", text("value")));
  server.inject({.kind = fault_kind::stall, .method = "HEAD"});
  std::thread held([&] { (void)c.contains("a"); });  // has the one place
  CHECK(support::eventually([&] { return server.pending_faults() == 0; }));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(c.get("a") ? 0 : 1);
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  server.release();
  held.join();
}
