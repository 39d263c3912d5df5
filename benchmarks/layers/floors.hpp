#pragma once

#include "model.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace bench {

using use_layer = std::function<void(std::size_t index, std::span<const std::byte> layer)>;

/// A way to read a model without a cache, layer by layer.
struct plain_reader {
  std::string name;
  /// Calls `use` with each layer in order, while its bytes are there. Throws.
  std::function<void(const model& m, const use_layer& use)> read;
};

/// io_uring with O_DIRECT, 16 reads of 1 MiB on their way; where io_uring is not allowed, four threads with O_DIRECT. Into one
/// room, used again for each layer, or into fresh memory for all of them (`kept`).
plain_reader direct_reader(bool kept);
/// One thread that reads through the page cache; the same two ways.
plain_reader buffered_reader(bool kept);
/// The mapped file; `ahead`: while a layer is used the kernel is asked to read the next one.
plain_reader mapping_reader(bool ahead);

}  // namespace bench
