#pragma once

// A file that is being fetched: sparse, with its chunks in their places as they come, and a journal of those that are whole. After a crash the next
// process goes on from there. The journal is not believed: each chunk is read again and compared with its digest, since a journal may reach the
// device before what it speaks of.
//
//   "larder partial 1"   16 bytes
//   size                   8 bytes, little-endian: of the whole file
//   flags                  8   1: the provider knows no ranges
//   version               16   XXH3-128 of what the provider calls this version of the file
//   checksum              16   of all that precedes
//   then per chunk        40   number 8, digest 16, checksum of both and the head 16; in the order in which they came

#include <larder/artifact/chunk_list.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// Held by one process at a time, which has the lock of what is fetched. Chunks may be written by several threads, each chunk by one.
class partial_file {
 public:
  explicit partial_file(std::filesystem::path data)
      : data_path_(std::move(data)), journal_path_(data_path_.string() + ".journal") {
    data_ = storage::open_file(data_path_.string(), O_RDWR | O_CREAT);
    if (!data_) storage::fail_file("create", data_path_.string(), errno);
    journal_ = storage::open_file(journal_path_, O_RDWR | O_CREAT);
    if (!journal_) storage::fail_file("create", journal_path_, errno);
    if (!storage::identify(data_, data_path_.string()).regular || !storage::identify(journal_, journal_path_).regular)
      core::fail(error_cause::invalid_argument, "\"" + data_path_.string() + "\" is no file; remove it");
  }
  partial_file(const partial_file&) = delete;
  partial_file& operator=(const partial_file&) = delete;

  /// What an earlier process left, as far as it is right: the bytes that need not be fetched again. Before anything is written. Nothing is left of a
  /// file whose beginning cannot be read.
  std::uint64_t resume(const transfer_control& control) {
    std::array<std::byte, head_bytes> head{};
    if (storage::read_at(journal_, head.data(), head.size(), 0, journal_path_) != head.size() ||
        std::memcmp(head.data(), mark, sizeof mark - 1) != 0 ||
        digest_in(head, head_bytes - 16) != digest_of(std::span(head).first(head_bytes - 16))) {
      restart();
      return 0;
    }
    size_ = number_in(head, 16);
    ignores_ranges_ = (number_in(head, 24) & 1U) != 0;
    version_ = digest_in(head, 32);
    started_ = true;
    make_room();
    std::uint64_t resumed = 0;
    std::vector<std::byte> buffer;
    std::array<std::byte, record_bytes> record{};
    for (at_ = head_bytes; storage::read_at(journal_, record.data(), record.size(), at_, journal_path_) == record.size();
         at_ += record_bytes) {
      const std::uint64_t chunk = number_in(record, 0);
      const digest said = digest_in(record, 8);
      if (digest_in(record, 24) != seal(chunk, said)) break;  // torn: what follows is worth no more
      if (chunk >= chunks_.size() || chunks_[static_cast<std::size_t>(chunk)]) continue;
      if (control.stop.stop_requested())
        core::fail(error_cause::cancelled, "a transfer was given up because a stop was requested");
      const std::uint64_t n = size_of(static_cast<std::size_t>(chunk));
      buffer.resize(static_cast<std::size_t>(n));
      if (storage::read_at(data_, buffer.data(), buffer.size(), chunk * chunk_size, data_path_.string()) != n ||
          digest_of(std::span(buffer).first(buffer.size())) != said)
        continue;
      chunks_[static_cast<std::size_t>(chunk)] = said;
      resumed += n;
    }
    if (::ftruncate(journal_.get(), static_cast<off_t>(at_)) != 0) storage::fail_file("shorten", journal_path_, errno);
    return resumed;
  }

  /// Nothing has been fetched.
  void restart() {
    for (const auto& [file, path] : {std::pair(&data_, data_path_.string()), std::pair(&journal_, journal_path_)})
      if (::ftruncate(file->get(), 0) != 0) storage::fail_file("shorten", path, errno);
    started_ = ignores_ranges_ = false;
    size_ = 0;
    version_ = {};
    chunks_.clear();
    at_ = head_bytes;
  }

  /// The size is known, and with it the chunks. Those that were written before it was keep their places.
  void start(std::uint64_t size, const digest& version, bool ignores_ranges) {
    size_ = size;
    version_ = version;
    ignores_ranges_ = ignores_ranges;
    started_ = true;
    make_room();
    std::vector<std::byte> head;
    for (std::size_t i = 0; i + 1 < sizeof mark; ++i) head.push_back(static_cast<std::byte>(mark[i]));
    append(head, size);
    append(head, ignores_ranges ? 1 : 0);
    append(head, version);
    append(head, digest_of(std::span<const std::byte>(head)));
    storage::write_at(journal_, head, {}, 0, journal_path_);
  }

