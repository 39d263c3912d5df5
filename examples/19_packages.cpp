// links: larder::artifact larder::testing
// Packages of model files: fetched once, checked, shared by their content. A server of this machine stands for a provider; everything is written
// below .cache/.
#include <larder/artifact/http_fetch.hpp>
#include <larder/artifact/package_store.hpp>
#include <larder/core/units.hpp>
#include <larder/testing/blob_server.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace larder::literals;

namespace {

namespace fs = std::filesystem;

bool all_good = true;

void expect(bool good, const char* what) {
  std::cout << (good ? "ok: " : "WRONG: ") << what << '\n';
  all_good = all_good && good;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Real models where there are any (LARDER_SHARED_DIR), else something of their size.
std::string model_file(const char* name, char filling) {
  const char* const shared = std::getenv("LARDER_SHARED_DIR");
  std::string content = shared != nullptr ? content_of(fs::path(shared) / "real" / name) : std::string();
  return content.empty() ? std::string(1'200'000, filling) : content;
}

}  // namespace

int main() {
  const fs::path home = ".cache/packages";
  fs::remove_all(home);
  larder::testing::blob_server provider;
  const std::string onnx = model_file("onnx/silero_vad_16k_op15.onnx", 'o');
  const std::string weights = model_file("safetensors/silero_vad_16k.safetensors", 'w');
  provider.store("/model.onnx", larder::bytes::copy_of(std::string_view(onnx)));
  provider.store("/weights.safetensors", larder::bytes::copy_of(std::string_view(weights)));
  provider.store("/labels.txt", larder::bytes::copy_of("speech\nsilence\n"));

  // What a provider says of a package: names, addresses, and digests where it has them.
  const auto sha256 = [](std::string_view content) { return larder::digest_of(content, larder::digest_algorithm::sha256); };
  const std::vector<larder::package_file> files{
      {"model.onnx", provider.url() + "/model.onnx", sha256(onnx)},
      {"weights/all.safetensors", provider.url() + "/weights.safetensors", sha256(weights)},
      {"labels.txt", provider.url() + "/labels.txt"}};
  const larder::http_fetch fetch;  // or any callable: fetch(url, range, sink)

  larder::package_store store{home};
  {
    const larder::package p = store.get("silero/vad", "onnxfp32", files, fetch);
    const fs::path path = p.path("model.onnx");  // p is a lease: nothing removes its files while it lives
    expect(content_of(path) == onnx, "a package is whole when it is there");
    expect(p.files()[0].is_verified() && !p.files()[2].is_verified(), "a file without a digest counts as unverified");
  }
  const std::uint64_t requests = provider.counts()["GET"];
  store.get("silero/vad", "onnxfp32", files, fetch);
  store.get("silero/vad", "other", {files[0]}, fetch);
  expect(provider.counts()["GET"] == requests, "what is here under its digest is fetched for no package");
  expect(store.usage().blobs == 2, "and stored once");

  // Eight threads want a package that nobody has: one fetches, the others wait for it.
  fs::remove_all(home / "shared-blobs");
  const std::uint64_t sent = provider.counts().body_bytes_out;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { store.get("silero/vad", "onnxfp32", files, fetch); });
  for (std::thread& t : threads) t.join();
  expect(provider.counts().body_bytes_out - sent == onnx.size() + weights.size(), "each file was fetched once");

  // Somebody writes to a file. A deep look finds it, and a repair fetches what is damaged.
  {
    std::fstream file(store.find("silero/vad", "onnxfp32")->path("model.onnx"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('!');
  }
  expect(!store.verify("silero/vad", "onnxfp32").is_whole(), "damage is found");
  store.repair("silero/vad", "onnxfp32", files, fetch);
  expect(store.verify("silero/vad", "onnxfp32").is_whole(), "and mended");

  // To a machine without a network, as one file.
  store.export_to(".cache/packages.tar");
  larder::package_store_settings without_network;
  without_network.offline = true;
  without_network.quota = 4_MB;
  fs::remove_all(".cache/elsewhere");
  larder::package_store elsewhere{".cache/elsewhere", without_network};
  elsewhere.import_from(".cache/packages.tar");
  const std::optional<larder::package> found = elsewhere.find("silero/vad", "onnxfp32");
  expect(found && content_of(found->path("weights/all.safetensors")) == weights, "a package that came as a file");
  expect(elsewhere.list().size() == 2 && elsewhere.usage().bytes() <= 4_MB, "all of them, within the quota");
  return all_good ? 0 : 1;
}
