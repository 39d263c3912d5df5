// What a team does: machines that make models by the same chain of passes, and share what the passes made in a container of Azure Blob Storage
// (here its emulator). The models are real ones.

#include <larder/artifact/pass_cache.hpp>
#include <larder/cache.hpp>
#include <larder/core/units.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/tiered.hpp>

#include "support/azurite.hpp"
#include "support/folders.hpp"
#include "support/temporary_folder.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::literals;

namespace {

namespace fs = std::filesystem;
using larder_tests::azurite;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A model to begin with: the real files where they are, else noise of their size.
fs::path input_model(const fs::path& folder) {
  const fs::path real = support::shared_folder() / "real";
  fs::create_directories(folder);
  const std::array<fs::path, 2> files{real / "onnx/silero_vad_16k_op15.onnx", real / "safetensors/silero_vad_16k.safetensors"};
  for (const fs::path& file : files) {
    if (fs::exists(file)) {
      fs::copy_file(file, folder / file.filename());
    } else {
      MESSAGE("no " << file.filename().string() << " here: noise stands for it");
      std::mt19937_64 random(17);
      std::ofstream out(folder / file.filename(), std::ios::binary);
      for (int i = 0; i < 160'000; ++i) {
        const std::uint64_t word = random();
        out.write(reinterpret_cast<const char*>(&word), sizeof word);
      }
    }
  }
  return folder;
}

/// Passes that change the one file and hand the other one on, as quantizing a part of a model does.
struct small_passes {
  int runs = 0;
  void operator()(const larder::pass& step, const fs::path& from, const fs::path& to, const std::stop_token&) {
    ++runs;
    for (const auto& entry : fs::directory_iterator(from)) {
      std::string content = content_of(entry.path());
      if (entry.path().extension() == ".onnx") content += step.name + step.config;
      std::ofstream(to / entry.path().filename(), std::ios::binary) << content;
    }
  }
};

std::vector<larder::pass> chain_of_three() {
  return {{.name = "OnnxConversion", .config = R"({"target_opset": 17})"},
          {.name = "OnnxPeepholeOptimizer"},
          {.name = "OnnxQuantization", .config = R"({"precision": "int8", "data": {"name": "é😀"}})"}};
}

larder::pass_settings settings_for(const fs::path& folder, const azurite& server, const std::string& container) {
  larder::pass_settings settings = larder::pass_settings::from_json(
      "{\"cache_dir\": \"" + folder.string() + "\", \"cloud_cache_config\": {\"account_url\": \"" + server.endpoint() +
      "\", \"container_name\": \"" + container + "\"}}");
  const larder::azure emulator = larder::azure::emulator(container, server.endpoint());
  settings.shared->key = emulator.key;
  settings.shared->create_container = true;
  return settings;
}

}  // namespace

TEST_CASE("P1, P3, P5, P20: machines share a chain over real models through Azure, and move what they need") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const support::temporary_folder here;
  const fs::path model = input_model(here / "model");
  const larder::pass_input input("silero-vad-16k", model);
  std::vector<larder::pass> chain = chain_of_three();
  small_passes passes;

  larder::pass_cache first(settings_for(here / "first", *server, "passes-a"));
  const fs::path made = first.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 3);
  CHECK(first.stats().published == 3);
  CHECK(first.stats().errors.total() == 0);

  larder::pass_cache second(settings_for(here / "second", *server, "passes-a"));
  const auto plan = second.plan(input, chain);
  CHECK(plan[0].action == larder::step_action::skip);
  CHECK(plan[1].action == larder::step_action::skip);
  CHECK(plan[2].action == larder::step_action::download);
  const fs::path brought = second.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 3);
  CHECK(second.stats().downloads == 2);
  CHECK(second.stats().downloaded_bytes == plan[2].bytes);
  for (const auto& entry : fs::directory_iterator(made))
    CHECK(content_of(brought / entry.path().filename()) == content_of(entry.path()));
  CHECK(fs::hard_link_count(brought / "silero_vad_16k.safetensors") > 1);

  const auto before = second.stats().requests;
  second.run(input, chain, std::ref(passes));
  CHECK(second.stats().requests == before);

  chain.push_back({.name = "OnnxMetadata"});
  larder::pass_cache third(settings_for(here / "third", *server, "passes-a"));
  third.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 4);
  CHECK(third.stats().downloads == 2);
  CHECK(third.stats().uploads == 1);  // the file that the last pass handed on is there
}

