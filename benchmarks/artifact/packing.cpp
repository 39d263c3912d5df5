#include "../lap.hpp"
#include "catalogue.hpp"

#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/package_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t layers = 32;
constexpr std::size_t tuned_layers = 4;

std::string noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 draw(seed);
  std::string made(size / 8 * 8, '\0');
  for (std::size_t at = 0; at < made.size(); at += 8) {
    const std::uint64_t word = draw();
    std::memcpy(made.data() + at, &word, 8);
  }
  return made;
}

/// A model of so many layers, a fine-tune of it with a longer header, and the model with its layers in another order: of the three, 37.5 % is unlike.
/// With a byte before their headers nobody knows their tensors.
std::vector<std::string> family(std::size_t size, bool hidden) {
  const auto model = [&](std::uint64_t tuned, bool reversed, std::string_view metadata) {
    std::string json = "{" + std::string(metadata);
    std::string data;
    for (std::size_t i = 0; i < layers; ++i) {
      const std::size_t layer = reversed ? layers - 1 - i : i;
      const std::string tensor = noise(size / 3 / layers, layer + (layer < tuned ? 1000 : 1));
      json += (i == 0 ? "\"" : ",\"") + std::string("layer.") + std::to_string(layer) + R"(":{"dtype":"U8","shape":[)" + std::to_string(tensor.size()) + R"(],"data_offsets":[)" +
              std::to_string(data.size()) + ',' + std::to_string(data.size() + tensor.size()) + "]}";
      data += tensor;
    }
    json += '}';
    std::string prefix(8, '\0');
    const std::uint64_t length = json.size();
    std::memcpy(prefix.data(), &length, 8);
    return (hidden ? "\x7f" : "") + prefix + json + data;
  };
  return {model(0, false, ""), model(tuned_layers, false, R"("__metadata__":{"tuned":"on what somebody has"},)"), model(0, true, "")};
}

/// A store with these models, of which nothing is packed yet.
void fill(const std::filesystem::path& home, const std::vector<std::string>& models) {
  std::filesystem::remove_all(home);
  larder::package_store store(home);
  for (std::size_t i = 0; i < models.size(); ++i)
    store.get("model-" + std::to_string(i), "p", {{"weights", "https://models.example/w", larder::digest_of(std::string_view(models[i]), larder::digest_algorithm::sha256)}},
              [&](std::string_view, const larder::byte_range& range, larder::fetch_sink& sink) {
                sink.total(models[i].size());
                sink(std::string_view(models[i]).substr(std::min<std::size_t>(range.offset, models[i].size()), range.size));
              });
}

double rate(std::uint64_t size, const lap& took) { return static_cast<double>(size) / 1e6 / took.wall; }

std::vector<double> pack(const std::filesystem::path& home) {
  larder::package_store store(home);
  const std::uint64_t size = store.usage().bytes();
  const lap packed = time([&] { store.pack_all(); });
  const double room = 100.0 * static_cast<double>(store.usage().bytes()) / static_cast<double>(size);
  const lap unpacked = time([&] {
    for (const larder::package_info& one : store.list())
      if (!store.find(one.manifest.model_id, one.manifest.package_id)) throw std::runtime_error("a packed package did not come back");
  });
  return {room, rate(size, packed), rate(size, unpacked)};
}

/// What a store without pieces does: each file is stored again, checked, under its digest.
std::vector<double> store_whole(const std::filesystem::path& home, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  const larder::artifacts::blob_folder from(home / "shared-blobs", home / "blob-state");
  const larder::artifacts::blob_folder there(to / "blobs");
  const larder::artifacts::blob_folder back(to / "back");
  std::uint64_t size = 0;
  const auto all = from.list();
  for (const auto& blob : all) size += blob.size;
  const lap in = time([&] {
    for (const auto& blob : all) there.store(from.path_of(blob.digest), larder::digest_algorithm::sha256);
  });
  const lap out = time([&] {
    for (const auto& blob : all) back.store(there.path_of(blob.digest), larder::digest_algorithm::sha256);
  });
  return {100, rate(size, in), rate(size, out)};
}

}  // namespace

std::vector<contest> packing(const std::filesystem::path& folder, const options& wanted) {
  std::vector<contest> all;
  for (const bool hidden : {false, true}) {
    const std::string name = hidden ? "pack_contents" : "pack_tensors";
    if (!wanted.wants_case(name)) continue;
    const std::filesystem::path home = folder / name;
    const std::filesystem::path other = folder / (name + " whole");
    const auto models = std::make_shared<const std::vector<std::string>>(family(wanted.hashed_bytes() / 2, hidden));
    const auto before = [home, models] { fill(home, *models); };
    all.push_back({name, {{"room", "%", 1, false}, {"packed", "MB/s", 0}, {"unpacked", "MB/s", 0}}, {}});
    all.back().contenders.push_back({"files, checked", [home, other] { return store_whole(home, other); }, before});
    all.back().contenders.push_back({"pack", [home] { return pack(home); }, before});
  }
  return all;
}

}  // namespace bench
