// Remote tiers of named caches over HTTP: what the stores are told, and that a cache goes on whatever they do.
#include <larder/config/cache_manager.hpp>
#include <larder/config/http_tier.hpp>
#include <larder/config/remote_names.hpp>
#include <larder/config/remote_part.hpp>
#include <larder/config/toml.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/testing/blob_server.hpp>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/variables.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace larder::literals;
using larder::bytes;
using larder::cache_metrics;
using larder::managed_cache;
using larder::manager_options;
using larder::settings;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
namespace config = larder::config;
using support::make_manager;
using support::refusal_of;
using support::says;
using support::variables;

namespace {

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }

/// A cache in memory before a WebDAV server, of which more may be said.
settings before(const std::string& url, const std::string& more = "", const std::string& cache = "size = 5\n") {
  return settings::from_toml(
      "[cache]\n" + cache + "[cache.remote]\ntype = \"webdav\"\nlookup_budget = \"20s\"\nurl = \"" + url + "\"\n" + more,
      "larder.toml");
}

/// f(stores) with those that settings say.
template <class F>
auto with_stores(const std::string& remote, F&& f, const std::string& secret = "") {
  const settings all = settings::from_toml("[cache]\nsize = 5\n[cache.remote]\n" + remote, "larder.toml");
  all.check();
  const larder::cache_settings& said = all.caches.at("cache");
  const config::run_time_clock clock{larder::any_time_source(larder::time_source<larder::wall_time>{})};
  const config::remote_order order{said, config::credential_meant(said), larder::secret(secret), clock, {}};
  return f(config::http_stores(order));
}

}  // namespace

TEST_CASE("azure as settings say it") {
  with_stores(
      "type = \"azure\"\nurl = \"https://acct.blob.core.windows.net/models\"\nprefix = \"team/a\"\nsecret_variable = \"KEY\"\n"
      "create_container = true\nca_file = \"ca.pem\"\nconnect_timeout = \"3s\"\nanswer_timeout = \"1500us\"\nmax_object = "
      "\"1MiB\"\n"
      "lookup_budget = \"250ms\"\n",
      [](const config::http_stores& stores) {
        const larder::azure made = stores.azure();
        CHECK(made.account == "acct");
        CHECK(made.container == "models");
        CHECK(made.endpoint == "https://acct.blob.core.windows.net");
        CHECK(made.prefix == "team/a");
        CHECK(made.key.reveal() == "c2VjcmV0");
        CHECK(made.sas.empty());
        CHECK(made.create_container);
        CHECK(made.ca_file == "ca.pem");
        CHECK(made.timeouts.connect == std::chrono::seconds(3));
        CHECK(made.timeouts.first_byte == std::chrono::milliseconds(2));  // never nothing, which would mean for ever
        CHECK(made.max_object == 1_MiB);
        CHECK_FALSE(made.allow_unencrypted_credentials);
        CHECK(stores.resilience().lookup_budget == std::chrono::milliseconds(250));
        CHECK_NOTHROW(static_cast<void>(made.credentials()));
      },
      "c2VjcmV0");
  for (const std::string credential : {"sas", "token"})
    with_stores(
        "type = \"azure\"\nurl = \"https://models.example.org/models\"\nsecret_variable = \"KEY\"\ncredential = \"" + credential +
            "\"\n",
        [&](const config::http_stores& stores) {
          const larder::azure made = stores.azure();
          CHECK(made.key.empty());
          CHECK((credential == "sas" ? made.sas : made.bearer_token).reveal() == "sig=abc");
          CHECK((credential == "sas" ? made.bearer_token : made.sas).empty());
        },
        "sig=abc");
  with_stores(
      "type = \"azure\"\nurl = \"https://models.example.org/models\"\nsecret_variable = \"KEY\"\nuser = \"acct\"\n",
      [](const config::http_stores& stores) { CHECK(stores.azure().account == "acct"); }, "a2V5");
  with_stores("type = \"azure\"\nurl = \"https://acct.blob.core.windows.net/models\"\n", [](const config::http_stores& stores) {
    const larder::azure made = stores.azure();  // the chain of default credentials
    CHECK((made.key.empty() && made.sas.empty() && made.bearer_token.empty() && !made.credential));
    CHECK(made.timeouts.connect == larder::remote_timeouts{}.connect);
    CHECK(made.max_object == larder::azure{}.max_object);
  });
}

