#include "disk/repair.hpp"

#include "disk/directory_contents.hpp"
#include "disk/directory_users.hpp"
#include "disk/json_object.hpp"
#include "disk/opened_directory.hpp"
#include "disk/verification.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace disk {
namespace {

using larder::storage::segment_window;
using simulate::grouped;

/// What only who is alone may tidy up.
struct disorder {
  std::set<std::uint32_t> without_footer;  ///< segments, but for the last one, which goes on
  folder_share staging;
  folder_share loose_files;
  bool has_marker = true;

  bool any() const { return !without_footer.empty() || staging.files != 0 || loose_files.files != 0 || !has_marker; }
};

disorder disorder_in(const segment_inspection& found) {
  disorder seen;
  for (const inspected_segment& one : found.segments())
    if ((one.ends == segment_window::ending::none || one.ends == segment_window::ending::damaged) &&
        (one.ends == segment_window::ending::damaged || &one != &found.segments().back()))
      seen.without_footer.insert(one.number);
  seen.staging = share_of_folder(found.root() + "/staging");
  const directory_contents contents = contents_of(found);
  seen.loose_files = contents.loose_files;
  seen.has_marker = found.has_marker();
  return seen;
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return grouped(count) + " " + (count == 1 ? one : many);
}

/// Says what would be done (`would`), or was.
void print_disorder(const disorder& seen, bool would) {
  const char* const write = would ? "would write" : "wrote";
  const char* const remove = would ? "would remove" : "removed";
  if (!seen.has_marker) std::printf("%s the marker file \"format\" anew\n", write);
  if (!seen.without_footer.empty())
    std::printf("%s %s\n", write, counted(seen.without_footer.size(), "footer", "footers").c_str());
  if (seen.staging.files != 0)
    std::printf("%s %s that a dead process left in staging\n", remove, counted(seen.staging.files, "file", "files").c_str());
  if (seen.loose_files.files != 0)
    std::printf("%s %s that no entry refers to (%s)\n", remove,
                counted(seen.loose_files.files, "value's file", "values' files").c_str(),
                larder::format_size(seen.loose_files.bytes).c_str());
}

/// What of the first is not in the second.
disorder gone_from(const disorder& before, const disorder& after) {
  disorder done;
  for (const std::uint32_t number : before.without_footer)
    if (!after.without_footer.contains(number)) done.without_footer.insert(number);
  const auto difference = [](const folder_share& was, const folder_share& is) {
    return folder_share{was.files - std::min(was.files, is.files), was.bytes - std::min(was.bytes, is.bytes)};
  };
  done.staging = difference(before.staging, after.staging);
  done.loose_files = difference(before.loose_files, after.loose_files);
  done.has_marker = before.has_marker || !after.has_marker;
  return done;
}

/// What a repair did, or under --dry-run would do; printed at its end for programs.
struct outcome {
  std::string directory;
  bool in_use = false;
  std::size_t entries = 0;
  std::size_t moved_out = 0;
  disorder tidied;
  std::vector<damage> still_damaged;
  bool is_interrupted = false;

  void print(const verification& seen, bool dry_run, bool is_whole) const {
    std::printf("%s\n", json_object()
                            .add("directory", directory)
                            .add("dry_run", dry_run)
                            .add("in_use", in_use)
                            .add("interrupted", is_interrupted)
                            .add("whole", is_whole && !is_interrupted)
                            .add("entries", entries)
                            .add("moved_out", moved_out)
                            .add("footers", tidied.without_footer.size())
                            .add("staging_files", tidied.staging.files)
                            .add("loose_files", tidied.loose_files.files)
                            .add("loose_bytes", tidied.loose_files.bytes)
                            .add("marker", !tidied.has_marker)
                            .member("damaged", json_of(seen.damaged))
                            .member("unreadable", json_of(seen.unreadable))
                            .member("still_damaged", json_of(still_damaged))
                            .text()
                            .c_str());
  }
};

}  // namespace

