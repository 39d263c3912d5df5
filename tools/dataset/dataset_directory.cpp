#include "dataset/dataset_directory.hpp"

#include "disk/directory_users.hpp"
#include "disk/key_text.hpp"

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/dataset/named_datasets.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/format/nearest_name.hpp>

#include <algorithm>
#include <cstring>

namespace dataset {
namespace {

using disk::inspected_record;
using disk::inspected_segment;
using disk::record_standing;

std::string key_of(std::string_view name) { return std::string(larder::datasets::manifest_prefix) + std::string(name); }

/// Records of keys that a program looks for, also where it does not find them because of damage.
bool is_entry(const inspected_record& record) {
  return record.standing == record_standing::live || record.standing == record_standing::file_missing ||
         record.standing == record_standing::later ||
         (record.standing == record_standing::unreadable && record.entry.id != larder::digest{});
}

}  // namespace

std::string name_text(std::string_view name) { return disk::key_text(name); }

larder::digest sample_id(const std::string& shard, std::uint64_t number) {
  larder::datasets::shard_key key;
  std::memcpy(key.text.data(), shard.data(), std::min(shard.size(), larder::datasets::shard_key::size));
  return larder::digest_of(std::string_view(larder::datasets::sample_key(key, number)));
}

dataset_directory::dataset_directory(const std::string& directory, const disk::segment_inspection::look_progress& progress)
    : in_use_(disk::users_of(directory).any), found_(directory, in_use_, progress), values_(found_) {
  const larder::instant now = larder::wall_time::now();
  std::size_t count = 0;
  for (const inspected_segment& one : found_.segments()) count += one.records.size();
  entries_.reserve(count);
  for (std::size_t s = 0; s < found_.segments().size(); ++s) {
    const inspected_segment& in = found_.segments()[s];
    for (std::size_t r = 0; r < in.records.size(); ++r) {
      const inspected_record& record = in.records[r];
      if (!is_entry(record) || record.entry.expires < now) continue;
      entries_.insert_or_assign(record.entry.id.low, location{static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(r)});
    }
  }
}

const dataset_directory::location* dataset_directory::locate(const larder::digest& key) const {
  const auto at = entries_.find(key.low);
  if (at == entries_.end()) return nullptr;
  return found_.segments()[at->second.segment].records[at->second.record].entry.id == key ? &at->second : nullptr;
}

kept_sample dataset_directory::look_at(const larder::digest& key) const {
  kept_sample sample;
  const location* const at = locate(key);
  if (at == nullptr) {
    const auto& lost = found_.lost();
    const auto one = std::find_if(lost.begin(), lost.end(), [&](const auto& record) { return record.tag == key.low; });
    if (one == lost.end()) return sample;
    sample.is = kept_sample::state::lost;
    sample.place = one->at;
    return sample;
  }
  const inspected_segment& in = found_.segments()[at->segment];
  const inspected_record& record = in.records[at->record];
  sample.is = record.standing == record_standing::live ? kept_sample::state::here : kept_sample::state::lost;
  sample.stored = record.entry.weight;
  sample.size = record.entry.uncompressed == 0 ? record.entry.weight : record.entry.uncompressed;
  sample.place = in.place(record);
  return sample;
}

read_value dataset_directory::read(const larder::digest& key) {
  const location* const at = locate(key);
  if (at != nullptr) {
    const inspected_segment& in = found_.segments()[at->segment];
    return values_.read(in, in.records[at->record]);
  }
  if (look_at(key).is == kept_sample::state::lost)
    return {std::nullopt, "has no whole record, though the log says that one was published"};
  return {std::nullopt, "missing", true};
}

std::optional<dataset_manifest> dataset_directory::parsed(std::string_view name, read_value value, std::string& why) const {
  if (!value.content) {
    why = "its manifest " + value.why;
    return std::nullopt;
  }
  try {
    dataset_manifest manifest = dataset_manifest::parse(*value.content);
    if (manifest.name == name) return manifest;
    why = "its manifest is that of \"" + name_text(manifest.name) + '"';
  } catch (const larder::error& failure) {
    why = failure.what();
  }
  return std::nullopt;
}

std::vector<dataset_directory::listed> dataset_directory::list() {
  std::vector<listed> all;
  disk::entry_reader heads(found_);
  for (const inspected_segment& in : found_.segments())
    for (const inspected_record& record : in.records) {
      const location* const at = locate(record.entry.id);
      if (at == nullptr || &found_.segments()[at->segment].records[at->record] != &record) continue;
      const disk::entry e = heads.read(in, record);
      if (!e.key || !e.is_right || !e.key->starts_with(larder::datasets::manifest_prefix)) continue;
      listed one{e.key->substr(larder::datasets::manifest_prefix.size()), std::nullopt, {}};
      one.manifest = parsed(one.name, values_.read(in, record), one.why);
      all.push_back(std::move(one));
    }
  std::sort(all.begin(), all.end(), [](const listed& a, const listed& b) { return a.name < b.name; });
  return all;
}

std::optional<dataset_manifest> dataset_directory::find(std::string_view name) {
  const larder::digest key = larder::digest_of(key_of(name));
  if (locate(key) == nullptr) return std::nullopt;
  std::string why;
  std::optional<dataset_manifest> manifest = parsed(name, read(key), why);
  if (!manifest)
    larder::core::fail(larder::error_cause::corruption,
                       root() + ": the data set \"" + name_text(name) + "\": " + why + "; cache it again (larder dataset warm)");
  return manifest;
}

dataset_manifest dataset_directory::get(std::string_view name) {
  if (std::optional<dataset_manifest> found = find(name)) return *std::move(found);
  std::vector<std::string> names;
  for (const listed& one : list()) names.push_back(name_text(one.name));
  std::string text = root() + ": there is no data set \"" + name_text(name) + "\"; ";
  if (names.empty())
    larder::core::fail(larder::error_cause::invalid_argument,
                       text + "none has been cached under a name (larder dataset warm does)");
  constexpr std::size_t most = 10;
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (names.size() > most) {
    const std::string nearest(larder::format::nearest_name(name, views));
    text += (nearest.empty() ? "there are " + std::to_string(names.size())
                             : "the nearest of the " + std::to_string(names.size()) + " there are is " + nearest) +
            " (larder dataset ls has all)";
  } else {
    text += "there are: ";
    for (const std::string& one : names) text += (&one == &names.front() ? "" : ", ") + one;
  }
  larder::core::fail(larder::error_cause::invalid_argument, text);
}

}  // namespace dataset
