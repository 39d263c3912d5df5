#include <larder/dataset/shard_memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <doctest/doctest.h>

using larder::bytes;
using larder::datasets::shard_memory;

TEST_CASE("memory of a shard becomes bytes that views keep, small or large") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, shard_memory::mapped_from - 1, shard_memory::mapped_from, shard_memory::mapped_from + 4097}) {
    CAPTURE(size);
    bytes last;
    {
      shard_memory room(size);
      REQUIRE(room.span().size() == size);
      std::fill(room.span().begin(), room.span().end(), std::byte{7});
      bytes whole = std::move(room).freeze();
      REQUIRE(whole.size() == size);
      CHECK(reinterpret_cast<std::uintptr_t>(whole.data()) % 64 == 0);
      if (size != 0) last = whole.slice(size - 1);
    }
    if (size != 0) CHECK(*last.data() == std::byte{7});
  }
  const shard_memory unused(shard_memory::mapped_from);
}

TEST_CASE("more than there is, is refused") {
  CHECK_THROWS_AS(shard_memory(std::size_t{1} << 62U), std::bad_alloc);
}
