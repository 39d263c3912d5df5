#include "../lap.hpp"
#include "catalogue.hpp"

#include <larder/artifact/package_store.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace bench {
namespace {

constexpr std::size_t files_of_package = 5;
constexpr int resolves = 2000;

/// The provider: a file says its own address.
void give(std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
  sink.total(url.size());
  sink(url.substr(std::min<std::size_t>(range.offset, url.size()), range.size));
}

std::vector<larder::package_file> files_of(std::size_t package, bool with_digests) {
  std::vector<larder::package_file> files;
  for (std::size_t i = 0; i < (with_digests ? files_of_package : 1); ++i) {
    larder::package_file file;
    file.name = "weights/part-" + std::to_string(i) + ".bin";
    file.url = "https://models.example/" + std::to_string(package) + "/" + std::to_string(i);
    if (with_digests) file.digest = larder::digest_of(std::as_bytes(std::span(file.url)), larder::digest_algorithm::sha256);
    files.push_back(std::move(file));
  }
  return files;
}
std::string model_of(std::size_t number) { return "team/model-" + std::to_string(number / 4); }
std::string package_of(std::size_t number) { return "variant" + std::to_string(number % 4); }

std::vector<double> resolve(const std::filesystem::path& home) {
  larder::package_store store(home);
  const std::vector<larder::package_file> files = files_of(0, true);
  const larder::fetch_function nobody = [](std::string_view, const larder::byte_range&, larder::fetch_sink&) {
    throw std::runtime_error("a package that is here was fetched");
  };
  { const larder::package first = store.get("warm", "onnx", files, nobody); }
  const lap took = time([&] {
    for (int i = 0; i < resolves; ++i) const larder::package found = store.get("warm", "onnx", files, nobody);
  });
  return {took.wall * 1e6 / resolves};
}
std::vector<double> look_at_files(const std::filesystem::path& home) {
  std::vector<std::string> paths;
  {
    larder::package_store store(home);
    const auto found = store.find("warm", "onnx");
    for (const larder::package_file& file : files_of(0, true)) paths.push_back(found->path(file.name).string());
  }
  const lap took = time([&] {
    for (int i = 0; i < resolves; ++i)
      for (const std::string& path : paths) {
        struct stat seen {};
        if (::stat(path.c_str(), &seen) != 0) throw std::runtime_error("a file of the package is gone");
      }
  });
  return {took.wall * 1e6 / resolves};
}

std::vector<double> list(const std::filesystem::path& home, std::size_t count) {
  larder::package_store store(home);
  std::size_t seen = 0;
  const lap took = time([&] { seen = store.list().size(); });
  if (seen != count) throw std::runtime_error("not all packages were listed");
  return {took.wall * 1e3};
}
/// Opens, reads and closes each manifest, whose paths are known.
std::vector<double> read_manifests(const std::filesystem::path& home, std::size_t count) {
  std::vector<std::filesystem::path> paths;
  for (const larder::package_info& one : larder::package_store(home).list())
    for (const auto& entry : std::filesystem::directory_iterator(one.folder))
      if (entry.path().extension() == ".json") paths.push_back(entry.path());
  if (paths.size() != count) throw std::runtime_error("not every package has one manifest");
  std::size_t read = 0;
  const lap took = time([&] {
    for (const std::filesystem::path& path : paths) {
      std::ifstream in(path, std::ios::binary);
      read += std::string(std::istreambuf_iterator<char>(in), {}).size();
    }
  });
  if (read == 0) throw std::runtime_error("the manifests are empty");
  return {took.wall * 1e3};
}

}  // namespace

std::vector<contest> packages(const std::filesystem::path& folder, const options& wanted) {
  std::vector<contest> all;
  if (wanted.wants_case("resolve")) {
    const std::filesystem::path home = folder / "one package";
    larder::package_store(home).get("warm", "onnx", files_of(0, true), give);
    all.push_back({"resolve", {{"resolved", "us", 1}}, {}});
    all.back().contenders.push_back({"stat of its files", [home] { return look_at_files(home); }});
    all.back().contenders.push_back({"get", [home] { return resolve(home); }});
  }
  if (wanted.wants_case("list")) {
    const std::filesystem::path home = folder / "many packages";
    const std::size_t count = wanted.packages();
    larder::package_store store(home);
    for (std::size_t i = 0; i < count; ++i) store.get(model_of(i), package_of(i), files_of(i, false), give);
    all.push_back({"list", {{"listed", "ms", 1}}, {}});
    all.back().contenders.push_back({"manifests read", [home, count] { return read_manifests(home, count); }});
    all.back().contenders.push_back({"list", [home, count] { return list(home, count); }});
  }
  return all;
}

}  // namespace bench
