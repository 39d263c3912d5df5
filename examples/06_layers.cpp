// links: larder::layer
// A model larger than the memory it may take, layer by layer, loaded ahead of the computation.
#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

/// A model file of eight layers with one tensor of 1024 floats each.
void write_model(const std::string& path) {
  std::string header = "{";
  for (int i = 0; i < 8; ++i)
    header += (i == 0 ? "" : ",") + ("\"layers." + std::to_string(i)) + ".mlp.weight\":{\"dtype\":\"F32\",\"shape\":[32,32],\"data_offsets\":[" +
              std::to_string(i * 4096) + "," + std::to_string(i * 4096 + 4096) + "]}";
  header += "}";
  while (header.size() % 8 != 0) header += ' ';
  const std::uint64_t size = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), 8);
  file << header;
  for (int i = 0; i < 8; ++i) {
    const std::vector<float> weights(1024, static_cast<float>(i));
    file.write(reinterpret_cast<const char*>(weights.data()), 4096);
  }
}

int main() {
  write_model("model.safetensors");

  // Half of the model fits; which layers stay is planned, because recency hits nothing on a cycle.
  larder::layer_cache layers{larder::safetensors{"model.safetensors"}, larder::max_bytes{4 * 4096}};
  float sum = 0;
  for (int pass = 0; pass < 3; ++pass)
    for (auto layer : layers.pass()) {
      const auto weights = layer.tensor("mlp.weight").as_span<float>();
      sum += std::accumulate(weights.begin(), weights.end(), 0.0F);
    }
  const auto stats = layers.stats();
  std::cout << "sum " << sum << ", " << stats.loads << " loads for 24 uses, " << stats.bytes_read << " bytes read\n";

  // By use instead, with requests ahead of need.
  larder::layer_cache recent{larder::safetensors{"model.safetensors"}, larder::lru{}, larder::max_entries{3}};
  recent.warmup({0, 1, 2}).wait();
  recent.prefetch_next(2, 2).wait();
  const auto held = recent.get(3);  // a lease: valid while it lives
  recent.clear();
  return sum == 3 * 1024 * 28 && stats.loads < 24 && held.tensor("mlp.weight").as_span<float>()[0] == 3.0F ? 0 : 1;
}
