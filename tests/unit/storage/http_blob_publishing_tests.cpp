// Two who publish one object, in every order in which the server can meet their requests: one complete object is what is left.

#include <larder/cache.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/remote/credentials.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/azurite.hpp"
#include "support/blob_objects.hpp"
#include "support/pattern.hpp"
#include "support/s3_server.hpp"

namespace {

using namespace support;
using larder::put_mode;
namespace remote = larder::remote;

constexpr larder::remote_timeouts patience{.connect = std::chrono::seconds(20),
                                           .first_byte = std::chrono::seconds(60),
                                           .stall = std::chrono::seconds(60),
                                           .slowest = 1,
                                           .total = std::chrono::seconds(120)};

/// Whose request goes next, by number, for each turn. Who has finished is passed over.
class turns {
 public:
  explicit turns(const std::vector<std::size_t>& order) : order_(order) {}

  void begin(std::size_t who) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_ && is_turn_of(who); });
    busy_ = true;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    if (at_ != order_.size()) ++at_;
    changed_.notify_all();
  }
  void finish(std::size_t who) {
    const std::lock_guard lock(mutex_);
    finished_[who] = true;
    changed_.notify_all();
  }

 private:
  bool is_turn_of(std::size_t who) {
    while (at_ != order_.size() && finished_[order_[at_]]) ++at_;
    return at_ == order_.size() || order_[at_] == who;
  }

  const std::vector<std::size_t>& order_;
  std::size_t at_ = 0;
  bool busy_ = false;
  std::array<bool, 2> finished_{};
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// A transport whose requests wait for their turns.
template <class Protocol>
class in_turns {
 public:
  in_turns(const Protocol& settings, std::size_t who) : inner_(settings.credentials(), settings.transport()), who_(who) {}

  void join(turns* line) { line_ = line; }
  remote::http_response send(const remote::http_request& request) {
    if (line_ == nullptr) return inner_.send(request);
    struct turn {
      turns& line;
      turn(turns& l, std::size_t who) : line(l) { line.begin(who); }
      ~turn() { line.end(); }
    };
    const turn mine(*line_, who_);
    return inner_.send(request);
  }

 private:
  remote::authorized<remote::curl_transport, typename Protocol::signer> inner_;
  std::size_t who_;
  turns* line_ = nullptr;
};

template <class Protocol>
struct writer {
  writer(const Protocol& settings, std::size_t who) : transport(settings, who), client(settings, transport) {}
  in_turns<Protocol> transport;
  typename Protocol::template client<in_turns<Protocol>> client;
};