int repair(const repair_options& options) {
  constexpr int whole = 0;
  constexpr int not_whole = 1;
  const bool told = !options.json;  // line by line, to people
  const interruption stop;
  const directory_users users = users_of(options.directory);
  const bool in_use = users.any || !users.is_known;
  std::optional<segment_inspection> found(std::in_place, options.directory, in_use);
  const verification seen = verify_directory(*found, in_use, verified::entries, options.quiet, stop);
  const disorder before = disorder_in(*found);
  outcome result{found->root(), in_use, seen.entries_total, 0, {}, {}, false};
  const auto ends_with = [&](int code) {
    const bool as_it_was = options.dry_run && (!seen.damaged.empty() || !seen.unreadable.empty());
    if (options.json) result.print(seen, options.dry_run, code == whole && !as_it_was);
    return code;
  };
  if ((result.is_interrupted = seen.is_interrupted)) {
    std::fprintf(stderr, "larder: interrupted while it looked for damage; nothing was changed\n");
    return ends_with(interruption::exit_code);
  }
  if (told) {
    for (const damage& one : seen.damaged) std::printf("damaged     %s\n", damage_line(one).c_str());
    for (const damage& one : seen.unreadable) std::printf("unreadable  %s\n", damage_line(one).c_str());
  }
  if (told && in_use)
    std::printf(
        "in use by %s: damaged entries are moved out, which the others follow;\n"
        "footers, staging and files without an entry wait until nobody has it open, as somebody may be about to refer to them\n",
        users.text().c_str());
  std::size_t entries = 0;
  for (const damage& one : seen.damaged) entries += one.at ? 1 : 0;
  if (options.dry_run) {
    result.moved_out = entries;
    if (!in_use) result.tidied = before;
    if (!told) return ends_with(whole);
    if (entries != 0) std::printf("would move out %s\n", counted(entries, "damaged entry", "damaged entries").c_str());
    if (!in_use) print_disorder(before, true);
    if (entries == 0 && seen.damaged.empty() && (in_use || !before.any())) std::printf("nothing to repair\n");
    return whole;
  }
  // Opening a directory changes it, so one that is in order is left alone.
  if (seen.damaged.empty() && (in_use || !before.any())) {
    if (told)
      std::printf("nothing to repair: %s, %s\n", counted(seen.entries, "entry is", "entries are").c_str(),
                  seen.unreadable.empty() ? "whole" : "but not everything could be read");
    return ends_with(seen.unreadable.empty() ? whole : not_whole);
  }
  told_errors errors;
  std::size_t moved = 0;
  bool is_interrupted = false;
  {
    opened_directory directory(*found, no_capacity, errors);
    for (const damage& one : seen.damaged) {
      if ((is_interrupted = stop.asked())) break;
      if (!one.at) continue;
      // One whose file is not there is in nobody's index; that its key has nothing is then said by a record.
      if (directory.check(one.id, one.key_bytes) && one.id.high != 0) directory.mark_erased(one.id);
      ++moved;
    }
  }
  std::fflush(stdout);
  for (const larder::error_event& event : errors.take())
    if (event.cause != larder::error_cause::corruption || event.message.find("put aside in the folder") == std::string::npos)
      std::fprintf(stderr, "larder: %s\n", event.message.c_str());
  const bool still_in_use = users_of(options.directory).any;
  found.emplace(options.directory, still_in_use);
  result.moved_out = moved;
  if (!in_use) result.tidied = gone_from(before, disorder_in(*found));
  if (told && moved != 0)
    std::printf("moved out %s; quarantine/ keeps what was there of the last 16\n",
                counted(moved, "damaged entry", "damaged entries").c_str());
  if (told) print_disorder(result.tidied, false);
  if ((result.is_interrupted = is_interrupted)) {
    std::fflush(stdout);
    std::fprintf(stderr, "larder: interrupted: %s of %s were moved out; run it again for the rest\n", grouped(moved).c_str(),
                 grouped(entries).c_str());
    return ends_with(interruption::exit_code);
  }
  // What was right when it was read is not read again; what was damaged must not be what its key has any more.
  verification after = verify_directory(*found, still_in_use, verified::structure, options.quiet, stop);
  std::set<std::uint64_t> places;
  for (const inspected_segment& one : found->segments())
    for (const inspected_record& record : one.records)
      if (record.standing == record_standing::live || record.standing == record_standing::file_missing ||
          record.standing == record_standing::unreadable)
        places.insert(one.place(record).word());
  for (const damage& one : seen.damaged)
    if (one.at && places.contains(one.at->word())) after.damaged.push_back(one);
  result.entries = after.entries_total;
  result.still_damaged = after.damaged;
  if (told)
    for (const damage& one : after.damaged) std::printf("still damaged  %s\n", damage_line(one).c_str());
  if (!after.damaged.empty() || !seen.unreadable.empty()) return ends_with(not_whole);
  if (told) std::printf("whole now: %s\n", counted(after.entries_total, "entry", "entries").c_str());
  return ends_with(whole);
}

}  // namespace disk
