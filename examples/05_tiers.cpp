// links: larder::disk larder::http larder::testing
// Three tiers, fastest first: memory, disk, and a WebDAV server that a team shares (here one in this process).
#include <larder/larder.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/testing/blob_server.hpp>

#include <iostream>
#include <string>

using namespace larder::literals;

int main() {
  larder::testing::blob_server server;
  auto shared = larder::make_cache<std::string, larder::bytes>(larder::unbounded{},
                                                               larder::http_blob{larder::webdav{.url = server.url() + "/models"}});
  shared.put("encoder", larder::bytes::copy_of("weights that a colleague computed"));

  auto memory = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{64_MiB});
  auto disk = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::mmap_disk{".cache/tiers"});
  disk.clear();
  larder::tiered models{memory, disk, larder::read_only(shared)};

  std::cout << models.get("encoder")->text() << '\n';  // from the server, and promoted
  models.get("encoder");                               // from memory

  const larder::bytes decoder = models.get_or_load("decoder", [](const std::string&) { return larder::bytes::copy_of("computed here"); });
  std::cout << decoder.text() << '\n';

  const auto stats = models.stats();
  for (std::size_t tier = 0; tier < 3; ++tier)
    std::cout << "tier " << tier << ": " << stats[tier].hits << " hits, " << stats[tier].misses << " misses\n";

  // A server that is down costs a miss, never an exception.
  return stats[2].hits == 1 && stats[0].hits == 1 && disk.contains("decoder") && !shared.contains("decoder") ? 0 : 1;
}
