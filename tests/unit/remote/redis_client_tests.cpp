// The client against a cluster of three servers, which is put together here. Skipped, with a word, where redis-server is not
// installed.

#include <larder/core/concepts.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/storage/redis.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::bytes;
using larder::error_cause;
using larder::remote::redis_reply;
using larder::remote::redis_slot;
using store = larder::redis::store;

struct no_sink final : larder::error_sink {
  void report(error_cause, const std::string& message) noexcept override { last = message; }
  std::string last;
};

/// Three masters with a third of the slots each.
struct cluster {
  cluster() {
    for (int i = 0; i < 3; ++i) {
      const std::string bus = std::to_string(support::free_port());
      nodes.push_back(std::make_unique<redis_server::tcp>(
          std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout",
                                   "30000", "--cluster-port", bus}));
      buses.push_back(bus);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      nodes[i]->ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(i * 5461), std::to_string(i == 2 ? 16383 : i * 5461 + 5460)});
      nodes[0]->ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes[i]->port()), buses[i]});
    }
    formed = support::eventually([&] {
      for (const auto& node : nodes)
        if (node->ask({"CLUSTER", "INFO"}).text.find("cluster_state:ok") == std::string::npos ||
            node->ask({"CLUSTER", "SLOTS"}).elements.size() != 3)
          return false;
      return true;
    });
  }
  std::size_t owner(std::string_view key) const { return std::min<std::size_t>(redis_slot(key) / 5461, 2); }

  std::vector<std::unique_ptr<redis_server::tcp>> nodes;
  std::vector<std::string> buses;
  bool formed = false;
};

TEST_CASE("a cluster is followed: every key at its server, its chunks beside it, a listing of all, a slot that moves") {
  if (support::redis_missing()) return;
  const cluster three;
  REQUIRE(three.formed);
  no_sink sink;
  const auto at = [](const redis_server& node) {
    return larder::redis{
        .host = "127.0.0.1", .port = node.port(), .chunk_size = 4096, .timeouts = patient, .lookup_budget = patient.first_byte};
  };
  store s(at(*three.nodes[0]), sink);

  std::set<std::size_t> owners;
  for (unsigned i = 0; i < 30; ++i) {
    const std::string name = "a/" + std::to_string(i);
    owners.insert(three.owner("larder:" + name));
    REQUIRE(put(s, name, pattern(10'000, i)));
  }
  CHECK(owners.size() == 3);
  std::int64_t keys = 0;
  for (const auto& node : three.nodes) keys += node->ask({"DBSIZE"}).number;
  CHECK(keys == 30 * 4);
  for (unsigned i = 0; i < 30; ++i) {
    const std::optional<bytes> got = s.get("a/" + std::to_string(i));
    REQUIRE(got);
    CHECK(got->text() == pattern(10'000, i));
  }
  std::set<std::string> listed;
  s.list("a/", [&](std::string_view name, const larder::blob_info&) { CHECK(listed.insert(std::string(name)).second); });
  CHECK(listed.size() == 30);

  // A listing by a client that knows only one of them.
  store fresh(at(*three.nodes[1]), sink);
  std::size_t seen = 0;
  fresh.list("", [&](std::string_view, const larder::blob_info&) { ++seen; });
  CHECK(seen == 30);

  // The slot of one object is on its way to another server: what is not there any more is asked for over there.
  const std::string key = "larder:a/7";
  const std::size_t from = three.owner(key);
  const std::size_t to = (from + 1) % 3;
  const std::string slot = std::to_string(redis_slot(key));
  const std::string from_id = three.nodes[from]->ask({"CLUSTER", "MYID"}).text;
  const std::string to_id = three.nodes[to]->ask({"CLUSTER", "MYID"}).text;
  REQUIRE(three.nodes[to]->ask({"CLUSTER", "SETSLOT", slot, "IMPORTING", from_id}).text == "OK");
  REQUIRE(three.nodes[from]->ask({"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id}).text == "OK");
  const redis_reply in_slot = three.nodes[from]->ask({"CLUSTER", "GETKEYSINSLOT", slot, "100"});
  REQUIRE(in_slot.elements.size() == 4);
  std::size_t moved = 0;
  for (const redis_reply& each : in_slot.elements) {
    const std::string port = std::to_string(three.nodes[to]->port());
    REQUIRE(three.nodes[from]->ask({"MIGRATE", "127.0.0.1", port, each.text, "0", "20000"}).text == "OK");
    const std::optional<bytes> got = s.get("a/7");  // with the keys at two servers
    REQUIRE(got);
    CHECK(got->text() == pattern(10'000, 7));
    if (++moved == 2) CHECK(s.get("a/7", larder::byte_range{5000, 100})->text() == pattern(10'000, 7).substr(5000, 100));
  }
  for (const auto& node : three.nodes) node->ask({"CLUSTER", "SETSLOT", slot, "NODE", to_id});
  CHECK(s.get("a/7")->text() == pattern(10'000, 7));
  CHECK(put(s, "a/7", "new"));
  CHECK(s.get("a/7")->text() == "new");
  CHECK(s.erase("a/7"));
  CHECK(!s.head("a/7"));

  // A server that is gone fails what is its, and only that.
  three.nodes[2]->kill();
  std::size_t failed = 0;
  for (unsigned i = 0; i < 7; ++i) {
    const std::string name = "a/" + std::to_string(i);
    try {
      const std::optional<bytes> got = s.get(name);
      CHECK(got.has_value());
      CHECK(three.owner("larder:" + name) != 2);
    } catch (const larder::error& failure) {
      CHECK(failure.cause() == error_cause::network);
      CHECK(three.owner("larder:" + name) == 2);
      ++failed;
    }
  }
  CHECK(failed > 0);
  CHECK(sink.last.empty());
}

}  // namespace
