#pragma once

#include <array>
#include <string_view>

namespace larder::config {

/// The eviction orders that settings may name; `policy_table.hpp` has their types in the same order.
inline constexpr std::array<std::string_view, 14> order_names{"adaptive", "arc",     "clock",         "cyclic",   "epoch_pin",
                                                              "fifo",     "gdsf",    "largest_first", "lfu",      "lirs",
                                                              "lru",      "s3_fifo", "sieve",         "w_tinylfu"};

/// What `policy` may say: an order, or a word of the originals for one and what comes with it.
inline constexpr std::array<std::string_view, 16> policy_names{
    "adaptive", "arc",  "clock", "cyclic",  "epoch_pin", "fifo",      "gdsf", "largest_first",
    "lfu",      "lirs", "lru",   "s3_fifo", "sieve",     "w_tinylfu", "time", "size"};

/// The orders of a directory that machines share: each machine orders what it has seen, so finer ones would be compiled for little.
inline constexpr std::array<std::string_view, 5> directory_order_names{"epoch_pin", "fifo", "largest_first", "lru", "s3_fifo"};

inline constexpr std::array<std::string_view, 2> disk_storage_names{"mmap_disk", "directory"};
inline constexpr std::array<std::string_view, 2> container_names{"safetensors", "tar"};

}  // namespace larder::config