TEST_CASE("s3 and webdav as settings say them") {
  with_stores(
      "type = \"s3\"\nurl = \"s3://models\"\nregion = \"eu-west-1\"\nprefix = \"team\"\nuser = \"AKID\"\nsecret_variable = "
      "\"KEY\"\n",
      [](const config::http_stores& stores) {
        const larder::s3 made = stores.s3();
        CHECK(made.bucket == "models");
        CHECK(made.region == "eu-west-1");
        CHECK(made.endpoint.empty());
        CHECK(made.prefix == "team");
        CHECK(made.access_key_id == "AKID");
        CHECK(made.secret_access_key.reveal() == "hush");
        CHECK_FALSE(made.anonymous);
      },
      "hush");
  with_stores("type = \"s3\"\nurl = \"https://minio.example.org:9000/models\"\ncredential = \"none\"\n",
              [](const config::http_stores& stores) {
                const larder::s3 made = stores.s3();
                CHECK(made.endpoint == "https://minio.example.org:9000");
                CHECK(made.bucket == "models");
                CHECK(made.anonymous);
              });
  with_stores(
      "type = \"webdav\"\nurl = \"https://host/models\"\nprefix = \"team/a b\"\nuser = \"team\"\nsecret_variable = \"KEY\"\n"
      "allow_unencrypted_credentials = true\n",
      [](const config::http_stores& stores) {
        const larder::webdav made = stores.webdav();
        CHECK(made.url == "https://host/models/team/a%20b");
        CHECK(made.user == "team");
        CHECK(made.password.reveal() == "hush");
        CHECK(made.bearer_token.empty());
        CHECK(made.allow_unencrypted_credentials);
      },
      "hush");
  with_stores(
      "type = \"webdav\"\nurl = \"https://host/models\"\ncredential = \"token\"\nsecret_variable = \"KEY\"\n",
      [](const config::http_stores& stores) {
        CHECK(stores.webdav().bearer_token.reveal() == "hush");
        CHECK(stores.webdav().user.empty());
        CHECK(stores.webdav().url == "https://host/models");
      },
      "hush");
}

TEST_CASE("the defaults that the table names are those of the stores") {
  const auto fallback = [](std::string_view name) {
    return std::string(config::find_key<larder::cache_settings>(name)->fallback);
  };
  CHECK(config::parse_period(fallback("remote.lookup_budget"), "") == larder::resilience{}.lookup_budget);
  CHECK(config::parse_bytes(fallback("remote.queue_size"), 1, "") == larder::write_back_options{}.most_bytes);
  CHECK(config::parse_bytes(fallback("remote.max_object"), 1, "") == larder::webdav{}.max_object);
  CHECK(larder::remote_timeouts{}.connect == std::chrono::seconds(5));
  CHECK(fallback("remote.connect_timeout") == "5s; 1s for redis");
  CHECK(larder::remote_timeouts{}.first_byte == std::chrono::seconds(10));
  CHECK(fallback("remote.answer_timeout") == "10s; 2s for redis");
  for (const std::string_view name : config::remote_mode_names)
    CHECK((name == "write_through" || name == "write_back" || name == "read_only"));
}

