#include "simulate/cache_size.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace simulate {
namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw larder::error(larder::error_cause::invalid_argument, "--sizes: \"" + std::string(text) + "\" " + why);
}

cache_size parse(std::string_view text, counted by) {
  if (text.ends_with('%')) {
    const std::string_view number = text.substr(0, text.size() - 1);
    double percent = 0;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), percent);
    if (code != std::errc() || end != number.data() + number.size() || !(percent > 0) || percent > 100)
      refuse(text, "is not a share of the trace's keys; write more than 0% and at most 100%, such as 0.1% or 10%");
    return {.percent = percent};
  }
  if (by == counted::entries && (text.ends_with('B') || text.ends_with('b')))
    refuse(text, "counts bytes, and the caches count entries; write --by bytes, or a number of entries such as 5000");
  const std::uint64_t amount = larder::parse_size(text, 1, "--sizes");
  if (amount == 0) refuse(text, "holds nothing; write 1 or more");
  return {.amount = amount};
}

}  // namespace

std::vector<cache_size> parse_cache_sizes(std::string_view list, counted by) {
  std::vector<cache_size> sizes;
  while (true) {
    const std::size_t comma = list.find(',');
    sizes.push_back(parse(list.substr(0, comma), by));
    if (comma == std::string_view::npos) return sizes;
    list.remove_prefix(comma + 1);
  }
}

std::vector<std::uint64_t> capacities_of(std::span<const cache_size> sizes, const request_trace& trace, counted by) {
  if (by == counted::bytes && !trace.has_sizes())
    throw larder::error(
        larder::error_cause::invalid_argument,
        "trace \"" + trace.name +
            "\" has no sizes, so its caches cannot be limited by bytes; use --by entries, or name its size column");
  const auto footprint = static_cast<double>(by == counted::bytes ? trace.footprint_bytes : trace.key_count);
  std::vector<std::uint64_t> capacities;
  for (const cache_size& size : sizes)
    capacities.push_back(
        size.percent == 0 ? size.amount : std::max<std::uint64_t>(static_cast<std::uint64_t>(footprint * size.percent / 100), 1));
  std::sort(capacities.begin(), capacities.end());
  capacities.erase(std::unique(capacities.begin(), capacities.end()), capacities.end());
  return capacities;
}

}  // namespace simulate
