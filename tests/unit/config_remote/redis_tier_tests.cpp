// A remote tier of a named cache in Redis: real servers of the test's own.
#include <larder/config/cache_manager.hpp>
#include <larder/config/redis_tier.hpp>
#include <larder/expiry/time_source.hpp>

#include <doctest/doctest.h>

#include "support/managers.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/refusal.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace larder::literals;
using larder::bytes;
using larder::cache_metrics;
using larder::managed_cache;
using larder::manager_options;
using larder::settings;
namespace config = larder::config;
using support::make_manager;
using support::refusal_of;
using support::says;

namespace {

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }

/// A cache in memory before a server, of which more may be said in JSON.
settings before(const std::string& url, const std::string& more = "", const std::string& cache = "") {
  return settings::from_json(R"({"cache": {"size": 5, )" + cache +
                                 R"("remote": {"type": "redis", "lookup_budget": "20s", "answer_timeout": "20s", )" +
                                 R"("connect_timeout": "20s", "url": ")" + url + "\"" + more + "}}}",
                             "larder.json");
}
settings before(const support::redis_server& server, const std::string& more = "", const std::string& cache = "") {
  return before("unix://" + server.socket_file(), more, cache);
}
larder::redis store_of(const settings& all, const std::string& secret = "") {
  all.check();
  const config::run_time_clock clock{larder::any_time_source(larder::time_source<larder::wall_time>{})};
  const larder::cache_settings& said = all.caches.at("cache");
  return config::redis_store({said, config::credential_meant(said), larder::secret(secret), clock, {}});
}

}  // namespace

TEST_CASE("redis as settings say it") {
  const larder::redis made = store_of(
      before(
          "redis://10.0.0.7:6380/2",
          R"(, "prefix": "models:", "user": "team", "secret_variable": "KEY", "allow_unencrypted_credentials": true, "max_object": "1MiB")",
          R"("max_age": "90s", "max_idle": "60s", )"),
      "hush");
  CHECK(made.url == "redis://10.0.0.7:6380/2");
  CHECK(made.key_prefix == "models:");
  CHECK(made.user == "team");
  CHECK(made.password.reveal() == "hush");
  CHECK(made.allow_unencrypted_credentials);
  CHECK(made.max_object == 1_MiB);
  CHECK(made.time_to_live == std::chrono::seconds(60));
  CHECK(made.load_lease.count() == 0);
  CHECK(made.lookup_budget == std::chrono::seconds(20));
  CHECK(made.timeouts.connect == std::chrono::seconds(20));
  CHECK(made.timeouts.first_byte == std::chrono::seconds(20));
  CHECK_NOTHROW(static_cast<void>(made.checked()));

  const larder::redis plain =
      store_of(settings::from_json(R"({"cache": {"size": 5, "remote": {"type": "redis", "url": "unix:///run/redis.sock"}}})"));
  CHECK(plain.unix_socket == "/run/redis.sock");
  CHECK(plain.url.empty());
  CHECK(plain.key_prefix == larder::redis{}.key_prefix);
  CHECK(plain.time_to_live.count() == 0);
  CHECK(plain.max_object == 16_GiB);                               // as the table of keys says it
  CHECK(plain.timeouts.connect == std::chrono::seconds(1));        // likewise
  CHECK(plain.timeouts.first_byte == std::chrono::seconds(2));     // likewise
  CHECK(plain.lookup_budget == std::chrono::milliseconds(2'000));  // likewise
}

TEST_CASE("a value in Redis outlives the manager, small and in chunks, and a server that dies costs misses") {
  if (support::redis_missing()) return;
  support::redis_server server;
  const settings all = before(server, R"(, "prefix": "models:")");
  {
    const auto manager = make_manager(all);
    CHECK(manager->at("cache").put("large", block(5'000'000, 'a')));
    CHECK(manager->at("cache").put("small", block(10, 'b')));
  }
  CHECK(server.ask({"KEYS", "models:*"}).elements.size() >= 2);
  const auto manager = make_manager(all);
  managed_cache& c = manager->at("cache");
  CHECK(c.get("large") == block(5'000'000, 'a'));
  CHECK(c.get_or_load("small", [](const std::string&) { return block(1); }) == block(10, 'b'));
  CHECK(manager->metrics().at(0).remote_hits == 2);
  CHECK_FALSE(make_manager(before(server, R"(, "prefix": "others:")"))->at("cache").get("small"));

  server.kill();
  CHECK(c.get("small") == block(10, 'b'));  // memory has it
  CHECK_FALSE(c.get("never put"));
  CHECK_FALSE(c.contains("never put"));
  CHECK(c.put("new", block(20)));
  CHECK(c.get("new") == block(20));
  CHECK(c.get_or_load("loaded", [](const std::string&) { return block(30); }) == block(30));
  const cache_metrics of = manager->metrics().at(0);
  CHECK(of.remote_errors >= 3);
  CHECK(of.errors == of.remote_errors);

  const auto late = make_manager(all);  // made while nobody listens
  CHECK_FALSE(late->at("cache").get("small"));
  CHECK(late->metrics().at(0).remote_errors == 1);
}

TEST_CASE("the password is in a variable, and entries go by their times in the server too") {
  if (support::redis_missing()) return;
  support::redis_server server({"--requirepass", "hush-hush"});
  const settings all = before(server, R"(, "secret_variable": "STORE_PASSWORD")", R"("max_age": "1h", )");
  manager_options options;
  options.environment = [](const std::string& name) {
    return name == "STORE_PASSWORD" ? std::optional<std::string>("hush-hush") : std::nullopt;
  };
  CHECK(make_manager(all, options)->at("cache").put("a", block(10)));
  CHECK(make_manager(all, options)->at("cache").get("a") == block(10));
  larder::remote::redis_login login;
  login.password = larder::secret("hush-hush");
  const auto keys = server.ask({"KEYS", "larder:*"}, login);
  REQUIRE(keys.elements.size() == 1);
  CHECK(server.ask({"PTTL", keys.elements[0].text}, login).number > 3'000'000);

  options.environment = [](const std::string&) { return std::optional<std::string>("wrong"); };
  const auto stranger = make_manager(all, options);
  CHECK_FALSE(stranger->at("cache").get("a"));
  CHECK(stranger->metrics().at(0).remote_errors == 1);
}

TEST_CASE("what the store refuses is said with the place of the address") {
  CHECK(says(refusal_of([] { make_manager(before("redis://host:0")); }),
             "the remote tier of \"cache\" cannot be made: redis url: \"redis://host:0\" has a port that is not a number"));
  CHECK(says(refusal_of([] { make_manager(before("redis://host", R"(, "prefix": "a b")")); }),
             "key_prefix holds a brace, a space"));
}
