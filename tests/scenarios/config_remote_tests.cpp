// A team's model cache from a file: memory and disk of each machine before a store that all share. Against real servers: Azurite, a strict
// verifier of S3's signatures, Redis. What makes the stores is not included here: linking it is enough.
#include <larder/config/cache_manager.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/toml.hpp>
#include <larder/remote/azure_connection_string.hpp>

#include <doctest/doctest.h>

#include "support/azurite.hpp"
#include "support/eventually.hpp"
#include "support/managers.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/refusal.hpp"
#include "support/s3_server.hpp"
#include "support/temporary_folder.hpp"
#include "support/variables.hpp"
#include "support/write_file.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;
using larder::managed_cache;
using larder::manager_options;
using larder::settings;
using support::make_manager;
using support::variables;

namespace {

bytes noise(std::size_t size, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> words(size / 8 + 1);
  for (std::uint64_t& word : words) word = random();
  return bytes::copy_of(words.data(), size);
}

/// What holds for each store: a file names it, and a value that one machine made is there for the next one, which has nothing of its own.
void share_between_machines(const fs::path& file, const fs::path& disk, const manager_options& options) {
  const settings all = settings::load(file, {}, options.environment);
  const bytes large = noise(20'000'000, 1);
  const bytes small = noise(1'000, 2);
  int made = 0;
  const auto make = [&](const std::string& key) { return ++made, key == "large" ? large : small; };
  {
    const auto first = make_manager(all, options);
    managed_cache& models = first->at("model_cache");
    CHECK_FALSE(models.get("large"));
    CHECK(models.get_or_load("large", make) == large);
    CHECK(models.get_or_load("small", make) == small);
    CHECK(made == 2);
    CHECK(support::eventually([&] { return first->metrics().at(0).remote_owed == 0; }));
    CHECK(first->metrics().at(0).remote_errors == 0);
  }
  fs::remove_all(disk);  // another machine has neither its memory nor its disk
  {
    const auto second = make_manager(all, options);
    managed_cache& models = second->at("model_cache");
    CHECK(models.size() == 0);
    CHECK(models.get_or_load("large", make) == large);
    CHECK(models.get("small") == small);
    CHECK(made == 2);
    const larder::cache_metrics of = second->metrics().at(0);
    CHECK(of.remote_hits == 2);
    CHECK(of.remote_errors == 0);
    CHECK(of.disk_bytes >= large.size());
  }
  const auto third = make_manager(all, options);  // the second one, started anew: it asks nobody
  CHECK(third->at("model_cache").get("large") == large);
  CHECK(third->metrics().at(0).remote_hits == 0);
  CHECK(third->at("model_cache").remove("large"));
  fs::remove_all(disk);
  const auto fourth = make_manager(all, options);
  CHECK_FALSE(fourth->at("model_cache").get("large"));
  CHECK(fourth->at("model_cache").get("small") == small);
}

}  // namespace

TEST_CASE("a container of Azure by a TOML file, its key in a variable") {
  const larder_tests::azurite* const server = larder_tests::azurite::shared(larder_tests::azurite::kind::plain);
  if (server == nullptr) return;
  const support::temporary_folder here;
  support::write_file(here / "larder.toml", R"([model_cache]
size = "100MB"
disk_size = "1GB"
disk_path = ")" + (here / "disk").string() + R"("
[model_cache.remote]
type = "azure"
url = ")" + server->endpoint() + R"(/named-models"
prefix = "team/a"
secret_variable = "AZURITE_KEY"
create_container = true
lookup_budget = "30s"
connect_timeout = "30s"
answer_timeout = "30s"
)");
  manager_options options;
  const std::string key(larder::remote::azure_emulator::key);
  options.environment = variables({{"AZURITE_KEY", key}});
  share_between_machines(here / "larder.toml", here / "disk", options);
  CHECK(explained(settings::load(here / "larder.toml", {}, options.environment)).find(key) == std::string::npos);

  // A machine with the wrong key has its own tiers, and says what it is refused.
  std::vector<std::string> told;
  options.environment = variables({{"AZURITE_KEY", "d3Jvbmc="}});
  options.on_error = [&](const larder::error_event& e) { told.push_back(e.message); };
  fs::remove_all(here / "disk");
  const auto stranger = make_manager(settings::load(here / "larder.toml", {}, options.environment), options);
  CHECK_FALSE(stranger->at("model_cache").get("small"));
  CHECK(stranger->metrics().at(0).remote_errors == 1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("cache \"model_cache\": "));
}

TEST_CASE("a bucket of S3 by a JSON file, written in the background") {
  const auto server = larder::tests::s3_server::start();
  if (!server) return;
  const support::temporary_folder here;
  support::write_file(here / "larder.json",
                      R"({"model_cache": {"size": "100MB", "disk": {"size": "1GB", "path": ")" + (here / "disk").string() +
                          R"("}, "remote": {"type": "s3", "url": ")" + server->url() +
                          R"(/models", "user": "AKIDTEST", "secret_variable": "S3_KEY", "mode": "write_back", )" +
                          R"("lookup_budget": "30s", "answer_timeout": "30s"}}})");
  manager_options options;
  options.environment = variables({{"S3_KEY", "s3cr3t+/planted"}});
  share_between_machines(here / "larder.json", here / "disk", options);
}

TEST_CASE("a Redis by the environment alone") {
  if (support::redis_missing()) return;
  const support::redis_server::tcp server;
  const support::temporary_folder here;
  support::write_file(here / "larder.json", "{}");
  manager_options options;
  options.environment = variables({{"MODEL_CACHE_SIZE", "100MB"},
                                   {"MODEL_CACHE_DISK_SIZE", "1GB"},
                                   {"MODEL_CACHE_DISK_PATH", (here / "disk").string()},
                                   {"MODEL_CACHE_REMOTE_TYPE", "redis"},
                                   {"MODEL_CACHE_REMOTE_URL", "redis://127.0.0.1:" + std::to_string(server.port())},
                                   {"MODEL_CACHE_REMOTE_PREFIX", "models:"},
                                   {"MODEL_CACHE_REMOTE_LOOKUP_BUDGET", "30s"},
                                   {"MODEL_CACHE_REMOTE_ANSWER_TIMEOUT", "30s"}});
  share_between_machines(here / "larder.json", here / "disk", options);
}
