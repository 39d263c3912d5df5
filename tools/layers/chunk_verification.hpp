#pragma once

#include "disk/byte_progress.hpp"
#include "disk/interruption.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace layers {

/// Whether a path is that of a directory of chunks and not of a model.
bool is_chunk_directory(const std::string& path);

/// A chunk or a manifest that is not as it was written, or that could not be read.
struct chunk_damage {
  std::string place;                ///< its name in the directory
  std::string why;                  ///< `is not there`
  std::vector<std::string> models;  ///< that need it
  std::string tensor;               ///< of the first of them, the first one; empty where it is about no tensor
};

struct chunk_verification {
  std::vector<chunk_damage> damaged;
  std::vector<chunk_damage> unreadable;  ///< the system refused
  std::vector<std::string> models;       ///< whose manifests can be read
  std::uint64_t tensors = 0;             ///< of them all
  std::uint64_t chunks = 0;              ///< that they name, each once
  std::uint64_t chunks_checked = 0;
  std::uint64_t bytes = 0;  ///< read, of `bytes_total`
  std::uint64_t bytes_total = 0;
  double seconds = 0;
  bool is_interrupted = false;

  std::vector<std::string> unnamed;  ///< chunks that no manifest names
  std::uint64_t unnamed_bytes = 0;
  std::vector<std::string> leftovers;  ///< of a writer that was killed, or is at work
  std::vector<std::string> others;     ///< files that are none of larder's
  bool is_written = false;             ///< somebody splits a model into it now
};

/// Compares a directory of chunks with its manifests and reads each chunk that they name, with all of them each tensor. `all`: chunks that
/// none names, too. Changes nothing. Throws `larder::error` when the directory cannot be read.
chunk_verification verify_chunks(const std::string& directory, bool all, bool quiet, const disk::interruption& stop);

struct verify_options {
  std::string path;
  bool all = false;
  bool json = false;
  bool quiet = false;
};
/// Verifies a directory of chunks, or a model with the manifest beside it, and prints what was found; the exit code: 0 whole, 1 damage,
/// 2 something could not be read, 130 interrupted.
int print_verification(const verify_options& options);

}  // namespace layers
