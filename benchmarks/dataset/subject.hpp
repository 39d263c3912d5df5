#pragma once

#include "larder_samples.hpp"
#include "samples.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace bench {

/// What the turns find on the disk. Every peer has the samples in its own form, made before the first round.
struct site {
  sample_file samples;
  std::vector<std::uint32_t> order;  ///< of the shuffled epoch; the file "order" in the folder has it, too
  std::filesystem::path folder;

  std::filesystem::path of(const std::string& subject) const { return folder / subject; }
};

/// Writes the samples and their order into a folder.
site make_site(const std::filesystem::path& folder, std::size_t count);

/// Goes through one epoch.
using epoch_walk = std::function<epoch_marks()>;

/// Who can hold samples and go through them.
struct subject {
  std::string name;
  /// Writes its form of the samples, with nothing else in the folder `site::of(name)`; not called for who reads the file itself.
  std::function<void(const site&)> prepare;
  /// Opens it, in the process of the turn. What it gives is used while the site lives.
  std::function<epoch_walk(const site&, const larder_way&)> open;
};

// Each in the file of its name. What the others are divided by is the first.
subject mapping();            ///< walks the mapped file, or copies 64 samples of it at a time into one buffer
subject larder_itself();      ///< `dataset_cache<bytes>` as users name it: on `mmap_disk`
std::vector<subject> lmdb();  ///< its cursor, or a look-up for each sample; empty without LMDB

}  // namespace bench
