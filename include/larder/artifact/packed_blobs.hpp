#pragma once

// Blobs in pieces that blobs with equal content share: tensors of models, else what the content itself cuts off (file_pieces.hpp).
//
//   <state>/pieces/           a disk cache (storage/mmap_disk.hpp) from a piece's XXH3-128 to its content
//   <state>/packed/<name>     what a blob is put together from (piece_list.hpp)
//
// A list is written when its pieces are on the device. A piece is wanted by the lists that name it; those that no list names go when somebody sweeps. Both
// folders may be removed by hand: what cannot be put together any more is fetched.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/file_pieces.hpp>
#include <larder/artifact/file_stamp.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/artifact/piece_list.hpp>
#include <larder/artifact/tensor_spans.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/sync/process_mutex.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace larder::artifacts {

/// A blob that is kept in pieces.
struct packed_blob {
  content_digest digest{};
  std::uint64_t size = 0;
  std::uint64_t added = 0;  ///< bytes of its pieces that nobody had before; 0 for one that was packed already
};

/// What could be put together of a blob.
struct assembled_blob {
  bool whole = false;    ///< all of it, and it has its digest
  chunk_list chunks{};   ///< of a whole one
};

/// Safe for any number of threads and processes at once. Nothing is opened before it is needed.
class packed_blobs {
 public:
  explicit packed_blobs(const blob_folder& blobs) : blobs_(blobs), state_(blobs.state()) {}
  packed_blobs(const packed_blobs&) = delete;
  packed_blobs& operator=(const packed_blobs&) = delete;

  bool has(const content_digest& digest) const {
    const std::optional<storage::file_identity> there = storage::identify(list_path(digest).string());
    return there && there->regular;
  }
  /// Nothing when it is not packed, or its list is damaged. Throws `larder::error` when the list is a symbolic link, or cannot be read.
  std::optional<piece_list> pieces_of(const content_digest& digest) const {
    const std::optional<std::string> text = read_small_file(list_path(digest), largest_list);
    return text ? piece_list::parse(*text) : std::nullopt;
  }

  /// Keeps a blob that is there in pieces, too. Throws `larder::error`: (io) when it is not there, (corruption) when it has not its digest,
  /// (no_space), (cancelled); then pieces of it may be left, for `sweep`.
  packed_blob pack(const content_digest& digest, const transfer_control& control = {}) {
    const std::string path = blobs_.path_of(digest).string();
    const storage::file_descriptor file = storage::open_file(path, O_RDONLY);
    if (!file) core::fail(error_cause::io, "there is no blob " + digest.text() + " to pack");
    const use_lock packing = share_pieces();
    const file_stamp before = stamp_of(file, path);
    packed_blob packed{digest, before.size};
    if (is_packed(digest)) return packed;
    piece_list list{before.size, {}};
    content_hasher whole(digest.algorithm());
    file_pieces pieces(file, path, before.size, tensor_spans(file, path, before.size));
    std::uint64_t done = 0;
    for (std::span<const std::byte> piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
      if (control.stop.stop_requested())
        core::fail(error_cause::cancelled, "packing \"" + path + "\" was given up because a stop was requested");
      whole.add(piece);
      const blob_piece made{digest_of(piece), piece.size()};
      if (keep(made, piece)) packed.added += made.size;
      list.pieces.push_back(made);
      done += made.size;
      if (control.progress) control.progress(done, before.size);
    }
    const file_stamp after = stamp_of(file, path);
    if (whole.take() != digest || after.size != before.size || after.modified != before.modified)
      core::fail(error_cause::corruption, "the blob \"" + path + "\" has not its digest, so it is not packed; repair its packages first");
    cache().flush();
    make_folder_tree(state_ / "packed");
    write_atomically(list_path(digest), list.text(), {.durable = true});
    return packed;
  }

