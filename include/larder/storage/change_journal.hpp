#pragma once

// What one process tells the others that share a directory: a file of fixed-size records, appended under the directory's
// lock. Each process remembers how far it has read and skips its own records.
//
//   header, 64 bytes   magic "LARDERJ\n", version, record size, id, id of the journal before it, zeros, XXH3-64
//   record, 64 bytes   change, 0, writer, digest, weight, written, expires, XXH3-64 seeded with the journal's id
//
// The journal is a hint and never the truth. A record that is torn is passed over; a journal that is missing, damaged
// or replaced by one that does not follow it makes `read` answer false, and the reader looks at the entries themselves.
// Cost: 64 bytes per change; reading when nothing has changed is one stat. Past `size_limit` a new journal takes over.

#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace larder::storage {

enum class change_kind : std::uint32_t { put = 1, erase = 2, clear = 3 };

/// One change, as others see it.
struct change {
  change_kind kind = change_kind::put;
  digest id;
  stored_info info;
};

/// Every member is called under the directory's lock.
class change_journal {
 public:
  static constexpr std::uint64_t size_limit = 4 * 1024 * 1024;

  explicit change_journal(const entry_directory& directory)
      : directory_(&directory), path_(directory.file("journal")), process_(::getpid()), writer_(random_bits()) {}

  /// Starts at the end of the journal; with `alone` in the directory what is in it is of no use to anybody.
  void open(bool alone) {
    if (alone) ::unlink(path_.c_str());
    skip_to_end();
  }

  /// Everything up to now is known to the caller.
  void skip_to_end() {
    std::optional<position> newest = open_newest();
    if (!newest) {
      try {
        newest = create(0);
      } catch (const file_error& e) {
        if (e.cause() != error_cause::no_space) throw;
        newest.emplace();  // a full device still serves what it has; others are followed again once there is room
      }
    }
    reading_ = std::move(*newest);
    if (reading_.file) reading_.offset = end_of(identify(reading_.file, path_).size);
  }

  /// Tells the others of a change. A journal that cannot be written is removed, which makes them look for themselves.
  void append(const change& what) noexcept {
    try {
      write(what);
    } catch (const std::exception&) {
      ::unlink(path_.c_str());
      writing_ = {};
    }
  }

  /// f(change) for each change by others since the last time; false when some may be missing from it.
  template <class F>
  bool read(F&& f) {
    be_one_process();
    for (;;) {
      const std::optional<file_identity> named = identify(path_);
      if (named && named->same_file(reading_.identity)) {
        if (named->size < reading_.offset) break;
        read_records(named->size, f);
        return true;
      }
      if (!reading_.file) {
        if (!named) return true;  // there was no room for one
        break;
      }
      read_records(identify(reading_.file, path_).size, f);  // what the replaced one got before it was replaced
      std::optional<position> newest = open_newest();
      if (!newest || newest->previous != reading_.id) break;
      reading_ = std::move(*newest);
    }
    skip_to_end();
    return false;
  }

 private:
  static constexpr std::size_t record_size = 64;
  static constexpr std::array<char, 8> magic{'L', 'A', 'R', 'D', 'E', 'R', 'J', '\n'};
  static constexpr std::uint32_t version = 1;
  using record = std::array<std::byte, record_size>;

  struct position {
    file_descriptor file;
    file_identity identity;
    std::uint64_t id = 0;
    std::uint64_t previous = 0;
    std::uint64_t offset = record_size;
  };

  template <class T>
  static void set(record& to, std::size_t where, T value) noexcept {
    std::memcpy(to.data() + where, &value, sizeof value);
  }
  template <class T>
  static T get(const record& from, std::size_t where) noexcept {
    T value{};
    std::memcpy(&value, from.data() + where, sizeof value);
    return value;
  }
  static std::uint64_t checksum(const record& of, std::uint64_t seed) noexcept { return XXH3_64bits_withSeed(of.data(), 56, seed); }
  static std::uint64_t end_of(std::uint64_t size) noexcept { return std::max<std::uint64_t>(size / record_size * record_size, record_size); }

