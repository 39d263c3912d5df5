#pragma once

#include <cstdint>

namespace larder {

/// How `cache::adopt_file` takes a file's content over.
enum class adopt_mode : std::uint8_t {
  automatic,  ///< `clone` where the file system can, else `copy`: whatever is done to the file later does not concern the cache
  clone,      ///< the blocks are shared until one of the two is written (reflink)
  copy,       ///< within the kernel
  link,       ///< a hard link, of the same file system: for files that nobody writes again; a write is damage, which checksums notice when they are compared
  move,       ///< as `link`, or as `automatic` where that cannot be; the file is removed when the value is stored
};

}  // namespace larder
