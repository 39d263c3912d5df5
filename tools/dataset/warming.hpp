#pragma once

#include "dataset/record_formats.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace dataset {

struct warm_options : format_options {
  std::string directory;
  std::string name;
  std::optional<std::uint64_t> max_bytes;  ///< of samples in the cache
  std::optional<std::size_t> workers;
  bool replace = false;
  bool json = false;
  bool quiet = false;
};
/// Caches the records of files under a name; the exit code: 0 all are there, 1 some had no room, 130 interrupted.
int warm_dataset(const warm_options& options);

struct drop_options {
  std::string directory;
  std::string name;
  bool dry_run = false;
  bool json = false;
};
/// Drops a data set and the samples that no other named one has.
void drop_dataset(const drop_options& options);

}  // namespace dataset
