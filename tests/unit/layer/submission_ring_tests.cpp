#include "written_model.hpp"

#include <larder/layer/submission_ring.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::submission_ring;

TEST_CASE("a ring reads as many ranges at once as it is deep, again and again, and tells of those that fail") {
  const auto ring = submission_ring::open(4);
  if (ring == nullptr) {
    MESSAGE("SKIPPED: this kernel or sandbox has no io_uring");
    return;
  }
  const scratch_directory folder;
  std::string content;
  for (std::size_t i = 0; i < 1000; ++i) content += data_byte(i);
  write_file(folder / "data", content);
  const int file = ::open((folder / "data").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  CHECK(ring->depth() == 4);
  CHECK(ring->submit_and_wait() == 0);  // nothing to wait for
  for (std::size_t round = 0; round < 50; ++round) {
    std::vector<std::vector<std::byte>> rooms(4, std::vector<std::byte>(100));
    for (std::size_t k = 0; k < rooms.size(); ++k) ring->push(k == 3 ? -1 : file, (round * 7 + k * 250) % 1000, rooms[k], k);
    CHECK(ring->in_flight() == 4);
    std::vector<int> results(4, 0);
    for (std::size_t over = 0; over < rooms.size();) {
      REQUIRE(ring->submit_and_wait() == 0);
      for (submission_ring::completion next{}; ring->pop(next); ++over)
        results.at(static_cast<std::size_t>(next.tag)) = next.result;
    }
    CHECK(ring->in_flight() == 0);
    CHECK(results[3] == -EBADF);
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t offset = (round * 7 + k * 250) % 1000;
      const std::size_t there = std::min<std::size_t>(100, 1000 - offset);
      CHECK(results[k] == static_cast<int>(there));
      CHECK(std::string_view(reinterpret_cast<const char*>(rooms[k].data()), there) ==
            std::string_view(content).substr(offset, there));
    }
  }
  SUBCASE("settled, it forgets what was in flight and is used again") {
    std::vector<std::byte> memory(300);
    for (std::size_t k = 0; k < 3; ++k) ring->push(file, 0, std::span(memory).subspan(k * 100, 100), k);
    CHECK(ring->submit_and_wait() == 0);
    CHECK(ring->settle());
    CHECK(ring->in_flight() == 0);
    submission_ring::completion next{};
    CHECK(!ring->pop(next));
    ring->push(file, 0, memory, 9);
    CHECK(ring->submit_and_wait() == 0);
    REQUIRE(ring->pop(next));
    CHECK(next.tag == 9);
    CHECK(next.result == 300);
  }
  SUBCASE("what was pushed and never begun makes it of no further use") {
    std::vector<std::byte> memory(100);
    ring->push(file, 0, memory, 1);
    CHECK(!ring->settle());
  }
  ::close(file);
}