  /// Whether a packed blob can be put together, as far as places say. With `deep` it is, and compared with its digest.
  bool is_whole(const content_digest& digest, bool deep, const transfer_control& control = {}) {
    if (!deep) return is_packed(digest);
    const std::optional<piece_list> list = pieces_of(digest);
    if (!list) return false;
    content_hasher whole(digest.algorithm());
    std::uint64_t done = 0;
    for (const blob_piece& piece : list->pieces) {
      const std::optional<bytes> content = find(piece, control);
      if (!content) return false;
      whole.add(content->span());
      done += piece.size;
      if (control.progress) control.progress(done, list->size);
    }
    return whole.take() == digest;
  }

  /// Puts a packed blob together in a partial file, for whoever holds the lock of that. Of one that is not whole the chunks have landed that are, and it
  /// counts as packed no more. `known`: digests of its chunks, where there are some.
  assembled_blob assemble(const content_digest& digest, partial_file& to, const std::optional<chunk_list>& known,
                          const transfer_control& control) {
    const std::optional<piece_list> list = pieces_of(digest);
    if (!list) return {};
    to.restart();
    to.start(list->size, {}, false);
    landing chunks(to, known && known->size == list->size ? &*known : nullptr);
    content_hasher whole(digest.algorithm());
    bool all = true;
    std::uint64_t done = 0;
    for (const blob_piece& piece : list->pieces) {
      const std::optional<bytes> content = find(piece, control);
      all = all && content;
      chunks.add(done, piece.size, content ? content->span() : std::span<const std::byte>());
      if (all) whole.add(content->span());
      done += piece.size;
      if (control.progress) control.progress(done, list->size);
    }
    if (all && whole.take() == digest) return {true, chunks.take()};
    if (all) to.restart();  // its list is of something else
    erase(digest);
    return {};
  }

  /// Whether it was packed. Its pieces stay until `sweep`.
  bool erase(const content_digest& digest) const { return storage::remove_file(list_path(digest).string()); }

  /// Calls `each(digest, list, packed_at)` for every packed blob, in no order; the time is when it was packed, in ns since 1970.
  template <class Each>
  void for_each(Each&& each) const {
    std::error_code failed;
    for (std::filesystem::directory_iterator at(state_ / "packed", failed), end; !failed && at != end; at.increment(failed)) {
      const std::optional<content_digest> digest = blob_folder::digest_of_name(at->path().filename().string());
      if (!digest) continue;
      const std::optional<piece_list> list = pieces_of(*digest);
      struct stat there {};
      if (list && ::lstat(at->path().c_str(), &there) == 0) each(*digest, *list, storage::posix::nanoseconds_of(there.st_mtim));
    }
  }

  /// The bytes of all pieces.
  std::uint64_t bytes_in_pieces() { return has_pieces() ? cache().weight() : 0; }

  /// Removes pieces that no list names, and says how many bytes that were. Nothing while somebody packs.
  std::uint64_t sweep() {
    if (!has_pieces()) return 0;
    const std::optional<use_lock> alone = use_lock::try_alone(lock_path());
    if (!alone) return 0;
    std::unordered_set<std::string> wanted;
    for_each([&](const content_digest&, const piece_list& list, std::int64_t) {
      for (const blob_piece& piece : list.pieces) wanted.insert(key_of(piece.content));
    });
    const std::uint64_t before = cache().weight();
    cache().erase_if([&](const std::string& key) { return !wanted.contains(key); });
    return before - std::min(before, cache().weight());
  }

 private:
  using piece_cache = larder::cache<std::string, bytes, unbounded, mmap_disk>;
  static constexpr std::size_t largest_list = std::size_t{1} << 30U;  // of pieces of 16 KiB: 700 GB

  /// Tells a partial file of the chunks that are whole as their pieces come.
  class landing {
   public:
    landing(partial_file& to, const chunk_list* known) : to_(to), known_(known) { found_.size = to.size(); }

