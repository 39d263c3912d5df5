#pragma once

// How the file storages look into a directory of entries: copy one out, find one, read its key, list them all. Damaged
// files are put aside on the way.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/entry_file.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::storage {

inline constexpr std::string_view damaged_head = "has a damaged head or another length than it was written with";
inline constexpr std::string_view damaged_payload = "does not match its checksum";
inline constexpr std::string_view foreign_key = "holds another key than its name says";

/// What a handle remembers of the entry that its index knows.
struct entry_memory {
  std::uint64_t stamp = 0;                // its head's checksum; 0 when it is not known
  std::int64_t verified = never_verified;  // the file's time of change when its payload was last found right
  bool operator==(const entry_memory&) const noexcept = default;
};

/// An open entry, copied to the heap and compared with what was asked for.
struct copied_entry {
  std::string_view damage;  // what is wrong with it; empty when nothing is
  bool collision = false;   // it is right, but of another key with the same digest
  bytes payload;
  std::optional<stored_info> changed;  // when it is not the one that was remembered
};

/// Reads and compares an entry as `setting` asks. Throws `file_error`.
inline copied_entry copy_entry(const opened_entry& entry, const digest& id, const bytes& key, entry_memory& known, verify setting,
                               const std::string& path) {
  copied_entry result;
  const std::optional<entry_head> head = read_entry_head(entry, path);
  if (!head) {
    result.damage = damaged_head;
    return result;
  }
  switch (compare_key(head->key.span(), key, id)) {
    case key_match::same: break;
    case key_match::collision: result.collision = true; return result;
    case key_match::foreign: result.damage = foreign_key; return result;
  }
  std::optional<bytes> payload = read_entry_payload(entry, *head, path);
  if (!payload) {
    result.damage = damaged_head;
    return result;
  }
  const bool same = known.stamp == head->stamp;
  const bool verified = same && known.verified == entry.identity.modified;
  if (setting == verify::always || (setting == verify::first_read && !verified)) {
    const bool settled = modification_is_settled(entry.identity.modified);
    if (!format::payload_matches(head->frame, id, payload->data())) {
      result.damage = damaged_payload;
      return result;
    }
    known.verified = settled ? entry.identity.modified : never_verified;
  } else if (!same) {
    known.verified = never_verified;
  }
  if (!same) {
    known.stamp = head->stamp;
    result.changed = head->frame.info();
  }
  result.payload = std::move(*payload);
  return result;
}

/// What is stored under this digest and key; a damaged head is put aside. Throws `file_error`.
inline std::optional<stored_info> find_entry(const entry_directory& directory, const digest& id, const bytes& key) {
  const std::string path = directory.path_of(id);
  const std::optional<opened_entry> entry = open_entry(path);
  if (!entry) return std::nullopt;
  const std::optional<entry_head> head = read_entry_head(*entry, path);
  if (!head) {
    directory.put_aside(path, entry->identity, damaged_head);
    return std::nullopt;
  }
  if (compare_key(head->key.span(), key, id) != key_match::same) return std::nullopt;
  return head->frame.info();
}

/// The encoded key of an entry, copied; nothing when it is gone or damaged. Throws `file_error`.
inline std::optional<bytes> read_entry_key(const entry_directory& directory, const digest& id) {
  const std::string path = directory.path_of(id);
  const std::optional<opened_entry> entry = open_entry(path);
  if (!entry) return std::nullopt;
  const std::optional<entry_head> head = read_entry_head(*entry, path);
  if (!head) return std::nullopt;
  return bytes::copy_of(head->key.span());
}

/// An entry that a scan met.
struct scanned_entry {
  digest id;
  std::uint64_t stamp = 0;
  stored_info info;
};

/// Every entry whose head is right, least recently used first; damaged ones are put aside. A file that cannot be read is
/// told to the sink and left out; when the process has no descriptors or memory left, that is thrown, as every file would
/// be left out.
inline std::vector<scanned_entry> scan_entries(const entry_directory& directory) {
  std::vector<scanned_entry> found;
  directory.for_each([&](const digest& id, const std::string& path) {
    try {
      const std::optional<opened_entry> entry = open_entry(path);
      if (!entry) return;
      const std::optional<entry_head> head = read_entry_head(*entry, path, 512);
      if (head)
        found.push_back({id, head->stamp, head->frame.info()});
      else
        directory.put_aside(path, entry->identity, damaged_head);
    } catch (const file_error& e) {
      if (e.number() == EMFILE || e.number() == ENFILE || e.number() == ENOMEM) throw;
      if (e.number() != ESTALE) directory.sink().report(e.cause(), e.what());
    }
  });
  std::sort(found.begin(), found.end(), [](const scanned_entry& a, const scanned_entry& b) {
    if (a.info.accessed != b.info.accessed) return a.info.accessed < b.info.accessed;
    if (a.info.written != b.info.written) return a.info.written < b.info.written;
    return a.id < b.id;
  });
  return found;
}

}  // namespace larder::storage
