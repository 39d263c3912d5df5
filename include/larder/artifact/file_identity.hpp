#pragma once

// Which content a file or folder has: the input of whatever is cached by content.

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/digest_memory.hpp>
#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/folder_files.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/expiry/any_time_source.hpp>
#include <larder/format/canonical_text.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace larder {

/// A file of an identified folder, or the identified file, whose name is then empty.
struct identified_file {
  std::string name;  ///< below the folder, '/' between its parts
  std::uint64_t size = 0;
  content_digest digest{};

  bool operator==(const identified_file&) const = default;
};

/// What a file or folder holds.
struct file_identity {
  /// Of a file: of its content. Of a folder: of `folder_text(files)`, so names count, and times, owners, modes and empty folders do not.
  content_digest digest{};
  bool is_folder = false;
  std::uint64_t size = 0;                ///< of all files
  std::vector<identified_file> files{};  ///< by name
  std::uint64_t read = 0;                ///< bytes that were read for it: 0 when every digest was remembered
};

struct identify_options {
  digest_algorithm algorithm = digest_algorithm::sha256;
  bool recheck = false;        ///< reads every file, whatever is remembered of it
  bool outside_links = false;  ///< follows symbolic links out of the folder, too
  std::size_t threads = 0;     ///< that read; 0: as many as the machine has, at most 8
  transfer_control control{};  ///< bytes that are read, of those that must be
};

struct file_identifier_options {
  std::size_t remembered = 32768;                      ///< digests at least
  any_time_source time{};                              ///< as the file system tells it
  std::function<void(const error_event&)> on_error{};  ///< told when digests could not be remembered or looked up
};

namespace artifacts {

/// What the digest of a folder is the digest of: a canonical list of its files.
inline std::string folder_text(const std::vector<identified_file>& files) {
  std::string text = "{\"files\": [";
  for (const identified_file& file : files) {
    if (&file != &files.front()) text += ", ";
    text += '[';
    format::append_canonical_text(text, file.name);
    text.append(", ").append(std::to_string(file.size)).append(", \"").append(file.digest.text()).append("\"]");
  }
  return text + "], \"larder_folder\": 1}";
}

}  // namespace artifacts

/// Says by their content what files and folders are. Digests are remembered by device, inode, size and both times of change, across processes where a file for
/// that is given; but not those of files that were changed less than 2 s before they were read, since their next change might have the same time.
/// For any number of threads.
class file_identifier {
 public:
  /// The memory's folder must be there. That it cannot be read or written later costs time, not answers.
  explicit file_identifier(const std::filesystem::path& memory = {}, file_identifier_options options = {})
      : options_(std::move(options)), memory_(memory, options_.remembered) {}

  /// What is at a path, links to it followed. Throws `larder::error` that names the file: when one cannot be read, changes while it is read, or
  /// must not be followed (see `identify_options`); `cancelled` when a stop is requested.
  file_identity identify(const std::filesystem::path& path, const identify_options& how = {}) {
    struct stat seen {};
    if (::stat(path.c_str(), &seen) != 0) storage::fail_file("look at", path.string(), errno);
    file_identity found;
    found.is_folder = S_ISDIR(seen.st_mode);
    std::vector<artifacts::folder_file> files;
    if (found.is_folder)
      files = artifacts::folder_files(path, how.outside_links, how.control.stop).list();
    else if (S_ISREG(seen.st_mode))
      files.push_back({"", path, artifacts::stamp_of(seen)});
    else
      core::fail(error_cause::invalid_argument, "\"" + path.string() + "\" is neither a file nor a folder");
    found.files.reserve(files.size());
    for (const artifacts::folder_file& file : files) found.files.push_back({file.name, file.stamp.size, {}});
    found.read = fill(files, found.files, how);
    for (const identified_file& file : found.files) found.size += file.size;
    found.digest = found.is_folder ? digest_of(artifacts::folder_text(found.files), how.algorithm) : found.files.front().digest;
    return found;
  }