  /// The journal that has the name now, or nothing when that is missing or no journal.
  std::optional<position> open_newest() const {
    position found;
    found.file = open_file(path_, O_RDWR | O_NONBLOCK);
    if (!found.file) {
      if (errno == ENOENT || errno == ELOOP || errno == EISDIR || errno == ENOTDIR) return std::nullopt;
      fail_file("open", path_, errno);
    }
    found.identity = identify(found.file, path_);
    record header{};
    if (!found.identity.regular || read_at(found.file, header.data(), header.size(), 0, path_) != header.size()) return std::nullopt;
    if (std::memcmp(header.data(), magic.data(), magic.size()) != 0 || get<std::uint32_t>(header, 8) != version ||
        get<std::uint32_t>(header, 12) != record_size || get<std::uint64_t>(header, 56) != checksum(header, 0))
      return std::nullopt;
    found.id = get<std::uint64_t>(header, 16);
    found.previous = get<std::uint64_t>(header, 24);
    return found;
  }

  /// Puts a new journal in place of what has the name.
  position create(std::uint64_t previous) const {
    position fresh;
    fresh.id = random_bits() | 1;
    fresh.previous = previous;
    record header{};
    std::memcpy(header.data(), magic.data(), magic.size());
    set(header, 8, version);
    set(header, 12, static_cast<std::uint32_t>(record_size));
    set(header, 16, fresh.id);
    set(header, 24, previous);
    set(header, 56, checksum(header, 0));
    const std::string path = directory_->staging_path();
    fresh.file = open_file(path, O_CREAT | O_EXCL | O_RDWR);
    if (!fresh.file) fail_file("create", path, errno);
    try {
      write_at(fresh.file, header, {}, 0, path);
      fresh.identity = identify(fresh.file, path);
      if (::rename(path.c_str(), path_.c_str()) != 0) fail_file("create", path_, errno);
    } catch (...) {
      ::unlink(path.c_str());
      throw;
    }
    return fresh;
  }

  /// A forked child is another writer than its parent.
  void be_one_process() {
    if (process_ == ::getpid()) return;
    process_ = ::getpid();
    writer_ = random_bits();
  }

  void write(const change& what) {
    be_one_process();
    std::optional<file_identity> named = identify(path_);
    if (!named || !writing_.file || !named->same_file(writing_.identity)) {
      std::optional<position> newest = open_newest();
      writing_ = newest ? std::move(*newest) : create(0);
      named = identify(writing_.file, path_);
    }
    if (named->size >= size_limit) {
      writing_ = create(writing_.id);
      named = writing_.identity;
    }
    record line{};
    set(line, 0, static_cast<std::uint32_t>(what.kind));
    set(line, 8, writer_);
    set(line, 16, what.id.low);
    set(line, 24, what.id.high);
    set(line, 32, what.info.weight);
    set(line, 40, static_cast<std::int64_t>(what.info.written.count()));
    set(line, 48, static_cast<std::int64_t>(what.info.expires.count()));
    set(line, 56, checksum(line, writing_.id));
    write_at(writing_.file, line, {}, end_of(named->size), path_);
  }

  template <class F>
  void read_records(std::uint64_t size, F&& f) {
    const std::uint64_t end = end_of(size);
    std::vector<record> lines(static_cast<std::size_t>(std::min<std::uint64_t>((end - std::min(end, reading_.offset)) / record_size, 1024)));
    while (reading_.offset < end) {
      const std::uint64_t count = std::min<std::uint64_t>((end - reading_.offset) / record_size, lines.size());
      const std::size_t have = read_at(reading_.file, lines.data(), static_cast<std::size_t>(count) * record_size, reading_.offset, path_);
      reading_.offset += count * record_size;
      for (std::size_t i = 0; i < have / record_size; ++i) {
        const record& line = lines[i];
        if (get<std::uint64_t>(line, 56) != checksum(line, reading_.id) || get<std::uint64_t>(line, 8) == writer_) continue;
        change seen;
        seen.kind = static_cast<change_kind>(get<std::uint32_t>(line, 0));
        seen.id = {get<std::uint64_t>(line, 16), get<std::uint64_t>(line, 24)};
        seen.info.weight = get<std::uint64_t>(line, 32);
        seen.info.written = instant{get<std::int64_t>(line, 40)};
        seen.info.accessed = seen.info.written;
        seen.info.expires = instant{get<std::int64_t>(line, 48)};
        f(seen);
      }
    }
  }

  const entry_directory* directory_;
  std::string path_;
  pid_t process_;
  std::uint64_t writer_;
  position reading_;
  position writing_;
};

}  // namespace larder::storage