    /// The next piece; empty when it is missing.
    void add(std::uint64_t offset, std::uint64_t size, std::span<const std::byte> content) {
      if (!content.empty()) to_.write(content, offset);
      while (size != 0) {
        const std::uint64_t n = std::min(size, chunk_size - offset % chunk_size);
        if (content.empty()) {
          has_all_ = false;
        } else {
          running_.update(content.data(), static_cast<std::size_t>(n));
          content = content.subspan(static_cast<std::size_t>(n));
        }
        offset += n;
        size -= n;
        if (offset % chunk_size == 0 || offset == to_.size()) close(static_cast<std::size_t>((offset - 1) / chunk_size));
      }
    }

    /// Once all have come, and none was missing.
    chunk_list take() { return std::move(found_); }

   private:
    void close(std::size_t chunk) {
      const digest found = running_.finish();
      found_.chunks.push_back(found);
      if (has_all_ && (known_ == nullptr || known_->chunks[chunk] == found)) to_.landed(chunk, found);
      has_all_ = true;
      running_ = digest_stream{};
    }

    partial_file& to_;
    const chunk_list* known_;
    chunk_list found_;
    digest_stream running_;
    bool has_all_ = true;
  };

  std::filesystem::path list_path(const content_digest& digest) const { return state_ / "packed" / blob_folder::name_of(digest); }
  std::filesystem::path folder_of_pieces() const { return state_ / "pieces"; }
  std::filesystem::path lock_path() const { return state_ / "pieces.lock"; }
  bool has_pieces() const { return storage::identify(folder_of_pieces().string()).has_value(); }

  /// Keeps pieces from being swept.
  use_lock share_pieces() const {
    for (;;) {
      if (std::optional<use_lock> shared = use_lock::share(lock_path())) return std::move(*shared);
      make_folder_tree(state_);
    }
  }

  piece_cache& cache() {
    const sync::process_mutex::guard held = opening_.lock();
    if (!cache_) cache_ = std::make_unique<piece_cache>(unbounded{}, mmap_disk{folder_of_pieces(), {}});
    return *cache_;
  }
  static std::string key_of(const digest& content) {
    std::string key(digest_bytes, '\0');
    std::memcpy(key.data(), &content.low, 8);
    std::memcpy(key.data() + 8, &content.high, 8);
    return key;
  }

  bool is_packed(const content_digest& digest) {
    const std::optional<piece_list> list = pieces_of(digest);
    return list && (list->pieces.empty() || has_pieces()) &&
           std::all_of(list->pieces.begin(), list->pieces.end(), [&](const blob_piece& piece) { return cache().contains(key_of(piece.content)); });
  }
  std::optional<bytes> find(const blob_piece& piece, const transfer_control& control) {
    if (control.stop.stop_requested())
      core::fail(error_cause::cancelled, "putting a packed file together was given up because a stop was requested");
    if (!has_pieces()) return std::nullopt;
    std::optional<bytes> content = cache().get(key_of(piece.content));
    return content && content->size() == piece.size ? content : std::nullopt;
  }
  /// Whether nobody had it before.
  bool keep(const blob_piece& piece, std::span<const std::byte> content) {
    const std::string key = key_of(piece.content);
    if (const std::optional<bytes> there = cache().get(key)) {
      // Equal digests are not yet equal bytes to whoever is about to let go of the only copy.
      if (there->size() != content.size() || std::memcmp(there->data(), content.data(), content.size()) != 0)
        core::fail(error_cause::corruption, "two pieces of the digest " + piece.content.hex() + " are not equal, so the second is not packed");
      return false;
    }
    if (!cache().put(key, bytes::copy_of(content.data(), content.size())))
      core::fail(error_cause::no_space, "there is no room in \"" + folder_of_pieces().string() + "\" for a piece of " +
                                            std::to_string(content.size()) + " bytes");
    return true;
  }

  const blob_folder& blobs_;
  std::filesystem::path state_;
  mutable sync::process_mutex opening_;
  std::unique_ptr<piece_cache> cache_;
};

}  // namespace larder::artifacts
