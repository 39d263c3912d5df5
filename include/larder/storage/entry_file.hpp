#pragma once

// One entry in one file, in the format of format/entry_frame.hpp: written under a temporary name without a copy of the
// payload, read back with head, key, length and checksum compared. What `directory` is made of.
//
// A file is never changed once it is published: it is replaced by rename and removed by unlink, so whoever has it open
// or mapped keeps the bytes it saw.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/verify.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace larder {

namespace storage {

/// An entry that is written under a temporary name; dropping it removes the file.
class staged_entry {
 public:
  staged_entry(std::string path, const digest& id, const stored_info& info) noexcept
      : path_(std::move(path)), id_(id), info_(info), process_(::getpid()) {}
  staged_entry(staged_entry&& other) noexcept
      : path_(std::exchange(other.path_, {})),
        id_(other.id_),
        info_(other.info_),
        stamp_(other.stamp_),
        process_(other.process_),
        file_(std::move(other.file_)) {}
  staged_entry& operator=(staged_entry&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(id_, other.id_);
    std::swap(info_, other.info_);
    std::swap(stamp_, other.stamp_);
    std::swap(process_, other.process_);
    std::swap(file_, other.file_);
    return *this;
  }
  staged_entry(const staged_entry&) = delete;
  staged_entry& operator=(const staged_entry&) = delete;
  ~staged_entry() {
    if (!path_.empty() && process_ == ::getpid()) ::unlink(path_.c_str());  // a forked copy is not the owner
  }

  const digest& id() const noexcept { return id_; }
  const stored_info& info() const noexcept { return info_; }
  std::uint64_t stamp() const noexcept { return stamp_; }

  /// Creates the file and writes all of the entry. Throws `file_error`.
  void write(const stored_entry& entry) {
    const bytes head = format::encode_entry_head(entry);
    std::memcpy(&stamp_, head.data() + 72, sizeof stamp_);
    file_ = open_file(path_, O_CREAT | O_EXCL | O_WRONLY);
    if (!file_) {
      const int number = errno;
      const std::string path = std::exchange(path_, {});
      fail_file("create", path, number);
    }
    const std::uint64_t size = head.size() + entry.payload.size();
    if (size >= preallocated_from && ::fallocate(file_.get(), 0, 0, static_cast<off_t>(size)) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
      fail_file("make room for", path_, errno);
    write_at(file_, head.span(), entry.payload.span(), 0, path_);
    if (const int number = file_.close(); number != 0) fail_file("write", path_, number);
  }

  /// Moves it to `target` at once and whole, in place of what is there. Throws `file_error`.
  void publish(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) fail_file("publish an entry as", target, errno);
    path_.clear();
    file_.reset();
  }

 private:
  static constexpr std::uint64_t preallocated_from = 1024 * 1024;  // full disks are noticed before the long write

