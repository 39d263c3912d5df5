#pragma once

#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace larder::serve {

/// A way for memory into a socket that copies nothing: the socket refers to the pages themselves. They have to stay as they are until the
/// client's system has them, which nobody tells: so only memory whose pages are never used again by this process, such as a mapping that
/// goes back to the system as a whole. Not safe from many threads.
class memory_pipe {
 public:
  /// Worth its two descriptors from so many bytes on.
  static constexpr std::uint64_t least = std::uint64_t{1} << 20U;

  /// False where the system has none to give, or only a small one, or few descriptors are left for clients and files.
  bool open() noexcept {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
    out_ = storage::file_descriptor(ends[0]);
    in_ = storage::file_descriptor(ends[1]);
    ::fcntl(in_.get(), F_SETPIPE_SZ, wanted);
    // A user who has many pipes is given small ones, of two pages: sending from them takes longer than copying.
    if (::fcntl(in_.get(), F_GETPIPE_SZ) >= least_room && is_among_the_lower_half(std::max(ends[0], ends[1]))) return true;
    close();
    return false;
  }
  void close() noexcept {
    out_.reset();
    in_.reset();
    held_ = 0;
  }
  bool is_open() const noexcept { return static_cast<bool>(out_); }
  /// Bytes that were taken in and have not gone out.
  std::size_t held() const noexcept { return held_; }

  /// Takes in what there is room for, when nothing is held. False where the system does not do that.
  bool take(std::span<const std::byte> memory) noexcept {
    const iovec part{const_cast<std::byte*>(memory.data()), memory.size()};  // it is only read
    const ssize_t n = storage::uninterrupted([&] { return ::vmsplice(in_.get(), &part, 1, SPLICE_F_NONBLOCK); });
    if (n <= 0) return false;
    held_ = static_cast<std::size_t>(n);
    return true;
  }
  /// Sends what is held, as much as the socket takes; -1 and errno as `splice`. `more`: something follows at once.
  ssize_t send(int socket, bool more) noexcept {
    const unsigned flags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (more ? SPLICE_F_MORE : 0U);
    const ssize_t n = storage::uninterrupted([&] { return ::splice(out_.get(), nullptr, socket, nullptr, held_, flags); });
    if (n > 0) held_ -= static_cast<std::size_t>(n);
    return n;
  }

 private:
  static constexpr int wanted = 1 << 20;
  static constexpr int least_room = 1 << 16;

  /// The system gives the lowest descriptor that is free, so its number says how many are in use.
  static bool is_among_the_lower_half(int descriptor) noexcept {
    rlimit most{};
    return ::getrlimit(RLIMIT_NOFILE, &most) != 0 || static_cast<rlim_t>(descriptor) < most.rlim_cur / 2;
  }

  storage::file_descriptor out_;
  storage::file_descriptor in_;
  std::size_t held_ = 0;
};

}  // namespace larder::serve
