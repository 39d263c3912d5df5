#include <larder/layer/aligned_pages.hpp>
#include <larder/layer/populate_pages.hpp>

#include "present_pages.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include <sys/mman.h>

#include <doctest/doctest.h>

using larder::layers::populate_pages;
using larder_tests::present_pages;

namespace {

constexpr std::size_t page = 4096;

/// Fresh memory of the system's, none of it touched.
struct fresh_pages {
  explicit fresh_pages(std::size_t pages, int protection = PROT_READ | PROT_WRITE)
      : all(static_cast<std::byte*>(::mmap(nullptr, pages * page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
            pages * page) {
    REQUIRE(static_cast<void*>(all.data()) != MAP_FAILED);
    ::madvise(all.data(), all.size(), MADV_NOHUGEPAGE);
  }
  ~fresh_pages() { ::munmap(all.data(), all.size()); }
  std::span<std::byte> all;
};

}  // namespace

TEST_CASE("every page is there afterwards, by the kernel's call and by touching") {
  for (const bool by_kernel : {true, false}) {
    CAPTURE(by_kernel);
    const fresh_pages fresh(300);
    REQUIRE(present_pages(fresh.all) == 0);
    populate_pages(fresh.all.subspan(10 * page, 100 * page), by_kernel);
    CHECK(present_pages(fresh.all) == 100);
    populate_pages(fresh.all.subspan(200 * page + 4000, 2 * page), by_kernel);  // the bytes lie in three
    CHECK(present_pages(fresh.all.subspan(200 * page)) == 3);
    populate_pages(fresh.all, by_kernel);
    CHECK(present_pages(fresh.all) == 300);
    populate_pages({}, by_kernel);
  }
}

TEST_CASE("what is there stays as it is") {
  for (const bool by_kernel : {true, false}) {
    const fresh_pages fresh(50);
    for (std::size_t k = 0; k < fresh.all.size(); ++k) fresh.all[k] = static_cast<std::byte>(k % 251);
    populate_pages(fresh.all.subspan(17), by_kernel);
    for (std::size_t k = 0; k < fresh.all.size(); ++k) REQUIRE(fresh.all[k] == static_cast<std::byte>(k % 251));
  }
}

TEST_CASE("memory that the kernel does not have is told") {
  const fresh_pages fresh(4);
  constexpr int populate_write = 23;
  if (::madvise(fresh.all.data(), page, populate_write) != 0)
    return;  // it does not know the call, and touching would end the program
  const std::span<std::byte> gone = fresh.all.subspan(page, page);
  ::munmap(gone.data(), gone.size());  // for which it gives the same answer
  CHECK_THROWS_AS(populate_pages(fresh.all), std::bad_alloc);
}
