#pragma once

// The data sets in a directory of `mmap_disk`, for who only looks: as segment_inspection.hpp has it.

#include "dataset/value_reader.hpp"
#include "disk/entry_reader.hpp"

#include <larder/core/digest.hpp>
#include <larder/format/dataset_manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dataset {

using larder::format::dataset_manifest;

/// A data set's name as it can be read and typed again: text, or `hex:` and its bytes.
std::string name_text(std::string_view name);

/// What a directory has of a sample.
struct kept_sample {
  enum class state : std::uint8_t { here, missing, lost };  ///< lost: its record is not whole, or its value's file is not there
  state is = state::missing;
  std::uint64_t size = 0;              ///< to callers
  std::uint64_t stored = 0;            ///< as it lies there
  larder::format::record_place place;  ///< of one that is not missing
};

class dataset_directory {
 public:
  /// Reads which entries there are. Throws `larder::error` when it is no directory of `mmap_disk` or cannot be read.
  explicit dataset_directory(const std::string& directory, const disk::segment_inspection::look_progress& progress = {});

  const std::string& root() const noexcept { return found_.root(); }
  bool is_in_use() const noexcept { return in_use_; }

  /// A manifest, or why it cannot be read.
  struct listed {
    std::string name;
    std::optional<dataset_manifest> manifest;
    std::string why;
  };
  /// Those of all data sets, by name. Cost: reads the head of each entry.
  std::vector<listed> list();
  /// Nothing when there is no data set of the name. Throws `larder::error` (corruption) when its manifest cannot be read.
  std::optional<dataset_manifest> find(std::string_view name);
  /// Throws `larder::error` (invalid_argument), with the names that there are, when there is none such.
  dataset_manifest get(std::string_view name);

  kept_sample look_at(const larder::digest& key) const;
  /// Reads the value of a key and checks it; one that it does not have `is_missing`. Throws `larder::error` when the system refuses.
  read_value read(const larder::digest& key);

 private:
  struct location {
    std::uint32_t segment = 0;  // number in the list of them
    std::uint32_t record = 0;
  };
  const location* locate(const larder::digest& key) const;
  std::optional<dataset_manifest> parsed(std::string_view name, read_value value, std::string& why) const;

  bool in_use_;
  disk::segment_inspection found_;
  value_reader values_;
  std::unordered_map<std::uint64_t, location> entries_;  // by the low half of the key's digest
};

/// The digest of the key that a sample has in the cache, by its shard's key and number there.
larder::digest sample_id(const std::string& shard, std::uint64_t number);

}  // namespace dataset
