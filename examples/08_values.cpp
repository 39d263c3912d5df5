// links: larder::disk
// A value type of one's own on a byte storage: two functions in a codec.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>

struct sample {
  std::uint32_t label = 0;
  std::string text;
};

template <>
struct larder::codec<sample> {
  static larder::bytes encode(const sample& value) {
    larder::mutable_bytes out(sizeof value.label + value.text.size());
    std::memcpy(out.data(), &value.label, sizeof value.label);
    std::memcpy(out.data() + sizeof value.label, value.text.data(), value.text.size());
    return std::move(out).freeze();
  }
  static sample decode(const larder::bytes& in) {
    sample value;
    if (in.size() < sizeof value.label) throw larder::error(larder::error_cause::codec, "a stored sample is shorter than its label");
    std::memcpy(&value.label, in.data(), sizeof value.label);
    value.text = in.slice(sizeof value.label).text();
    return value;
  }
};

int main() {
  auto samples = larder::make_cache<std::uint64_t, sample>(larder::max_entries{1000}, larder::mmap_disk{".cache/samples"});
  samples.put(17, {3, "a sample of one's own type"});
  std::cout << samples.get(17)->text << '\n';

  bool seen = false;
  samples.visit(17, [&](const sample& s) { seen = s.label == 3; });
  return seen ? 0 : 1;
}
