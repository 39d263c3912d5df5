#pragma once

// Files under their digests, each stored once. A blob is written beside, checked, and given its name in one step; from then on nobody writes to it.
//
//   <folder>/<name>             the blobs and nothing else; a name is the hexadecimal digits of SHA-256 or MD5, of XXH3 with "xxh3-" before
//   <state>/chunks/<name>       its list of chunks (chunk_list.hpp); without one the digest of the whole is checked instead
//   <state>/staging/            files that are being made
//   <state>/quarantine/         blobs that were found damaged
//
// Whoever writes here must be trusted with what readers get; what is in the folder's place of a blob and is no regular file is refused.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/file_copy.hpp>
#include <larder/artifact/file_link.hpp>
#include <larder/artifact/file_scan.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

/// A blob as a folder has it.
struct stored_blob {
  content_digest digest{};
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;  ///< bytes that the file system keeps for it: less than `size` where it has holes
  std::int64_t modified = 0;    ///< ns since 1970
};

enum class verification : std::uint8_t {
  size,    ///< of the file alone
  chunks,  ///< each chunk by XXH3-128; the whole by its digest where there is no list of chunks
  digest,  ///< each chunk, and the whole by its digest
};

enum class blob_state : std::uint8_t { absent, whole, damaged };

/// What was found of a blob. Of a damaged one without chunks nothing more is known than that.
struct blob_report {
  blob_state state = blob_state::absent;
  std::uint64_t size = 0;                     ///< that it has, or should have
  std::vector<std::size_t> damaged_chunks{};  ///< by number, ascending
  bool has_chunks = false;                    ///< its list of chunks is there and can be trusted
};

