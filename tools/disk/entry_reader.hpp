#pragma once

#include <larder/core/time.hpp>
#include <larder/storage/segment_inspection.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

namespace disk {

using larder::storage::inspected_record;
using larder::storage::inspected_segment;
using larder::storage::record_standing;
using larder::storage::segment_inspection;

/// `segment 7, unit 64`
std::string text_of_place(larder::format::record_place at);

/// An entry as `ls` shows it.
struct entry {
  larder::format::record_place at;
  larder::format::footer_entry info;
  std::optional<larder::instant> used;
  std::optional<larder::format::file_reference> file;  ///< where the value has one of its own
  std::optional<std::string> key;                      ///< nothing when the head cannot be read
  bool is_right = false;                               ///< head and key match their checksum
  std::string later;                                   ///< what of it a later version wrote: `kind 7`; else empty
  std::uint64_t payload_checksum = 0;
  std::uint64_t record_size = 0;   ///< all of the record; an estimate when the head cannot be read
  std::uint64_t payload_size = 0;  ///< of the record

  bool is_expired(larder::instant now) const noexcept { return info.expires < now; }
  /// `00000007/64`: segment and unit; the file's name where the value has one.
  std::string place() const;
  /// The key to be shown.
  std::string title() const;
};

/// Reads entries' heads; fastest in the order in which they lie.
class entry_reader {
 public:
  /// `least_read`: how much to read at once.
  explicit entry_reader(const segment_inspection& of, std::size_t least_read = larder::storage::segment_window::least_read)
      : of_(&of), least_read_(least_read) {}

  /// Throws `larder::error` when the system refuses.
  entry read(const inspected_segment& in, const inspected_record& record);
  /// The segment's file; until more than a few others were asked for.
  larder::storage::segment_window& window(std::uint32_t number);

 private:
  static constexpr std::size_t most_windows = 64;

  const segment_inspection* of_;
  std::size_t least_read_;
  struct opened {
    std::uint32_t number;
    larder::storage::segment_window window;
  };
  std::list<opened> windows_;  // used last first
};

}  // namespace disk
