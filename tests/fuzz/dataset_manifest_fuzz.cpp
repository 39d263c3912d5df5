// Any bytes as a manifest of a data set: refused with larder::error, or shards whose samples add up, and a text that says the same.

#include <larder/format/dataset_manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using larder::format::dataset_manifest;
  try {
    const dataset_manifest m = dataset_manifest::parse(std::as_bytes(std::span(data, size)));
    std::uint64_t samples = 0;
    for (const dataset_manifest::shard& shard : m.shards) {
      if (shard.key.size() != dataset_manifest::key_size) std::abort();
      samples += shard.samples;
    }
    if (samples != m.samples) std::abort();
    const std::string text = m.json();
    if (dataset_manifest::parse(std::as_bytes(std::span(text))) != m) std::abort();
  } catch (const larder::error&) {
  }
  return 0;
}
