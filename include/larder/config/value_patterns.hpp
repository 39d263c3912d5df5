#pragma once

// Which texts sizes, periods and shares may be, as regular expressions of JSON Schema (ECMA 262): what an editor refuses, the parser
// refuses. Beyond a pattern are numbers out of range (a size of 2^64 bytes, 0.0001kB) and shares with an exponent, which have to be numbers.

#include <string>

namespace larder::config::patterns {

inline std::string blank() { return R"([ \t]*)"; }
inline std::string above_zero() { return R"((?=[0-9.]*[1-9])(?:[0-9]+\.?[0-9]*|\.[0-9]+))"; }
inline std::string from_one() { return R"(0*[1-9][0-9]*(?:\.[0-9]*)?)"; }
inline std::string fraction() { return R"(0*\.[0-9]*[1-9][0-9]*)"; }
inline std::string up_to_one() { return "(?:" + fraction() + R"(|0*1(?:\.0*)?))"; }
inline std::string per_cent() { return "(?:" + fraction() + R"(|0*[1-9][0-9]?(?:\.[0-9]*)?|0*100(?:\.0*)?))" + blank() + "%"; }
// Without a unit a fraction is a share, and of a byte it is nothing.
inline std::string bytes() { return from_one() + blank() + "[bB]?|" + above_zero() + blank() + "[kKmMgGtT](?:[iI]?[bB])?"; }

/// What `parse_bytes` takes.
inline std::string size() { return "^" + blank() + "(?:" + bytes() + ")" + blank() + "$"; }
/// What `parse_memory_amount` takes.
inline std::string memory_amount() {
  const std::string share = fraction() + "|" + per_cent() + "|(?:" + per_cent() + "|" + up_to_one() + ")" + blank() + "of memory";
  return "^" + blank() + "(?:" + bytes() + "|" + share + ")" + blank() + "$";
}
/// What `parse_period` takes.
inline std::string period() {
  return "^" + blank() + "(?:" + above_zero() + blank() + "(?:d|h|min|s|ms|us)?|" + from_one() + blank() + "ns)" + blank() + "$";
}
/// What `parse_share` takes of a text that is no number.
inline std::string share() { return "^" + blank() + per_cent() + "$"; }

}  // namespace larder::config::patterns
