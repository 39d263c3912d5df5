#include <larder/layer/mapped_pages.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/memory_of_process.hpp"

using larder::layers::mapped_pages;

namespace {

bool is_mapped(const std::byte* at) {
  unsigned char resident = 0;
  return ::mincore(const_cast<std::byte*>(at), 1, &resident) == 0;
}

}  // namespace

TEST_CASE("pages of many places are the same ones at each, and stay while one of them does") {
  REQUIRE(mapped_pages::can_be_mapped_again());
  const std::size_t size = 4 * mapped_pages::page();
  mapped_pages first = mapped_pages::of_many_places(size);
  REQUIRE(first);
  CHECK(first.size() == size);
  CHECK(std::all_of(first.data(), first.data() + size, [](std::byte b) { return b == std::byte{0}; }));
  mapped_pages second = first.again();
  REQUIRE(second);
  CHECK(second.data() != first.data());
  first.data()[size - 1] = std::byte{7};
  second.data()[5] = std::byte{8};
  CHECK(second.data()[size - 1] == std::byte{7});
  CHECK(first.data()[5] == std::byte{8});
  const std::byte* const was = first.data();
  first = mapped_pages();
  CHECK_FALSE(is_mapped(was));
  CHECK(second.data()[size - 1] == std::byte{7});
  CHECK(second.again().data()[5] == std::byte{8});
}

TEST_CASE("pages move over others, whose owner unmaps them with his own") {
  const std::size_t page = mapped_pages::page();
  const support::memory_of_process before;
  {
    const mapped_pages kept = mapped_pages::of_many_places(2 * page);
    kept.data()[page] = std::byte{9};
    {
      const mapped_pages place = mapped_pages::of_one_place(5 * page);
      place.data()[0] = std::byte{1};
      place.data()[4 * page] = std::byte{2};
      mapped_pages again = kept.again();
      const std::byte* const was = again.data();
      REQUIRE(std::move(again).move_over(place.data() + page));
      CHECK_FALSE(is_mapped(was));
      CHECK(place.data()[0] == std::byte{1});
      CHECK(place.data()[2 * page] == std::byte{9});
      CHECK(place.data()[3 * page] == std::byte{0});
      CHECK(place.data()[4 * page] == std::byte{2});
    }
    CHECK(support::memory_of_process().shared_places == before.shared_places + 2 * page);
    CHECK(kept.data()[page] == std::byte{9});
  }
  CHECK(support::memory_of_process().shared_places == before.shared_places);
}

TEST_CASE("what cannot be had is empty, and what cannot be moved says so") {
  CHECK_FALSE(mapped_pages::of_one_place(~std::size_t{0} / 2));
  CHECK_FALSE(mapped_pages::of_many_places(0));
  CHECK_FALSE(mapped_pages().again());
  const std::size_t page = mapped_pages::page();
  const mapped_pages own = mapped_pages::of_one_place(page);
  CHECK_FALSE(own.again());  // Linux: a mapping of one place is not shared by a second one
  mapped_pages pages = mapped_pages::of_many_places(page);
  CHECK_FALSE(std::move(pages).move_over(own.data() + 1));
  CHECK(is_mapped(own.data()));
}

TEST_CASE("a process has room for some mappings and not for all, and has them no longer afterwards") {
  const support::memory_of_process before;
  CHECK(mapped_pages::has_room_for(0));
  CHECK(mapped_pages::has_room_for(1000));
  CHECK(support::memory_of_process().shared_places == before.shared_places);
}

TEST_CASE("read-only pages are so where they are mapped again") {
  const std::size_t page = mapped_pages::page();
  const mapped_pages first = mapped_pages::of_many_places(page);
  first.data()[3] = std::byte{3};
  REQUIRE(mapped_pages::make_read_only(first.data(), page));
  const mapped_pages second = first.again();
  REQUIRE(second);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  CHECK(::write(ends[1], "x", 1) == 1);
  CHECK(::read(ends[0], second.data(), 1) == -1);  // the kernel does not write there either
  CHECK(second.data()[3] == std::byte{3});
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a child has copies of pages of one place, and the very pages of many places") {
  const std::size_t page = mapped_pages::page();
  const mapped_pages own = mapped_pages::of_one_place(page);
  const mapped_pages shared = mapped_pages::of_many_places(page);
  support::in_child([&] {
    own.data()[0] = std::byte{1};
    shared.data()[0] = std::byte{1};
    return true;
  });
  CHECK(own.data()[0] == std::byte{0});
  CHECK(shared.data()[0] == std::byte{1});
}
