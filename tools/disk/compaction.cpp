#include "disk/compaction.hpp"

#include "disk/byte_progress.hpp"
#include "disk/directory_contents.hpp"
#include "disk/directory_users.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "disk/opened_directory.hpp"
#include "exit_code.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace disk {
namespace {

using larder::format_size;
using simulate::grouped;

std::uint64_t bytes_on_disk(const directory_contents& of) {
  std::uint64_t sum = of.value_files.bytes + of.loose_files.bytes;
  for (const segment_share& one : of.segments) sum += one.in->file_size;
  return sum;
}

/// How many of the oldest segments have to be rewritten for no more than this share of the rest to be garbage.
std::size_t segments_to_rewrite(const directory_contents& of, double share) {
  std::uint64_t garbage = of.garbage();
  const auto live = static_cast<double>(of.live());
  std::size_t count = 0;
  for (const segment_share& one : of.segments) {
    if (garbage == 0 || static_cast<double>(garbage) <= share * (live + static_cast<double>(garbage))) break;
    garbage -= one.garbage;
    ++count;
  }
  return count;
}

std::string what_is_there(const directory_contents& of) {
  return grouped(of.entries) + (of.entries == 1 ? " entry in " : " entries in ") + format_size(bytes_on_disk(of)) + ", " +
         simulate::decimal(of.garbage_share() * 100, 1) + " % of the segments garbage";
}

std::string json_of(const directory_contents& of) {
  return json_object()
      .add("entries", of.entries)
      .add("bytes", bytes_on_disk(of))
      .add("garbage", of.garbage())
      .member("garbage_share", simulate::decimal(of.garbage_share(), 4))
      .add("segments", of.segments.size())
      .text();
}

}  // namespace

int compact(const compaction_options& options) {
  using tools::exit_code::done;
  using tools::exit_code::failed;
  const interruption stop;
  const segment_inspection found(options.directory, users_of(options.directory).any);
  const directory_contents before = contents_of(found);
  const bool told = !options.json;  // line by line, to people
  std::size_t rewritten = 0;
  bool is_interrupted = false;
  const auto ends_with = [&](int code, const directory_contents* after) {
    if (options.json)
      std::printf("%s\n", json_object()
                              .add("directory", found.root())
                              .add("dry_run", options.dry_run)
                              .add("interrupted", is_interrupted)
                              .add("done", code == done)
                              .add("segments_rewritten", rewritten)
                              .member("before", json_of(before))
                              .member("after", after == nullptr ? "null" : json_of(*after))
                              .text()
                              .c_str());
    return code;
  };
  if (told) std::printf("before: %s\n", what_is_there(before).c_str());
  if (before.later != 0) {
    std::fprintf(stderr,
                 "larder: %zu entries of \"%s\" are of a later version, which this one would leave behind; compact it with the "
                 "larder that wrote them\n",
                 before.later, found.root().c_str());
    return ends_with(failed, nullptr);
  }
  const std::size_t segments = segments_to_rewrite(before, options.garbage_share);
  const bool evicts = options.capacity && before.values_in_segments + before.value_files.bytes > *options.capacity;
  std::uint64_t live = 0;
  for (std::size_t i = 0; i < segments; ++i) live += before.segments[i].live;
  if (options.dry_run) {
    rewritten = segments;
    if (!told) return ends_with(done, nullptr);
    if (evicts)
      std::printf("would evict entries, oldest first, until their values take no more than %s\n",
                  format_size(*options.capacity).c_str());
    if (segments == 0)
      std::printf("%s\n", evicts ? "and compact what that leaves"
                                 : "nothing to compact: no more garbage than asked for (--to says how much may stay)");
    else
      std::printf("would write %s of %zu segments anew, to free %s of garbage\n", format_size(live).c_str(), segments,
                  format_size(before.garbage()).c_str());
    return done;
  }
  if (segments == 0 && !evicts) {
    if (told) std::printf("nothing to compact: no more garbage than asked for (--to says how much may stay)\n");
    return ends_with(done, &before);
  }
  std::fflush(stdout);
  told_errors errors;
  bool is_stuck = false;
  {
    opened_directory directory(found, options.capacity.value_or(no_capacity), errors);
    std::optional<segment_inspection> evicted;
    directory_contents plan = before;
    std::size_t count = segments;
    if (evicts) {  // there is garbage now that was none before
      evicted.emplace(found.root(), true);
      plan = contents_of(*evicted);
      count = segments_to_rewrite(plan, options.garbage_share);
    }
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < count; ++i) all += plan.segments[i].in->file_size;
    byte_progress bar("compacting", all, options.quiet);
    for (std::size_t i = 0; i < count && !is_stuck; ++i) {
      if ((is_interrupted = stop.asked())) break;
      is_stuck = !directory.compact_oldest();
      rewritten += is_stuck ? 0 : 1;
      bar.add(plan.segments[i].in->file_size);
    }
  }
  for (const larder::error_event& event : errors.take()) std::fprintf(stderr, "larder: %s\n", event.message.c_str());
  const segment_inspection now(options.directory, users_of(options.directory).any);
  const directory_contents after = contents_of(now);
  if (told) std::printf("after:  %s\n", what_is_there(after).c_str());
  if (is_interrupted) {
    std::fprintf(stderr,
                 "larder: interrupted between two segments; everything is in order, and the rest waits for the next time\n");
    return ends_with(interruption::exit_code, &after);
  }
  if (is_stuck) {
    std::fprintf(stderr,
                 "larder: the oldest segment of \"%s\" could not be written anew, so it stays; is something in it damaged "
                 "(larder disk repair %s), or the device full?\n",
                 found.root().c_str(), options.directory.c_str());
    return ends_with(failed, &after);
  }
  return ends_with(done, &after);
}

}  // namespace disk
