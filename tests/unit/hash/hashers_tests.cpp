#include <larder/hash/hash_with.hpp>
#include <larder/hash/identity.hpp>
#include <larder/hash/std_hash.hpp>
#include <larder/hash/xxh3.hpp>

#include <larder/cache.hpp>
#include <larder/limit/max_entries.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

const larder::xxh3 hash;
enum class device : int { cpu = 3 };

}  // namespace

TEST_CASE("a string, its view and its literal hash alike") {
  const std::string text = "model.layers.7.mlp.weight";
  CHECK(hash(text) == hash(std::string_view(text)));
  CHECK(hash(text) == hash("model.layers.7.mlp.weight"));
  CHECK(hash(text) == XXH3_64bits(text.data(), text.size()));
  CHECK(hash(std::string()) == hash(std::string_view()));
  CHECK(hash(std::string("a\0b", 3)) != hash(std::string("a")));
}

TEST_CASE("numbers, enumerations and plain structs hash by their bytes") {
  CHECK(hash(7) == hash(7));
  CHECK(hash(7) != hash(8));
  CHECK(hash(device::cpu) == hash(3));
  CHECK(hash(larder::digest{1, 2}) != hash(larder::digest{2, 1}));
}

TEST_CASE("equal floats hash equally") {
  CHECK(hash(0.0) == hash(-0.0));
  CHECK(hash(0.0F) == hash(-0.0F));
  CHECK(hash(1.5F) == hash(1.5F));
  CHECK(hash(1.5) != hash(2.5));
}

TEST_CASE("ranges, pairs and tuples hash by their parts") {
  CHECK(hash(std::vector<int>{1, 2}) == hash(std::vector<int>{1, 2}));
  CHECK(hash(std::vector<int>{1, 2}) != hash(std::vector<int>{2, 1}));
  using key = std::tuple<std::string, int, double>;
  CHECK(hash(key("a", 1, 0.0)) == hash(key("a", 1, -0.0)));
  CHECK(hash(key("a", 1, 0.5)) != hash(key("a", 2, 0.5)));
  CHECK(hash(key("a", 1, 0.5)) != hash(key("b", 1, 0.5)));
  CHECK(hash(std::pair<std::string, std::string>("ab", "c")) != hash(std::pair<std::string, std::string>("a", "bc")));
  CHECK(hash(std::pair<std::string, int>("x", 1)) != hash(std::pair<std::string, int>("x", 2)));
}

TEST_CASE("many small keys get distinct hashes") {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(hash(i));
  CHECK(seen.size() == 10'000);
}

TEST_CASE("identity and std_hash are what they say") {
  CHECK(larder::identity{}(42) == 42);
  CHECK(larder::identity{}(device::cpu) == 3);
  CHECK(larder::std_hash{}(std::string_view("abc")) == std::hash<std::string>{}("abc"));
}

TEST_CASE("the cache mixes what does not avalanche") {
  larder::cache<std::uint64_t, int, larder::identity, larder::max_entries> c{larder::max_entries{8}};
  std::set<std::uint64_t> low;
  for (std::uint64_t i = 0; i < 64; ++i) low.insert(c.hash_of(i << 32) & 63);
  CHECK(low.size() > 30);
  CHECK(c.hash_of(5) == c.hash_of(5));
}

TEST_CASE("hash_with takes the user's function, by view where it can and by string where it must") {
  int strings = 0;
  const larder::hash_with by_string{[&strings](const std::string& key) {
    ++strings;
    return key.size();
  }};
  CHECK(by_string(std::string_view("abcd")) == 4);
  CHECK(by_string(std::string("abc")) == 3);
  CHECK(strings == 2);
  const larder::hash_with by_view{[](std::string_view key) { return static_cast<int>(key.size()); }};
  CHECK(by_view(std::string_view("abcd")) == 4);
  CHECK(by_view(std::string("abcd")) == 4);

  auto c = larder::make_cache<std::string, int>(by_string, larder::max_entries{10});
  c.put("one", 1);
  c.put("two", 2);  // the same hash
  CHECK(c.get("one") == 1);
  CHECK(c.get("two") == 2);
  CHECK_FALSE(c.get("six").has_value());
}

TEST_CASE("a cache is right whatever the hasher says") {
  auto c = larder::make_cache<int, int>(larder::hash_with{[](int) { return 0; }}, larder::max_entries{100});
  for (int i = 0; i < 100; ++i) c.put(i, i * i);
  for (int i = 0; i < 100; ++i) CHECK(c.get(i) == i * i);
  CHECK(c.erase(50));
  CHECK_FALSE(c.get(50).has_value());
  CHECK(c.get(99) == 99 * 99);
}
