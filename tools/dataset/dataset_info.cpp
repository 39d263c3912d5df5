#include "dataset/dataset_directory.hpp"
#include "dataset/dataset_list.hpp"
#include "disk/json_object.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace dataset {
namespace {

using larder::format_size;
using simulate::grouped;

struct counted {
  std::uint64_t here = 0;
  std::uint64_t lost = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored = 0;

  void add(const counted& other) {
    here += other.here;
    lost += other.lost;
    bytes += other.bytes;
    stored += other.stored;
  }
};

void line(const char* name, const std::string& text) { std::printf("  %-12s %s\n", name, text.c_str()); }

}  // namespace

void print_info(const info_options& options) {
  dataset_directory directory(options.directory);
  const dataset_manifest of = directory.get(options.name);
  std::vector<counted> shards(of.shards.size());
  std::vector<std::uint64_t> sizes;
  counted all;
  for (std::size_t s = 0; s < shards.size(); ++s) {
    for (std::uint64_t i = 0; i < of.shards[s].samples; ++i) {
      const kept_sample sample = directory.look_at(sample_id(of.shards[s].key, i));
      if (sample.is == kept_sample::state::lost) ++shards[s].lost;
      if (sample.is != kept_sample::state::here) continue;
      ++shards[s].here;
      shards[s].bytes += sample.size;
      shards[s].stored += sample.stored;
      sizes.push_back(sample.size);
    }
    all.add(shards[s]);
  }
  std::uint64_t median = 0;
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  if (!sizes.empty()) {
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    median = *middle;
    least = *std::min_element(sizes.begin(), middle + 1);
    most = *std::max_element(middle, sizes.end());
  }
  const auto known = [&](std::uint64_t value) { return sizes.empty() ? std::nullopt : std::optional<std::uint64_t>(value); };

  const auto quota = of.quota == dataset_manifest::no_quota ? std::nullopt : std::optional<std::uint64_t>(of.quota);

  if (options.json) {
    std::string list = "[";
    for (std::size_t s = 0; s < shards.size(); ++s)
      list += (s == 0 ? "\n  " : ",\n  ") + disk::json_object()
                                                .add("samples", of.shards[s].samples)
                                                .add("cached", shards[s].here)
                                                .add("cached_bytes", shards[s].bytes)
                                                .text();
    std::printf("%s\n", disk::json_object()
                            .add("directory", directory.root())
                            .add("name", name_text(of.name))
                            .add("source", of.source)
                            .add("version", of.version)
                            .add("samples", of.samples)
                            .add("bytes", of.bytes)
                            .add("cached", all.here)
                            .add("cached_bytes", all.bytes)
                            .add("stored_bytes", all.stored)
                            .add("lost", all.lost)
                            .add("smallest", known(least))
                            .add("median", known(median))
                            .add("largest", known(most))
                            .add("quota", quota)
                            .add("in_use", directory.is_in_use())
                            .member("shards", list + (shards.empty() ? "]" : "\n]"))
                            .text()
                            .c_str());
    return;
  }
  std::printf("%s\n", name_text(of.name).c_str());
  line("source", name_text(of.source));
  line("version", of.version.empty() ? "none: records are the samples" : name_text(of.version));
  line("samples", grouped(of.samples) + ", " + format_size(of.bytes));
  line("shards", grouped(of.shards.size()));
  std::string cached = all.here == of.samples ? "all" : grouped(all.here) + " of " + grouped(of.samples);
  if (all.here != of.samples && of.samples != 0)
    cached += " (" + simulate::decimal(100.0 * static_cast<double>(all.here) / static_cast<double>(of.samples), 1) + " %)";
  cached += ", " + format_size(all.bytes);
  if (all.stored != all.bytes) cached += ", " + format_size(all.stored) + " compressed";
  if (all.lost != 0) cached += "; of " + grouped(all.lost) + " there is only a part (larder dataset verify)";
  line("cached", cached);
  if (quota) line("quota", format_size(*quota));
  if (!sizes.empty())
    line("sizes", "smallest " + format_size(least) + ", median " + format_size(median) + ", largest " + format_size(most));
  if (!options.by_shard) return;
  std::printf("\n%8s  %12s  %12s  %10s\n", "SHARD", "SAMPLES", "CACHED", "BYTES");
  for (std::size_t s = 0; s < shards.size(); ++s)
    std::printf("%8s  %12s  %12s  %10s\n", grouped(s).c_str(), grouped(of.shards[s].samples).c_str(),
                grouped(shards[s].here).c_str(), format_size(shards[s].bytes).c_str());
}

}  // namespace dataset
