#include "disk/directory_users.hpp"
#include "disk/json_object.hpp"
#include "disk/key_text.hpp"
#include "disk/verification.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace disk {
namespace {

using larder::format_size;
using simulate::grouped;

std::string progress_text(const verification& result) {
  std::string text = grouped(result.entries) + (result.entries == 1 ? " entry" : " entries");
  if (result.garbage_records != 0) text += ", " + grouped(result.garbage_records) + " records of no use";
  if (result.files != 0) text += ", " + grouped(result.files) + (result.files == 1 ? " value's file" : " values' files");
  text += ", " + format_size(result.bytes);
  if (result.seconds > 0.05)
    text += " in " + simulate::decimal(result.seconds, 1) + " s (" +
            format_size(static_cast<std::uint64_t>(static_cast<double>(result.bytes) / result.seconds)) + "/s)";
  return text;
}

}  // namespace

std::string json_of(const std::vector<damage>& list) {
  std::string text = "[";
  for (const damage& one : list) {
    json_object each;
    each.add("key", one.key.empty() ? std::nullopt : std::optional<std::string>(key_text(one.key_bytes)))
        .add("key_hex", one.key.empty() ? std::nullopt : std::optional<std::string>(hexadecimal(one.key_bytes)))
        .add("place", one.place)
        .add("segment", one.at ? std::optional<std::uint32_t>(one.at->segment) : std::nullopt)
        .add("unit", one.at ? std::optional<std::uint32_t>(one.at->unit) : std::nullopt)
        .add("why", one.why);
    text += (text.size() == 1 ? "\n  " : ",\n  ") + each.text();
  }
  return text + (list.empty() ? "]" : "\n]");
}

std::string damage_line(const damage& one) {
  std::string place = one.place;
  if (one.key.empty()) return place + " " + one.why;
  return one.key + "\n            " + place + " " + one.why;
}

int print_verification(const verify_options& options) {
  const interruption stop;
  const bool in_use = users_of(options.directory).any;
  const segment_inspection found(options.directory, in_use);
  const verification result =
      verify_directory(found, in_use, options.all ? verified::records : verified::entries, options.quiet, stop);
  const bool is_whole = result.damaged.empty() && result.unreadable.empty();
  if (options.json) {
    std::printf("%s\n", json_object()
                            .add("directory", found.root())
                            .add("whole", is_whole && !result.is_interrupted)
                            .add("interrupted", result.is_interrupted)
                            .add("entries", result.entries_total)
                            .add("entries_checked", result.entries)
                            .add("garbage_records_checked", result.garbage_records)
                            .add("value_files_checked", result.files)
                            .add("bytes_read", result.bytes)
                            .member("seconds", simulate::decimal(result.seconds, 3))
                            .member("damaged", json_of(result.damaged))
                            .member("unreadable", json_of(result.unreadable))
                            .add("notes", result.notes)
                            .text()
                            .c_str());
  } else {
    for (const damage& one : result.damaged) std::printf("damaged     %s\n", damage_line(one).c_str());
    for (const damage& one : result.unreadable) std::printf("unreadable  %s\n", damage_line(one).c_str());
    for (const std::string& note : result.notes) std::printf("note        %s\n", note.c_str());
    std::string verdict = result.is_interrupted ? "no damage so far" : "whole";
    if (!is_whole) {
      std::printf("\n");
      verdict = result.damaged.empty() ? "no damage" : grouped(result.damaged.size()) + " damaged";
      if (!result.unreadable.empty()) verdict += ", " + grouped(result.unreadable.size()) + " could not be read";
    }
    std::printf("%s: %s\n", verdict.c_str(), ("read " + progress_text(result)).c_str());
    if (!result.damaged.empty())
      std::printf("A cache takes a damaged entry for a miss. To move out what is damaged: larder disk repair %s\n",
                  options.directory.c_str());
  }
  if (result.is_interrupted) {
    std::fprintf(stderr, "larder: interrupted: %s of %s entries and %s of %s were checked\n", grouped(result.entries).c_str(),
                 grouped(result.entries_total).c_str(), format_size(result.bytes).c_str(),
                 format_size(result.bytes_total).c_str());
    return interruption::exit_code;
  }
  constexpr int whole = 0;
  constexpr int damaged = 1;
  constexpr int not_read = 2;
  return !result.damaged.empty() ? damaged : !result.unreadable.empty() ? not_read : whole;
}

}  // namespace disk