/// Two writers of one object of that size, in every order of up to `each` requests of either, and whatever they have more after that.
template <class Protocol>
void check_every_order(const Protocol& settings, std::size_t size, std::size_t each, put_mode mode) {
  writer<Protocol> first(settings, 0);
  writer<Protocol> second(settings, 1);
  const std::array<writer<Protocol>*, 2> writers{&first, &second};
  const std::array<std::string, 2> contents{pattern(size, 1), pattern(size, 2)};
  std::vector<std::size_t> order(each, 0);
  order.resize(2 * each, 1);
  std::size_t orders = 0;
  do {
    ++orders;
    std::string said;
    for (const std::size_t who : order) said += who == 0 ? 'A' : 'B';
    CAPTURE(said);
    const std::string name = "o/" + std::to_string(size) + (mode == put_mode::replace ? "r" : "c") + std::to_string(orders);
    turns line(order);
    std::array<std::optional<bool>, 2> stored;
    std::array<std::string, 2> failure;
    {
      std::vector<std::jthread> threads;
      for (std::size_t who = 0; who < 2; ++who)
        threads.emplace_back([&, who] {
          writers[who]->transport.join(&line);
          try {
            stored[who] = put(writers[who]->client, name, contents[who], mode);
          } catch (const std::exception& e) {
            failure[who] = e.what();
          }
          writers[who]->transport.join(nullptr);
          line.finish(who);
        });
    }
    CHECK(failure[0] == "");
    CHECK(failure[1] == "");
    const std::optional<std::string> left = get(first.client, name);
    if (mode == put_mode::create_only) {
      REQUIRE(stored[0].value_or(false) != stored[1].value_or(false));
      CHECK(left == contents[stored[0].value_or(false) ? 0 : 1]);
    } else {
      const bool whole = left == contents[0] || left == contents[1];
      CHECK(whole);
    }
    CHECK(listed(first.client, name).size() == 1);
    CHECK(first.client.erase(name));
    CHECK(listed(second.client, "o/").empty());  // nothing of the loser's is left beside it
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace

TEST_CASE("two who publish one object over WebDAV leave one complete object, in every order of their requests") {
  const larder::testing::blob_server server;
  const larder::webdav settings{.url = server.url(), .timeouts = patience};
  {
    writer<larder::webdav> first(settings, 0);
    CHECK(put(first.client, "o/there", "so the collection is"));
    CHECK(first.client.erase("o/there"));
  }
  check_every_order(settings, 1000, 4, put_mode::create_only);
  check_every_order(settings, 1000, 3, put_mode::replace);
}

TEST_CASE("Azurite: two who publish one object leave one complete object, in every order of their requests") {
  const larder_tests::azurite* server = larder_tests::azurite::shared(larder_tests::azurite::kind::plain);
  if (server == nullptr) return;
  larder::azure settings = larder::azure::emulator("orders", server->endpoint());
  settings.timeouts = patience;
  settings.block_size = 1000;
  {
    writer<larder::azure> first(settings, 0);
    CHECK(put(first.client, "o/there", "so the container is"));
    CHECK(first.client.erase("o/there"));
  }
  check_every_order(settings, 500, 2, put_mode::create_only);
  check_every_order(settings, 2000, 4, put_mode::create_only);  // a HEAD, two blocks, their list
  check_every_order(settings, 2000, 3, put_mode::replace);
}

TEST_CASE("S3: two who publish one object leave one complete object, in every order of their requests") {
  const auto server = larder::tests::s3_server::start({.min_part = 100});
  if (!server) return;
  const larder::s3 settings{.bucket = "models",
                            .region = "us-east-1",
                            .endpoint = server->url(),
                            .access_key_id = "AKIDTEST",
                            .secret_access_key = "s3cr3t+/planted",
                            .conditional_put = larder::s3_conditional_put::yes,
                            .part_size = larder::s3::min_part_size,
                            .timeouts = patience};
  check_every_order(settings, 500, 2, put_mode::create_only);
  check_every_order(settings, larder::s3::min_part_size + 100, 4, put_mode::create_only);
  check_every_order(settings, larder::s3::min_part_size + 100, 2, put_mode::replace);
}

TEST_CASE("Azurite: processes that put one key leave one complete entry") {
  const larder_tests::azurite* server = larder_tests::azurite::shared(larder_tests::azurite::kind::plain);
  if (server == nullptr) return;
  larder::azure settings = larder::azure::emulator("processes", server->endpoint());
  settings.timeouts = patience;
  settings.block_size = 100'000;
  constexpr std::size_t size = 250'000;
  using cache = larder::cache<std::string, larder::bytes, larder::unbounded, larder::http_blob<larder::azure>>;
  std::array<pid_t, 3> children{};
  for (std::size_t p = 0; p < children.size(); ++p) {
    children[p] = fork();
    REQUIRE(children[p] >= 0);
    if (children[p] == 0) {
      bool stored = true;
      {
        cache mine(larder::unbounded{}, larder::http_blob{settings, larder::resilience::none()});
        std::vector<std::jthread> threads;
        std::array<char, 4> done{};
        for (std::size_t t = 0; t < done.size(); ++t)
          threads.emplace_back([&, t] {
            const larder::bytes value = pattern_bytes(size, static_cast<std::uint32_t>(1 + p * done.size() + t));
            done[t] = mine.put("model", value) && mine.get("model").has_value() ? 1 : 0;
          });
        threads.clear();
        stored = std::all_of(done.begin(), done.end(), [](char one) { return one == 1; });
      }
      _exit(stored ? 0 : 1);
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  cache after(larder::unbounded{}, larder::http_blob{settings});
  const std::optional<larder::bytes> left = after.get("model");
  REQUIRE(left);
  bool whole = false;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) whole = whole || *left == pattern_bytes(size, seed);
  CHECK(whole);
  std::size_t entries = 0;
  after.for_each([&](const std::string&, std::uint64_t, larder::duration) { ++entries; });
  CHECK(entries == 1);
  CHECK(after.stats().errors.total() == 0);
}
