#include "dataset/warming.hpp"

#include "dataset/dataset_directory.hpp"
#include "dataset/sample_progress.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "disk/work_progress.hpp"
#include "exit_code.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <stop_token>
#include <thread>

namespace dataset {
namespace {

using larder::format_size;
using simulate::grouped;
using cache = larder::dataset_cache<larder::bytes>;

/// Passes Ctrl-C on to the streams' threads, also while they wait.
class stop_on_interruption {
 public:
  explicit stop_on_interruption(const disk::interruption& asked)
      : watcher_([this, &asked](const std::stop_token& over) {
          constexpr std::chrono::milliseconds often{20};
          while (!over.stop_requested() && !asked.asked()) std::this_thread::sleep_for(often);
          if (asked.asked()) source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;
};

/// What there is under the name already; nothing in a directory that is not there or empty, and where the manifest cannot be read: it is
/// written anew.
std::optional<dataset_manifest> known_before(const warm_options& options) {
  std::error_code failed;
  if (!std::filesystem::exists(options.directory, failed) || std::filesystem::is_empty(options.directory, failed)) return std::nullopt;
  dataset_directory directory(options.directory);
  try {
    return directory.find(options.name);
  } catch (const larder::error& failure) {
    if (failure.cause() != larder::error_cause::corruption) throw;
    return std::nullopt;
  }
}

/// Whether all that the data set has is in the files too, so that nothing is left behind when they take its name.
bool goes_on_with(const dataset_manifest& before, const record_source& source, const std::string& version) {
  std::set<std::string, std::less<>> keys;
  const std::uint64_t making = larder::datasets::making_of<larder::bytes>(version);
  for (std::size_t n = 0; n < source.shards(); ++n)
    keys.emplace(larder::datasets::shard_key::of(making, source.fingerprint(n)).view());
  for (const auto& shard : before.shards)
    if (!keys.contains(shard.key)) return false;
  return true;
}

struct outcome {
  larder::dataset_info info;
  std::uint64_t done = 0;
  bool interrupted = false;
};

outcome run(cache& data, const warm_options& options, const record_source& source, const std::string& version,
            sample_progress& progress, const disk::interruption& stop) {
  outcome result;
  const stop_on_interruption watch(stop);
  larder::cache_dataset_options how;
  how.workers = options.workers;
  how.stop = watch.token();
  how.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    result.done = done;
    progress.at(done, total != 0, [&] { return total != 0 ? total : source.estimated_samples(); });
  };
  try {
    if (version.empty())
      result.info = data.cache_dataset(options.name, source, how);
    else
      result.info =
          data.cache_dataset(options.name, source, larder::preprocess{version, [](larder::bytes record) { return record; }}, how);
  } catch (const larder::error& failure) {
    if (failure.cause() != larder::error_cause::cancelled || !stop.asked()) throw;
    result.interrupted = true;
  }
  return result;
}

void print_json(const warm_options& options, const outcome& result, const larder::dataset_stats& did, const record_source& source,
                record_format format, const std::string& version, double seconds) {
  const bool done = !result.interrupted;
  std::printf("%s\n", disk::json_object()
                          .add("directory", options.directory)
                          .add("name", name_text(options.name))
                          .add("source", source.name())
                          .add("format", name_of(format))
                          .add("version", version)
                          .add("samples", done ? std::optional<std::uint64_t>(result.info.samples) : std::nullopt)
                          .add("bytes", done ? std::optional<std::uint64_t>(result.info.bytes) : std::nullopt)
                          .add("made", did.made)
                          .add("found", did.hits + did.joined)
                          .add("no_room", did.not_kept)
                          .add("refused", did.failed_puts)
                          .add("interrupted", result.interrupted)
                          .member("seconds", simulate::decimal(seconds, 3))
                          .text()
                          .c_str());
}

}  // namespace

int warm_dataset(const warm_options& options) {
  const disk::interruption stop;
  const record_format format = chosen_format(options);
  const std::string version = version_of(format, options);
  const record_source source = open_records(format, options);
  larder::datasets::check_dataset_name(options.name);

  const std::optional<dataset_manifest> before = known_before(options);
  const bool must_drop = before && !goes_on_with(*before, source, version);
  if (must_drop && !options.replace)
    larder::core::fail(
        larder::error_cause::invalid_argument,
        options.directory + ": there is a data set \"" + name_text(options.name) + "\" already, of " + name_text(before->source) +
            ", and these files have other content (or have changed since); --replace drops it first, or take another name");

  cache data = options.max_bytes ? cache{larder::mmap_disk{options.directory}, larder::max_bytes{*options.max_bytes}}
                                 : cache{larder::mmap_disk{options.directory}};
  if (must_drop) data.drop(options.name);
  sample_progress progress("caching", options.quiet);
  const outcome result = run(data, options, source, version, progress, stop);
  progress.end();
  const larder::dataset_stats did = data.stats();
  const std::uint64_t left_out = did.not_kept + did.failed_puts;
  const std::string name = name_text(options.name);
  if (options.json) print_json(options, result, did, source, format, version, progress.seconds());
  if (result.interrupted) {
    std::fprintf(stderr, "larder: interrupted: of \"%s\" %s are cached so far; the same command goes on from there\n",
                 name.c_str(), samples_text(result.done).c_str());
    return disk::interruption::exit_code;
  }
  if (!options.json) {
    std::printf("%s: %s, %s, of %s (%s)%s\n", name.c_str(), samples_text(result.info.samples).c_str(),
                format_size(result.info.bytes).c_str(), name_text(result.info.source).c_str(), name_of(format).c_str(),
                progress.pace(result.info.samples).c_str());
    if (did.hits + did.joined != 0)
      std::printf("  %s were there already, %s came now\n", grouped(did.hits + did.joined).c_str(),
                  grouped(did.made - left_out).c_str());
  }
  if (left_out == 0) return tools::exit_code::done;
  std::fflush(stdout);
  if (did.not_kept != 0)
    std::fprintf(stderr, "larder: %s of %s had no room: samples may take %s (--max-bytes), and the cache has %s of them\n",
                 grouped(did.not_kept).c_str(), samples_text(result.info.samples).c_str(), format_size(data.capacity()).c_str(),
                 format_size(data.weight()).c_str());
  if (did.failed_puts != 0)
    std::fprintf(stderr, "larder: the cache refused %s although there was room; look at what is free on the disk of %s\n",
                 samples_text(did.failed_puts).c_str(), options.directory.c_str());
  return tools::exit_code::failed;
}

void drop_dataset(const drop_options& options) {
  disk::work_progress progress;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  {
    dataset_directory directory(options.directory, progress.steps("reading segments"));
    const dataset_manifest of = directory.get(options.name);
    progress.begin("counting samples");
    std::uint64_t met = 0;
    std::set<std::string> kept;
    for (const auto& other : directory.list())
      if (other.name != options.name && other.manifest)
        for (const auto& shard : other.manifest->shards) kept.insert(shard.key);
    for (const auto& shard : of.shards) {
      if (!kept.insert(shard.key).second) continue;  // another one's, or counted
      for (std::uint64_t i = 0; i < shard.samples; ++i) {
        if (met++ % 1'024 == 0) progress.at(met - 1, of.samples);
        const kept_sample one = directory.look_at(sample_id(shard.key, i));
        if (one.is == kept_sample::state::missing) continue;
        ++samples;
        bytes += one.stored;
      }
    }
  }
  if (!options.dry_run) {
    progress.begin("opening the directory");
    cache data{larder::mmap_disk{options.directory}};
    if (!data.drop(options.name, progress.sweep("dropping samples")))
      larder::core::fail(larder::error_cause::io,
                         options.directory + ": the data set \"" + name_text(options.name) + "\" is not there any more");
  }
  progress.end();
  if (options.json) {
    std::printf("%s\n", disk::json_object()
                            .add("name", options.name)
                            .add("dry_run", options.dry_run)
                            .add("samples", samples)
                            .add("bytes", bytes)
                            .text()
                            .c_str());
    return;
  }
  std::printf("%s %s: %s, %s\n", options.dry_run ? "would drop" : "dropped", name_text(options.name).c_str(),
              samples_text(samples).c_str(), format_size(bytes).c_str());
  if (!options.dry_run)
    std::printf("What they had in segments is garbage until: larder disk compact %s\n", options.directory.c_str());
}

}  // namespace dataset
