#pragma once

#include <larder/format/segment_footer.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/segment.hpp>
#include <larder/storage/value_files.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::storage {

/// The folder of segments and values' files: names, and what is done to whole files.
class segment_folder {
 public:
  static constexpr std::string_view suffix = ".segment";
  static constexpr std::string_view format_version = "2";  // of what the marker says
  static constexpr std::uint64_t first_record = 64;  // an empty start, so that no place is all zeros

  explicit segment_folder(std::string path) : path_(std::move(path)) {}
  const std::string& path() const noexcept { return path_; }

  std::string path_of(std::uint32_t number) const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string path = path_ + "/";
    for (int shift = 28; shift >= 0; shift -= 4) path += digits[number >> shift & 15];
    return path.append(suffix);
  }
  static std::optional<std::uint32_t> number_of(std::string_view name) noexcept {
    if (name.size() != 8 + suffix.size() || !name.ends_with(suffix) || name.find_first_of("ABCDEF") < 8) return std::nullopt;
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + 8, number, 16);
    if (failure != std::errc{} || end != name.data() + 8 || number == 0) return std::nullopt;
    return number;
  }

  struct listing {
    std::vector<std::uint32_t> segments;  // in order
    std::vector<std::uint64_t> values;    // in order
  };
  /// What is there; anything that is not named as ours is left alone. Throws `file_error`.
  listing list() const {
    listing found;
    for (const std::string& name : names_in(path_)) {
      if (const auto segment = number_of(name)) found.segments.push_back(*segment);
      if (const auto value = value_files::number_of(name)) found.values.push_back(*value);
    }
    std::sort(found.segments.begin(), found.segments.end());
    std::sort(found.values.begin(), found.values.end());
    return found;
  }

  /// The segment's file in memory, or nothing when there is none (or nothing in it). One that may still grow is mapped `at_least` so far.
  /// Throws `file_error` when the system refuses.
  std::shared_ptr<segment> map(std::uint32_t number, std::uint64_t at_least, const std::shared_ptr<pinned_ledger>& ledger) const {
    const std::string path = path_of(number);
    const file_descriptor file = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!file) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO) return nullptr;
      fail_file("open", path, errno);
    }
    const file_identity identity = identify(file, path);
    if (!identity.regular || identity.size == 0) return nullptr;
    // One without a footer may be sealed, and so cut, by somebody at this moment: its end is read and not touched in memory.
    std::array<std::byte, format::segment_footer::trailer_size> trailer{};
    const bool sealed = identity.size >= trailer.size() &&
                        read_at(file, trailer.data(), trailer.size(), identity.size - trailer.size(), path) == trailer.size() &&
                        format::segment_footer::is_trailer(trailer);
    file_mapping mapping(file, sealed ? identity.size : std::max(identity.size, at_least));
    if (!mapping) fail_file("map", path, errno);
    return std::make_shared<segment>(number, path, std::move(mapping), identity.size, sealed, ledger);
  }

  /// The segment's file for writing; one that is not there, or that was not finished, gets room for `size` bytes. Throws `file_error`; a file that has no room is
  /// removed again.
  std::shared_ptr<file_descriptor> open_for_records(std::uint32_t number, std::uint64_t size) const {
    const std::string path = path_of(number);
    auto file = std::make_shared<file_descriptor>(open_file(path, O_RDWR | O_CREAT));
    if (!*file) fail_file("create", path, errno);
    if (identify(*file, path).size != 0) return file;
    if (uninterrupted([&] { return ::fallocate(file->get(), 0, 0, static_cast<off_t>(size)); }) != 0) {
      int answer = errno;
      if (answer == EOPNOTSUPP || answer == ENOSYS) answer = ::ftruncate(file->get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
      if (answer != 0) {
        ::unlink(path.c_str());
        fail_file("make room for", path, answer);
      }
    }
    return file;
  }

  /// Seals a segment: its records' entries come behind `records_end`, and the file ends there. Throws `file_error`; the segment
  /// then simply has no footer.
  void seal(const segment& sealed, std::uint64_t records_end) const {
    const file_descriptor file = open_file(sealed.path, O_WRONLY);
    if (!file && errno == ENOENT) return;
    if (!file) fail_file("open", sealed.path, errno);
    if (identify(file, sealed.path).size < records_end) return;  // somebody cut it, so its mapping is not to be touched
    std::vector<format::footer_entry> entries;
    std::vector<std::uint64_t> uses;
    const bool used = sealed.has_uses();
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      entries.push_back(sealed.entry(i));
      if (used) uses.push_back(sealed.use(i));
    }
    const std::vector<std::byte> footer = format::encode_footer(entries, uses, sealed.number, records_end);
    const std::uint64_t size = records_end + footer.size();
    write_at(file, footer, {}, records_end, sealed.path);
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) fail_file("seal", sealed.path, errno);
  }

  /// Returns when the file's content, or the folder's, survives a power cut; 0 or an errno. A file that has gone is fine.
  static int flush(const std::string& path, int more_flags = 0) noexcept {
    const file_descriptor file = open_file(path, O_RDONLY | more_flags);
    if (!file) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    return uninterrupted([&] { return more_flags != 0 ? ::fsync(file.get()) : ::fdatasync(file.get()); }) == 0 ? 0 : errno;
  }

 private:
  std::string path_;
};

}  // namespace larder::storage
