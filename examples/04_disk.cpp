// links: larder::disk
// Values on disk: they outlive the process, are checked when they are read, and are used in place, without a copy.
#include <larder/larder.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace larder::literals;

int main() {
  const std::vector<float> values(1000, 1.5F);
  const larder::bytes tensor = larder::bytes::copy_of(values.data(), values.size() * sizeof(float));
  {
    auto weights = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::expire_after_access{24h},
                                                                  larder::mmap_disk{".cache/weights"});
    weights.put("layer.0", tensor);
    weights.flush();  // survives a power cut from here on; a kill it survives anyway
  }

  // Another run, another process: the entry is there.
  auto weights = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::expire_after_access{24h},
                                                                larder::mmap_disk{".cache/weights"});
  const larder::bytes layer = weights.get_or_load("layer.0", [](const std::string&) { return larder::bytes(); });
  weights.clear();  // the bytes stay valid
  const std::span<const float> floats = layer.as_span<float>();
  std::cout << floats.size() << " floats, the first is " << floats.front() << '\n';

  // The same on a shared mount: no locks, no mapping, checked at every read. Any value type with a codec.
  auto shared = larder::make_cache<int, std::vector<double>>(larder::max_entries{100}, larder::directory{".cache/shared"});
  shared.put(7, {1.0, 2.0, 3.0});
  return floats.size() == 1000 && floats.front() == 1.5F && shared.get(7)->size() == 3 ? 0 : 1;
}
