#include <larder/layer/aligned_pages.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using larder::layers::aligned_pages;
using larder::layers::page_kind;

namespace {

/// Whether huge pages were asked for where `address` lies; "hg" among the flags that the kernel gives of a mapping.
bool is_advised_huge(const std::byte* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool is_there = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    if (std::istringstream range(line); range >> std::hex >> begin >> dash >> end && dash == '-')
      is_there = begin <= wanted && wanted < end;
    if (is_there && line.starts_with("VmFlags:")) return (line + " ").find(" hg ") != std::string::npos;
  }
  return false;
}
bool has_huge_pages() {
  const aligned_pages any(aligned_pages::huge_page, page_kind::huge);
  return ::madvise(any.data(), aligned_pages::huge_page, MADV_HUGEPAGE) == 0;
}

}  // namespace

TEST_CASE("memory begins on a page, a large one that is used again on a huge page") {
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{5'000'000}}) {
    for (const page_kind kind : {page_kind::usual, page_kind::huge}) {
      const aligned_pages pages(size, kind);
      REQUIRE(pages);
      CHECK(pages.whole().size() == size);
      CHECK(pages.whole().data() == pages.data());
      const std::size_t boundary =
          kind == page_kind::huge && size > 4'000'000 ? aligned_pages::huge_page : aligned_pages::alignment;
      CHECK(reinterpret_cast<std::uintptr_t>(pages.data()) % boundary == 0);
      std::memset(pages.data(), 7, pages.whole().size());
    }
  }
  CHECK_FALSE(aligned_pages());
}

TEST_CASE("huge pages are asked for where they were named") {
  if (!has_huge_pages()) {
    MESSAGE("skipped: this system has no huge pages to ask for");
    return;
  }
  const aligned_pages huge(64'000'000, page_kind::huge);
  const aligned_pages usual(64'000'000);
  const aligned_pages small(100'000, page_kind::huge);
  CHECK(is_advised_huge(huge.data()));
  CHECK(is_advised_huge(huge.data() + 60'000'000));
  CHECK_FALSE(is_advised_huge(usual.data()));
  CHECK_FALSE(is_advised_huge(small.data()));
}

TEST_CASE("pages move, and sizes that nobody has are refused") {
  aligned_pages first(3 * aligned_pages::huge_page, page_kind::huge);
  std::byte* const at = first.data();
  aligned_pages second(100);
  second = std::move(first);
  CHECK(second.data() == at);
  for (const page_kind kind : {page_kind::usual, page_kind::huge})
    CHECK_THROWS_AS(aligned_pages(std::numeric_limits<std::uint64_t>::max() - 100, kind), std::bad_alloc);
}
