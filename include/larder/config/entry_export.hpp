#pragma once

// The entries of a cache as one file that other programs read: safetensors (a tensor of U8 for each) or tar (a member for each).

#include <larder/config/finished_path.hpp>
#include <larder/config/managed_cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/format/json_text.hpp>
#include <larder/format/tar_writer.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::config {

/// What is exported, by key.
using exported_entries = std::vector<std::pair<std::string, bytes>>;

inline exported_entries entries_of(managed_cache& from) {
  exported_entries entries;
  from.for_each_key([&](const std::string& key) {
    if (std::optional<bytes> value = from.peek(key)) entries.emplace_back(key, *std::move(value));
  });
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return entries;
}

/// Throws `larder::error` for a key that a container cannot have as a name.
inline void check_member_name(std::string_view key, std::string_view container) {
  std::string fault = format::tensor_name_fault(key);
  if (fault.empty() && !simdjson::validate_utf8(key)) fault = "it is not UTF-8";
  if (fault.empty() && key == "__metadata__") fault = "safetensors has that for itself";
  if (fault.empty() && (key.front() == '/' || key.back() == '/')) fault = "it begins or ends with a /";
  if (!fault.empty())
    core::fail(error_cause::invalid_argument, "the key " + format::printable_name(key) + " cannot be a name in a " +
                                                  std::string(container) + " file: " + fault + "; a backup takes any key");
}

inline void write_safetensors(std::ofstream& out, const exported_entries& entries) {
  std::string head = "{";
  std::uint64_t offset = 0;
  for (const auto& [key, value] : entries) {
    if (head.size() > 1) head += ',';
    format::append_json_text(head, key);
    head += ":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(value.size()) + "],\"data_offsets\":[" + std::to_string(offset) +
            "," + std::to_string(offset + value.size()) + "]}";
    offset += value.size();
  }
  head += '}';
  head.resize((head.size() + 7) / 8 * 8, ' ');
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(head.size() >> (8 * i) & 0xffU);
  out.write(length.data(), length.size());
  out << head;
  for (const auto& entry : entries) out << entry.second.text();
}

inline void write_tar(std::ofstream& out, const exported_entries& entries) {
  for (const auto& [key, value] : entries)
    out << format::tar_member_head(key, value.size()) << value.text() << format::tar_padding(value.size());
  out << format::tar_end();
}

/// Writes the entries that are there to a new file; says how many. Throws `larder::error` when one cannot be in it, or it cannot be written.
inline std::uint64_t export_to(managed_cache& from, std::string_view container, const std::filesystem::path& file,
                               const std::filesystem::path& temp_dir) {
  const exported_entries entries = entries_of(from);
  for (const auto& entry : entries) check_member_name(entry.first, container);
  finished_path result(file, temp_dir);
  std::ofstream out(result.partial(), std::ios::binary | std::ios::trunc);
  container == "tar" ? write_tar(out, entries) : write_safetensors(out, entries);
  out.close();
  if (!out)
    core::fail(error_cause::io,
               "cannot write \"" + result.partial().string() + "\"; is the device full, or the folder read-only?");
  result.publish();
  return entries.size();
}

}  // namespace larder::config