 private:
  /// Reads that go on side by side.
  struct reading {
    const std::vector<artifacts::folder_file>& files;
    std::vector<identified_file>& found;
    const identify_options& how;
    std::vector<std::size_t> todo{};  // the largest first
    std::uint64_t total = 0;
    std::stop_source stop{};
    std::atomic<std::size_t> next{0};
    std::mutex mutex{};
    std::uint64_t done = 0;                              // under mutex
    std::exception_ptr failure{};                        // under mutex
    std::vector<artifacts::remembered_digest> learnt{};  // under mutex
  };

  /// How many bytes were read.
  std::uint64_t fill(const std::vector<artifacts::folder_file>& files, std::vector<identified_file>& found,
                     const identify_options& how) {
    reading all{.files = files, .found = found, .how = how};
    if (!how.recheck) absorbed([&] { memory_.refresh(); });
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::optional<content_digest> known = how.recheck ? std::nullopt : memory_.find(files[i].stamp, how.algorithm);
      if (known) {
        found[i].digest = *known;
      } else {
        all.todo.push_back(i);
        all.total += files[i].stamp.size;
      }
    }
    std::stable_sort(all.todo.begin(), all.todo.end(),
                     [&](std::size_t a, std::size_t b) { return files[a].stamp.size > files[b].stamp.size; });
    {
      const std::stop_callback ends(how.control.stop, [&] { all.stop.request_stop(); });
      read_all(all);
    }
    absorbed([&] { memory_.add(all.learnt, how.control.stop); });
    if (all.failure) std::rethrow_exception(all.failure);
    return all.total;
  }

  void read_all(reading& all) {
    const std::size_t wanted =
        all.how.threads != 0 ? all.how.threads : std::min(8U, std::max(1U, std::thread::hardware_concurrency()));
    const std::size_t threads = std::min(wanted, all.todo.size());
    std::vector<std::future<bool>> others;
    sync::worker_pool<> pool(threads);
    for (std::size_t i = 1; i < threads; ++i) others.push_back(pool.post_promising([&] { return read_some(all); }));
    read_some(all);
    for (std::future<bool>& other : others) other.wait();
  }

  /// Whether all that it began came to its end.
  bool read_some(reading& all) noexcept {
    for (;;) {
      const std::size_t turn = all.next.fetch_add(1, std::memory_order_relaxed);
      if (turn >= all.todo.size()) return true;
      try {
        read_one(all, all.todo[turn]);
      } catch (...) {
        const std::lock_guard lock(all.mutex);
        if (!all.failure) all.failure = std::current_exception();
        all.stop.request_stop();
        all.next.store(all.todo.size(), std::memory_order_relaxed);
        return false;
      }
    }
  }

  void read_one(reading& all, std::size_t number) {
    const artifacts::folder_file& file = all.files[number];
    const std::string path = file.path.string();
    artifacts::content_hasher hasher(all.how.algorithm);
    artifacts::content_hasher* const one[] = {&hasher};
    std::uint64_t told = 0;
    transfer_control control{.stop = all.stop.get_token(), .progress = {}};
    if (all.how.control.progress)
      control.progress = [&](std::uint64_t landed, std::uint64_t) {
        const std::lock_guard lock(all.mutex);
        all.done += landed - std::exchange(told, landed);
        all.how.control.progress(all.done, std::max(all.done, all.total));
      };
    const instant began = options_.time.now();
    const artifacts::file_stamp stamp = artifacts::hash_file(artifacts::open_content(path), path, one, control);
    if (stamp.device != file.stamp.device || stamp.inode != file.stamp.inode)
      core::fail(error_cause::io, "\"" + path + "\" was replaced while its folder was read; try again when its writer has ended");
    all.found[number].size = stamp.size;
    all.found[number].digest = hasher.take();
    if (stamp.is_fresh_at(began)) return;
    const std::lock_guard lock(all.mutex);
    all.learnt.push_back({stamp, all.found[number].digest});
  }

  template <class F>
  void absorbed(F&& f) {
    try {
      f();
    } catch (const error& e) {
      if (options_.on_error) options_.on_error({e.cause(), e.what()});
    }
  }

  file_identifier_options options_;
  artifacts::digest_memory memory_;
};

}  // namespace larder
