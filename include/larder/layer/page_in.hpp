#pragma once

// How a mapped layer comes into memory before anybody is given it: its pages are read ahead and entered in the page tables, so that a
// use of it neither waits for the disk nor faults. The kernel does that by one call which, unlike a touch, reports what cannot be read.

#include <larder/core/error.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/file_pages.hpp>
#include <larder/layer/readable_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace larder::layers {

/// A range of a file, and where it is mapped.
struct mapped_piece {
  const readable_file* file;
  const file_pages* pages;
  std::uint64_t offset;
  std::span<const std::byte> memory;
};

/// Asks the kernel for the pages of a mapping of a file. 0, or the number of the error: EINVAL where the kernel has no such call (before
/// Linux 5.14), EFAULT where the file has no such bytes any more or its device fails.
inline int populate(std::span<const std::byte> memory) noexcept {
  constexpr int populate_read = 22;  // MADV_POPULATE_READ, which older headers do not have
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size();
  return ::madvise(reinterpret_cast<void*>(first), end - first, populate_read) == 0 ? 0 : errno;
}
/// The same by reading a byte of each page: where the file has none, that is SIGBUS.
inline void touch(std::span<const std::byte> memory) noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const volatile std::byte* const bytes = memory.data();
  for (std::size_t at = 0; at < memory.size(); at += page) static_cast<void>(bytes[at]);
  if (!memory.empty()) static_cast<void>(bytes[memory.size() - 1]);
}

/// Brings a piece into memory; `heard` is told of each unit. Throws `larder::error` (io) when the file is not what it was when opened,
/// and what `heard` throws. `fill`: `populate`.
template <class Fill>
void page_in(const mapped_piece& piece, arrival& heard, Fill fill) {
  constexpr std::uint64_t unit = std::uint64_t{2} << 20U;
  constexpr std::uint64_t window = std::uint64_t{16} << 20U;
  const std::uint64_t size = piece.memory.size();
  const bool is_there = piece.pages->cached_share(piece.offset, size, 64).value_or(0) == 1.0;
  std::uint64_t asked = is_there ? size : 0;
  for (std::uint64_t at = 0; at < size; at += unit) {
    for (; asked < std::min(size, at + window); asked += unit)
      ::posix_fadvise(piece.file->descriptor(), static_cast<::off_t>(piece.offset + asked),
                      static_cast<::off_t>(std::min(unit, size - asked)), POSIX_FADV_WILLNEED);
    const auto part = piece.memory.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(unit, size - at)));
    if (const int code = fill(part); code == EINVAL) {
      piece.file->check_unchanged();  // so that only what happens to the file from now on is SIGBUS
      touch(part);
    } else if (code != 0) {
      std::vector<std::byte> copy(part.size());
      piece.file->read(piece.offset + at, copy);  // which says what is wrong
      piece.file->check_unchanged();
      core::fail(error_cause::io, piece.file->name() + " cannot be read by its mapping at offset " +
                                      std::to_string(piece.offset + at) + ": " + std::generic_category().message(code) +
                                      "; read_path::automatic reads it without one");
    }
    heard.arrived(at + part.size());
  }
}

}  // namespace larder::layers
