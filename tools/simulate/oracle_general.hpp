#pragma once

#include <string_view>

namespace simulate {

class buffered_input;
class trace_builder;

/// Whether bytes that begin like this can be libCacheSim's oracleGeneral records.
bool looks_like_oracle_general(std::string_view beginning) noexcept;

/// Reads oracleGeneral: packed little-endian records of u32 time, u64 id, u32 size, i64 next access (not used here: belady looks
/// ahead by itself). Throws `larder::error` when the input ends inside a record.
void read_oracle_general(buffered_input& input, trace_builder& trace);

}  // namespace simulate