/// A file in the making: gone with this object unless it was published.
class staged_file {
 public:
  staged_file(std::filesystem::path path, storage::file_descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  staged_file(staged_file&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  staged_file& operator=(staged_file&&) = delete;
  ~staged_file() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  const storage::file_descriptor& file() const noexcept { return file_; }
  /// It has another name now, or belongs to somebody else.
  void release() noexcept { path_.clear(); }

 private:
  std::filesystem::path path_;
  storage::file_descriptor file_;
};

/// What storing a file came to.
struct stored_file {
  stored_blob blob{};
  bool added = false;  ///< false: it was there already
};

/// Safe for any number of threads and processes at once; holds no descriptor and no state.
class blob_folder {
 public:
  /// Makes the folders where they are missing. `state` lies in the same file system; not given: ".state" in the folder. Throws `larder::error`.
  explicit blob_folder(std::filesystem::path folder, std::filesystem::path state = {})
      : folder_(std::move(folder)), state_(std::move(state)) {
    if (state_.empty()) state_ = folder_ / ".state";
    make_folders();
  }

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const std::filesystem::path& state() const noexcept { return state_; }

  /// As its file is called.
  static std::string name_of(const content_digest& digest) {
    return digest.algorithm() == digest_algorithm::xxh3_128 ? "xxh3-" + digest.hex() : digest.hex();
  }
  /// The digest that a file's name says; nothing for any other.
  static std::optional<content_digest> digest_of_name(std::string_view name) {
    std::optional<content_digest> digest;
    if (name.starts_with("xxh3-"))
      digest = content_digest::parse("xxh3:" + std::string(name.substr(5)));
    else if (name.find(':') == std::string_view::npos)
      digest = content_digest::parse(name);
    return digest && name_of(*digest) == name ? digest : std::nullopt;
  }
  std::filesystem::path path_of(const content_digest& digest) const { return folder_ / name_of(digest); }

  /// The blob, unread; nothing when there is none. Throws `larder::error` (invalid_argument) when something else has its place.
  std::optional<stored_blob> find(const content_digest& digest) const {
    const std::string path = path_of(digest).string();
    struct stat answer {};
    if (::lstat(path.c_str(), &answer) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      storage::fail_file("look at", path, errno);
    }
    if (S_ISLNK(answer.st_mode)) refuse_link(path, "the blob");
    if (!S_ISREG(answer.st_mode))
      core::fail(error_cause::invalid_argument, "the blob \"" + path + "\" is no file; remove what is there");
    return described(digest, answer);
  }

  /// A new empty file, to be written and published.
  staged_file stage() const {
    const std::filesystem::path path = staging() / remote::random_mark();
    storage::file_descriptor file = storage::open_file(path.string(), O_RDWR | O_CREAT | O_EXCL);
    if (!file && errno == ENOENT) {  // somebody removed the folders by hand
      make_folders();
      file = storage::open_file(path.string(), O_RDWR | O_CREAT | O_EXCL);
    }
    if (!file) storage::fail_file("create", path.string(), errno);
    return staged_file(path, std::move(file));
  }

  /// Gives a file of this file system, whose content was checked to have that digest and these chunks, its name: it moves, and is on the device before
  /// it does. One that is there already stays, unless its size is another: that one is damaged, and goes to quarantine.
  stored_file publish(const std::filesystem::path& file, const content_digest& digest, chunk_list chunks) const {
    const storage::file_descriptor opened = storage::open_file(file.string(), O_RDONLY);
    if (!opened) storage::fail_file("open", file.string(), errno);
    if (::fsync(opened.get()) != 0) storage::fail_file("sync", file.string(), errno);
    const storage::file_identity seen = storage::identify(opened, file.string());
    if (!seen.regular || seen.size != chunks.size)
      core::fail(error_cause::corruption, "\"" + file.string() + "\" has " + std::to_string(seen.size) + " bytes where " +
                                              std::to_string(chunks.size) + " were checked; somebody else writes to it");
    if (chunks.modified != 0 && chunks.modified != seen.modified)
      core::fail(error_cause::corruption,
                 "\"" + file.string() + "\" was changed after it was checked; somebody else writes to it");
    make_folders();
    for (int tries = 0; !move_where_free(file.string(), path_of(digest).string()); ++tries) {
      const std::optional<stored_blob> there = find(digest);
      if (there && there->size == chunks.size) {
        ::unlink(file.c_str());
        return {*there, false};
      }
      if (tries == 3)
        core::fail(error_cause::io, "\"" + path_of(digest).string() + "\" is made anew all the time by somebody else");
      if (there) quarantine(digest);
    }
    chunks.modified = seen.modified;
    write_chunks(digest, chunks);
    sync_folder(folder_);
    return {find(digest).value_or(stored_blob{digest, chunks.size, chunks.size, seen.modified}), true};
  }
  stored_file publish(staged_file&& file, const content_digest& digest, chunk_list chunks) const {
    const stored_file stored = publish(file.path(), digest, std::move(chunks));
    file.release();
    return stored;
  }

  /// Stores a copy of a file, which is read once: the digest and the chunks are those of what was copied. With `expected`, a file of another digest
  /// is refused with `larder::error` (corruption) and nothing is stored.
  stored_file store(const std::filesystem::path& file, digest_algorithm algorithm, const transfer_control& control = {},
                    const std::optional<content_digest>& expected = {}) const {
    const storage::file_descriptor from(
        storage::uninterrupted([&] { return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!from) storage::fail_file("open", file.string(), errno);
    const storage::file_identity seen = storage::identify(from, file.string());
    if (!seen.regular) core::fail(error_cause::invalid_argument, "\"" + file.string() + "\" is no file");
    staged_file staged = stage();
    copy_range(from, file.string(), 0, staged.file(), staged.path().string(), 0, seen.size, control.stop);
    const scanned_file found = scan_file(staged.file(), staged.path().string(), algorithm, control);
    if (expected && *expected != found.digest)
      core::fail(error_cause::corruption,
                 "\"" + file.string() + "\" has the digest " + found.digest.text() + " and should have " + expected->text());
    return publish(std::move(staged), found.digest, found.chunks);
  }

  /// Puts a link or copy of a blob at a path, instead of what is there; what it became. Throws `larder::error` when there is no such blob.
  link_mode link_to(const content_digest& digest, const std::filesystem::path& path,
                    link_mode mode = link_mode::automatic) const {
    if (!find(digest))
      core::fail(error_cause::io, "there is no blob " + digest.text() + " in \"" + folder_.string() + "\" to link to");
    return file_linker(path_of(digest), path).link(mode);
  }

  /// Whether it was there. Files that are linked to it by a hard link keep the content, relative links lead nowhere.
  bool erase(const content_digest& digest) const {
    const bool there = erase_content(digest);
    storage::remove_file(chunks_path(digest).string());
    return there;
  }
  /// The same, but its list of chunks stays: for one that can be put together again.
  bool erase_content(const content_digest& digest) const { return storage::remove_file(path_of(digest).string()); }

  /// Calls `each(const stored_blob&)` for every blob, in no order. Others may add and erase meanwhile.
  template <class Each>
  void for_each(Each&& each) const {
    const std::unique_ptr<DIR, closed> folder(::opendir(folder_.c_str()));
    if (!folder) {
      if (errno == ENOENT) return;
      storage::fail_file("list", folder_.string(), errno);
    }
    const int descriptor = ::dirfd(folder.get());
    while (const dirent* const entry = ::readdir(folder.get())) {
      const std::optional<content_digest> digest = digest_of_name(static_cast<const char*>(entry->d_name));
      struct stat answer {};
      if (digest && ::fstatat(descriptor, static_cast<const char*>(entry->d_name), &answer, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISREG(answer.st_mode))
        each(described(*digest, answer));
    }
  }
  std::vector<stored_blob> list() const {
    std::vector<stored_blob> all;
    for_each([&](const stored_blob& blob) { all.push_back(blob); });
    return all;
  }

  /// The blob's list of chunks; nothing when there is none that can be trusted.
  std::optional<chunk_list> chunks_of(const content_digest& digest) const {
    try {
      if (const std::optional<std::string> text = read_small_file(chunks_path(digest))) return chunk_list::parse(*text);
    } catch (const error&) {  // not ours, or damaged: the digest of the whole is there still
    }
    return std::nullopt;
  }
  /// Whether the blob was right when it was last looked at and nobody wrote to it since, as far as its time of change says.
  bool is_as_checked(const stored_blob& blob) const {
    const std::optional<chunk_list> chunks = chunks_of(blob.digest);
    return chunks && chunks->size == blob.size && chunks->modified == blob.modified;
  }

  /// Looks at a blob. One that is whole and was moved or touched counts as checked from then on. Throws `larder::error` when it cannot be read, or a
  /// stop is requested.
  blob_report verify(const content_digest& digest, verification depth, const transfer_control& control = {}) const {
    const std::optional<stored_blob> blob = find(digest);
    if (!blob) return {};
    std::optional<chunk_list> chunks = chunks_of(digest);
    blob_report report{blob_state::whole, chunks ? chunks->size : blob->size, {}, chunks.has_value()};
    if (depth == verification::size) {
      if (chunks && chunks->size != blob->size) report.state = blob_state::damaged;
      return report;
    }
    const storage::file_descriptor file = storage::open_file(path_of(digest).string(), O_RDONLY);
    if (!file) return {};
    const bool whole = depth == verification::digest || !chunks;
    scanned_file found = scan_file(file, path_of(digest).string(),
                                   whole ? std::optional<digest_algorithm>(digest.algorithm()) : std::nullopt, control);
    if (chunks) {
      for (std::size_t i = 0; i < chunks->chunks.size(); ++i)
        if (i >= found.chunks.chunks.size() || found.chunks.chunks[i] != chunks->chunks[i]) report.damaged_chunks.push_back(i);
      if (!report.damaged_chunks.empty() || found.chunks.size != chunks->size) report.state = blob_state::damaged;
    }
    if (whole && found.digest != digest) {
      if (report.state == blob_state::whole) report.has_chunks = false;  // the list is of other content than the name
      report.state = blob_state::damaged;
    }
    if (report.state == blob_state::whole && (!chunks || chunks->modified != found.modified)) {
      write_chunks(digest, found.chunks);
      report.has_chunks = true;
    }
    return report;
  }

  /// Moves a damaged blob out of the way, so that it can be stored anew; whether there was one.
  bool quarantine(const content_digest& digest) const {
    make_folders();
    if (::rename(path_of(digest).c_str(), aside(digest).c_str()) != 0) {
      if (errno == ENOENT) return false;
      storage::fail_file("move aside", path_of(digest).string(), errno);
    }
    return true;
  }

  /// Puts a file that was checked to have that digest in place of a damaged blob, which goes to quarantine: in one step where the file system
  /// can, so that who opens the path finds one of them.
  stored_blob replace(const std::filesystem::path& file, const content_digest& digest, chunk_list chunks) const {
    const storage::file_descriptor opened = storage::open_file(file.string(), O_RDONLY);
    if (!opened) storage::fail_file("open", file.string(), errno);
    if (::fsync(opened.get()) != 0) storage::fail_file("sync", file.string(), errno);
    make_folders();
    if (::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, path_of(digest).c_str(), RENAME_EXCHANGE) != 0) {
      quarantine(digest);
      return publish(file, digest, std::move(chunks)).blob;
    }
    ::rename(file.c_str(), aside(digest).c_str());
    const std::optional<stored_blob> now = find(digest);
    if (!now) return {digest, chunks.size, chunks.size, 0};  // somebody has erased it meanwhile
    chunks.modified = now->modified;
    write_chunks(digest, chunks);
    sync_folder(folder_);
    return *now;
  }

  /// Removes what was found damaged, what staged files have been left for so long, and lists of chunks of what is gone, but for those that `keeps(digest)`
  /// names; bytes that were freed.
  std::uint64_t empty_state(std::chrono::seconds staged_for) const {
    return empty_state(staged_for, [](const content_digest&) { return false; });
  }
  template <class Keeps>
  std::uint64_t empty_state(std::chrono::seconds staged_for, Keeps&& keeps) const {
    std::uint64_t freed = 0;
    const auto sweep = [&](const std::filesystem::path& folder, std::chrono::seconds age) {
      const auto latest = std::filesystem::file_time_type::clock::now() - age;
      std::error_code failed;
      for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
        std::error_code ignored;
        if (!std::filesystem::is_regular_file(at->symlink_status(ignored))) continue;
        const std::uintmax_t size = at->file_size(ignored);
        if (ignored || (age.count() != 0 && at->last_write_time(ignored) > latest) || ignored) continue;
        if (::unlink(at->path().c_str()) == 0) freed += size;
      }
    };
    sweep(state_ / "quarantine", std::chrono::seconds(0));
    sweep(staging(), staged_for);
    std::error_code failed;
    for (std::filesystem::directory_iterator at(state_ / "chunks", failed), end; !failed && at != end; at.increment(failed)) {
      const std::optional<content_digest> digest = digest_of_name(at->path().filename().string());
      if (digest && !storage::identify(path_of(*digest).string()) && !keeps(*digest)) ::unlink(at->path().c_str());
    }
    return freed;
  }

  std::filesystem::path staging() const { return state_ / "staging"; }

 private:
  struct closed {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
  };

  void make_folders() const {
    make_folder_tree(folder_);
    for (const char* const name : {"chunks", "staging", "quarantine"}) make_folder_tree(state_ / name);
  }
  std::filesystem::path aside(const content_digest& digest) const {
    return state_ / "quarantine" / (name_of(digest) + "." + remote::random_mark().substr(0, 8));
  }
  std::filesystem::path chunks_path(const content_digest& digest) const { return state_ / "chunks" / name_of(digest); }

  void write_chunks(const content_digest& digest, const chunk_list& chunks) const {
    try {
      write_atomically(chunks_path(digest), chunks.text());
    } catch (const error&) {  // without the list the whole is checked
    }
  }

  static stored_blob described(const content_digest& digest, const struct stat& answer) noexcept {
    return {digest, static_cast<std::uint64_t>(answer.st_size), static_cast<std::uint64_t>(answer.st_blocks) * 512U,
            storage::posix::nanoseconds_of(answer.st_mtim)};
  }

  std::filesystem::path folder_;
  std::filesystem::path state_;
};

}  // namespace larder::artifacts
