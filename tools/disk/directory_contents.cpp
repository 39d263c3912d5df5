#include "disk/directory_contents.hpp"

#include <algorithm>
#include <unordered_set>

namespace disk {

using larder::storage::segment_window;

folder_share share_of_folder(const std::string& path) {
  folder_share found;
  for (const std::string& name : larder::storage::names_in(path))
    if (const auto file = larder::storage::identify(path + "/" + name)) {
      ++found.files;
      found.bytes += file->size;
    }
  return found;
}

directory_contents contents_of(const segment_inspection& found, const segment_inspection::look_progress& progress) {
  directory_contents all;
  const larder::instant now = larder::wall_time::now();
  entry_reader reader(found);
  std::vector<std::uint64_t> sizes;
  std::unordered_set<std::uint64_t> files;
  for (const inspected_segment& in : found.segments()) {
    if (progress) progress(all.segments.size(), found.segments().size());
    segment_share one;
    one.in = &in;
    for (const inspected_record& record : in.records) {
      if (record.standing == record_standing::later) {
        const entry e = reader.read(in, record);
        ++all.later;
        one.live += e.record_size;
      }
      if (record.standing != record_standing::live) continue;
      const entry e = reader.read(in, record);
      ++one.entries;
      one.live += e.record_size;
      sizes.push_back(e.info.weight);
      all.values += e.info.weight;
      all.uncompressed_values += e.info.uncompressed == 0 ? e.info.weight : e.info.uncompressed;
      all.compressed += e.info.uncompressed == 0 ? 0 : 1;
      const std::uint64_t key = e.key ? e.key->size() : 0;
      const std::uint64_t payload = e.file ? 0 : e.payload_size;
      all.keys += key;
      all.values_in_segments += payload;
      all.heads += e.record_size - std::min(e.record_size, key + payload);
      if (!e.is_right) ++all.unreadable;
      if (e.is_expired(now)) {
        ++all.expired;
        all.expired_bytes += e.info.weight;
      }
      if (e.file) {
        ++all.entries_in_files;
        if (files.insert(e.file->number).second) all.value_files.bytes += e.file->size;
      }
      if (!all.oldest || e.info.written < *all.oldest) all.oldest = e.info.written;
      if (!all.newest || e.info.written > *all.newest) all.newest = e.info.written;
    }
    constexpr std::uint64_t start = larder::storage::segment_folder::first_record;
    const bool has_footer = in.ends == segment_window::ending::footer;
    // Without a footer, what lies behind the last record is room, unless nothing will come into the segment any more.
    const std::uint64_t end =
        std::clamp<std::uint64_t>(has_footer || in.is_active || &in == &found.segments().back() ? in.records_end : in.file_size,
                                  start, std::max(start, in.file_size));
    one.garbage = end - start - std::min(end - start, one.live);
    one.footer = std::min(start, in.file_size) + (has_footer ? in.file_size - in.records_end : 0);
    one.free = has_footer ? 0 : in.file_size - std::min(in.file_size, end);
    all.entries += one.entries;
    all.segments.push_back(one);
  }
  all.value_files.files = files.size();
  for (const std::uint64_t number : found.value_numbers())
    if (!files.contains(number))
      if (const auto file = larder::storage::identify(found.path_of_value(number))) {
        ++all.loose_files.files;
        all.loose_files.bytes += file->size;
      }
  if (!sizes.empty()) {
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    all.median = *middle;
    all.largest = *std::max_element(sizes.begin(), sizes.end());
  }
  all.quarantine = share_of_folder(found.root() + "/quarantine");
  all.staging = share_of_folder(found.root() + "/staging");
  return all;
}

}  // namespace disk
