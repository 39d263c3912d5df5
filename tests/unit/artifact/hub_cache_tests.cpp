#include <larder/artifact/hub_cache.hpp>
#include <larder/artifact/package_store.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::hub_cache;
using larder::package_file;
using larder::package_store;

/// As the hub's library lays it out: a large file under its SHA-256, a small one under its Git object's SHA-1.
struct filled_hub {
  support::temporary_folder folder{};
  fs::path root = folder / "hub";
  std::string weights = support::pattern(500'000);
  std::string config = "{\"hidden\": 4}";
  std::string commit = std::string(40, 'c');

  filled_hub() {
    const fs::path repo = root / "models--org--name";
    const std::string sha = larder::digest_of(std::string_view(weights), larder::digest_algorithm::sha256).hex();
    support::write_file(repo / "blobs" / sha, weights);
    support::write_file(repo / "blobs" / std::string(40, 'a'), config);
    support::write_file(repo / "refs" / "main", commit);
    fs::create_directories(repo / "snapshots" / commit / "onnx");
    fs::create_symlink("../../../blobs/" + sha, repo / "snapshots" / commit / "onnx" / "model.onnx");
    fs::create_symlink("../../blobs/" + std::string(40, 'a'), repo / "snapshots" / commit / "config.json");
    support::write_file(folder / "outside", "secret");
    fs::create_symlink(folder / "outside", repo / "snapshots" / commit / "escape");
    fs::create_symlink("nowhere", repo / "snapshots" / commit / "broken");
  }
  /// Everything that could show that somebody wrote here.
  std::map<std::string, std::string> state() const {
    std::map<std::string, std::string> all;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      std::string text = entry.is_symlink()        ? fs::read_symlink(entry.path()).string()
                         : entry.is_regular_file() ? support::content_of(entry.path())
                                                   : "";
      if (entry.is_regular_file() && !entry.is_symlink())
        text += std::to_string(entry.hard_link_count()) + std::to_string(entry.last_write_time().time_since_epoch().count());
      all[entry.path().string()] = text;
    }
    return all;
  }
};

}  // namespace

TEST_CASE("files are found by repository and name") {
  const filled_hub hub;
  const hub_cache cache(hub.root);
  CHECK(cache.repositories() == std::vector<std::string>{"org/name"});
  CHECK(support::content_of(cache.find("org/name", "main", "onnx/model.onnx").value()) == hub.weights);
  CHECK(support::content_of(cache.find("org/name", hub.commit, "config.json").value()) == hub.config);
  for (const char* const name : {"none", "broken", "escape", "../../../refs/main", "onnx"})
    CHECK_FALSE(cache.find("org/name", "main", name));
  CHECK_FALSE(cache.find("org/other", "main", "config.json"));
  CHECK_FALSE(cache.find("../org", "main", "config.json"));
  CHECK_FALSE(cache.find("org/name", "../x", "config.json"));
  CHECK(hub_cache(hub.folder / "none").repositories().empty());
}

TEST_CASE("where the hub's library has its cache") {
  const auto root = [](std::map<std::string, std::string> variables) {
    return hub_cache::default_root([=](const std::string& name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
  };
  CHECK(root({{"HF_HUB_CACHE", "/a"}, {"HF_HOME", "/b"}}) == "/a");
  CHECK(root({{"HF_HOME", "/b"}}) == "/b/hub");
  CHECK(root({{"HOME", "/home/x"}}) == "/home/x/.cache/huggingface/hub");
}

TEST_CASE("a store takes files from a hub's cache instead of fetching them, and writes nothing there") {
  const filled_hub hub;
  const support::temporary_folder home;
  const auto before = hub.state();
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("onnx/model.onnx", hub.weights), provider.file("config.json", hub.config),
                                        provider.file("other.txt", "not there")};
  package_store store{home.path(), {.hub_caches = {hub.root, hub.folder / "no such hub"}}};
  const larder::package p = store.get("org/name", "main", files, provider.fetch());
  CHECK(support::content_of(p.path("onnx/model.onnx")) == hub.weights);
  CHECK(support::content_of(p.path("config.json")) == hub.config);
  CHECK(store.stats().hub_files == 2);
  CHECK(store.stats().fetched_files == 1);
  CHECK(provider.bytes() == 9);
  CHECK(hub.state() == before);
  // The hub's library may remove its files: ours are our own.
  fs::remove_all(hub.root);
  CHECK(store.verify("org/name", "main").is_whole());
}

TEST_CASE("a file of a hub that is not what it is called is passed over") {
  const filled_hub hub;
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("onnx/model.onnx", hub.weights)};
  support::write_file(hub.root / "models--org--name" / "blobs" / files[0].digest->hex(), support::pattern(500'000, 9));
  package_store store{home.path(), {.hub_caches = {hub.root}}};
  CHECK(support::content_of(store.get("m", "p", files, provider.fetch()).path("onnx/model.onnx")) == hub.weights);
  CHECK(store.stats().hub_files == 0);
  CHECK(support::files_below(home / "blob-state" / "staging") == 0);
}

TEST_CASE("offline, a hub's cache counts as what this machine has") {
  const filled_hub hub;
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("onnx/model.onnx", hub.weights)};
  package_store store{home.path(), {.offline = true, .hub_caches = {hub.root}}};
  CHECK(store.get("m", "p", files, nullptr).size() == hub.weights.size());
}
