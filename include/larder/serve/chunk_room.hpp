#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace larder::serve {

/// How many bytes of chunks a server holds in memory, whoever holds them: the cache, a fill, or a slow reader of a chunk that has left the
/// cache. Every member may be called from any thread.
class chunk_room {
 public:
  /// Bytes that are taken as long as this lives. It must not outlive the room.
  class claim {
   public:
    claim() noexcept = default;
    claim(claim&& other) noexcept : room_(std::exchange(other.room_, nullptr)), size_(other.size_) {}
    claim& operator=(claim&& other) noexcept {
      std::swap(room_, other.room_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~claim() {
      if (room_ != nullptr) room_->give_back(size_);
    }
    explicit operator bool() const noexcept { return room_ != nullptr; }

   private:
    friend chunk_room;
    claim(chunk_room& room, std::uint64_t size) noexcept : room_(&room), size_(size) {}
    chunk_room* room_ = nullptr;
    std::uint64_t size_ = 0;
  };

  explicit chunk_room(std::uint64_t capacity) noexcept : capacity_(capacity) {}
  chunk_room(const chunk_room&) = delete;
  chunk_room& operator=(const chunk_room&) = delete;

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

  /// So many bytes, if they are free; an empty claim otherwise.
  claim take(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (size > capacity_ || taken_ > capacity_ - size) return {};
    taken_ += size;
    return {*this, size};
  }
  /// Bytes that are there already, whether there was room for them or not.
  claim count(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    taken_ += size;
    return {*this, size};
  }
  /// Waits until no more than so much is taken; false when it took too long.
  bool wait_for(std::uint64_t most, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return given_back_.wait_for(lock, patience, [&] { return taken_ <= most; });
  }

 private:
  void give_back(std::uint64_t size) {
    {
      const std::lock_guard lock(mutex_);
      taken_ -= size;
    }
    given_back_.notify_all();
  }

  const std::uint64_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable given_back_;
  std::uint64_t taken_ = 0;
};

}  // namespace larder::serve
