#include "simulate/oracle_general.hpp"

#include "simulate/buffered_input.hpp"
#include "simulate/trace_builder.hpp"

#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace simulate {
namespace {

constexpr std::size_t record_size = 24;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- != 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}
std::uint64_t time_of(std::string_view record) { return little_endian(record.substr(0, 4)); }
std::uint64_t id_of(std::string_view record) { return little_endian(record.substr(4, 8)); }
std::uint64_t size_of(std::string_view record) { return little_endian(record.substr(12, 4)); }
std::int64_t next_of(std::string_view record) { return static_cast<std::int64_t>(little_endian(record.substr(16, 8))); }

}  // namespace

bool looks_like_oracle_general(std::string_view beginning) noexcept {
  if (beginning.size() < record_size) return false;
  constexpr std::int64_t longest_trace = std::int64_t{1} << 40;
  std::uint64_t last_time = 0;
  std::int64_t number = 0;
  for (; beginning.size() >= record_size; beginning.remove_prefix(record_size), ++number) {
    const std::uint64_t time = time_of(beginning);
    const std::int64_t next = next_of(beginning);
    const bool never = next == std::numeric_limits<std::int64_t>::max() || (next < 0 && next >= -2);
    if (time < last_time || (!never && (next <= number || next > longest_trace))) return false;
    last_time = time;
  }
  return true;
}

void read_oracle_general(buffered_input& input, trace_builder& trace) {
  for (std::uint64_t number = 1; !trace.full(); ++number) {
    const std::string_view record = input.next_record(record_size);
    if (record.empty()) return;
    if (record.size() < record_size)
      throw larder::error(larder::error_cause::corruption,
                          "trace \"" + input.name() + "\", record " + std::to_string(number) + ": it ends after " +
                              std::to_string(record.size()) +
                              " of 24 bytes; copy the trace again, or take its beginning with --limit-requests " +
                              std::to_string(number - 1));
    trace.add(id_of(record), size_of(record));
  }
}

}  // namespace simulate
