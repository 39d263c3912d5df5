#pragma once

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/available_memory.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/populate_pages.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace larder::layers {

/// Takes the memory of a plan before there are layers for it (`prefaulted`), page by page: spare blocks of these sizes, of which those
/// that are there count, and what `part` keeps, if anything, which nobody else has meanwhile. Throws `larder::error` (no_space), before
/// a page of it is touched where the system says that there are not so many.
inline void take_plan_memory(layer_memory& memory, std::vector<std::uint64_t> blocks, kept_part* part,
                             std::uint64_t available = available_memory()) {
  const std::vector<std::uint64_t> missing = memory.keep_spares(std::move(blocks));
  std::uint64_t bytes = part != nullptr && part->bytes().empty() ? part->size() : 0;
  for (const std::uint64_t size : missing) bytes += std::min(size, std::numeric_limits<std::uint64_t>::max() - bytes);
  const auto refuse = [&] {
    core::fail(error_cause::no_space,
               "prefaulted: the layer_cache's plan takes " + std::to_string(bytes) + " bytes (" + format_size(bytes) +
                   ") of memory at once, and there are " + std::to_string(available) + " (" + format_size(available) +
                   "); give a smaller max_bytes, or leave out prefaulted, so that memory comes with the layers");
  };
  if (bytes > available) refuse();
  try {
    for (const std::uint64_t size : missing) memory.add_spare(size);
    if (part != nullptr) populate_pages(part->room());
  } catch (const std::bad_alloc&) {
    refuse();
  }
}

}  // namespace larder::layers
