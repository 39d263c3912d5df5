#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace disk {

/// In which order `larder disk ls` prints.
enum class listed_by : std::uint8_t {
  place,    ///< as they lie: oldest first
  size,     ///< largest first
  written,  ///< newest first
  used,     ///< what was used last first
  key,
};

struct list_options {
  std::string directory;
  std::string prefix;  ///< of the keys' bytes
  listed_by by = listed_by::place;
  bool reversed = false;
  std::size_t limit = SIZE_MAX;
  bool with_expired = false;
  bool json = false;
};

/// Prints the entries of a directory. Throws `larder::error`.
void list_entries(const list_options& options);

}  // namespace disk
