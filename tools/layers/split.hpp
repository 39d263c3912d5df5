#pragma once

#include <cstdint>
#include <string>

namespace layers {

struct split_options {
  static constexpr std::uint64_t least_chunk = std::uint64_t{4} << 10U;
  static constexpr std::uint64_t most_chunk = std::uint64_t{1} << 30U;

  std::string model;
  std::string directory;
  std::string name;  ///< of the model; empty: by its file
  std::uint64_t chunk_size = 0;
  bool json = false;
  bool quiet = false;
};

/// Splits a model into chunks and says what became of them; the exit code: 0 done, 130 interrupted.
int split_model(const split_options& options);

}  // namespace layers
