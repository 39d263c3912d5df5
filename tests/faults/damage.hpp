#pragma once

// A directory with known contents, files of it as opaque things to damage, and what must hold whatever was done to them.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "support/file_content.hpp"
#include "worker.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace faults {

using support::content_of;
inline void write_over(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
}

/// The files of a directory by name, so that a seed chooses the same one again; empty ones too.
inline std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& found : fs::recursive_directory_iterator(directory))
    if (found.is_regular_file() && !found.is_symlink()) files.push_back(found.path());
  std::sort(files.begin(), files.end());
  return files;
}

inline void copy_directory(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

/// A cache's directory at rest, and what its keys have.
class image {
 public:
  /// `killed`: the writer did not live to close it.
  image(std::uint32_t seed, bool killed, unsigned keys = 20, values form = {16, 60'000}) : known_(keys, form) {
    report_reader reports;
    child writer([&]() -> std::string {
      disk_cache cache = open_cache(directory());
      operations work(cache, known_, reports.writing_end(), seed, 50);
      for (unsigned key = 0; key < keys; ++key) work.put(key);
      for (unsigned i = 0; i < keys * 2; ++i)
        if (std::string wrong = work.step(); !wrong.empty()) return wrong;
      work.put(0);
      if (killed) ::kill(::getpid(), SIGKILL);
      return {};
    });
    reports.hang_up();
    while (reports.take(known_, 60'000)) {
    }
    const std::string end = writer.join();
    if (!killed && !end.empty()) FAIL("the image was not made: " << end);
  }

  fs::path directory() const { return scratch_ / "cache"; }
  const history& known() const noexcept { return known_; }
  history& known() noexcept { return known_; }

 private:
  scratch scratch_;
  history known_;
};

/// The keys of which something lies in the file: their text, or the front of their value.
inline std::set<unsigned> keys_in(const fs::path& file, const history& known) {
  const std::string content = content_of(file);
  std::set<unsigned> keys;
  for (unsigned key = 0; key < known.keys(); ++key) {
    bool here = content.find(key_text(key).substr(0, 40)) != std::string::npos;
    if (const version_number version = known.certain(key); !here && version != missing)
      here = content.find(known.form().text(key, version).substr(0, 64)) != std::string::npos;
    if (here) keys.insert(key);
  }
  return keys;
}

struct expectation {
  std::set<unsigned> affected;         ///< keys that may be missing
  std::size_t most_missing = 1 << 20;  ///< and no more than that many of them
  bool counted = true;                 ///< what is missing must count as corrupt
};

/// Opens a damaged directory in a new process: each key has its value or, when it is affected, none; the cache takes new
/// values of all keys and has them after another restart. Nothing when all of that holds.
inline std::string holds_together(const fs::path& directory, history known, const expectation& allowed,
                                  larder::mmap_disk_options options = {}) {
  return in_child(
      [&]() -> std::string {
        {
          disk_cache cache = open_cache(directory, roomy, options);
          std::size_t lost = 0;
          for (unsigned key = 0; key < known.keys(); ++key) {
            const bool expected = known.must_be_there(key);
            const std::optional<larder::bytes> found = cache.get(key_text(key));
            const bool affected = allowed.affected.count(key) != 0;
            if (std::string wrong = known.judge(key, found, affected); !wrong.empty())
              return wrong + (affected ? "" : " (not damaged)");
            if (expected && !found) ++lost;
          }
          if (lost > allowed.most_missing) return std::to_string(lost) + " keys are missing";
          if (lost != 0 && allowed.counted && errors_of(cache, larder::error_cause::corruption) == 0)
            return "keys are missing and nothing was counted as corrupt";
          operations work(cache, known, -1, 1);
          for (unsigned key = 0; key < known.keys(); ++key)
            if (std::string wrong = work.put(key); !wrong.empty()) return "afterwards: " + wrong;
          known = work.known();
          for (unsigned key = 0; key < known.keys(); ++key)
            if (known.certain(key) == missing) return "afterwards the put of key " + std::to_string(key) + " was refused";
        }
        disk_cache again = open_cache(directory, roomy, options);
        if (std::string wrong = known.judge_all(again); !wrong.empty()) return "after another start: " + wrong;
        if (again.size() != known.keys()) return "after another start there are " + std::to_string(again.size()) + " entries";
        return {};
      },
      60);
}

/// The file of this size that a random byte of all files would lie in, so that large files are not spared; or, one time
/// in three, any file at all.
inline fs::path random_file(const std::vector<fs::path>& files, std::mt19937& random) {
  if (random() % 3 == 0) return files[random() % files.size()];
  std::uintmax_t total = 0;
  for (const fs::path& file : files) total += fs::file_size(file);
  std::uintmax_t place = total == 0 ? 0 : random() % total;
  for (const fs::path& file : files) {
    if (place < fs::file_size(file)) return file;
    place -= fs::file_size(file);
  }
  return files.back();
}

}  // namespace faults
