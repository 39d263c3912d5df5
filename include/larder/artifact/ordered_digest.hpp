#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace larder::artifacts {

/// The digest of a file whose chunks come in any order, computed behind them: whoever brings the chunk that was missing goes on from there, unless
/// another thread is at it. What is read for it was written just before, so that it comes from memory.
class ordered_digest {
 public:
  ordered_digest(const partial_file& of, digest_algorithm algorithm) : of_(&of), hasher_(algorithm), ready_(of.count(), false) {
    for (std::size_t i = 0; i < of.count(); ++i) ready_[i] = of.has(i);
  }

  void landed(std::size_t chunk) {
    std::unique_lock lock(mutex_);
    ready_[chunk] = true;
    go_on(lock);
  }
  /// Once all have landed, and nobody calls `landed` any more.
  content_digest finish() {
    std::unique_lock lock(mutex_);
    go_on(lock);
    if (next_ != ready_.size())
      core::fail(error_cause::io, "the digest of \"" + of_->path().string() + "\" was asked for before its end");
    return hasher_.take();
  }

 private:
  void go_on(std::unique_lock<std::mutex>& lock) {
    if (busy_) return;
    busy_ = true;
    struct leave {
      std::unique_lock<std::mutex>& lock;
      bool& busy;
      ~leave() {
        if (!lock.owns_lock()) lock.lock();
        busy = false;
      }
    } const leaving{lock, busy_};
    while (next_ < ready_.size() && ready_[next_]) {
      const std::size_t chunk = next_;
      lock.unlock();
      hash(chunk);
      lock.lock();
      ++next_;
    }
  }
  void hash(std::size_t chunk) {
    constexpr std::size_t step = std::size_t{1} << 20U;
    if (!buffer_) buffer_.reset(new std::byte[step]);
    const std::uint64_t begin = chunk * chunk_size;
    for (std::uint64_t done = 0; done < of_->size_of(chunk);) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(step, of_->size_of(chunk) - done));
      if (storage::read_at(of_->file(), buffer_.get(), n, begin + done, of_->path().string()) != n)
        core::fail(error_cause::corruption, "\"" + of_->path().string() + "\" became shorter while it was fetched");
      hasher_.add(std::span<const std::byte>(buffer_.get(), n));
      done += n;
    }
  }

  const partial_file* of_;
  content_hasher hasher_;                // of whoever made `busy_` true
  std::unique_ptr<std::byte[]> buffer_;  // likewise
  std::mutex mutex_;
  std::vector<bool> ready_;
  std::size_t next_ = 0;
  bool busy_ = false;
};

}  // namespace larder::artifacts
