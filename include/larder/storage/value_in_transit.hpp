#pragma once

// A value on its way to a directory from somewhere slow, in the folder `staging`:
//
//   <digest of the key>.partial   the value, as long as it will be; parts of it may be missing
//   <digest of the key>.chunks    which parts are there:
//     0  8  "LARDERC1"     8  8  size of the value     16  16  the checksum of its chunks' checksums     32  n  a byte per chunk, 1 when it is there
//
// The file belongs to who holds its lock, an open file description lock that goes with the process. It survives a killed process, and the next
// one goes on with it; what the bytes say is checked before it is believed. A file with a second name may be a value that is
// published already, so it is never written again.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/value_landing.hpp>
#include <larder/storage/writable_mapping.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::storage {

/// Room for one value in files. What is not whole when it is dropped stays for the next one, unless it has no journal.
class value_in_transit final : public value_landing {
 public:
  static constexpr std::string_view suffix = ".partial";
  static constexpr std::string_view journal_suffix = ".chunks";
  static constexpr std::int64_t kept_for =
      std::int64_t{86'400} * 1'000'000'000;  ///< ns since the last change, when nobody has it

  /// In `folder`; `own_path` is a name in it that nobody else makes, for when another process is at the same value. `fits(size)` says whether
  /// the storage would take a value so large.
  value_in_transit(const std::string& folder, const digest& id, std::string own_path, std::function<bool(std::uint64_t)> fits)
      : shared_path_(folder + "/" + id.hex() + std::string(suffix)),
        journal_path_(folder + "/" + id.hex() + std::string(journal_suffix)),
        own_path_(std::move(own_path)),
        fits_(std::move(fits)) {}
  value_in_transit(const value_in_transit&) = delete;
  value_in_transit& operator=(const value_in_transit&) = delete;
  ~value_in_transit() override { let_go(whole_ || !journal_); }

  std::span<std::byte> room(std::uint64_t size, const digest& content, std::size_t chunks) noexcept override {
    try {
      let_go(whole_ || !journal_);
      if (size == 0 || !fits_(size)) return {};
      open(size, content, chunks);
      if (file_) mapping_ = std::make_shared<writable_mapping>(file_, 0, static_cast<std::size_t>(size));
      if (mapping_ && *mapping_) return {mapping_->data(), static_cast<std::size_t>(size)};
    } catch (const std::exception&) {  // the value comes into memory then, and putting it tells what is wrong with the directory
    }
    let_go(true);
    return {};
  }
  bool may_have(std::size_t chunk) const noexcept override { return chunk < known_.size() && known_[chunk] == 1; }
  void keep(std::size_t chunk) noexcept override {
    constexpr char there = 1;
    if (journal_)
      uninterrupted([&] {
        return ::pwrite(journal_.get(), &there, 1, static_cast<off_t>(header_size + chunk));
      });  // if that fails, it is fetched again after a crash
  }
  bytes whole(std::uint64_t size) override {
    whole_ = true;
    mapping_->seal();
    return bytes::adopt(mapping_, mapping_->data(), static_cast<std::size_t>(size));
  }

  void discard() noexcept override { let_go(true); }

  /// Whether the value is whole, in a file of this name.
  bool is_whole() const noexcept { return whole_; }
  const std::string& path() const noexcept { return path_; }

  /// Removes what was left in a folder longer ago than a day and that nobody has. Throws `file_error`.
  static void remove_stale(const std::string& folder) {
    timespec moment{};
    ::clock_gettime(CLOCK_REALTIME, &moment);
    const std::int64_t oldest = posix::nanoseconds_of(moment) - kept_for;
    for (const std::string& name : names_in(folder)) {
      const std::size_t digits = name.find('.');
      if (digits == std::string::npos || !digest::parse(std::string_view(name).substr(0, digits))) continue;
      const std::string_view ending = std::string_view(name).substr(digits);
      if (ending != suffix && ending != journal_suffix) continue;
      const std::string path = folder + "/" + name;
      const std::optional<file_identity> found = identify(path);
      if (!found || !found->regular || found->modified > oldest) continue;
      const file_descriptor value = open_file(folder + "/" + name.substr(0, digits) + std::string(suffix), O_RDWR | O_NONBLOCK);
      if (!value || lock(value)) ::unlink(path.c_str());
    }
  }

 private:
  static constexpr std::size_t header_size = 32;
  using header = std::array<char, header_size>;

  static header header_of(std::uint64_t size, const digest& content) noexcept {
    header made{};
    std::memcpy(made.data(), "LARDERC1", 8);
    std::memcpy(made.data() + 8, &size, 8);
    std::memcpy(made.data() + 16, &content.low, 8);
    std::memcpy(made.data() + 24, &content.high, 8);
    return made;
  }
  static bool lock(const file_descriptor& file) noexcept {
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    return ::fcntl(file.get(), F_OFD_SETLK, &wanted) == 0;
  }

  static bool is_named(const file_identity& file, const std::string& path) {
    const std::optional<file_identity> named = identify(path);
    return named && named->same_file(file);
  }

  /// The file that all processes would take for this value, or one of our own.
  void open(std::uint64_t size, const digest& content, std::size_t chunks) {
    if (open_shared(size, content, chunks)) return;
    path_ = own_path_;
    file_ = open_file(path_, O_CREAT | O_EXCL | O_RDWR);
    if (!file_) fail_file("create", path_, errno);
  }
  /// False when somebody else has it.
  bool open_shared(std::uint64_t size, const digest& content, std::size_t chunks) {
    for (int tries = 0; tries < 8; ++tries) {
      file_descriptor file = open_file(shared_path_, O_CREAT | O_RDWR | O_NONBLOCK);
      if (!file) fail_file("create", shared_path_, errno);
      if (!lock(file)) return false;
      // Who had it before may have let go of the name, or published it, between our open and our lock.
      const file_identity opened = identify(file, shared_path_);
      if (!is_named(opened, shared_path_)) continue;
      if (!opened.regular || opened.links != 1 ||
          (opened.size != 0 && (opened.size != size || !read_journal(size, content, chunks)))) {
        ::unlink(shared_path_.c_str());
        continue;
      }
      path_ = shared_path_;
      file_ = std::move(file);
      journal_ = open_journal(size, content, chunks);
      return true;
    }
    return false;
  }
  /// Whether the journal is of this value; then what it says is known.
  bool read_journal(std::uint64_t size, const digest& content, std::size_t chunks) {
    const file_descriptor journal = open_file(journal_path_, O_RDONLY | O_NONBLOCK);
    if (!journal) return false;
    header found{};
    if (read_at(journal, found.data(), found.size(), 0, journal_path_) != found.size() || found != header_of(size, content))
      return false;
    known_.resize(chunks);
    known_.resize(read_at(journal, known_.data(), known_.size(), header_size, journal_path_));
    return true;
  }
  /// One that can be written, and says what is known. Without one the value comes all the same.
  file_descriptor open_journal(std::uint64_t size, const digest& content, std::size_t chunks) const {
    if (!known_.empty()) return open_file(journal_path_, O_WRONLY);
    ::unlink(journal_path_.c_str());
    file_descriptor journal = open_file(journal_path_, O_CREAT | O_EXCL | O_WRONLY);
    if (!journal) return {};
    const header made = header_of(size, content);
    const std::vector<char> none(chunks);
    write_at(journal, std::as_bytes(std::span(made)), std::as_bytes(std::span(none)), 0, journal_path_);
    return journal;
  }

  /// Closes the files, and removes them or lets them lie. The name goes before the lock does.
  void let_go(bool remove) noexcept {
    if (file_ && remove) {
      if (path_ == shared_path_) ::unlink(journal_path_.c_str());
      try {
        // Somebody may have taken the name away from us; what it names by now is not ours then.
        if (is_named(identify(file_, path_), path_)) ::unlink(path_.c_str());
      } catch (const error&) {  // it lies there until it is a day old
      }
    }
    mapping_.reset();
    journal_.reset();
    file_.reset();
    known_.clear();
    whole_ = false;
  }

  std::string shared_path_;
  std::string journal_path_;
  std::string own_path_;
  std::function<bool(std::uint64_t)> fits_;
  std::string path_;
  file_descriptor file_;
  file_descriptor journal_;
  std::shared_ptr<writable_mapping> mapping_;
  std::vector<char> known_;  // from the journal of an earlier process
  bool whole_ = false;
};

}  // namespace larder::storage
