#pragma once

#include <larder/core/digest.hpp>
#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

namespace layers {

/// So many chunks of so many bytes.
struct chunk_count {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;

  void add(std::size_t size) noexcept {
    ++chunks;
    bytes += size;
  }
};

/// A directory of chunks that is written to, by one process at a time. A chunk is in a file that is called by its digest, and there only
/// once it is whole. Nothing outside the directory is written. Throws `larder::error`.
class chunk_folder {
 public:
  /// Makes it where it is missing, and removes what a writer that was killed has left half done.
  explicit chunk_folder(const std::string& path);

  /// Sees to it that the chunk is there: it is written, unless one of the same bytes is there.
  void store(const larder::digest& id, std::span<const std::byte> content);
  /// Puts a manifest in place, after all chunks before it are on the device. Its path.
  std::filesystem::path publish(const std::string& model, std::string_view manifest);

  const chunk_count& written() const noexcept { return written_; }
  const chunk_count& kept() const noexcept { return kept_; }      ///< they were there before, of an earlier run or another model
  const chunk_count& shared() const noexcept { return shared_; }  ///< the model had them before: equal tensors
  const chunk_count& replaced() const noexcept { return replaced_; }  ///< those of `written` in whose place something damaged was

 private:
  enum class found { nothing, same, other };
  found look(const std::string& path, const larder::digest& id, std::span<const std::byte> content) const;
  void write(const std::string& path, const larder::digest& id, std::span<const std::byte> content);

  struct by_digest {
    std::size_t operator()(const larder::digest& id) const noexcept { return static_cast<std::size_t>(id.low); }
  };

  std::filesystem::path path_;
  larder::storage::file_descriptor lock_;
  std::unordered_set<larder::digest, by_digest> stored_;  // by this object
  chunk_count written_;
  chunk_count kept_;
  chunk_count shared_;
  chunk_count replaced_;
};

}  // namespace layers
