#include "disk/directory_figures.hpp"

#include "disk/directory_contents.hpp"
#include "disk/directory_users.hpp"
#include "disk/json_object.hpp"
#include "disk/time_text.hpp"
#include "disk/work_progress.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstdio>
#include <string_view>

namespace disk {
namespace {

using larder::format_size;
using larder::storage::segment_window;
using simulate::grouped;

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return grouped(count) + " " + std::string(count == 1 ? one : many);
}
std::string percent(double share) { return simulate::decimal(share * 100, 1) + " %"; }

std::string_view name_of(const inspected_segment& segment) {
  switch (segment.ends) {
    case segment_window::ending::footer:
      return "sealed";
    case segment_window::ending::none:
      return segment.is_active ? "takes records" : "no footer";
    case segment_window::ending::damaged:
      return "footer damaged";
    case segment_window::ending::other:
      return "footer of a later version";
  }
  return "";
}

std::string json_of(const segment_inspection& found, const directory_contents& all, const directory_users& users) {
  std::string processes = "[";
  for (const auto& one : users.processes)
    processes += (processes.size() == 1 ? "" : ", ") + json_object().add("pid", one.id).add("program", one.program).text();
  const auto time = [](const std::optional<larder::instant>& moment) {
    return moment ? std::optional<std::string>(utc_time(*moment)) : std::nullopt;
  };
  std::string segments = "[";
  for (const segment_share& one : all.segments)
    segments += (segments.size() == 1 ? "\n  " : ",\n  ") + json_object()
                                                                .add("number", one.in->number)
                                                                .add("state", name_of(*one.in))
                                                                .add("file_bytes", one.in->file_size)
                                                                .add("records", one.in->records.size())
                                                                .add("entries", one.entries)
                                                                .add("live_bytes", one.live)
                                                                .add("garbage_bytes", one.garbage)
                                                                .add("footer_bytes", one.footer)
                                                                .add("free_bytes", one.free)
                                                                .text();
  json_object text;
  text.add("directory", found.root())
      .add("version", std::string(larder::storage::segment_folder::format_version))
      .add("marker", found.has_marker())
      .add("entries", all.entries)
      .add("expired_entries", all.expired)
      .add("expired_bytes", all.expired_bytes)
      .add("unreadable_entries", all.unreadable)
      .add("later_version_entries", all.later)
      .add("value_bytes", all.values)
      .add("compressed_entries", all.compressed)
      .add("uncompressed_value_bytes", all.uncompressed_values)
      .add("key_bytes", all.keys)
      .add("head_and_padding_bytes", all.heads)
      .add("largest_value", all.largest)
      .add("median_value", all.median)
      .add("oldest", time(all.oldest))
      .add("newest", time(all.newest))
      .add("live_bytes", all.live())
      .add("garbage_bytes", all.garbage())
      .member("garbage_share", simulate::decimal(all.garbage_share(), 6))
      .add("footer_bytes", all.footers())
      .add("free_bytes", all.free())
      .member("value_files", json_object()
                                 .add("files", all.value_files.files)
                                 .add("bytes", all.value_files.bytes)
                                 .add("entries", all.entries_in_files)
                                 .text())
      .member("unreferenced_files", json_object().add("files", all.loose_files.files).add("bytes", all.loose_files.bytes).text())
      .member("quarantine", json_object().add("files", all.quarantine.files).add("bytes", all.quarantine.bytes).text())
      .member("staging", json_object().add("files", all.staging.files).add("bytes", all.staging.bytes).text());
  if (found.log())
    text.member("log", json_object()
                           .add("slots", found.log()->slots)
                           .add("changes", found.log()->end)
                           .add("sequence", found.log()->sequence)
                           .add("active_segment", found.log()->active.segment)
                           .add("active_unit", found.log()->active.unit)
                           .add("oldest_segment", found.log()->oldest)
                           .text());
  else
    text.member("log", "null");
  text.member("in_use", users.is_known ? users.any ? "true" : "false" : "null")
      .member("processes", processes + "]")
      .member("segments", segments + "\n]");
  return text.text() + "\n";
}

void line(const char* name, const std::string& text) { std::printf("  %-14s %s\n", name, text.c_str()); }

void print_text(const segment_inspection& found, const directory_contents& all, const directory_users& users, bool by_segment) {
  const larder::instant now = larder::wall_time::now();
  std::printf("%s\n", found.root().c_str());
  line("format", "mmap_disk, version " + std::string(larder::storage::segment_folder::format_version) + ", little-endian" +
                     (found.has_marker() ? "" : "; its marker file \"format\" is missing or damaged"));
  line("in use by", users.text());
  std::string entries = grouped(all.entries);
  if (all.expired != 0) entries += ", of them " + grouped(all.expired) + " expired (" + format_size(all.expired_bytes) + ")";
  if (all.unreadable != 0) entries += ", of them " + grouped(all.unreadable) + " with a damaged head";
  if (all.later != 0) entries += ", and " + grouped(all.later) + " of a later version";
  line("entries", entries);
  if (all.entries != 0) {
    line("values", format_size(all.values) + "; median " + format_size(all.median) + ", largest " + format_size(all.largest));
    if (all.compressed != 0)
      line("", grouped(all.compressed) + " compressed; " + format_size(all.uncompressed_values) + " in all before");
    line("keys", format_size(all.keys) + "; heads and padding " + format_size(all.heads));
    line("written", local_time(*all.oldest) + " (" + distance_text(*all.oldest, now) + ") to " + local_time(*all.newest) + " (" +
                        distance_text(*all.newest, now) + ")");
  }
  std::uint64_t file_bytes = 0;
  std::size_t sealed = 0;
  for (const segment_share& one : all.segments) {
    file_bytes += one.in->file_size;
    sealed += one.in->ends == segment_window::ending::footer ? 1 : 0;
  }
  line("segments", grouped(all.segments.size()) + ", " + format_size(file_bytes) + "; " + grouped(sealed) + " sealed");
  line("", format_size(all.live()) + " live, " + format_size(all.garbage()) + " garbage (" + percent(all.garbage_share()) +
               "), " + format_size(all.free()) + " free, " + format_size(all.footers()) + " footers");
  line("values' files",
       grouped(all.value_files.files) + ", " + format_size(all.value_files.bytes) + ", for " +
           count_of(all.entries_in_files, "entry", "entries") +
           (all.loose_files.files == 0 ? std::string()
                                       : "; " + grouped(all.loose_files.files) + " more that no entry refers to, " +
                                             format_size(all.loose_files.bytes)));
  line("quarantine", all.quarantine.files == 0
                         ? "empty"
                         : count_of(all.quarantine.files, "file", "files") + ", " + format_size(all.quarantine.bytes));
  if (all.staging.files != 0)
    line("staging", count_of(all.staging.files, "file", "files") + ", " + format_size(all.staging.bytes));
  if (const auto& log = found.log(); !log)
    line("log", "none; the next process makes one");
  else
    line("log", grouped(log->end) + " changes, the last " + grouped(log->slots) + " kept" +
                    (log->active.unit == 0 ? "; no segment takes records"
                                           : "; segment " + std::to_string(log->active.segment) + " takes records from " +
                                                 format_size(log->active.offset()) + " on"));
  if (!by_segment) return;
  std::printf("\n%8s  %-16s  %10s  %8s  %10s  %10s  %8s  %10s\n", "SEGMENT", "STATE", "FILE", "ENTRIES", "LIVE", "GARBAGE",
              "SHARE", "FREE");
  for (const segment_share& one : all.segments) {
    const auto used = static_cast<double>(one.live + one.garbage);
    std::printf("%8u  %-16s  %10s  %8zu  %10s  %10s  %8s  %10s\n", one.in->number, std::string(name_of(*one.in)).c_str(),
                format_size(one.in->file_size).c_str(), one.entries, format_size(one.live).c_str(),
                format_size(one.garbage).c_str(), used == 0 ? "-" : percent(static_cast<double>(one.garbage) / used).c_str(),
                format_size(one.free).c_str());
  }
}

}  // namespace

void print_figures(const figures_options& options) {
  const directory_users users = users_of(options.directory);
  work_progress progress;
  const segment_inspection found(options.directory, users.any, progress.steps("reading segments"));
  const directory_contents all = contents_of(found, progress.steps("counting entries"));
  progress.end();
  if (options.json)
    std::fputs(json_of(found, all, users).c_str(), stdout);
  else
    print_text(found, all, users, options.by_segment);
}

}  // namespace disk
