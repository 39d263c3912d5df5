// links: larder::disk
// Ways into a cache on disk, and out of it, that are cheaper than whole values one after the other.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;

int main() {
  auto tiles = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::mmap_disk{".cache/tiles"});

  // Many values at once: one write for as many as lie together. Each is published for itself, and a refused one stops no other.
  std::vector<std::pair<std::string, larder::bytes>> batch;
  for (int i = 0; i < 1000; ++i) batch.emplace_back("tile " + std::to_string(i), larder::bytes::copy_of(std::string(4096, 'x')));
  const std::size_t stored = tiles.put_many(batch);
  std::cout << stored << " tiles are stored\n";

  // A value that is computed or received is filled where it will lie: no buffer, no copy. Nobody sees it before the commit.
  if (auto room = tiles.reserve("atlas", 64_MiB)) {
    std::fill(room.span().begin(), room.span().end(), std::byte{7});  // read(socket, room.data(), room.size()) ...
    if (!room.commit()) return 1;
  }
  // A part of a large value: only what it touches is read and verified.
  const std::optional<larder::bytes> part = tiles.get_range("atlas", 10'000'000, 4096);
  std::cout << part->size() << " bytes of atlas\n";

  // A file that is there already: its blocks are shared where the file system can (a reflink), else copied, within the kernel.
  std::ofstream("photo.raw") << std::string(3'000'000, 'p');
  if (!tiles.adopt_file("photo", "photo.raw", larder::adopt_mode::move)) return 1;  // moved: the file is the cache's now
  std::cout << tiles.get("photo")->size() << " bytes of a photo\n";
  return stored == 1000 && tiles.get("tile 999")->size() == 4096 && part->data()[0] == std::byte{7} ? 0 : 1;
}
