#include "simulate/trace_reader.hpp"

#include "simulate/buffered_input.hpp"
#include "simulate/byte_source.hpp"
#include "simulate/oracle_general.hpp"
#include "simulate/text_trace.hpp"
#include "simulate/trace_builder.hpp"

#include <larder/core/error.hpp>

#include <array>
#include <filesystem>
#include <string_view>

namespace simulate {

std::string name_of_trace(const std::string& path) {
  if (path == "-") return "standard input";
  constexpr std::array<std::string_view, 10> endings{".zst", ".gz",  ".txt",   ".csv",           ".tsv",
                                                     ".bin", ".trc", ".trace", ".oracleGeneral", ".log"};
  std::string name = std::filesystem::path(path).filename().string();
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view ending : endings)
      if (name.size() > ending.size() && name.ends_with(ending)) {
        name.resize(name.size() - ending.size());
        again = true;
      }
  }
  return name;
}

request_trace read_trace(const std::string& path, const trace_reading& how) {
  buffered_input input(open_bytes(path), path == "-" ? "standard input" : path);
  trace_builder trace(how.limit_requests);
  switch (how.format == trace_format::automatic ? format_of(input) : how.format) {
    case trace_format::csv:
      read_csv(input, how.csv, trace);
      break;
    case trace_format::oracle_general:
      read_oracle_general(input, trace);
      break;
    case trace_format::automatic:
    case trace_format::text:
      read_text(input, trace);
      break;
  }
  if (trace.empty())
    throw larder::error(larder::error_cause::invalid_argument,
                        "trace \"" + input.name() + "\" has no requests; give one key, or key and size, per line");
  return trace.finish(name_of_trace(path));
}

}  // namespace simulate
