#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/lent_room.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using larder::bytes;
using larder::storage::lent_room;

std::string_view text_of(std::span<const std::byte> room) { return {reinterpret_cast<const char*>(room.data()), room.size()}; }

}  // namespace

TEST_CASE("a value lands at the room's start and is handed out from there") {
  std::array<std::byte, 8> memory{};
  lent_room lent(memory);
  CHECK(lent.wants(5));
  const std::span<std::byte> room = lent.room(5, {}, 1);
  CHECK(room.data() == memory.data());
  CHECK(room.size() == 5);
  CHECK_FALSE(lent.may_have(0));
  const bytes whole = lent.whole(5);
  CHECK(whole.size() == 5);
  CHECK(static_cast<const void*>(whole.data()) == memory.data());
  CHECK_NOTHROW(lent.check());
}

TEST_CASE("a value that is larger than the room is not wanted, and said") {
  std::array<std::byte, 8> memory{};
  lent_room lent(memory);
  CHECK(lent.wants(8));
  CHECK_NOTHROW(lent.check());
  CHECK_FALSE(lent.wants(9));
  const support::refusal refused = support::refusal_of([&] { lent.check(); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(says(refused, "has 9 bytes, and the room that was given for it 8; give a larger one, or take the value with get"));
}

TEST_CASE("a cache in memory copies its value into the caller's memory") {
  larder::cache<std::string, bytes, larder::max_bytes> cache(larder::max_bytes{1000});
  cache.put("a", bytes::copy_of("value"));
  cache.put("nothing", bytes{});
  std::array<std::byte, 8> memory{};
  memory.fill(std::byte{'.'});
  CHECK(cache.get_into("a", memory) == std::size_t{5});
  CHECK(text_of(memory) == "value...");
  CHECK(cache.get_into("a", std::span(memory).first(5)) == std::size_t{5});
  CHECK(cache.get_into("nothing", {}) == std::size_t{0});
  CHECK(cache.get_into("absent", memory) == std::nullopt);
  CHECK(text_of(memory) == "value...");
  CHECK(cache.stats().hits == 3);
  CHECK(cache.stats().misses == 1);
  CHECK(support::cause_of([&] { cache.get_into("a", std::span(memory).first(4)); }) == larder::error_cause::invalid_argument);
}
