#include "dataset/dataset_list.hpp"

#include "dataset/dataset_directory.hpp"
#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace dataset {

using larder::format_size;
using simulate::grouped;

int list_datasets(const list_options& options) {
  dataset_directory directory(options.directory);
  const std::vector<dataset_directory::listed> all = directory.list();
  std::vector<const dataset_directory::listed*> unreadable;
  std::size_t rows = 0;
  std::uint64_t bytes = 0;
  const char* separator = "\n";
  if (options.json) std::fputs("[", stdout);
  constexpr const char* row = "%14s  %10s  %-24s  %-32s  %s\n";
  for (const auto& one : all) {
    if (!one.manifest) {
      unreadable.push_back(&one);
      continue;
    }
    const dataset_manifest& m = *one.manifest;
    if (options.json) {
      disk::json_object text;
      text.add("name", name_text(m.name))
          .add("samples", m.samples)
          .add("bytes", m.bytes)
          .add("version", m.version)
          .add("source", m.source);
      std::printf("%s%s", separator, text.add("shards", m.shards.size()).text().c_str());
      separator = ",\n";
      continue;
    }
    if (rows++ == 0) std::printf(row, "SAMPLES", "BYTES", "VERSION", "SOURCE", "NAME");
    std::printf(row, grouped(m.samples).c_str(), format_size(m.bytes).c_str(),
                m.version.empty() ? "-" : name_text(m.version).c_str(), name_text(m.source).c_str(), name_text(m.name).c_str());
    bytes += m.bytes;
  }
  if (options.json) std::fputs(all.size() == unreadable.size() ? "]\n" : "\n]\n", stdout);
  std::fflush(stdout);
  for (const auto* one : unreadable)
    std::fprintf(stderr, "%s: %s; cache it again (larder dataset warm)\n", name_text(one->name).c_str(), one->why.c_str());
  if (!options.json) {
    const std::size_t sets = all.size() - unreadable.size();
    std::fprintf(stderr, "%s, %s of samples. Which of them are there: larder dataset info\n",
                 (grouped(sets) + (sets == 1 ? " data set" : " data sets")).c_str(), format_size(bytes).c_str());
  }
  return unreadable.empty() ? tools::exit_code::done : tools::exit_code::failed;
}

}  // namespace dataset