TEST_CASE("P9, P12, P18: the container after two publishers is whole, and pruned by age and size") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const support::temporary_folder here;
  const larder::pass_input input("silero-vad-16k", input_model(here / "model"));
  const std::vector<larder::pass> chain = chain_of_three();
  small_passes passes;
  larder::pass_cache first(settings_for(here / "first", *server, "passes-b"));
  larder::pass_settings blind = settings_for(here / "second", *server, "passes-b");
  blind.mode = larder::pass_mode::write_only;
  larder::pass_cache second(blind);
  first.run(input, chain, std::ref(passes));
  second.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 6);
  larder::pass_cache third(settings_for(here / "third", *server, "passes-b"));
  third.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 6);
  CHECK(third.stats().poisoned + third.stats().damaged == 0);
  CHECK(first.prune_shared({.max_age = std::chrono::hours(1)}).removed.empty());
  const larder::prune_report report = first.prune_shared({.max_bytes = 0});
  CHECK(report.removed.size() == 3);
  CHECK(report.kept == 0);
  larder::pass_cache fourth(settings_for(here / "fourth", *server, "passes-b"));
  fourth.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 9);
}

TEST_CASE("a cache of tiers is a shared store as well: the container behind a disk of the office") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const support::temporary_folder here;
  const larder::pass_input input("silero-vad-16k", input_model(here / "model"));
  const std::vector<larder::pass> chain = chain_of_three();
  using disk_cache = larder::cache<std::string, larder::bytes, larder::max_bytes, larder::mmap_disk>;
  using cloud_cache = larder::cache<std::string, larder::bytes, larder::unbounded, larder::http_blob<larder::azure>>;
  disk_cache office(larder::max_bytes{256_MiB}, larder::mmap_disk{here / "office"});
  cloud_cache cloud(larder::unbounded{}, larder::http_blob{larder::azure::emulator("passes-c", server->endpoint())});
  larder::tiered both{office, cloud};
  small_passes passes;
  larder::pass_settings settings;
  settings.cache_dir = here / "first";
  larder::pass_cache first(settings, both);
  first.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 3);
  settings.cache_dir = here / "second";
  larder::pass_cache second(settings, both);
  second.run(input, chain, std::ref(passes));
  settings.cache_dir = here / "third";
  larder::pass_cache elsewhere(settings, cloud);
  elsewhere.run(input, chain, std::ref(passes));
  CHECK(passes.runs == 3);
  CHECK(cloud.stats().errors.total() == 0);
}

TEST_CASE("a container that nobody answers for costs errors with their cause, and no work") {
  const support::temporary_folder here;
  larder::azure account =
      larder::azure::emulator("passes", "http://127.0.0.1:9/devstoreaccount1");  // the port where nobody answers
  using cloud_cache = larder::cache<std::string, larder::bytes, larder::unbounded, larder::http_blob<larder::azure>>;
  larder::pass_settings settings;
  settings.cache_dir = here / "alone";
  larder::pass_cache cache(
      settings, std::make_unique<cloud_cache>(
                    larder::unbounded{}, larder::http_blob{account, larder::resilience{.retry = {.tries = 2, .base = 1ms}}}));
  const larder::pass_input input("silero-vad-16k", input_model(here / "model"));
  small_passes passes;
  cache.run(input, chain_of_three(), std::ref(passes));
  cache.run(input, chain_of_three(), std::ref(passes));
  CHECK(passes.runs == 3);
  CHECK(cache.stats().errors[larder::error_cause::network] > 0);
  CHECK(cache.stats().unpublished >= 3);
}
