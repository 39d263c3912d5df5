#include "disk/purge.hpp"

#include "disk/directory_contents.hpp"
#include "disk/directory_users.hpp"
#include "disk/entry_reader.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "disk/opened_directory.hpp"
#include "disk/work_progress.hpp"
#include "exit_code.hpp"
#include "simulate/number_text.hpp"

#include <larder/cache.hpp>
#include <larder/core/units.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace disk {
namespace {

using larder::format_size;
using simulate::grouped;

using purged_cache =
    larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes, larder::ttl, larder::mmap_disk, error_teller>;

std::string counted(std::size_t count) { return grouped(count) + (count == 1 ? " entry" : " entries"); }

/// What the options choose; all that are given have to hold.
class choice {
 public:
  explicit choice(const purge_options& options) : options_(options), now_(larder::wall_time::now()) {}
  bool takes(const std::string& key, larder::duration age) const {
    if (options_.key && key != *options_.key) return false;
    if (options_.prefix && !key.starts_with(*options_.prefix)) return false;
    return !options_.older_than || age > *options_.older_than;
  }
  /// How many entries, and their values' bytes.
  folder_share in(const segment_inspection& found, work_progress& progress) const {
    folder_share chosen;
    entry_reader reader(found);
    progress.begin("reading entries");
    std::uint64_t read = 0;
    std::uint64_t records = 0;
    for (const inspected_segment& one : found.segments()) records += one.records.size();
    found.for_each_live([&](const inspected_segment& segment, const inspected_record& record) {
      if (++read % 1'024 == 0) progress.at(read, records, false);
      const entry e = reader.read(segment, record);
      const bool is_chosen =
          options_.all ||
          (options_.expired ? e.is_expired(now_) : !e.is_expired(now_) && e.key && takes(*e.key, now_ - e.info.written));
      if (!is_chosen) return;
      ++chosen.files;
      chosen.bytes += e.info.weight;
    });
    return chosen;
  }

 private:
  const purge_options& options_;
  larder::instant now_;
};

bool is_wanted(const std::string& question) {
  if (::isatty(STDIN_FILENO) != 1) {
    std::fprintf(stderr, "larder: nobody is there to be asked; --yes says that it is meant\n");
    return false;
  }
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  std::array<char, 16> answer{};
  return std::fgets(answer.data(), static_cast<int>(answer.size()), stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y');
}

std::size_t empty_quarantine(const std::string& root) {
  std::size_t count = 0;
  const std::string folder = root + "/quarantine";
  for (const std::string& name : larder::storage::names_in(folder))
    count += larder::storage::remove_file(folder + "/" + name) ? 1 : 0;
  return count;
}

}  // namespace

int purge(const purge_options& options) {
  using tools::exit_code::done;
  using tools::exit_code::failed;
  const choice chosen(options);
  const interruption stop;
  std::optional<work_progress> progress(std::in_place);
  const segment_inspection found(options.directory, users_of(options.directory).any, progress->steps("reading segments"));
  const bool takes_entries = options.all || options.expired || options.prefix || options.key || options.older_than;
  const folder_share entries = takes_entries ? chosen.in(found, *progress) : folder_share{};
  const folder_share quarantine = options.quarantine ? share_of_folder(found.root() + "/quarantine") : folder_share{};
  const std::string what = counted(entries.files) + " (" + format_size(entries.bytes) + ")";
  std::size_t dropped = 0;
  std::size_t removed = 0;
  bool is_interrupted = false;
  const auto ends_with = [&](int code) {
    if (options.json)
      std::printf("%s\n", json_object()
                              .add("directory", found.root())
                              .add("dry_run", options.dry_run)
                              .add("interrupted", is_interrupted)
                              .add("done", code == done)
                              .add("chosen", entries.files)
                              .add("chosen_bytes", entries.bytes)
                              .add("dropped", dropped)
                              .add("quarantine_files", quarantine.files)
                              .add("quarantine_bytes", quarantine.bytes)
                              .add("removed", removed)
                              .text()
                              .c_str());
    return code;
  };
  if (options.dry_run) {
    progress->end();
    if (options.json) return ends_with(done);
    if (takes_entries) std::printf("would drop %s\n", what.c_str());
    if (options.quarantine)
      std::printf("would remove %zu files in quarantine (%s)\n", quarantine.files, format_size(quarantine.bytes).c_str());
    return done;
  }
  if (options.all && !options.yes) {
    progress->end();
    if (!is_wanted("Drop all " + what + " of \"" + found.root() + "\"?")) {
      std::fprintf(stderr, "larder: nothing was dropped\n");
      return ends_with(failed);
    }
    progress.emplace();  // nobody waited while the question was there
  }
  told_errors errors;
  if (options.all || entries.files != 0) {
    progress->begin("opening the directory");
    purged_cache cache(larder::lru{}, larder::max_bytes{no_capacity}, larder::ttl{},
                       storage_for(found, larder::verify::first_read),
                       error_teller([&errors](const larder::error_event& e) { errors.add(e); }));
    if (options.all) {
      dropped = cache.size();
      cache.clear(progress->sweep("dropping " + counted(dropped)));
      dropped -= cache.size();
    } else if (options.expired) {
      dropped = cache.purge_expired(progress->sweep("looking for what has expired"));
    } else {
      std::vector<std::string> keys;
      const auto look_at = [&](const std::string& key, std::uint64_t, larder::duration age) {
        if (chosen.takes(key, age)) keys.push_back(key);
      };
      cache.for_each(look_at, progress->sweep("looking for what is chosen"));
      progress->begin("dropping");
      std::size_t met = 0;
      for (const std::string& key : keys) {
        progress->at(met++, keys.size());
        if ((is_interrupted = stop.asked())) break;
        dropped += cache.erase(key) ? 1 : 0;
      }
    }
  }
  progress->end();
  if (options.quarantine) removed = empty_quarantine(found.root());
  const std::vector<larder::error_event> told = errors.take();
  for (const larder::error_event& event : told) std::fprintf(stderr, "larder: %s\n", event.message.c_str());
  const bool told_to_people = !options.json;
  if (told_to_people && takes_entries) std::printf("dropped %s\n", counted(dropped).c_str());
  if (told_to_people && options.quarantine) std::printf("removed %zu files in quarantine\n", removed);
  if (told_to_people && takes_entries && !options.all && dropped != 0)
    std::printf("What they had in segments is garbage until: larder disk compact %s\n", options.directory.c_str());
  if (is_interrupted) {
    std::fprintf(stderr, "larder: interrupted: the rest was not dropped\n");
    return ends_with(interruption::exit_code);
  }
  return ends_with(told.empty() ? done : failed);
}

}  // namespace disk
