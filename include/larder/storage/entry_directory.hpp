#pragma once

// The directory of a file storage:
//
//   format             what this is: checked at open, so that nobody's files are touched by mistake
//   entries/ab/<hex>   one entry, named by its digest, whose first two digits are the folder (of mmap_disk: segments and values, no folders)
//   staging/           entries that are being written: <pid>-<random>-<number>
//   quarantine/        the newest damaged files, for a look at what went wrong
//
// mmap_disk adds LOCK, USERS, journal and leases. Everything but `entries` can be lost: the entries are the truth.

#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

namespace larder::storage {

/// 64 random bits, for names that no other process makes.
inline std::uint64_t random_bits() {
  std::random_device source;
  return (static_cast<std::uint64_t>(source()) << 32) ^ source();
}

/// The names in a directory but `.` and `..`; none when it is not there or a symbolic link. Throws `file_error`.
inline std::vector<std::string> names_in(const std::string& path) {
  struct closer {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
  };
  std::vector<std::string> names;
  file_descriptor folder = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!folder) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return names;
    fail_file("list", path, errno);
  }
  const std::unique_ptr<DIR, closer> directory(::fdopendir(folder.get()));
  if (!directory) fail_file("list", path, errno);
  folder.release();
  for (;;) {
    errno = 0;
    const dirent* const found = ::readdir(directory.get());
    if (found == nullptr) {
      if (errno != 0) fail_file("list", path, errno);
      return names;
    }
    std::string_view name = found->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

class entry_directory {
 public:
  static constexpr std::size_t quarantine_limit = 16;

  /// Opens the directory, creates what is missing of it. Throws `larder::error` when the path cannot be used or holds
  /// something else; nothing is changed then.
  entry_directory(const std::filesystem::path& path, std::string_view policy, error_sink& sink, std::string_view version = "1")
      : sink_(&sink), version_(version), writer_(random_bits()) {
    if (path.empty())
      core::fail(error_cause::invalid_argument, std::string(policy) + " needs a directory; its path is empty");
    std::error_code code;
    root_ = std::filesystem::absolute(path, code).lexically_normal().string();
    while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
    if (!code) std::filesystem::create_directories(root_, code);
    std::error_code unknown;
    const bool usable = std::filesystem::is_directory(root_, unknown);
    std::filesystem::path target;
    if (usable) target = std::filesystem::canonical(root_, code);  // the directory itself may be named by a link
    if (usable && !code) {
      root_ = target.string();
    } else {
      if (!code) code = unknown;
      if (!code) code = std::make_error_code(std::errc::not_a_directory);
      core::fail(error_cause::io, std::string(policy) + " cannot use \"" + root_ + "\" as its directory: " + code.message() +
                                      "; name a directory that this process may create and write");
    }
    check_marker(policy);
    create_folders();
    if (!read_marker().has_value()) restore_marker();
  }

  const std::string& root() const noexcept { return root_; }
  std::string file(std::string_view name) const { return root_ + "/" + std::string(name); }
  std::string folder_of(std::size_t number) const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string path;
    path.reserve(root_.size() + 48);  // room for an entry's name as well
    path.append(root_).append("/entries/");
    path += digits[number >> 4];
    path += digits[number & 15];
    return path;
  }
  static std::size_t folder_number(const digest& id) noexcept { return static_cast<std::size_t>(id.high >> 56); }
  std::string path_of(const digest& id) const { return folder_of(folder_number(id)).append("/").append(id.hex()); }

  std::string path_of_marker() const { return file("format"); }
  /// A name in `staging` that nobody else makes.
  std::string staging_path() const {
    static_assert(sizeof(pid_t) <= sizeof(long));
    return root_ + "/staging/" + std::to_string(static_cast<long>(::getpid())) + "-" + std::to_string(writer_) + "-" +
           std::to_string(staged_.fetch_add(1, std::memory_order_relaxed));
  }

  /// Makes the folders again, for a directory that was removed while it is in use. Throws `file_error`.
  void create_folders() const {
    if (!identify(root_)) make_directory(root_);
    for (const std::string_view name : {"entries", "staging", "quarantine"}) make_directory(file(name));
  }

  /// `publish` of something staged, with the folder made on demand. Throws `file_error`.
  template <class Staged>
  void publish(Staged& staged) const {
    const std::string target = path_of(staged.id());
    try {
      staged.publish(target);
    } catch (const file_error& e) {
      if (e.number() != ENOENT) throw;
      make_directory(file("entries"));
      make_directory(folder_of(folder_number(staged.id())));
      staged.publish(target);
    }
  }

  /// f(id, path) for each file that is named as an entry is; anything else is left alone. Throws `file_error`.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t number = 0; number < 256; ++number) {
      const std::string folder = folder_of(number);
      for (const std::string& name : names_in(folder))
        if (const std::optional<digest> id = digest::parse(name); id && folder_number(*id) == number) f(*id, folder + "/" + name);
    }
  }

  /// Moves a damaged file out of the way, as far as the system lets us, and tells the sink; false when another file had
  /// taken its place meanwhile. Throws `file_error` when it cannot tell.
  bool put_aside(const std::string& path, const file_identity& damaged, std::string_view why) const {
    const std::optional<file_identity> now = identify(path);
    if (!now) return true;
    if (!now->same_file(damaged)) return false;
    const std::string aside = file("quarantine/") + path.substr(path.rfind('/') + 1) + "-" + std::to_string(writer_) + "-" +
                              std::to_string(staged_.fetch_add(1, std::memory_order_relaxed));
    std::string_view whereabouts = "it was put aside in the folder quarantine";
    if (::rename(path.c_str(), aside.c_str()) != 0) {
      if (errno == ENOENT && !identify(path)) return true;
      whereabouts = ::unlink(path.c_str()) == 0 ? "it was removed" : "it could not be removed";
    } else if (const std::optional<file_identity> moved = identify(aside); moved && !moved->same_file(damaged)) {
      // Somebody published a new entry between the look and the move: it goes back unless a still newer one is there.
      if (::link(aside.c_str(), path.c_str()) == 0 || errno == EEXIST)
        ::unlink(aside.c_str());
      else
        ::rename(aside.c_str(), path.c_str());
      return false;
    }
    sink_->report(error_cause::corruption, "the entry \"" + path + "\" " + std::string(why) + "; " + std::string(whereabouts));
    limit_quarantine();
    return true;
  }

  /// Keeps a copy of damaged bytes for a look at what went wrong, as far as the system lets us, and tells the sink.
  void keep_aside(const std::string& name, std::span<const std::byte> damaged, const std::string& what) const {
    const std::string aside = file("quarantine/") + name + "-" + std::to_string(writer_) + "-" +
                              std::to_string(staged_.fetch_add(1, std::memory_order_relaxed));
    std::string_view whereabouts = "a copy was put aside in the folder quarantine";
    try {
      const file_descriptor copy = open_file(aside, O_CREAT | O_EXCL | O_WRONLY);
      if (!copy) fail_file("create", aside, errno);
      write_at(copy, damaged, {}, 0, aside);
    } catch (const file_error&) {
      ::unlink(aside.c_str());
      whereabouts = "no copy of it could be put aside";
    }
    sink_->report(error_cause::corruption, what + "; " + std::string(whereabouts));
    limit_quarantine();
  }

  /// Removes every file in the quarantine.
  void empty_quarantine() const {
    for (const std::string& name : names_in(file("quarantine"))) remove_file(file("quarantine/") + name);
  }

  /// Removes what dead writers left in `staging`: everything when nobody else uses the directory, else what is older than a day.
  void remove_stale_staging(bool alone) const {
    timespec moment{};
    ::clock_gettime(CLOCK_REALTIME, &moment);
    const std::int64_t yesterday = posix::nanoseconds_of(moment) - std::int64_t{86'400} * 1'000'000'000;
    for (const std::string& name : names_in(file("staging"))) {
      if (!owner_of(name)) continue;
      const std::string path = file("staging/") + name;
      const std::optional<file_identity> found = identify(path);
      if (found && found->regular && (alone || found->modified < yesterday)) ::unlink(path.c_str());
    }
  }

  error_sink& sink() const noexcept { return *sink_; }

  /// The marker of a directory, or nothing when there is none or a damaged one. Throws `file_error`.
  static std::optional<std::string> read_marker(const std::string& root) {
    const std::string path = root + "/format";
    const file_descriptor marker = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!marker) {
      if (errno == ENOENT) return std::nullopt;
      fail_file("open", path, errno);
    }
    std::string text(256, '\0');
    text.resize(read_at(marker, text.data(), text.size(), 0, path));
    if (text.size() < 34 || !text.starts_with(marker_start)) return std::nullopt;
    const std::string_view body = std::string_view(text).substr(0, text.size() - 33);
    if (text.substr(body.size()) != digest_of(body).hex() + "\n") return std::nullopt;
    return text;
  }
  /// What a marker says: version and byte order, with a comma between them.
  static std::string described(std::string_view marker) {
    std::string text(marker.substr(marker_start.size(), marker.size() - marker_start.size() - 34));
    std::replace(text.begin(), text.end(), '\n', ',');
    return text;
  }
  /// Whether a name in a directory is one of ours, or one that anybody may put beside them.
  static bool is_known(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 10> known{"format", "entries", "staging", "quarantine", "LOCK",
                                                     "USERS",  "journal", "leases",  "lost+found", "CACHEDIR.TAG"};
    return std::find(known.begin(), known.end(), name) != known.end() || name.starts_with('.');
  }

 private:
  static constexpr std::string_view marker_start = "larder storage, version ";
  static constexpr std::string_view byte_order = "little-endian";

  std::string marker_text() const {
    std::string text = std::string(marker_start) + std::string(version_) + "\n" + std::string(byte_order) + "\n";
    return text + digest_of(text).hex() + "\n";
  }

  std::optional<std::string> read_marker() const { return read_marker(root_); }

  void check_marker(std::string_view policy) const {
    const std::optional<std::string> marker = read_marker();
    if (marker && *marker == marker_text()) return;
    if (marker) {
      core::fail(error_cause::invalid_argument,
                 std::string(policy) + " cannot read the directory \"" + root_ + "\": it was written as version " + described(*marker) +
                     ", this library reads version " + std::string(version_) + "," + std::string(byte_order) +
                     "; name another directory, or remove this one");
    }
    for (const std::string& name : names_in(root_)) {
      if (!is_known(name))
        core::fail(error_cause::invalid_argument, std::string(policy) + " will not use the directory \"" + root_ +
                                                      "\": it is not empty and not a larder storage (it holds \"" + name +
                                                      "\"); name an empty or new directory");
    }
    if (identify(file("format"))) {
      if (read_marker()) return check_marker(policy);  // another process wrote it just now
      if (!names_in(root_).empty() && !identify(file("entries")))
        core::fail(error_cause::invalid_argument, std::string(policy) + " will not use the directory \"" + root_ +
                                                      "\": it holds a file \"format\" of something else; name an empty or new directory");
      sink_->report(error_cause::corruption, "the file \"" + file("format") + "\" is damaged; it is written again");
    }
  }

  /// A full device still serves what it has, also without the marker that a power cut took.
  void restore_marker() const {
    try {
      write_marker();
    } catch (const file_error& e) {
      if (e.cause() != error_cause::no_space || names_in(file("entries")).empty()) throw;
      sink_->report(e.cause(), e.what());
    }
  }
  void write_marker() const {
    const std::string text = marker_text();
    for (int attempt = 0;; ++attempt) {
      const std::string path = staging_path();
      file_descriptor marker = open_file(path, O_CREAT | O_EXCL | O_WRONLY);
      if (!marker) fail_file("create", path, errno);
      try {
        write_at(marker, std::as_bytes(std::span(text)), {}, 0, path);
        if (const int number = marker.close(); number != 0) fail_file("write", path, number);
        if (::rename(path.c_str(), file("format").c_str()) != 0) fail_file("create", file("format"), errno);
        return;
      } catch (const file_error& e) {
        ::unlink(path.c_str());
        // Another process that starts at the same moment may take our unlocked file for somebody's remains.
        if (e.number() != ENOENT || attempt == 8) throw;
      }
    }
  }

  /// The process that made a staging file, when the name is one of ours.
  static std::optional<pid_t> owner_of(std::string_view name) noexcept {
    std::array<std::uint64_t, 3> parts{};
    const char* at = name.data();
    const char* const end = name.data() + name.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i != 0) {
        if (at == end || *at != '-') return std::nullopt;
        ++at;
      }
      const auto [next, failure] = std::from_chars(at, end, parts[i]);
      if (failure != std::errc{}) return std::nullopt;
      at = next;
    }
    if (at != end || parts[0] == 0 || parts[0] > 0x7fff'ffff) return std::nullopt;
    return static_cast<pid_t>(parts[0]);
  }

  void limit_quarantine() const {
    const std::string folder = file("quarantine");
    std::vector<std::pair<std::int64_t, std::string>> files;
    for (const std::string& name : names_in(folder)) {
      struct stat answer {};
      const std::string path = folder + "/" + name;
      if (::lstat(path.c_str(), &answer) == 0) files.emplace_back(posix::nanoseconds_of(answer.st_ctim), path);  // when it came here
    }
    if (files.size() <= quarantine_limit) return;
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + quarantine_limit < files.size(); ++i) ::unlink(files[i].second.c_str());
  }

  std::string root_;
  error_sink* sink_;
  std::string_view version_;
  std::uint64_t writer_;
  mutable std::atomic<std::uint64_t> staged_{0};
};

}  // namespace larder::storage
