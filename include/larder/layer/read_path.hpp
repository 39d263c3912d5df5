#pragma once

#include <larder/core/axis.hpp>

namespace larder {

namespace axis {
struct reading {};  ///< how a layer cache reads the files of a model
}  // namespace axis

/// How a layer cache reads the files of a model on this machine; other sources do not ask. `layer_cache{source, max_bytes{n},
/// read_path{read_path::direct}}`. A layer that the page cache holds is taken from there whatever is named.
struct read_path {
  using policy_axis = axis::reading;
  enum kind {
    automatic,  ///< `buffered` where the page cache will keep what is streamed, else whichever the first loads show to be faster
    buffered,   ///< through the page cache, with read-ahead: other passes, and other processes, find it there
    direct,  ///< past it (O_DIRECT), many units in flight (io_uring): the disk's rate for little CPU, and no second copy in memory
  };
  kind value = automatic;

  constexpr read_path() noexcept = default;
  explicit constexpr read_path(kind k) noexcept : value(k) {}
};

}  // namespace larder
