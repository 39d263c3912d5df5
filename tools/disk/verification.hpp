#pragma once

#include "disk/byte_progress.hpp"
#include "disk/entry_reader.hpp"
#include "disk/interruption.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace disk {

/// Something that is not as it was written, or that could not be read.
struct damage {
  std::string key;                                 ///< to be shown; empty where it is no entry's
  std::string place;                               ///< `segment 7, unit 64` or a file's name
  std::string why;                                 ///< `does not match its checksum`
  std::optional<larder::format::record_place> at;  ///< of the entry's record
  larder::digest id;
  std::string key_bytes;
};

struct verification {
  std::vector<damage> damaged;
  std::vector<damage> unreadable;  ///< the system refused
  std::vector<std::string> notes;  ///< what is no damage, and worth saying
  std::size_t entries = 0;         ///< checked, of `entries_total`
  std::size_t entries_total = 0;
  std::size_t garbage_records = 0;  ///< checked besides
  std::size_t files = 0;            ///< values' files, each once
  std::uint64_t bytes = 0;          ///< read, of `bytes_total`
  std::uint64_t bytes_total = 0;
  double seconds = 0;
  bool is_interrupted = false;
};

/// How much is read.
enum class verified : std::uint8_t {
  structure,  ///< marker, footers and what the log says
  entries,    ///< and each record of an entry and each values' file, once
  records,    ///< and records of no use any more
};

/// Compares what is there with its checksums. `in_use`: what others let go of meanwhile is no damage.
verification verify_directory(const segment_inspection& found, bool in_use, verified what, bool quiet, const interruption& stop);

struct verify_options {
  std::string directory;
  bool all = false;
  bool json = false;
  bool quiet = false;
};
/// Verifies and prints what was found; the exit code: 0 whole, 1 damage, 2 something could not be read, 130 interrupted.
int print_verification(const verify_options& options);

/// One line for a damage.
std::string damage_line(const damage& one);
/// A JSON array of them, one a line.
std::string json_of(const std::vector<damage>& list);

}  // namespace disk