  bool started() const noexcept { return started_; }
  std::uint64_t size() const noexcept { return size_; }
  const digest& version() const noexcept { return version_; }
  bool ignores_ranges() const noexcept { return ignores_ranges_; }
  std::size_t count() const noexcept { return chunks_.size(); }
  bool has(std::size_t chunk) const noexcept { return chunks_[chunk].has_value(); }
  /// Whether any has landed that a later process could believe.
  bool has_any() const noexcept {
    return started_ &&
           std::any_of(chunks_.begin(), chunks_.end(), [](const std::optional<digest>& chunk) { return chunk.has_value(); });
  }
  std::uint64_t size_of(std::size_t chunk) const noexcept { return std::min(chunk_size, size_ - chunk * chunk_size); }
  const std::filesystem::path& path() const noexcept { return data_path_; }
  const storage::file_descriptor& file() const noexcept { return data_; }

  void write(std::span<const std::byte> piece, std::uint64_t offset) const {
    storage::write_at(data_, piece, {}, offset, data_path_.string());
  }

  /// All of a chunk has been written. Once the size is known.
  void landed(std::size_t chunk, const digest& content) {
    std::vector<std::byte> record;
    append(record, chunk);
    append(record, content);
    append(record, seal(chunk, content));
    const std::lock_guard lock(mutex_);
    chunks_[chunk] = content;
    storage::write_at(journal_, record, {}, at_, journal_path_);
    at_ += record_bytes;
  }
  /// A chunk is not what it was taken for.
  void forget(std::size_t chunk) noexcept { chunks_[chunk].reset(); }

  /// Once all have landed.
  chunk_list chunks() const {
    chunk_list list{size_, 0, {}};
    for (const std::optional<digest>& chunk : chunks_) list.chunks.push_back(chunk.value());
    return list;
  }

  /// Removes what there is.
  void discard() noexcept {
    ::unlink(data_path_.c_str());
    discard_journal();
  }
  /// The data has gone to its place.
  void discard_journal() noexcept { ::unlink(journal_path_.c_str()); }

 private:
  static constexpr char mark[] = "larder partial 1";
  static constexpr std::size_t head_bytes = 64;
  static constexpr std::size_t record_bytes = 40;

  static void append(std::vector<std::byte>& out, std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(number >> (8 * i) & 0xffU));
  }
  static void append(std::vector<std::byte>& out, const digest& d) {
    append(out, d.low);
    append(out, d.high);
  }
  static std::uint64_t number_in(std::span<const std::byte> text, std::size_t at) noexcept {
    std::uint64_t number = 0;
    for (unsigned i = 8; i-- > 0;) number = number << 8U | std::to_integer<std::uint64_t>(text[at + i]);
    return number;
  }
  static digest digest_in(std::span<const std::byte> text, std::size_t at) noexcept {
    return {number_in(text, at), number_in(text, at + 8)};
  }

  digest seal(std::uint64_t chunk, const digest& content) const {
    std::vector<std::byte> sealed;
    for (const std::uint64_t number : {chunk, size_}) append(sealed, number);
    append(sealed, content);
    append(sealed, version_);
    return digest_of(std::span<const std::byte>(sealed));
  }
  /// As long as the whole, so that a device that is full by any account says so now; without blocks.
  void make_room() {
    constexpr std::uint64_t largest = std::uint64_t{1} << 44U;  // a size from a network: its table of chunks has to fit memory
    if (size_ > largest)
      core::fail(error_cause::server, "a file of " + std::to_string(size_) + " bytes was announced, and at most " +
                                          std::to_string(largest) + " are taken");
    if (::ftruncate(data_.get(), static_cast<off_t>(size_)) != 0) storage::fail_file("make room for", data_path_.string(), errno);
    chunks_.resize(static_cast<std::size_t>(chunk_list::count_of(size_)));
  }

  std::filesystem::path data_path_;
  std::string journal_path_;
  storage::file_descriptor data_;
  storage::file_descriptor journal_;
  bool started_ = false;
  bool ignores_ranges_ = false;
  std::uint64_t size_ = 0;
  digest version_{};
  std::vector<std::optional<digest>> chunks_;
  std::mutex mutex_;
  std::uint64_t at_ = head_bytes;  // where the journal's next record goes
};

}  // namespace larder::artifacts
