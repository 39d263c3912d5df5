#include <larder/remote/in_flight_limit.hpp>

#include "scripted_transport.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::test::answer_of;
using larder::test::eventually;
using larder::test::manual_timing;
using larder::test::request_for;
using larder::test::transport_script;
using limited = remote::in_flight_limit<larder::test::scripted_transport>;

static_assert(remote::http_transport<limited>);

remote::http_request get_of(std::uint64_t bytes, const std::string& name = "o") {
  remote::http_request request = request_for("GET", "http://h/" + name);
  request.range = larder::byte_range{0, bytes};
  return request;
}

/// A server that answers a request when it is told its name.
class gate {
 public:
  explicit gate(transport_script script) {
    script.answer([this](const remote::http_request& request, std::size_t) {
      std::unique_lock lock(mutex_);
      inside_.push_back(request.target.path);
      changed_.notify_all();
      CHECK(changed_.wait_for(lock, 30s, [&] { return open_ || let_go_.contains(request.target.path); }));
      std::erase(inside_, request.target.path);
      changed_.notify_all();
      return answer_of(200);
    });
  }
  void let_go(const std::string& name) {
    const std::lock_guard lock(mutex_);
    let_go_.insert("/" + name);
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Whether those and no others come to be inside.
  bool holds(std::vector<std::string> names) {
    for (std::string& name : names) name.insert(0, 1, '/');
    std::sort(names.begin(), names.end());
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] {
      std::vector<std::string> now = inside_;
      std::sort(now.begin(), now.end());
      return now == names;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> inside_;
  std::set<std::string> let_go_;
  bool open_ = false;
};

/// Requests, each on a thread of its own.
class senders {
 public:
  explicit senders(limited& to) : to_(to) {}
  ~senders() {
    for (std::thread& t : threads_) t.join();
  }
  void send(remote::http_request request) {
    threads_.emplace_back([this, request = std::move(request)] {
      try {
        to_.send(request);
        ++done;
      } catch (const larder::error& e) {
        const std::lock_guard lock(mutex_);
        causes_.push_back(e.cause());
      }
    });
  }
  std::vector<error_cause> causes() {
    const std::lock_guard lock(mutex_);
    return causes_;
  }
  std::atomic<int> done{0};

 private:
  limited& to_;
  std::mutex mutex_;
  std::vector<error_cause> causes_;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("no more requests than the limit are on the way, and the rest go in their order") {
  transport_script script;
  gate server(script);
  limited l({}, {.requests = 2, .bytes = 0}, script);
  senders all(l);
  all.send(get_of(1, "a"));
  CHECK(server.holds({"a"}));
  all.send(get_of(1, "b"));
  CHECK(server.holds({"a", "b"}));
  all.send(get_of(1, "c"));
  all.send(get_of(1, "d"));
  server.let_go("c");
  server.let_go("d");
  server.let_go("a");
  CHECK(eventually([&] { return script.count() == 4; }));
  CHECK(server.holds({"b"}));  // a, c and d went through the place that a left
  server.open();
}

TEST_CASE("who waits goes in the order of coming") {
  transport_script script;
  const manual_timing time(manual_timing::when_told);
  gate server(script);
  remote::in_flight_limit<larder::test::scripted_transport, manual_timing> l(time, {.requests = 1}, script);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { l.send(get_of(1, std::to_string(i))); });
    if (i == 0) CHECK(server.holds({"0"}));
    CHECK(eventually([&] { return time.waiting() == i; }));
  }
  server.open();
  for (std::thread& t : threads) t.join();
  const auto seen = script.seen();
  REQUIRE(seen.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) CHECK(seen[i].target.path == "/" + std::to_string(i));
}

TEST_CASE("bytes are bounded, small requests do not pass a large one that waits, and one that is larger than all goes alone") {
  transport_script script;
  gate server(script);
  limited l({}, {.requests = 0, .bytes = 100}, script);
  senders all(l);
  all.send(get_of(60, "a"));
  CHECK(server.holds({"a"}));
  all.send(get_of(40, "b"));
  CHECK(server.holds({"a", "b"}));
  std::stop_source stop;
  remote::http_request huge = get_of(1000, "huge");
  huge.stop = stop.get_token();
  all.send(huge);
  // In line behind the others: the line is looked at through one that gives up at once.
  const auto passes = [&] {
    remote::http_request probe = request_for("HEAD", "http://h/probe");
    probe.answer_by = std::chrono::steady_clock::now();
    try {
      l.send(probe);
      return true;
    } catch (const remote::send_error& e) {
      CHECK(e.cause() == error_cause::timeout);
      CHECK(e.tries() == 0);
      return false;
    }
  };
  server.let_go("probe");
  CHECK(eventually([&] { return !passes(); }));
  CHECK(server.holds({"a", "b"}));
  server.let_go("a");
  CHECK(server.holds({"b"}));  // there would be room for 60 bytes, but the large one is first
  CHECK_FALSE(passes());
  server.let_go("b");
  CHECK(server.holds({"huge"}));  // alone, though it is ten times the limit
  all.send(get_of(1, "after"));
  CHECK(server.holds({"huge"}));
  server.let_go("huge");
  CHECK(server.holds({"after"}));
  server.open();
}

TEST_CASE("who gives up in line lets those behind go on") {
  transport_script script;
  gate server(script);
  limited l({}, {.requests = 0, .bytes = 100}, script);
  senders all(l);
  all.send(get_of(50, "a"));
  CHECK(server.holds({"a"}));
  std::stop_source stop;
  remote::http_request large = get_of(80, "large");
  large.stop = stop.get_token();
  all.send(large);
  remote::http_request hasty = get_of(50, "hasty");
  CHECK(eventually([&] {  // until the large one stands in line
    hasty.answer_by = std::chrono::steady_clock::now();
    try {
      server.let_go("hasty");
      l.send(hasty);
      return false;
    } catch (const larder::error&) {
      return true;
    }
  }));
  all.send(get_of(50, "behind"));
  stop.request_stop();
  CHECK(server.holds({"a", "behind"}));
  CHECK(eventually([&] { return all.causes() == std::vector<error_cause>{error_cause::cancelled}; }));
  server.open();
}

TEST_CASE("what a request is taken to weigh") {
  const larder::bytes body = larder::bytes::copy_of(std::string(70, 'x'));
  transport_script script;
  gate server(script);
  limited l({}, {.requests = 0, .bytes = 100, .unknown_body = 40}, script);
  senders all(l);
  remote::http_request put = request_for("PUT", "http://h/put");
  put.body = {&body, 1};
  put.has_body = true;
  all.send(put);
  CHECK(server.holds({"put"}));
  const auto fits = [&](remote::http_request request) {
    request.answer_by = std::chrono::steady_clock::now();
    request.target.path = "/probe";
    server.let_go("probe");
    try {
      l.send(request);
      return true;
    } catch (const larder::error&) {
      return false;
    }
  };
  CHECK(fits(get_of(30)));
  CHECK_FALSE(fits(get_of(31)));
  CHECK_FALSE(fits(request_for()));  // 40, for all that is known
  CHECK_FALSE(fits(get_of(~std::uint64_t{0})));
  remote::http_request small = request_for();
  small.max_body = 30;
  CHECK(fits(small));
  remote::http_request tail = request_for();
  tail.range = larder::byte_range{1000, ~std::uint64_t{0}};  // to the end
  CHECK_FALSE(fits(tail));
  tail.max_body = 20;
  CHECK(fits(tail));
  CHECK(fits(request_for("HEAD")));
  CHECK(fits(request_for("DELETE")));
  server.open();
}

TEST_CASE("a request that fails gives its room back") {
  transport_script script;
  script.answer([](const auto&, std::size_t) -> remote::http_response { larder::core::fail(error_cause::network, "no"); });
  limited l({}, {.requests = 1, .bytes = 10}, script);
  for (int i = 0; i < 20; ++i) CHECK_THROWS_AS(l.send(get_of(10)), larder::error);
  CHECK(script.count() == 20);
}

TEST_CASE("under load from many threads the limits hold and everybody gets through") {
  transport_script script;
  std::atomic<int> requests{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<int> broken{0};
  script.answer([&](const remote::http_request& request, std::size_t) {
    if (++requests > 3) ++broken;
    const std::uint64_t now = bytes += request.range->size;
    if (now > 100 && now != request.range->size) ++broken;
    std::this_thread::yield();
    bytes -= request.range->size;
    --requests;
    return answer_of(200);
  });
  limited l({}, {.requests = 3, .bytes = 100}, script);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 200; ++i) l.send(get_of(1 + (i * 37 + t * 11) % 150));
    });
  for (std::thread& t : threads) t.join();
  CHECK(broken == 0);
  CHECK(script.count() == 1200);
}
