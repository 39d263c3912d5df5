#include "simulate/results_json.hpp"

#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <cstddef>

namespace simulate {

std::string results_json(std::span<const trace_result> results) {
  std::string text = "[";
  const char* separator = "\n";
  for (const trace_result& result : results)
    for (const policy_curve& curve : result.curves)
      for (std::size_t i = 0; i < result.capacities.size(); ++i) {
        const request_counts& counts = curve.at[i];
        text += separator;
        separator = ",\n";
        text += "  {\"trace\": " + quoted_for_json(result.name) + ", \"keys\": " + std::to_string(result.keys) +
                ", \"footprint_bytes\": " + std::to_string(result.footprint_bytes) +
                ", \"policy\": " + quoted_for_json(curve.order->name) +
                ", \"by\": " + (result.by == counted::bytes ? "\"bytes\"" : "\"entries\"") +
                ", \"capacity\": " + std::to_string(result.capacities[i]) + ", \"requests\": " + std::to_string(counts.requests) +
                ", \"misses\": " + std::to_string(counts.misses) + ", \"bytes\": " + std::to_string(counts.bytes) +
                ", \"missed_bytes\": " + std::to_string(counts.missed_bytes) +
                ", \"miss_ratio\": " + decimal(counts.miss_ratio(), 6) +
                ", \"byte_miss_ratio\": " + decimal(counts.byte_miss_ratio(), 6) + "}";
      }
  return text + "\n]\n";
}

}  // namespace simulate