TEST_CASE("a value survives in the remote tier when memory and disk are gone, and comes back into both") {
  blob_server server;
  const support::temporary_folder folder;
  settings all = before(server.url() + "/models", "prefix = \"team\"\n", "size = 5\ndisk_size = 50\n");
  all.caches["cache"].disk_path = (folder / "disk").string();
  {
    const auto manager = make_manager(all);
    managed_cache& c = manager->at("cache");
    REQUIRE(c.remote_part() != nullptr);
    CHECK(c.put("layer.0", block(3'000'000, 'a')));
    CHECK(c.put("layer.1", block(10, 'b')));
  }
  REQUIRE(server.paths().size() == 2);
  CHECK(server.paths()[0].starts_with("/models/team/entries/"));
  std::filesystem::remove_all(folder / "disk");

  const auto manager = make_manager(all);
  managed_cache& c = manager->at("cache");
  CHECK(c.size() == 0);
  CHECK(c.contains("layer.0"));
  CHECK(c.get("layer.0") == block(3'000'000, 'a'));
  CHECK(c.memory_part()->contains("layer.0"));
  CHECK(c.disk_part()->contains("layer.0"));
  CHECK(c.get_or_load("layer.1", [](const std::string&) -> bytes { throw std::runtime_error("it is there"); }) == block(10, 'b'));
  CHECK_FALSE(c.get("layer.2"));
  const cache_metrics of = manager->metrics().at(0);
  CHECK(of.remote_hits == 2);
  CHECK(of.remote_misses == 1);
  CHECK(of.remote_errors == 0);
  CHECK(of.errors == 0);
  CHECK(of.hits == 2);
  CHECK(of.misses == 1);
  CHECK(of.entries == 2);
  REQUIRE(of.remote);
  CHECK(of.remote->state == larder::remote_state::healthy);
  CHECK(of.remote->bytes_received > 3'000'000);

  CHECK(c.remove("layer.0"));
  CHECK_FALSE(make_manager(all)->at("cache").get("layer.0"));
  c.clear();
  CHECK(server.paths().empty());
}

TEST_CASE("a server that is down, ill or hostile costs misses, which are counted and told: nothing is thrown") {
  auto server = std::make_unique<blob_server>();
  std::atomic<int> told{0};
  manager_options options;
  options.on_error = [&](const larder::error_event& e) {
    if (e.message.starts_with("cache \"cache\": ")) ++told;
  };
  const auto manager = make_manager(before(server->url() + "/models"), options);
  managed_cache& c = manager->at("cache");
  CHECK(c.put("a", block(10)));
  CHECK(c.put("b", block(10)));
  const std::vector<std::string> paths = server->paths();
  REQUIRE(paths.size() == 2);
  c.memory_part()->clear({});

  for (const std::string& path : paths) server->store(path, block(100, 'z'));  // not what was put
  CHECK_FALSE(c.get("a"));
  CHECK(manager->metrics().at(0).remote_errors == 1);
  server->inject({.kind = fault_kind::status, .times = fault::always, .status = 403});
  CHECK_FALSE(c.get("b"));
  CHECK(manager->metrics().at(0).remote_errors == 2);
  CHECK(c.put("b", block(20)));  // memory has it
  CHECK(c.get("b") == block(20));
  CHECK(c.get_or_load("c", [](const std::string&) { return block(30); }) == block(30));
  CHECK(c.get("c") == block(30));

  server.reset();
  c.memory_part()->clear({});
  CHECK_FALSE(c.get("never put"));
  CHECK_FALSE(c.peek("never put"));
  CHECK_FALSE(c.contains("never put"));
  CHECK(c.put("d", block(40)));
  CHECK(c.get("d") == block(40));
  CHECK(c.put_if_absent("e", block(50)));
  CHECK_FALSE(c.remove("never put"));
  CHECK(c.get_or_load("f", [](const std::string&) { return block(60); }) == block(60));
  CHECK_NOTHROW(c.flush());
  CHECK_NOTHROW(c.clear());
  CHECK_FALSE(c.get("d"));
  const cache_metrics of = manager->metrics().at(0);
  CHECK(of.remote_errors > 4);
  CHECK(of.errors == of.remote_errors);
  CHECK(told.load() > 4);
  CHECK(c.stats().errors.total() == of.errors);

  const auto down = make_manager(before("http://127.0.0.1:1/models"));  // nobody was ever there
  CHECK_FALSE(down->at("cache").get("a"));
  CHECK(down->metrics().at(0).remote_errors == 1);
}

