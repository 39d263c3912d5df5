#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace larder::serve {

/// How many bytes of chunks a server holds in memory, whoever holds them: the cache, a fill, or a slow reader of a chunk that has left the
/// cache. Every member may be called from any thread.
class chunk_room {
  struct book {
    std::mutex mutex;
    std::condition_variable given_back;
    std::uint64_t taken = 0;
  };

 public:
  /// Bytes that are taken as long as this lives; it may outlive the room, in what somebody keeps of a chunk.
  class claim {
   public:
    claim() noexcept = default;
    claim(claim&& other) noexcept : book_(std::move(other.book_)), size_(other.size_) {}
    claim& operator=(claim&& other) noexcept {
      std::swap(book_, other.book_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~claim() {
      if (!book_) return;
      {
        const std::lock_guard lock(book_->mutex);
        book_->taken -= size_;
      }
      book_->given_back.notify_all();
    }
    explicit operator bool() const noexcept { return book_ != nullptr; }

   private:
    friend chunk_room;
    claim(std::shared_ptr<book> from, std::uint64_t size) noexcept : book_(std::move(from)), size_(size) {}
    std::shared_ptr<book> book_;
    std::uint64_t size_ = 0;
  };

  explicit chunk_room(std::uint64_t capacity) : capacity_(capacity), book_(std::make_shared<book>()) {}
  chunk_room(const chunk_room&) = delete;
  chunk_room& operator=(const chunk_room&) = delete;

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t taken() const {
    const std::lock_guard lock(book_->mutex);
    return book_->taken;
  }

  /// So many bytes, if they are free; an empty claim otherwise.
  claim take(std::uint64_t size) {
    const std::lock_guard lock(book_->mutex);
    if (size > capacity_ || book_->taken > capacity_ - size) return {};
    book_->taken += size;
    return {book_, size};
  }
  /// Bytes that are there already, whether there was room for them or not.
  claim count(std::uint64_t size) {
    const std::lock_guard lock(book_->mutex);
    book_->taken += size;
    return {book_, size};
  }
  /// Waits until no more than so much is taken; false when it took too long.
  bool wait_for(std::uint64_t most, std::chrono::milliseconds patience) {
    std::unique_lock lock(book_->mutex);
    return book_->given_back.wait_for(lock, patience, [&] { return book_->taken <= most; });
  }

 private:
  const std::uint64_t capacity_;
  const std::shared_ptr<book> book_;
};

}  // namespace larder::serve