  std::string path_;
  digest id_;
  stored_info info_;
  std::uint64_t stamp_ = 0;
  pid_t process_;
  file_descriptor file_;
};

/// An entry's file that was found; without a descriptor when it is no regular file.
struct opened_entry {
  file_descriptor file;
  file_identity identity;
};

/// Opens an entry's file for reading, or nothing when there is none. Throws `file_error`.
inline std::optional<opened_entry> open_entry(const std::string& path) {
  constexpr int flags = O_RDONLY | O_NONBLOCK;  // a FIFO in an entry's place must not block
  opened_entry result;
  result.file = open_file(path, flags | O_NOATIME);
  if (!result.file && errno == EPERM) result.file = open_file(path, flags);  // not the owner of the file
  if (!result.file) {
    const int number = errno;
    if (number == ENOENT || number == ENOTDIR) return std::nullopt;
    if (number != ELOOP && number != ENXIO) fail_file("open", path, number);
    const std::optional<file_identity> seen = identify(path);
    if (!seen) return std::nullopt;
    if (seen->regular) fail_file("open", path, number);
    result.identity = *seen;
    return result;
  }
  result.identity = identify(result.file, path);
  if (!result.identity.regular) result.file.reset();
  return result;
}

/// The checked start of an entry.
struct entry_head {
  format::entry_frame frame;
  std::uint64_t stamp = 0;  // the head's checksum: equal for the same entry only
  bytes key;
  bytes beginning;  // what was read of the file so far, from its first byte
};

/// The stamp of an entry whose head was found right.
inline std::uint64_t stamp_of(std::span<const std::byte> object) noexcept {
  std::uint64_t stamp = 0;
  std::memcpy(&stamp, object.data() + 72, sizeof stamp);
  return stamp;
}

/// Reads and checks the head of an open entry; nothing when it is damaged. Reads `ahead` bytes in the first call, so
/// that a small entry costs one. Throws `file_error`.
inline std::optional<entry_head> read_entry_head(const opened_entry& entry, const std::string& path, std::size_t ahead = 4096) {
  if (!entry.file || entry.identity.size < format::entry_frame::header_size) return std::nullopt;
  mutable_bytes start(static_cast<std::size_t>(std::min<std::uint64_t>(entry.identity.size, std::max(ahead, format::entry_frame::header_size))));
  std::size_t have = read_at(entry.file, start.data(), start.size(), 0, path);
  const std::optional<std::uint64_t> needed = format::entry_head_size({start.data(), have});
  if (!needed || *needed > entry.identity.size) return std::nullopt;
  if (*needed > have) {
    mutable_bytes longer(static_cast<std::size_t>(*needed));
    std::memcpy(longer.data(), start.data(), have);
    have += read_at(entry.file, longer.data() + have, longer.size() - have, have, path);
    start = std::move(longer);
  }
  const std::optional<format::entry_frame> frame = format::decode_entry_head({start.data(), have}, entry.identity.size);
  if (!frame) return std::nullopt;
  entry_head result;
  result.frame = *frame;
  result.beginning = std::move(start).freeze(have);
  result.stamp = stamp_of(result.beginning.span());
  result.key = result.beginning.slice(format::entry_frame::header_size, frame->key_size);
  return result;
}

/// Copies an open entry's payload to the heap, aligned to 64; nothing when the file is shorter than it was. Throws `file_error`.
inline std::optional<bytes> read_entry_payload(const opened_entry& entry, const entry_head& head, const std::string& path) {
  mutable_bytes payload(static_cast<std::size_t>(head.frame.payload_size));
  std::size_t have = 0;
  if (head.beginning.size() > head.frame.payload_offset) {
    have = std::min(head.beginning.size() - head.frame.payload_offset, payload.size());
    if (have != 0) std::memcpy(payload.data(), head.beginning.data() + head.frame.payload_offset, have);
  }
  have += read_at(entry.file, payload.data() + have, payload.size() - have, head.frame.payload_offset + have, path);
  if (have != payload.size()) return std::nullopt;
  return std::move(payload).freeze();
}

/// What a checksum comparison remembers: the file's time of change at which its payload was found right.
inline constexpr std::int64_t never_verified = INT64_MIN;

/// Whether a payload that was found right just now stays known as such until the file's time of change moves. File
/// systems stamp in steps of a few milliseconds, so a change right after the last one may leave no trace.
inline bool modification_is_settled(std::int64_t modified) noexcept {
  timespec moment{};
  ::clock_gettime(CLOCK_REALTIME, &moment);
  const std::int64_t now = posix::nanoseconds_of(moment);
  constexpr std::int64_t step = 20'000'000;
  return modified < now - step || modified > now + step;
}

/// How an open entry compares with the key that was asked for.
enum class key_match : std::uint8_t { same, collision, foreign };

inline key_match compare_key(std::span<const std::byte> stored, const bytes& asked, const digest& id) noexcept {
  if (stored.size() == asked.size() && (stored.empty() || std::memcmp(stored.data(), asked.data(), stored.size()) == 0))
    return key_match::same;
  return digest_of(stored) == id ? key_match::collision : key_match::foreign;
}

}  // namespace storage
}  // namespace larder
