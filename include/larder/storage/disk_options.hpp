#pragma once

#include <larder/storage/entry_file.hpp>

#include <cstddef>
#include <cstdint>

namespace larder {

/// How `mmap_disk` hands out payloads.
enum class read_mode : std::uint8_t {
  mapping,    ///< in place, in the page cache
  copy,       ///< on the heap, by `pread`: no SIGBUS whatever happens to the file
  automatic,  ///< `copy` where the directory lies on a network file system or in FUSE when it is opened, else `mapping`
};

struct mmap_disk_options {
  larder::verify verify = larder::verify::first_read;
  read_mode read = read_mode::automatic;
  std::size_t max_mappings = 16 * 1024;         ///< of values in files of their own, that are kept though nobody holds them
  std::uint64_t file_from = 1024 * 1024;        ///< values of this size and more get files of their own, and leave in the exact order
  std::uint64_t segment_size = 0;               ///< 0: a 32nd of the capacity (without one, of what is there), at least 128 KiB, at most 64 MiB (more from 512 GiB on)
};

}  // namespace larder
