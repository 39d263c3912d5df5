#pragma once

#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// Copies so many bytes from a place of one file to a place of another; within a file system that can, blocks are shared instead. Throws
/// `larder::error`: (corruption) when the first one ends before, (cancelled) when a stop was requested.
inline void copy_range(const storage::file_descriptor& from, const std::string& from_path, std::uint64_t offset,
                       const storage::file_descriptor& to, const std::string& to_path, std::uint64_t to_offset,
                       std::uint64_t size, const std::stop_token& stop = {}) {
  constexpr std::uint64_t step = std::uint64_t{64} << 20U;  // how late a stop is noticed
  auto in = static_cast<off_t>(offset);
  auto out = static_cast<off_t>(to_offset);
  std::uint64_t left = size;
  const auto ends = [&] {
    core::fail(error_cause::corruption,
               "\"" + from_path + "\" ends " + std::to_string(left) + " bytes before it should; it was cut off");
  };
  const auto stop_if_asked = [&] {
    if (stop.stop_requested())
      core::fail(error_cause::cancelled, "copying \"" + from_path + "\" was given up because a stop was requested");
  };
  while (left != 0) {
    stop_if_asked();
    const ssize_t count = storage::uninterrupted(
        [&] { return ::copy_file_range(from.get(), &in, to.get(), &out, static_cast<std::size_t>(std::min(left, step)), 0); });
    if (count == 0) ends();
    if (count < 0) break;  // the two file systems cannot, or the device is full: writing says which
    left -= static_cast<std::uint64_t>(count);
  }
  constexpr std::size_t room = std::size_t{1} << 20U;
  std::unique_ptr<std::byte[]> buffer;
  while (left != 0) {
    stop_if_asked();
    if (!buffer) buffer.reset(new std::byte[room]);
    const std::uint64_t done = size - left;
    const std::size_t n = storage::read_at(from, buffer.get(), static_cast<std::size_t>(std::min<std::uint64_t>(left, room)),
                                           offset + done, from_path);
    if (n == 0) ends();
    storage::write_at(to, {buffer.get(), n}, {}, to_offset + done, to_path);
    left -= n;
  }
}

}  // namespace larder::artifacts
