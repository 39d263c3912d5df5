#include "uring.hpp"

#include "../open_file.hpp"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

int set_up(unsigned depth, io_uring_params& params) { return static_cast<int>(::syscall(__NR_io_uring_setup, depth, &params)); }

void* map_ring(int descriptor, std::size_t size, std::uint64_t which) {
  void* const mapped =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, static_cast<off_t>(which));
  if (mapped == MAP_FAILED) fail_system("map a ring of io_uring");
  return mapped;
}

}  // namespace

bool uring::allowed() {
  io_uring_params params{};
  const int descriptor = set_up(1, params);
  if (descriptor < 0) return false;
  ::close(descriptor);
  return true;
}

uring::uring(unsigned depth) : depth_(depth) {
  io_uring_params params{};
  descriptor_ = set_up(depth, params);
  if (descriptor_ < 0) fail_system("set up io_uring");
  try {
    if ((params.features & IORING_FEAT_SINGLE_MMAP) == 0) throw std::runtime_error("io_uring of a kernel before 5.4 is not used");
    rings_.size = std::max(params.sq_off.array + params.sq_entries * sizeof(std::uint32_t),
                           params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
    rings_.begin = map_ring(descriptor_, rings_.size, IORING_OFF_SQ_RING);
    entries_.size = params.sq_entries * sizeof(io_uring_sqe);
    entries_.begin = map_ring(descriptor_, entries_.size, IORING_OFF_SQES);
  } catch (...) {
    close();
    throw;
  }
  submission_tail_ = at<std::uint32_t>(params.sq_off.tail);
  submission_array_ = at<std::uint32_t>(params.sq_off.array);
  submission_mask_ = *at<std::uint32_t>(params.sq_off.ring_mask);
  completion_head_ = at<std::uint32_t>(params.cq_off.head);
  completion_tail_ = at<std::uint32_t>(params.cq_off.tail);
  completion_mask_ = *at<std::uint32_t>(params.cq_off.ring_mask);
  completions_at_ = params.cq_off.cqes;
}

uring::~uring() { close(); }

void uring::close() noexcept {
  if (entries_.begin != nullptr) ::munmap(entries_.begin, entries_.size);
  if (rings_.begin != nullptr) ::munmap(rings_.begin, rings_.size);
  ::close(descriptor_);
}

void uring::read(int descriptor, std::uint64_t offset, std::span<std::byte> room, std::size_t unit) {
  const std::size_t parts = (room.size() + unit - 1) / unit;
  std::size_t asked = 0;
  std::size_t done = 0;
  while (done != parts) {
    unsigned added = 0;
    for (; asked != parts && asked - done < depth_; ++asked, ++added) {
      const std::uint32_t tail = *submission_tail_;
      auto& entry = static_cast<io_uring_sqe*>(entries_.begin)[tail & submission_mask_];
      std::memset(&entry, 0, sizeof entry);
      entry.opcode = IORING_OP_READ;
      entry.fd = descriptor;
      entry.off = offset + asked * unit;
      entry.addr = reinterpret_cast<std::uintptr_t>(room.data() + asked * unit);
      entry.len = static_cast<std::uint32_t>(std::min(unit, room.size() - asked * unit));
      entry.user_data = asked;
      submission_array_[tail & submission_mask_] = tail & submission_mask_;
      std::atomic_ref(*submission_tail_).store(tail + 1, std::memory_order_release);
    }
    if (::syscall(__NR_io_uring_enter, descriptor_, added, 1U, IORING_ENTER_GETEVENTS, nullptr, 0) < 0 && errno != EINTR)
      fail_system("read through io_uring");
    std::uint32_t head = *completion_head_;
    for (; head != std::atomic_ref(*completion_tail_).load(std::memory_order_acquire); ++head, ++done) {
      const auto& completed = at<io_uring_cqe>(completions_at_)[head & completion_mask_];
      if (completed.res < 0) {
        errno = -completed.res;
        fail_system("read through io_uring");
      }
      const std::size_t wanted = std::min(unit, room.size() - static_cast<std::size_t>(completed.user_data) * unit);
      // Only the part at the end of the file may be short; the subjects' marks tell when another one was.
      if (static_cast<std::size_t>(completed.res) < wanted && completed.user_data + 1 != parts)
        throw std::runtime_error("a read through io_uring came short");
    }
    std::atomic_ref(*completion_head_).store(head, std::memory_order_release);
  }
}

}  // namespace bench
