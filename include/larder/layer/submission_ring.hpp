#pragma once

// A queue of reads that the kernel works off side by side (io_uring, by its system calls: what is used of it is two rings of
// memory and one call). Many sandboxes forbid it and old kernels lack it, so opening one is a question.
// Cost: one system call for as many reads as are submitted together; 16 of 1 MiB in flight reach a disk's full rate.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace larder::layers {

/// Reads in flight. For one thread at a time. What was submitted must be awaited before its memory goes: the kernel writes there.
class submission_ring {
 public:
  struct completion {
    std::uint64_t tag;
    int result;  // bytes, or a negated errno
  };

  /// A ring of `depth` reads, a power of two; nothing, and errno, where the kernel or a sandbox says no.
  static std::unique_ptr<submission_ring> open(unsigned depth) {
    std::unique_ptr<submission_ring> ring(new submission_ring);
    if (ring->set_up(depth)) return ring;
    const int why = errno;
    ring = nullptr;
    errno = why;
    return nullptr;
  }
  submission_ring(const submission_ring&) = delete;
  submission_ring& operator=(const submission_ring&) = delete;
  ~submission_ring() {
    unmap(entries_);
    unmap(rings_);
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  unsigned depth() const noexcept { return depth_; }
  /// Reads that were pushed and whose completion was not taken.
  unsigned in_flight() const noexcept { return in_flight_; }

  /// One more read, while fewer than `depth` are in flight; it begins with the next `submit`.
  void push(int file, std::uint64_t offset, std::span<std::byte> room, std::uint64_t tag) noexcept {
    const unsigned tail = *submission_tail_;  // ours alone to write
    io_uring_sqe& entry = static_cast<io_uring_sqe*>(entries_.at)[tail & submission_mask_];
    entry = io_uring_sqe{};
    entry.opcode = IORING_OP_READ;
    entry.fd = file;
    entry.off = offset;
    entry.addr = reinterpret_cast<std::uint64_t>(room.data());
    entry.len = static_cast<std::uint32_t>(room.size());
    entry.user_data = tag;
    submission_array_[tail & submission_mask_] = tail & submission_mask_;
    std::atomic_ref(*submission_tail_).store(tail + 1, std::memory_order_release);
    ++pushed_;
    ++in_flight_;
  }

  /// Begins what was pushed. 0, or an errno with which nothing can go on.
  int submit() noexcept { return enter(false); }
  /// The same, and waits until a read is over whose completion can be taken (not when none is in flight).
  int submit_and_wait() noexcept { return enter(true); }

  /// Waits for everything in flight, whose results are forgotten. Whether the ring can be used again.
  bool settle() noexcept {
    while (in_flight_ > pushed_) {  // what was pushed and not begun never writes anywhere
      completion forgotten{};
      if (pop(forgotten)) continue;
      if (::syscall(__NR_io_uring_enter, descriptor_, 0U, 1U, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) std::this_thread::yield();
    }
    return pushed_ == 0;
  }

  /// The next completion, if there is one.
  bool pop(completion& next) noexcept {
    if (!has_completion()) return false;
    const unsigned head = *completion_head_;
    const io_uring_cqe& entry = completions_[head & completion_mask_];
    next = {entry.user_data, entry.res};
    std::atomic_ref(*completion_head_).store(head + 1, std::memory_order_release);
    --in_flight_;
    return true;
  }

 private:
  int enter(bool wait) noexcept {
    while (pushed_ != 0 || (wait && in_flight_ != 0 && !has_completion())) {
      const unsigned least = wait && !has_completion() ? 1 : 0;
      const long taken = ::syscall(__NR_io_uring_enter, descriptor_, pushed_, least, IORING_ENTER_GETEVENTS, nullptr, 0);
      if (taken >= 0)
        pushed_ -= static_cast<unsigned>(taken);
      else if (errno != EINTR && errno != EAGAIN && errno != EBUSY)
        return errno;
    }
    return 0;
  }

  struct mapping {
    void* at = nullptr;
    std::size_t size = 0;
  };
  submission_ring() noexcept = default;

  bool set_up(unsigned depth) noexcept {
    io_uring_params parameters{};
    descriptor_ = static_cast<int>(::syscall(__NR_io_uring_setup, depth, &parameters));
    if (descriptor_ < 0) return false;
    if ((parameters.features & IORING_FEAT_SINGLE_MMAP) == 0) {
      errno = ENOSYS;
      return false;
    }
    depth_ = depth;
    const std::size_t of_submissions = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
    const std::size_t of_completions = parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe);
    if (!map(rings_, of_submissions > of_completions ? of_submissions : of_completions, IORING_OFF_SQ_RING) ||
        !map(entries_, parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES))
      return false;
    submission_tail_ = word(parameters.sq_off.tail);
    submission_mask_ = *word(parameters.sq_off.ring_mask);
    submission_array_ = word(parameters.sq_off.array);
    completion_head_ = word(parameters.cq_off.head);
    completion_tail_ = word(parameters.cq_off.tail);
    completion_mask_ = *word(parameters.cq_off.ring_mask);
    completions_ = reinterpret_cast<io_uring_cqe*>(static_cast<std::byte*>(rings_.at) + parameters.cq_off.cqes);
    return ::syscall(__NR_io_uring_enter, descriptor_, 0U, 0U, 0U, nullptr, 0) >=
           0;  // a sandbox may allow the one and not the other
  }
  bool map(mapping& into, std::size_t size, std::uint64_t what) noexcept {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor_, static_cast<::off_t>(what));
    if (at == MAP_FAILED) return false;
    into = {at, size};
    return true;
  }
  static void unmap(const mapping& m) noexcept {
    if (m.at != nullptr) ::munmap(m.at, m.size);
  }
  unsigned* word(std::uint32_t offset) const noexcept {
    return reinterpret_cast<unsigned*>(static_cast<std::byte*>(rings_.at) + offset);
  }
  bool has_completion() const noexcept {
    return *completion_head_ != std::atomic_ref(*completion_tail_).load(std::memory_order_acquire);
  }

  int descriptor_ = -1;
  unsigned depth_ = 0;
  unsigned pushed_ = 0;  // and not yet taken by the kernel
  unsigned in_flight_ = 0;
  mapping rings_;
  mapping entries_;
  unsigned* submission_tail_ = nullptr;
  unsigned* submission_array_ = nullptr;
  unsigned submission_mask_ = 0;
  unsigned* completion_head_ = nullptr;
  unsigned* completion_tail_ = nullptr;
  unsigned completion_mask_ = 0;
  io_uring_cqe* completions_ = nullptr;
};

}  // namespace larder::layers
