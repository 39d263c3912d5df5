#pragma once

// Chunks of models in a directory, as `larder layers split` leaves them: each in a file that is called by its digest, and the manifests in
// the directory `manifests` below.

#include <larder/core/bytes.hpp>
#include <larder/core/chunk_store.hpp>
#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/readable_file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace larder {

/// A directory of chunks: a place for `chunked_model`. A chunk is opened for each read, so that any number of them may be there.
class chunk_directory {
 public:
  explicit chunk_directory(std::filesystem::path path) : path_(std::move(path)) {}

  std::string name() const { return path_.string(); }
  std::filesystem::path path_of_chunk(const digest& id) const { return path_ / id.hex(); }
  /// `model`: a name that `format::is_model_name` allows.
  std::filesystem::path path_of_manifest(const std::string& model) const { return path_ / "manifests" / (model + ".json"); }

  bytes manifest(const std::string& model) const {
    format::check_model_name(model);
    const layers::readable_file file(path_of_manifest(model));
    if (file.size() > format::manifest_limits::bytes)
      core::fail(error_cause::corruption, file.name() + ": a manifest of " + std::to_string(file.size()) + " bytes is not read");
    mutable_bytes text(static_cast<std::size_t>(file.size()));
    file.read(0, text.span());
    file.check_unchanged();
    return std::move(text).freeze();
  }
  void read(std::span<const chunk_piece> pieces) const {
    for (const chunk_piece& piece : pieces) {
      const layers::readable_file file(path_of_chunk(piece.id));
      if (file.size() != piece.chunk_size)
        core::fail(error_cause::corruption, file.name() + " has " + std::to_string(file.size()) +
                                                " bytes, and the chunk of that name has " + std::to_string(piece.chunk_size) +
                                                "; larder layers split writes it anew");
      file.read(piece.offset, piece.room);
    }
  }

 private:
  std::filesystem::path path_;
};

static_assert(chunk_store<chunk_directory>);

}  // namespace larder
