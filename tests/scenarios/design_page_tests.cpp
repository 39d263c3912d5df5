// The programs of the design page as printed, as far as their parts exist (the later specializations do not yet). They compile with
// both compilers; what needs no model file or server is run too.
#include <larder/larder.hpp>

#include <larder/layer/layer_cache.hpp>
#include <larder/presets.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

using namespace larder::literals;  // 4_GiB, 64_KiB; brings std::chrono_literals (24h)

namespace {

larder::bytes read_layer(const std::string& key) { return larder::bytes::copy_of("layer " + key); }
template <class T>
void compute(const T&) {}

struct mru {
  using policy_axis = larder::axis::eviction;
  struct state {
    larder::slot prev, next;
  };
  template <class States>
  struct order {  // States: s[slot] -> state&
    States s;
    larder::slot top = larder::no_slot;
    void on_insert(larder::slot x, larder::entry_info) noexcept {
      s[x] = {top, larder::no_slot};
      if (top != larder::no_slot) s[top].next = x;
      top = x;
    }
    void on_hit(larder::slot x) noexcept {
      on_erase(x);
      on_insert(x, {});
    }
    void on_erase(larder::slot x) noexcept {
      const auto [prev, next] = s[x];
      if (prev != larder::no_slot) s[prev].next = next;
      (next != larder::no_slot ? s[next].prev : top) = prev;
    }
    void on_evict(larder::slot x, larder::entry_info) noexcept { on_erase(x); }
    larder::slot victim() noexcept { return top; }
  };
};

/// Compiled, not run: it would need a model and a server.
[[maybe_unused]] void streams_layers() {
  larder::layer_cache layers{larder::safetensors{"model.safetensors"}, larder::max_bytes{1_GiB}};
  for (auto layer : layers.pass()) compute(layer.tensor("mlp.weight"));  // prefetched, in order
  layers.warmup({0, 1, 2}).wait();
  layers.prefetch_next(2, 2);  // layers 3 and 4, in the background
  auto layer = layers.get(3);  // a lease: valid while it lives
  layers.set_capacity(larder::max_bytes{512_MiB});
}

/// Compiled, not run: it would need accounts.
template <class Memory, class Weights>
[[maybe_unused]] void shares(Memory& memory_cache, Weights& weights) {
  auto shared = larder::make_cache<std::string, larder::bytes>(
      larder::unbounded{}, larder::http_blob{larder::azure{.account = "acct", .container = "models"}});

  // Tiers, fastest first. A hit is promoted; a put goes to each tier by that tier's write mode.
  larder::tiered models{memory_cache, weights, larder::read_only(shared)};

  auto bucket = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, larder::http_blob{larder::s3{.bucket = "models"}});
  larder::tiered others{memory_cache, larder::write_through(weights), larder::write_back(bucket)};
  others.flush(1s);
  others.get_or_load_many(std::vector<std::string>{"a"}, [](const std::vector<std::string>& keys) { return std::vector<larder::bytes>(keys.size()); });
  auto home = larder::presets::model_weights(".cache/weights", 4_GiB, "https://host/models");
}
using near_cache = larder::cache<std::string, larder::bytes, larder::max_bytes>;
using disk_cache = larder::cache<std::string, larder::bytes, larder::max_bytes, larder::expire_after_access, larder::mmap_disk>;
[[maybe_unused]] constexpr auto* shared_by_tiers = &shares<near_cache, disk_cache>;

}  // namespace

TEST_CASE("design page: name the policies you want, in any order") {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1000});
  names.put("a", 1);
  std::optional<int> a = names.get("a");
  CHECK(a == 1);

  // The same as a type, for members and signatures. Not named: memory storage, xxh3 hashing, sharded locking.
  larder::cache<std::string, int, larder::lru, larder::max_entries> same{larder::max_entries{1000}};
  CHECK(same.put("a", 1));
  CHECK(same.capacity() == 1000);
}

TEST_CASE("design page: two limits, a weigher, expiry, a listener, a test clock") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, std::string>(
      larder::sieve{}, larder::max_entries{3}, larder::max_weight{1000},
      larder::weigher{[](const std::string& k, const std::string& v) { return k.size() + v.size(); }},
      larder::expire_after_write{24h}, larder::time_source{now},
      larder::removal_listener{[](const std::string&, const std::string&, larder::removal_cause) {}},
      larder::error_listener{[](const larder::error_event&) {}});
  for (const char* key : {"a", "b", "c", "d"}) CHECK(c.put(key, "value"));
  CHECK(c.size() == 3);
  CHECK(c.weight() == 18);
  CHECK_FALSE(c.put("large", std::string(1000, 'x')));
  now.advance(24h + 1ns);
  CHECK_FALSE(c.get("d").has_value());
}

TEST_CASE("design page: values on disk, in a shared store, in tiers") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "larder-design-page";
  std::filesystem::remove_all(folder);
  {
    auto memory_cache = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_MiB});
    auto weights = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{4_GiB}, larder::expire_after_access{24h},
                                                                  larder::mmap_disk{folder});
    larder::bytes w = weights.get_or_load("layer.0", [](const std::string& key) { return read_layer(key); });  // loads once
    CHECK(w.text() == "layer layer.0");

    // Nobody listens there: a remote that is down is a miss.
    auto shared =
        larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, larder::http_blob{larder::webdav{.url = "http://127.0.0.1:9/m"}});

    // Tiers, fastest first. A hit is promoted; a put goes to each tier by that tier's write mode.
    larder::tiered models{memory_cache, weights, larder::read_only(shared)};
    CHECK(models.get("layer.0")->text() == "layer layer.0");
    CHECK(memory_cache.contains("layer.0"));
    CHECK_FALSE(models.get("layer.1").has_value());
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("design page: an eviction order from outside") {
  auto c = larder::make_cache<int, int>(mru{}, larder::max_entries{2});
  for (int i = 1; i <= 3; ++i) c.put(i, i);
  CHECK(c.contains(1));
  CHECK_FALSE(c.contains(2));
  CHECK(c.contains(3));
}
