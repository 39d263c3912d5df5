#pragma once

// Brings blobs: finds them, waits for who is bringing them already, puts them together from pieces, takes them from a hub's cache, or fetches them.

#include <larder/artifact/blob_fetch.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/file_copy.hpp>
#include <larder/artifact/hub_cache.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/packed_blobs.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/transfer_streams.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::artifacts {

enum class blob_origin : std::uint8_t { present, unpacked, hub, fetched, mended };

/// A blob that is there now, and what it took.
struct supplied_blob {
  stored_blob blob{};
  blob_origin origin = blob_origin::present;
  bool waited = false;        ///< for another process or thread, that was bringing it
  std::uint64_t fetched = 0;  ///< bytes that the provider gave
  std::uint64_t resumed = 0;  ///< bytes that an earlier try had fetched
};

/// A file without a digest, fetched and not yet in its place.
struct supplied_file {
  std::unique_ptr<partial_file> file;
  fetched_file content{};
};

/// Safe for any number of threads and processes at once.
class blob_supply {
 public:
  blob_supply(const store_layout& layout, const blob_folder& blobs, packed_blobs& packed, std::vector<hub_cache> hubs, std::size_t streams)
      : layout_(layout),
        blobs_(blobs),
        packed_(packed),
        hubs_(std::move(hubs)),
        side_by_side_(std::max<std::size_t>(streams, 1)),
        streams_(side_by_side_) {}

  remote::transfer_streams& streams() const noexcept { return streams_; }

  /// The blob, if it is there and nobody wrote to it since it was checked; one that was written to is read. Nothing when it is not, or damaged.
  std::optional<stored_blob> find_good(const content_digest& digest, const transfer_control& control) const {
    const std::optional<stored_blob> blob = blobs_.find(digest);
    if (!blob || blobs_.is_as_checked(*blob)) return blob;
    return blobs_.verify(digest, verification::chunks, {control.stop, {}}).state == blob_state::whole ? blobs_.find(digest)
                                                                                                      : std::nullopt;
  }

  /// The blob, whatever it takes; without a `fetch` what this machine has. `name` is what the file is called, for messages and hubs. Throws what the provider
  /// throws, and `larder::error`.
  supplied_blob obtain(const wanted_file& wanted, std::string_view name, const fetch_function* fetch,
                       const transfer_control& control) {
    const content_digest& digest = *wanted.digest;
    const auto check_size = [&](const stored_blob& blob) {
      if (wanted.size && blob.size != *wanted.size)
        core::fail(error_cause::corruption, "the file " + format::printable_name(name) + " has " + std::to_string(blob.size) +
                                                " bytes by its digest and should have " + std::to_string(*wanted.size));
    };
    if (const std::optional<stored_blob> blob = find_good(digest, control)) {
      check_size(*blob);
      return {*blob, blob_origin::present};
    }
    bool waited = false;
    lock_of_blob lock(layout_, blob_folder::name_of(digest), control, waited);
    if (const std::optional<stored_blob> blob = find_good(digest, control)) {
      check_size(*blob);
      return {*blob, blob_origin::present, waited};
    }
    std::optional<supplied_blob> found = from_pieces(digest, lock.telling(control));
    if (!found) found = from_hub(digest, name, control);
    if (found) {
      found->waited = waited;
      return *found;
    }
    if (fetch == nullptr)
      core::fail(error_cause::io, "the file " + format::printable_name(name) + " (" + digest.text() +
                                      ") is not there, and no provider is to be asked");
    supplied_blob brought = bring(wanted, *fetch, lock.telling(control));
    brought.waited = waited;
    return brought;
  }

  /// Fetches what is damaged of a blob, whatever a quick look says of it.
  supplied_blob mend(const wanted_file& wanted, std::string_view name, const fetch_function* fetch,
                     const transfer_control& control) {
    bool waited = false;
    {
      lock_of_blob lock(layout_, blob_folder::name_of(*wanted.digest), control, waited);
      const blob_report report = blobs_.verify(*wanted.digest, verification::digest, {control.stop, {}});
      if (report.state == blob_state::damaged && fetch != nullptr) return bring(wanted, *fetch, lock.telling(control), &report);
      if (report.state == blob_state::damaged) blobs_.quarantine(*wanted.digest);
    }
    return obtain(wanted, name, fetch, control);
  }

  /// Fetches a file without a digest into a partial file of this path, which nobody else uses now.
  supplied_file obtain_own(const wanted_file& wanted, const std::filesystem::path& at, const fetch_function& fetch,
                           const transfer_control& control) {
    supplied_file result{std::make_unique<partial_file>(at), {}};
    result.content = run(*result.file, wanted, fetch, control);
    return result;
  }