TEST_CASE("read_only: nothing is written there, and what is there comes back after it was dropped") {
  blob_server server;
  CHECK(make_manager(before(server.url()))->at("cache").put("a", block(10)));
  const auto manager = make_manager(before(server.url(), "mode = \"read_only\"\n"));
  managed_cache& c = manager->at("cache");
  CHECK(c.get("a") == block(10));
  CHECK(c.put("b", block(20)));
  CHECK(c.put("c", block(20), 1h));
  c.remove("a");
  CHECK(c.get("a") == block(10));
  c.clear();
  CHECK(c.get("a") == block(10));
  CHECK_FALSE(c.get("b"));
  CHECK(server.paths().size() == 1);
  CHECK(c.stats().insertions >= 2);  // those of memory: the slowest tier that is written
}

TEST_CASE("write_back: a put returns before the server has it, look-ups see it, and it is owed until then") {
  blob_server server;
  const auto manager =
      make_manager(before(server.url(), "mode = \"write_back\"\nqueue_size = \"1MB\"\nanswer_timeout = \"60s\"\n"));
  managed_cache& c = manager->at("cache");
  server.inject({.kind = fault_kind::stall, .times = 1, .method = "PUT"});
  CHECK(c.put("a", block(1000)));
  CHECK(manager->metrics().at(0).remote_owed == 1000);
  c.memory_part()->clear({});
  CHECK(c.get("a") == block(1000));  // what is owed is asked first
  CHECK(support::eventually([&] {
    server.release();
    return manager->metrics().at(0).remote_owed == 0;
  }));
  CHECK_NOTHROW(c.flush());
  CHECK(server.paths().size() == 1);
  c.memory_part()->clear({});
  CHECK(c.get("a") == block(1000));

  // A value with a time of its own cannot wait there: the older one must go, lest it come back.
  CHECK(c.put("a", block(2000), 1h));
  CHECK(c.get("a") == block(2000));
  CHECK_NOTHROW(c.flush());
  CHECK(server.paths().empty());
  c.memory_part()->clear({});
  CHECK_FALSE(c.get("a"));
}

TEST_CASE("write_back: what is owed is written when the manager ends") {
  blob_server server;
  {
    const auto manager = make_manager(before(server.url(), "mode = \"write_back\"\n"));
    for (int i = 0; i < 5; ++i) CHECK(manager->at("cache").put(std::to_string(i), block(100)));
  }
  CHECK(server.paths().size() == 5);
}

TEST_CASE("times hold in the remote tier: max_age, max_idle from the put on, and an entry's own") {
  blob_server server;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  const settings all = before(server.url(), "", "size = 5\nmax_age = \"100s\"\nmax_idle = \"60s\"\n");
  const auto fresh = [&] { return make_manager(all, options); };  // with nothing in memory
  {
    const auto manager = fresh();
    manager->at("cache").put("a", block(10));
    manager->at("cache").put("own", block(10), 30s);
  }
  now += 30s;
  CHECK(fresh()->at("cache").get("a") == block(10));
  now += 1s;
  CHECK_FALSE(fresh()->at("cache").get("own"));
  now += 29s;
  CHECK(fresh()->at("cache").get("a") == block(10));
  now += 1s;
  CHECK_FALSE(fresh()->at("cache").get("a"));
}

