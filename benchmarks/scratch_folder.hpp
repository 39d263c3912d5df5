#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

/// A new folder that goes, with all that is in it, when this goes.
class scratch_folder {
 public:
  /// Made inside `parent`, and `parent` when it is not there. Throws std::runtime_error unless its file system has `needed` bytes free.
  scratch_folder(const std::filesystem::path& parent, std::uint64_t needed);
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder();

  const std::filesystem::path& path() const { return path_; }
  /// A new empty folder somewhere in it, where new files cost little.
  std::filesystem::path fresh() const;

 private:
  std::filesystem::path path_;
};

}  // namespace bench
