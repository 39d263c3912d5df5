#include "dataset/dataset_verification.hpp"

#include "dataset/dataset_directory.hpp"
#include "dataset/sample_progress.hpp"
#include "disk/entry_reader.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace dataset {
namespace {

using larder::format_size;
using simulate::grouped;

/// A sample that is not as it was written, or could not be read.
struct fault {
  std::uint64_t sample = 0;
  larder::digest id;
  std::string place;
  std::string why;
};
/// Samples that follow one another, with both ends.
struct run {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::string text() const {
    return first == last ? "sample " + grouped(first) : "samples " + grouped(first) + " to " + grouped(last);
  }
};

struct verdict {
  std::string name;
  std::string manifest_why;  ///< why the manifest cannot be read
  std::uint64_t samples = 0;
  std::uint64_t checked = 0;
  std::uint64_t missing_count = 0;
  std::uint64_t bytes = 0;
  std::vector<run> missing;
  std::vector<fault> damaged;
  std::vector<fault> unreadable;

  void add_missing(std::uint64_t sample) {
    ++missing_count;
    if (!missing.empty() && missing.back().last + 1 == sample)
      missing.back().last = sample;
    else
      missing.push_back({sample, sample});
  }
  bool is_whole() const { return manifest_why.empty() && missing.empty() && damaged.empty() && unreadable.empty(); }
};

struct progress_of_all {
  sample_progress line;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

verdict verify(dataset_directory& directory, const dataset_manifest& of, progress_of_all& progress,
               const disk::interruption& stop) {
  verdict found;
  found.name = of.name;
  found.samples = of.samples;
  for (const auto& shard : of.shards)
    for (std::uint64_t i = 0; i < shard.samples && !stop.asked(); ++i) {
      const std::uint64_t number = found.checked++;
      ++progress.done;
      progress.line.at(progress.done, true, [&] { return progress.total; });
      const larder::digest id = sample_id(shard.key, i);
      const kept_sample kept = directory.look_at(id);
      if (kept.is == kept_sample::state::missing) {
        found.add_missing(number);
        continue;
      }
      try {
        read_value value = directory.read(id);
        if (value.content)
          found.bytes += value.content->size();
        else
          found.damaged.push_back({number, id, disk::text_of_place(kept.place), std::move(value.why)});
      } catch (const larder::storage::file_error& failure) {
        found.unreadable.push_back({number, id, disk::text_of_place(kept.place), failure.what()});
      }
    }
  return found;
}

/// What others wrote anew or let go of while it was read is no damage: looks at damaged samples once more.
void look_again(const std::string& root, verdict& of) {
  if (of.damaged.empty()) return;
  dataset_directory directory(root);
  std::vector<fault> still;
  for (fault& one : of.damaged) {
    if (directory.look_at(one.id).is == kept_sample::state::missing) {
      const auto before = std::find_if(of.missing.begin(), of.missing.end(), [&](const run& r) { return r.first > one.sample; });
      of.missing.insert(before, {one.sample, one.sample});
      ++of.missing_count;
      continue;
    }
    const read_value value = directory.read(one.id);
    if (value.content)
      of.bytes += value.content->size();
    else
      still.push_back(std::move(one));
  }
  of.damaged = std::move(still);
}

std::string json_of(const std::vector<fault>& list) {
  std::string text = "[";
  for (const fault& one : list)
    text += (text.size() == 1 ? "" : ", ") +
            disk::json_object().add("sample", one.sample).add("place", one.place).add("why", one.why).text();
  return text + "]";
}
std::string json_of(const std::vector<run>& list) {
  std::string text = "[";
  for (const run& one : list)
    text += (text.size() == 1 ? "" : ", ") + disk::json_object().add("first", one.first).add("last", one.last).text();
  return text + "]";
}

void print_json(const std::string& root, const std::vector<verdict>& all, bool interrupted, double seconds) {
  std::string sets = "[";
  bool is_whole = !interrupted;
  for (const verdict& one : all) {
    is_whole = is_whole && one.is_whole();
    sets += (sets.size() == 1 ? "\n  " : ",\n  ") +
            disk::json_object()
                .add("name", name_text(one.name))
                .add("whole", one.is_whole() && one.checked == one.samples)
                .add("samples", one.samples)
                .add("checked", one.checked)
                .add("bytes_read", one.bytes)
                .add("missing_count", one.missing_count)
                .member("missing", json_of(one.missing))
                .member("damaged", json_of(one.damaged))
                .member("unreadable", json_of(one.unreadable))
                .add("manifest", one.manifest_why.empty() ? std::nullopt : std::optional<std::string>(one.manifest_why))
                .text();
  }
  std::printf("%s\n", disk::json_object()
                          .add("directory", root)
                          .add("whole", is_whole)
                          .add("interrupted", interrupted)
                          .member("seconds", simulate::decimal(seconds, 3))
                          .member("datasets", sets + (all.empty() ? "]" : "\n]"))
                          .text()
                          .c_str());
}

void print_text(const std::vector<verdict>& all, bool interrupted, const sample_progress& pace) {
  bool any_damage = false;
  for (const verdict& one : all) {
    const std::string name = name_text(one.name);
    const auto print = [&](const char* what, const std::vector<fault>& list) {
      for (const fault& each : list)
        std::printf("%-10s  %s, sample %s\n            %s %s\n", what, name.c_str(), grouped(each.sample).c_str(),
                    each.place.c_str(), each.why.c_str());
    };
    print("damaged", one.damaged);
    print("unreadable", one.unreadable);
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(most, one.missing.size()); ++i)
      std::printf("missing     %s, %s\n", name.c_str(), one.missing[i].text().c_str());
    if (one.missing.size() > most)
      std::printf("missing     %s, %s more runs of samples (--json has all)\n", name.c_str(),
                  grouped(one.missing.size() - most).c_str());
    std::string said;
    const auto add = [&](std::size_t count, const char* what) {
      if (count != 0) said += (said.empty() ? "" : ", ") + grouped(count) + what;
    };
    add(one.damaged.size(), " damaged");
    add(one.unreadable.size(), " could not be read");
    add(static_cast<std::size_t>(one.missing_count), " missing");
    any_damage = any_damage || !one.damaged.empty();
    if (!one.manifest_why.empty()) said = one.manifest_why;
    if (said.empty()) said = one.checked == one.samples ? "whole" : "nothing wrong so far";
    std::printf("%s: %s", name.c_str(), said.c_str());
    if (one.manifest_why.empty())
      std::printf(": checked %s%s, read %s", (one.checked == one.samples ? "" : grouped(one.checked) + " of ").c_str(),
                  samples_text(one.samples).c_str(), format_size(one.bytes).c_str());
    std::printf("%s\n", all.size() == 1 && !interrupted ? pace.pace(one.checked).c_str() : "");
  }
  if (all.empty()) std::printf("there is no data set: nothing to verify\n");
  if (any_damage)
    std::printf(
        "A cache takes a damaged sample for one that it does not have. To fill the gaps: larder dataset warm, or the program "
        "that cached them\n");
}

}  // namespace

