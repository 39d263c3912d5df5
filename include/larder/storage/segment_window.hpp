#pragma once

// A segment's file for who only looks at it: parts of it are read and nothing is mapped, so that a file that others cut meanwhile, or a
// device that fails, is an answer and not a signal.

#include <larder/format/segment_footer.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::storage {

/// The head of a record as it lies there, whoever wrote it.
struct record_head {
  format::segment_record record;   ///< `kind` may be one that this library does not know
  std::span<const std::byte> key;  ///< until the window moves
  std::uint64_t use = 0;           ///< the stamp as it is
  std::array<std::uint8_t, 3> flags{};
  bool is_right = false;  ///< header and key match their checksum
  bool is_known = false;  ///< this library reads such records; else they are of a later version
};

class segment_window {
 public:
  static constexpr std::size_t least_read = 64 * 1024;

  /// Reads no less than `least` bytes at once. Throws `file_error`; a file that is not there is an empty window.
  segment_window(std::string path, std::uint32_t number, std::size_t least = least_read)
      : path_(std::move(path)), number_(number), least_(least) {
    file_ = open_file(path_, O_RDONLY | O_NONBLOCK);
    if (!file_) {
      if (errno == ENOENT || errno == ENOTDIR) return;
      fail_file("open", path_, errno);
    }
    const file_identity identity = identify(file_, path_);
    if (identity.regular) size_ = identity.size;
  }
  explicit operator bool() const noexcept { return static_cast<bool>(file_); }
  const std::string& path() const noexcept { return path_; }
  std::uint64_t size() const noexcept { return size_; }
  /// Reads anew what others may have written meanwhile.
  void forget() noexcept { have_ = 0; }

  /// `size` bytes from `offset`, fewer where the file ends; until the next call. Throws `file_error`.
  std::span<const std::byte> read(std::uint64_t offset, std::size_t size) {
    if (offset >= size_) return {};
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - offset));
    if (offset < begin_ || offset + size > begin_ + have_) {
      have_ = 0;
      buffer_.resize(std::max(size, least_));
      begin_ = offset;
      have_ = read_at(file_, buffer_.data(), buffer_.size(), offset, path_);
    }
    const auto from = static_cast<std::size_t>(offset - begin_);
    return std::span<const std::byte>(buffer_).subspan(from, std::min(size, have_ - from));
  }

  /// What lies at a place when it begins as a record does; nothing else does. Throws `file_error`.
  std::optional<record_head> head(std::uint32_t unit) {
    const format::record_place at{number_, unit};
    if (at.offset() >= size_) return std::nullopt;
    std::span<const std::byte> from = read(at.offset(), format::segment_record::header_size);
    if (from.size() < format::segment_record::header_size) return std::nullopt;
    std::array<std::byte, format::segment_record::header_size> header{};
    std::memcpy(header.data(), from.data(), header.size());
    record_head found;
    const auto kind = static_cast<format::record_kind>(header[kind_offset]);
    for (std::size_t i = 0; i < found.flags.size(); ++i) found.flags[i] = static_cast<std::uint8_t>(header[kind_offset + 1 + i]);
    // A kind of a later version has a head like any other.
    header[kind_offset] = static_cast<std::byte>(format::record_kind::value);
    const auto record = format::peek_record(header, at, size_ - at.offset());
    if (!record) return std::nullopt;
    header[kind_offset] = static_cast<std::byte>(kind);
    found.is_known =
        format::peek_record(header, at, size_ - at.offset()).has_value() && found.flags == std::array<std::uint8_t, 3>{};
    found.record = *record;
    found.record.kind = kind;
    from = read(at.offset(), format::segment_record::header_size + record->key_size);
    if (from.size() < format::segment_record::header_size + record->key_size) return std::nullopt;
    found.key = from.subspan(format::segment_record::header_size);
    std::memcpy(&found.use, header.data() + format::segment_record::use_offset, sizeof found.use);
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, header.data() + checksum_offset, sizeof checksum);
    found.is_right = format::detail::header_checksum(header.data(), found.key, at) == checksum;
    return found;
  }
  /// The payload behind a head; nothing when it does not match its checksum. For payloads that are no values and short. Throws `file_error`.
  std::optional<std::vector<std::byte>> payload(std::uint32_t unit, const format::segment_record& record) {
    const std::uint64_t offset = format::record_place{number_, unit}.offset() + record.payload_offset;
    const std::span<const std::byte> found = read(offset, static_cast<std::size_t>(record.payload_size));
    if (found.size() != record.payload_size ||
        format::payload_checksum(found.data(), found.size(), record.id) != record.payload_checksum)
      return std::nullopt;
    return std::vector<std::byte>(found.begin(), found.end());
  }

  /// How a file ends.
  enum class ending : std::uint8_t {
    footer,   ///< with a footer that is right
    none,     ///< without one: it takes records, or whoever wrote it was killed
    damaged,  ///< with something that was a footer
    other,    ///< with a footer of a later version
  };
  /// The footer, in bytes that stay until the next call, and how the file ends. Throws `file_error`.
  std::pair<std::optional<format::segment_footer>, ending> footer() {
    constexpr std::size_t trailer_size = format::segment_footer::trailer_size;
    if (size_ < trailer_size) return {std::nullopt, ending::none};
    std::array<std::byte, trailer_size> trailer{};
    if (const auto found = read(size_ - trailer_size, trailer_size); found.size() == trailer_size)
      std::memcpy(trailer.data(), found.data(), trailer_size);
    const auto get = [&](std::size_t where, auto value) {
      std::memcpy(&value, trailer.data() + where, sizeof value);
      return value;
    };
    const auto version = get(8, std::uint32_t{0});
    const auto count = get(16, std::uint64_t{0});
    const bool has_magic =
        std::memcmp(trailer.data(), format::segment_footer::magic.data(), format::segment_footer::magic.size()) == 0;
    if (has_magic && format::segment_footer::is_trailer(trailer) && version > format::segment_footer::version)
      return {std::nullopt, ending::other};
    const bool fits = count <= (size_ - trailer_size) / (format::footer_entry::encoded_size + 8) &&
                      get(24, std::uint64_t{0}) >= format::record_place::unit_size &&
                      get(24, std::uint64_t{0}) == size_ - format::segment_footer::size_for(static_cast<std::size_t>(count));
    if (fits) {
      const std::size_t size = format::segment_footer::size_for(static_cast<std::size_t>(count));
      if (auto found = format::segment_footer::find(read(size_ - size, size), size_, number_)) return {found, ending::footer};
    }
    return {std::nullopt, has_magic || fits ? ending::damaged : ending::none};
  }

 private:
  static constexpr std::size_t kind_offset = 4;
  static constexpr std::size_t checksum_offset = 72;

  std::string path_;
  std::uint32_t number_;
  std::size_t least_;
  file_descriptor file_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> buffer_;
  std::uint64_t begin_ = 0;
  std::size_t have_ = 0;
};

}  // namespace larder::storage
