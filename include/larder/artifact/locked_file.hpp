#pragma once

// One file per thing that is being made: whoever holds its lock makes it, the others wait and look how far that is.
//
// The lock is one of an open file description (F_OFD_SETLK): it excludes threads and processes alike, and is gone with the last process that has the
// file open, however that ends. `exec` closes the file; a child of `fork` that lives on has it open, so a holder that dies leaves the lock to that
// child. A lock is advice: what it guards must be published in a way that is safe without it.

#include <larder/artifact/lock_file.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/sync/task.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// A held lock. Dropping it lets go, and leaves the file; a child of `fork` lets go of nothing.
class locked_file {
 public:
  /// Told now and then while one waits: how far the holder says that it is, where it says so. What it throws ends the wait.
  using waiting = std::function<void(const std::optional<task_progress>& holder)>;

  /// Creates the file where it is missing (its folder must be there) and locks it; nothing when somebody else holds it. Throws
  /// `storage::file_error`, also where the file system has no locks; `larder::error` (invalid_argument) when the path is a symbolic link or no
  /// file that has this one name.
  static std::optional<locked_file> try_lock(const std::filesystem::path& path) {
    for (;;) {
      locked_file opened(path.string());
      if (!opened.take_lock()) return std::nullopt;
      if (opened.is_at_its_path()) return std::optional<locked_file>(std::move(opened));
    }
  }

  /// The same, waiting. Throws `larder::error` (cancelled) too, when a stop is requested.
  static locked_file lock(const std::filesystem::path& path, const std::stop_token& stop = {}, const waiting& told = {}) {
    std::mutex mutex;
    std::condition_variable_any never;
    for (auto pause = std::chrono::microseconds(500);; pause = std::min(pause * 2, std::chrono::microseconds(50'000))) {
      if (std::optional<locked_file> held = try_lock(path)) return std::move(*held);
      if (told) told(progress_in(path));
      std::unique_lock alone(mutex);
      never.wait_for(alone, stop, pause, [] { return false; });
      if (stop.stop_requested())
        core::fail(error_cause::cancelled, "the wait for the lock \"" + path.string() + "\" was stopped before its end");
    }
  }

  /// How far the holder of a lock says that it is; nothing when it says nothing, or nobody holds it.
  static std::optional<task_progress> progress_in(const std::filesystem::path& path) {
    const storage::file_descriptor file = storage::open_file(path.string(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return std::nullopt;
    std::array<char, text_size> text{};
    ssize_t got = storage::uninterrupted([&] { return ::pread(file.get(), text.data(), text.size(), 0); });
    if (got != static_cast<ssize_t>(text_size) || text[number_size] != ' ' || text.back() != '\n') return std::nullopt;
    task_progress read;
    const auto number = [&](std::size_t at, std::uint64_t& to) {
      const auto [end, failed] = std::from_chars(text.data() + at, text.data() + at + number_size, to);
      return failed == std::errc{} && end == text.data() + at + number_size;
    };
    if (!number(0, read.done) || !number(number_size + 1, read.total) || read.done > read.total) return std::nullopt;
    return read;
  }

  locked_file(locked_file&& other) noexcept
      : path_(std::move(other.path_)), file_(std::move(other.file_)), process_(other.process_), told_(other.told_) {}
  locked_file& operator=(locked_file&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    std::swap(process_, other.process_);
    std::swap(told_, other.told_);
    return *this;
  }
  locked_file(const locked_file&) = delete;
  locked_file& operator=(const locked_file&) = delete;
  ~locked_file() { let_go(); }

  const std::string& path() const noexcept { return path_; }

  /// Says how far the work is, for those who wait; that it cannot be said is no failure.
  void tell(const task_progress& progress) noexcept {
    std::array<char, text_size + 1> text{};
    const int size = std::snprintf(text.data(), text.size(), "%020llu %020llu\n", static_cast<unsigned long long>(progress.done),
                                   static_cast<unsigned long long>(progress.total));
    if (size != static_cast<int>(text_size)) return;
    told_ = true;
    static_cast<void>(!storage::uninterrupted([&] { return ::pwrite(file_.get(), text.data(), text_size, 0); }));
  }

  /// Lets go and takes the file away, unless another one has its place; who waits for it notices, and makes a new one.
  void discard() noexcept {
    if (!file_ || process_ != ::getpid()) return;
    if (is_at_its_path()) ::unlink(path_.c_str());
    told_ = false;
    let_go();
  }

 private:
  static constexpr std::size_t number_size = 20;
  static constexpr std::size_t text_size = 2 * number_size + 2;

  explicit locked_file(std::string path) : path_(std::move(path)), process_(::getpid()) {
    file_ = open_lock_file(path_, O_RDWR | O_CREAT);
    if (!file_) storage::fail_file("open the lock file", path_, errno);
    if (storage::identify(file_, path_).links > 1)  // what the holder writes into it would be written into another file
      core::fail(error_cause::invalid_argument, "the lock file \"" + path_ + "\" is no regular file of one name; remove it");
  }

  bool take_lock() {
    if (set_lock(file_, F_WRLCK)) return true;
    const int number = errno;
    const bool is_held = is_held_elsewhere();
    file_.reset();
    if (!is_held) storage::fail_file("lock", path_, number);
    return false;
  }

  /// Whether the file that is locked is the one that others find.
  bool is_at_its_path() const noexcept { return is_at_path(file_, path_); }

  void let_go() noexcept {
    if (!file_) return;
    if (process_ == ::getpid()) {
      if (told_) static_cast<void>(!::ftruncate(file_.get(), 0));  // the next holder is not as far
      set_lock(file_, F_UNLCK);                                    // said, since a child of fork may have it open
    }
    file_.reset();
  }

  std::string path_;
  storage::file_descriptor file_;
  pid_t process_;
  bool told_ = false;
};

}  // namespace larder::artifacts
