#pragma once

#include <larder/core/axis.hpp>

namespace larder {

namespace axis {
struct reading {};  ///< how a layer cache reads the files of a model
}  // namespace axis

/// How a layer cache reads the files of a model on this machine; other sources do not ask. `layer_cache{source, max_bytes{n},
/// read_path{read_path::direct}}`. A layer that the page cache holds is taken from there whatever is named.
///
/// `mapped` copies nothing, and processes share what they map. Its layers are what the file is at each moment: who changes it in place
/// changes them after they were verified, and when it is truncated, or its device fails, a later access is SIGBUS (while a layer is
/// loaded it is a `larder::error`). Under pressure the kernel drops pages, which are read again when they are touched.
/// `stats().mapped_bytes` says how much it serves for.
struct read_path {
  using policy_axis = axis::reading;
  enum kind {
    automatic,  ///< `buffered` where the page cache will keep what is streamed, else whichever the first loads show to be faster
    buffered,   ///< through the page cache, with read-ahead: other passes, and other processes, find it there
    direct,  ///< past it (O_DIRECT), many units in flight (io_uring): the disk's rate for little CPU, and no second copy in memory
    mapped,  ///< where a layer is to stay, and lies in one file as it does in memory, the file's own pages are it; else as `automatic`
  };
  kind value = automatic;

  constexpr read_path() noexcept = default;
  explicit constexpr read_path(kind k) noexcept : value(k) {}
};

}  // namespace larder
