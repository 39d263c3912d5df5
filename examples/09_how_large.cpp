// How large should this cache be? An observer tells from the look-ups that the cache gets.
#include <larder/larder.hpp>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>

using namespace larder::literals;

int main() {
  // 128 KiB, by feel, for embeddings of 1 KiB each; some texts are asked for much more often than others.
  auto embeddings = larder::make_cache<std::string, std::string>(larder::max_bytes{128_KiB}, larder::miss_ratio_curve{});
  std::cout << embeddings.stats().advice().text() << '\n';  // nobody has asked for anything yet

  std::mt19937 random(20240601);
  const auto serve = [&](int requests) {
    for (int i = 0; i < requests; ++i) {
      const double u = std::uniform_real_distribution<double>(0.0, 1.0)(random);
      const auto text = "text " + std::to_string(static_cast<int>(1000 * u * u * u));
      embeddings.get_or_load(text, [](const std::string&) { return std::string(1024, 'e'); });
    }
  };
  serve(50'000);

  const larder::capacity_advice advice = embeddings.stats().advice();
  std::cout << "hit rate " << embeddings.stats().hit_rate() << "; as lru it would be\n";
  for (const larder::capacity_point& point : advice.curve)
    std::cout << "  " << point.multiple << " times, " << larder::format_size(point.capacity) << ": " << point.hit_ratio << '\n';
  std::cout << advice.text() << '\n';

  // Taken, and measured anew.
  embeddings.set_capacity(advice.enough.capacity);
  serve(5'000);
  embeddings.reset_stats();
  serve(50'000);
  std::cout << "hit rate " << embeddings.stats().hit_rate() << "; " << embeddings.stats().advice().text() << '\n';

  return advice && advice.gain_of_doubling() > 0.1 && embeddings.stats().hit_rate() > advice.enough.hit_ratio - 0.02 ? 0 : 1;
}