TEST_CASE("neither the janitor nor backups nor exports nor listings touch the remote tier") {
  blob_server server;
  const support::temporary_folder folder;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  settings all = before(server.url(), "", "size = 5\ndisk_size = 50\n");
  all.caches["cache"].disk_path = (folder / "disk").string();
  all.caches["cache"].cleanup_interval = larder::duration(10s);
  CHECK(make_manager(before(server.url()), options)->at("cache").put("of another machine", block(10)));
  const auto manager = make_manager(all, options);
  managed_cache& c = manager->at("cache");
  CHECK(c.put("a", block(10)));
  const auto requests = [&] {
    std::uint64_t sum = 0;
    for (const auto& [method, count] : server.counts().requests) sum += count;
    return sum;
  };
  const std::uint64_t before_all = requests();
  now += 20s;
  CHECK(manager->run_due() == 2);  // memory and disk
  std::set<std::string> keys;
  c.for_each_key([&](const std::string& key) { keys.insert(key); });
  CHECK(keys == std::set<std::string>{"a"});
  CHECK(c.size() == 1);
  CHECK(c.weight() > 0);
  CHECK(manager->backup("cache", folder / "backup").entries == 1);
  CHECK(manager->export_entries("cache", folder / "a.safetensors") == 1);
  c.set_capacity(1'000'000);
  CHECK(requests() == before_all);

  const auto without_disk = make_manager(before(server.url()), options);
  CHECK(says(refusal_of([&] { without_disk->backup("cache", folder / "other"); }), "keeps nothing in an mmap_disk"));
  CHECK(manager->restore("cache", folder / "backup").entries == 1);
}

TEST_CASE("the secret is in a variable: read when the manager is made, and never repeated") {
  blob_server server({.authorization = "Basic dGVhbTpodXNoLWh1c2g="});
  const settings all = before(server.url(), "user = \"team\"\nsecret_variable = \"STORE_PASSWORD\"\n");
  manager_options options;
  options.environment = variables({{"STORE_PASSWORD", "hush-hush"}});
  const auto manager = make_manager(all, options);
  CHECK(manager->at("cache").put("a", block(10)));
  CHECK(server.paths().size() == 1);

  std::vector<std::string> told;
  options.on_error = [&](const larder::error_event& e) { told.push_back(e.message); };
  options.environment = variables({{"STORE_PASSWORD", "wrong-secret"}});
  const auto stranger = make_manager(all, options);
  CHECK_FALSE(stranger->at("cache").get("a"));
  CHECK(stranger->metrics().at(0).remote_errors == 1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("wrong-secret") == std::string::npos);

  options.environment = variables({});
  CHECK(says(refusal_of([&] { make_manager(all, options); }),
             "larder.toml:8:19: remote.secret_variable of \"cache\" is STORE_PASSWORD, which is not set in the environment"));
}

TEST_CASE("what the stores refuse is said with the place of the address") {
  CHECK(says(refusal_of([] { make_manager(before("http://host/a//b")); }),
             "larder.toml:6:7: the remote tier of \"cache\" cannot be made: remote.url: \"http://host/a//b\" has an empty, dot "
             "or slash-hiding"));
  manager_options options;
  options.environment = variables({{"KEY", "hush"}});
  CHECK(says(refusal_of([&] { make_manager(before("http://host/a", "user = \"team\"\nsecret_variable = \"KEY\"\n"), options); },
                        {"hush"}),
             "would travel unencrypted; use https, or set allow_unencrypted_credentials"));
  const settings shouting = settings::from_toml(
      "[cache]\nsize = 5\n[cache.remote]\ntype = \"azure\"\nurl = \"https://acct.blob.core.windows.net/MODELS\"\n",
      "larder.toml");
  CHECK(says(refusal_of([&] { make_manager(shouting); }),
             "larder.toml:5:7: the remote tier of \"cache\" cannot be made: azure: \"MODELS\""));
}

TEST_CASE("a remote tier that takes longer than loading is not waited for by loads") {
  blob_server server;
  settings all = before(server.url());
  const auto manager = make_manager(all);
  managed_cache& c = manager->at("cache");
  server.inject({.kind = fault_kind::delay, .times = fault::always, .pause = std::chrono::milliseconds(60)});
  for (int i = 0; i < 60; ++i) c.get_or_load(std::to_string(i), [](const std::string&) { return block(10); });
  REQUIRE(manager->metrics().at(0).remote);
  CHECK(manager->metrics().at(0).remote->bypassed > 0);
}
