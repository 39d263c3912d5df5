#include "../lap.hpp"
#include "catalogue.hpp"

#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/file_identity.hpp>

#include <cstddef>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t file_count = 16;

std::vector<std::byte> content_of(std::size_t file, std::size_t size) {
  std::mt19937_64 draw(file);
  std::vector<std::byte> content(size);
  for (std::byte& b : content) b = static_cast<std::byte>(draw());
  return content;
}
std::filesystem::path file_in(const std::filesystem::path& folder, std::size_t number) {
  return folder / ("weights-" + std::to_string(number) + ".bin");
}

/// Megabytes per second.
std::vector<double> rate_of(std::size_t size, const lap& took) { return {static_cast<double>(size) / 1e6 / took.wall}; }

/// OpenSSL over so many bytes of memory by each of some threads, as many in all as the files have.
std::vector<double> hash_memory(std::size_t size, std::size_t threads) {
  const std::vector<std::byte> block = content_of(0, size / file_count);
  return rate_of(size, time([&] {
                   std::vector<std::thread> workers;
                   for (std::size_t t = 0; t < threads; ++t)
                     workers.emplace_back([&, t] {
                       for (std::size_t file = t; file < file_count; file += threads)
                         larder::digest_of(std::span(block), larder::digest_algorithm::sha256);
                     });
                   for (std::thread& worker : workers) worker.join();
                 }));
}
std::vector<double> identify(const std::filesystem::path& folder, std::size_t size, std::size_t threads) {
  larder::file_identifier identifier;
  larder::file_identity found;
  const lap took = time([&] { found = identifier.identify(folder, {.threads = threads}); });
  if (found.read != size || found.files.size() != file_count) throw std::runtime_error("not all files were read");
  return rate_of(size, took);
}

}  // namespace

std::vector<contest> digests(const std::filesystem::path& folder, const options& wanted) {
  if (!wanted.wants_case("hash") && !wanted.wants_case("hash_parallel")) return {};
  const std::filesystem::path files = folder / "hashed";
  const std::size_t size = wanted.hashed_bytes();
  std::filesystem::create_directories(files);
  for (std::size_t i = 0; i < file_count; ++i) {
    const std::vector<std::byte> content = content_of(i, size / file_count);
    std::ofstream(file_in(files, i), std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  }
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  contest alone{"hash", {{"rate", "MB/s", 0}}, {}};
  alone.contenders.push_back({"openssl", [size] { return hash_memory(size, 1); }});
  alone.contenders.push_back({"digest_of_file", [files, size] {
                                return rate_of(size, time([&] {
                                                 for (std::size_t i = 0; i < file_count; ++i)
                                                   larder::digest_of_file(file_in(files, i), larder::digest_algorithm::sha256);
                                               }));
                              }});
  alone.contenders.push_back({"file_identifier, one thread", [files, size] { return identify(files, size, 1); }});
  contest together{"hash_parallel", {{"rate", "MB/s", 0}}, {}};
  together.contenders.push_back({"openssl", [size, processors] { return hash_memory(size, processors); }});
  together.contenders.push_back({"file_identifier", [files, size] { return identify(files, size, 0); }});
  return {alone, together};
}

}  // namespace bench
