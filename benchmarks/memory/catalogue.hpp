#pragma once

#include "subject.hpp"

#include <cstdint>
#include <string>

namespace bench {

// Who can take part, each list in the file of its name: few instantiations per file keep the build short. A new policy is a line there
// and its name in the cases that it belongs to (cases.cpp).

candidates<std::uint64_t> larder_recency();        ///< unsynchronized: orders by arrival and recency
candidates<std::uint64_t> larder_frequency();      ///< unsynchronized: orders that count or remember
candidates<std::uint64_t> larder_sharded();        ///< sharded<>
candidates<std::uint64_t> larder_observed();       ///< with an observer (`miss_ratio_curve`, `latency_histogram`, `key_history`), against the same cache without
candidates<std::string> larder_strings();          ///< 32-byte keys
candidates<std::uint64_t> larder_byte_values();    ///< values `larder::bytes`, and flat_map with them
candidates<std::uint64_t> larder_string_values();  ///< values `std::string`, and flat_map with them

candidates<std::uint64_t> plain_u64();  ///< flat_map in its forms, the textbook LRU
candidates<std::string> plain_strings();

candidates<std::uint64_t> rocksdb_u64();  ///< empty without RocksDB, and so below
candidates<std::string> rocksdb_strings();
candidates<std::uint64_t> tbb_u64();
candidates<std::string> tbb_strings();

}  // namespace bench