int verify_datasets(const verify_options& options) {
  const disk::interruption stop;
  dataset_directory directory(options.directory);
  std::vector<dataset_directory::listed> chosen;
  for (const std::string& name : options.names) chosen.push_back({name, directory.get(name), {}});
  if (options.names.empty()) chosen = directory.list();

  progress_of_all progress{{"verifying", options.quiet}};
  for (const auto& one : chosen) progress.total += one.manifest ? one.manifest->samples : 0;
  std::vector<verdict> all;
  for (const auto& one : chosen) {
    if (one.manifest) {
      all.push_back(verify(directory, *one.manifest, progress, stop));
      if (directory.is_in_use()) look_again(directory.root(), all.back());
    } else {
      verdict unread;
      unread.name = one.name;
      unread.manifest_why = one.why;
      all.push_back(std::move(unread));
    }
    if (stop.asked()) break;
  }
  progress.line.end();
  const bool interrupted = stop.asked() && progress.done < progress.total;
  if (options.json)
    print_json(directory.root(), all, interrupted, progress.line.seconds());
  else
    print_text(all, interrupted, progress.line);
  if (interrupted) {
    std::fprintf(stderr, "larder: interrupted: %s of %s samples were checked\n", grouped(progress.done).c_str(),
                 grouped(progress.total).c_str());
    return disk::interruption::exit_code;
  }
  bool refused = false;
  for (const verdict& one : all) {
    if (!one.damaged.empty() || !one.missing.empty() || !one.manifest_why.empty()) return tools::exit_code::failed;
    refused = refused || !one.unreadable.empty();
  }
  constexpr int not_read = 2;
  return refused ? not_read : tools::exit_code::done;
}

}  // namespace dataset