 private:
  /// Who brings a blob: told of by its lock file, which goes with him.
  class lock_of_blob {
   public:
    lock_of_blob(const store_layout& layout, const std::string& name, const transfer_control& control, bool& waited)
        : file_(locked_file::lock(layout.blob_lock(name), control.stop, [&](const std::optional<task_progress>& holder) {
            waited = true;
            if (holder && control.progress) control.progress(holder->done, holder->total);
          })) {}
    lock_of_blob(const lock_of_blob&) = delete;
    lock_of_blob& operator=(const lock_of_blob&) = delete;
    ~lock_of_blob() { file_.discard(); }

    transfer_control telling(const transfer_control& control) {
      return {control.stop, [this, &control](std::uint64_t done, std::uint64_t total) {
                file_.tell({done, total});
                if (control.progress) control.progress(done, total);
              }};
    }

   private:
    locked_file file_;
  };

  /// What is there of it when that is not all need not be fetched.
  std::optional<supplied_blob> from_pieces(const content_digest& digest, const transfer_control& control) {
    if (!packed_.has(digest)) return std::nullopt;
    partial_file partial(layout_.partial() / blob_folder::name_of(digest));
    try {
      assembled_blob assembled = packed_.assemble(digest, partial, blobs_.chunks_of(digest), control);
      if (!assembled.whole) {
        if (!partial.has_any()) partial.discard();
        return std::nullopt;
      }
      const stored_blob blob = blobs_.publish(partial.path(), digest, std::move(assembled.chunks)).blob;
      partial.discard();
      return supplied_blob{blob, blob_origin::unpacked};
    } catch (...) {
      partial.discard();
      throw;
    }
  }

  std::optional<supplied_blob> from_hub(const content_digest& digest, std::string_view name, const transfer_control& control) {
    std::optional<supplied_blob> result;
    for (const hub_cache& hub : hubs_) {
      hub.find_candidate(digest, name, [&](const std::filesystem::path& path) {
        try {
          result = supplied_blob{blobs_.store(path, digest.algorithm(), {control.stop, {}}, digest).blob, blob_origin::hub};
        } catch (const error& e) {
          if (e.cause() == error_cause::cancelled || e.cause() == error_cause::no_space) throw;  // others: it is not the one
        }
        return result.has_value();
      });
      if (result) break;
    }
    return result;
  }

  /// Holding its lock. `damage`: what is right of a blob that is there need not be fetched.
  supplied_blob bring(const wanted_file& wanted, const fetch_function& fetch, const transfer_control& control,
                      const blob_report* damage = nullptr) {
    const content_digest& digest = *wanted.digest;
    std::optional<blob_report> looked;
    if (damage == nullptr) {
      looked = blobs_.verify(digest, verification::chunks, {control.stop, {}});
      damage = &*looked;
    }
    partial_file partial(layout_.partial() / blob_folder::name_of(digest));
    const bool mends = damage->state == blob_state::damaged;
    if (mends) take_whole_chunks(partial, digest, *damage, control);
    fetched_file content = run(partial, wanted, fetch, control);
    const stored_blob blob = mends ? blobs_.replace(partial.path(), digest, std::move(content.chunks))
                                   : blobs_.publish(partial.path(), digest, std::move(content.chunks)).blob;
    partial.discard();
    return {blob, mends ? blob_origin::mended : blob_origin::fetched, false, content.fetched, mends ? 0 : content.resumed};
  }

  void take_whole_chunks(partial_file& partial, const content_digest& digest, const blob_report& report,
                         const transfer_control& control) const {
    partial.restart();
    const std::optional<chunk_list> chunks = report.has_chunks ? blobs_.chunks_of(digest) : std::nullopt;
    const std::string path = blobs_.path_of(digest).string();
    const storage::file_descriptor blob = storage::open_file(path, O_RDONLY);
    if (!chunks || !blob) return;
    partial.start(chunks->size, {}, false);
    const std::uint64_t there = std::min(chunks->size, storage::identify(blob, path).size);
    copy_range(blob, path, 0, partial.file(), partial.path().string(), 0, there, control.stop);
    for (std::size_t i = 0; i < chunks->chunks.size(); ++i)
      if (!std::binary_search(report.damaged_chunks.begin(), report.damaged_chunks.end(), i))
        partial.landed(i, chunks->chunks[i]);
  }

  /// Of what came and is right, chunks stay for the next try.
  fetched_file run(partial_file& partial, const wanted_file& wanted, const fetch_function& fetch,
                   const transfer_control& control) {
    try {
      return blob_fetch(partial, wanted, fetch, streams_, side_by_side_, control).run();
    } catch (const error& e) {
      if (e.cause() == error_cause::corruption || e.cause() == error_cause::no_space || !partial.has_any()) partial.discard();
      throw;
    } catch (...) {
      if (!partial.has_any()) partial.discard();
      throw;
    }
  }

  const store_layout& layout_;
  const blob_folder& blobs_;
  packed_blobs& packed_;
  std::vector<hub_cache> hubs_;
  std::size_t side_by_side_;
  mutable remote::transfer_streams streams_;  // guards itself
};

}  // namespace larder::artifacts
