#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/mman.h>

#include <doctest/doctest.h>

namespace larder_tests {

/// How many of the pages in which this memory lies are there, so that writing to them is no page fault.
inline std::size_t present_pages(std::span<const std::byte> memory) {
  constexpr std::size_t page = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size() + page - 1) / page * page;
  std::vector<unsigned char> answers((end - begin) / page);
  REQUIRE(::mincore(reinterpret_cast<void*>(begin), end - begin, answers.data()) == 0);
  std::size_t present = 0;
  for (const unsigned char answer : answers) present += answer & 1U;
  return present;
}

}  // namespace larder_tests
