#pragma once

#include <larder/artifact/content_digest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace larder {

/// How much is read to see whether files are whole.
enum class verify_depth : std::uint8_t {
  quick,  ///< nothing: places and sizes
  deep,   ///< everything: each chunk, and the whole by its digest
};

enum class file_fault : std::uint8_t {
  none,
  missing,    ///< neither it nor its blob is there
  misplaced,  ///< its blob is there, and the link to it is not, or leads elsewhere
  damaged,    ///< of another size or content
};

constexpr const char* to_string(file_fault fault) noexcept {
  switch (fault) {
    case file_fault::missing:
      return "missing";
    case file_fault::misplaced:
      return "misplaced";
    case file_fault::damaged:
      return "damaged";
    default:
      return "whole";
  }
}

/// What was found of a file.
struct file_report {
  std::string name;
  content_digest digest{};
  file_fault fault = file_fault::none;
  bool verified = true;                       ///< its provider gave a digest
  std::uint64_t size = 0;                     ///< that it should have
  std::vector<std::size_t> damaged_chunks{};  ///< of 8 MiB, by number, where they are known: what a repair fetches
  bool packed = false;                        ///< it is kept in pieces alone, from which the next `get` puts it together
};

/// What was found of a package.
struct package_report {
  std::string model_id;
  std::string package_id;
  std::vector<file_report> files{};

  bool is_whole() const noexcept {
    return std::all_of(files.begin(), files.end(), [](const file_report& file) { return file.fault == file_fault::none; });
  }
};

/// What a repair did.
struct repair_report {
  std::uint64_t mended_files = 0;   ///< of which a part was fetched
  std::uint64_t fetched_files = 0;  ///< that were fetched as a whole
  std::uint64_t fetched_bytes = 0;
  std::uint64_t relinked_files = 0;
};

/// What packing came to.
struct pack_report {
  std::uint64_t files = 0;  ///< each content once
  std::uint64_t bytes = 0;  ///< of them
  std::uint64_t added = 0;  ///< bytes in pieces that nothing else had: what they take from now on
  std::uint64_t freed = 0;  ///< bytes of files that went
  std::uint64_t in_use = 0; ///< packages in use, whose files stay as they are, too
};

}  // namespace larder
