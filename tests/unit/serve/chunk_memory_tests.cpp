#include <larder/serve/chunk_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using larder::serve::chunk_memory;

TEST_CASE("memory of every size can be written from end to end") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, (std::size_t{256} << 10U) - 1,
                                 std::size_t{256} << 10U, (std::size_t{256} << 10U) + 1, (std::size_t{2} << 20U) + 5}) {
    CAPTURE(size);
    chunk_memory memory(size);
    REQUIRE(memory.span().size() == size);
    if (size == 0) continue;
    std::memset(memory.span().data(), 7, size);
    CHECK(memory.span().back() == std::byte{7});
    CHECK(reinterpret_cast<std::uintptr_t>(memory.span().data()) % 64 == 0);
    if (size >= std::size_t{2} << 20U)
      CHECK(reinterpret_cast<std::uintptr_t>(memory.span().data()) % (std::size_t{2} << 20U) == 0);
  }
}

TEST_CASE("memory moves with its owner") {
  chunk_memory none;
  CHECK(none.span().empty());
  chunk_memory one(100);
  std::byte* const at = one.span().data();
  chunk_memory two(std::move(one));
  CHECK(two.span().data() == at);
  none = std::move(two);
  CHECK(none.span().data() == at);
  none = chunk_memory(std::size_t{1} << 20U);
  CHECK(none.span().size() == std::size_t{1} << 20U);
}
