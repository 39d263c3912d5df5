#include <larder/artifact/shared_store.hpp>

#include <larder/cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/tiered.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "counting_store.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

using larder::bytes;
using larder::error_cause;
using larder::make_shared_store;
using larder::shared_store;
using support::cause_of;

namespace {

using in_memory = larder::cache<std::string, bytes, larder::unbounded>;
using on_disk = larder::cache<std::string, bytes, larder::max_bytes, larder::mmap_disk>;

void works(shared_store& store) {
  CHECK_FALSE(store.get("a", {}));
  CHECK_FALSE(store.contains("a"));
  CHECK(store.put("a", bytes::copy_of("one"), {}));
  CHECK(store.contains("a"));
  CHECK(store.get("a", {}) == bytes::copy_of("one"));
  CHECK_FALSE(store.put_if_absent("a", bytes::copy_of("two")));
  CHECK(store.put_if_absent("b", bytes::copy_of("two")));
  std::array<std::byte, 3> room{};
  CHECK(store.get_into("a", room, {}) == 3);
  CHECK(static_cast<char>(room[0]) == 'o');
  CHECK_FALSE(store.get_into("none", room, {}));
  CHECK(cause_of([&] { store.get_into("a", std::span(room).first(2), {}); }) == error_cause::invalid_argument);
  CHECK(store.erase("a"));
  CHECK_FALSE(store.erase("a"));
  CHECK(store.errors().total() == 0);
}
std::vector<std::string> keys_of(shared_store& store) {
  std::vector<std::string> keys;
  store.for_each([&](const std::string& key, std::uint64_t, larder::duration) { keys.push_back(key); }, {});
  return keys;
}

}  // namespace

TEST_CASE("a cache that is borrowed or held is a store that passes share") {
  in_memory borrowed{larder::unbounded{}};
  const auto lent = make_shared_store(borrowed);
  works(*lent);
  CHECK(keys_of(*lent) == std::vector<std::string>{"b"});
  CHECK(borrowed.get("b") == bytes::copy_of("two"));
  works(*make_shared_store(std::make_unique<in_memory>(larder::unbounded{})));
  works(*make_shared_store(std::make_shared<in_memory>(larder::unbounded{})));
  const support::temporary_folder here;
  works(*make_shared_store(std::make_unique<on_disk>(larder::max_bytes{1 << 26}, larder::mmap_disk{here / "disk"})));
}

TEST_CASE("tiers are one too, but do not list") {
  const support::temporary_folder here;
  larder::tiered tiers{std::make_unique<in_memory>(larder::unbounded{}),
                       std::make_unique<on_disk>(larder::max_bytes{1 << 26}, larder::mmap_disk{here / "disk"})};
  const auto store = make_shared_store(tiers);
  works(*store);
  CHECK(cause_of([&] { keys_of(*store); }) == error_cause::invalid_argument);
}

TEST_CASE("a store of one's own is taken as it is") {
  const auto own = std::make_shared<passes_in_test::counting_store>();
  CHECK(make_shared_store(own) == own);
  works(*own);
}
