#include "uring.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>

namespace bench {

using larder::layers::submission_ring;

bool uring::allowed() { return submission_ring::open(1) != nullptr; }

uring::uring(unsigned depth) : ring_(submission_ring::open(depth)) {
  if (ring_ == nullptr) throw std::runtime_error("io_uring cannot be set up here");
}

void uring::read(int descriptor, std::uint64_t offset, std::span<std::byte> room, std::size_t unit) {
  const std::size_t parts = (room.size() + unit - 1) / unit;
  const auto part = [&](std::size_t k) { return room.subspan(k * unit, std::min(unit, room.size() - k * unit)); };
  const auto fail = [&](const std::string& what) {
    ring_->settle();
    throw std::runtime_error("reading through io_uring: " + what);
  };
  std::size_t asked = 0;
  for (std::size_t done = 0; done != parts;) {
    for (; asked != parts && ring_->in_flight() < ring_->depth(); ++asked)
      ring_->push(descriptor, offset + asked * unit, part(asked), asked);
    if (const int code = ring_->submit_and_wait(); code != 0) fail(std::generic_category().message(code));
    for (submission_ring::completion next{}; ring_->pop(next); ++done) {
      if (next.result < 0) fail(std::generic_category().message(-next.result));
      // Only the part at the end of the file may be short; the subjects' marks tell when another one was.
      const auto k = static_cast<std::size_t>(next.tag);
      if (static_cast<std::size_t>(next.result) < part(k).size() && k + 1 != parts) fail("a part came short");
    }
  }
}

}  // namespace bench
