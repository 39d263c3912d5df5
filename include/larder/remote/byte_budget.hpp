#pragma once

#include <larder/core/error.hpp>
#include <larder/sync/admission_line.hpp>
#include <larder/sync/per_process.hpp>

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

namespace larder::remote {

/// How many bytes may be on their way at once, for all who share it: hand one to every store of a process by `shared_ptr`. First come, first
/// served; what is larger than all of it goes alone. Safe from many threads; a child of `fork` has all of it for itself.
class byte_budget {
  using line = sync::admission_line<>;

 public:
  static constexpr std::uint64_t usual = std::uint64_t{256} << 20U;

  explicit byte_budget(std::uint64_t bytes = usual) : capacity_(bytes), line_(sync::bounded_sum{bytes}) {}
  byte_budget(const byte_budget&) = delete;
  byte_budget& operator=(const byte_budget&) = delete;

  /// A share, given back by its destructor; must not outlive the budget. Movable.
  class lease {
   public:
    lease() noexcept = default;
    lease(lease&& other) noexcept : of_(std::exchange(other.of_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    lease& operator=(lease&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(size_, other.size_);
      return *this;
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      if (of_ != nullptr) of_->leave(size_);
    }
    std::uint64_t size() const noexcept { return size_; }

   private:
    friend byte_budget;
    lease(line& of, std::uint64_t size) noexcept : of_(&of), size_(size) {}
    line* of_ = nullptr;
    std::uint64_t size_ = 0;
  };

  /// Waits until there is room for so many bytes. Throws `larder::error` (cancelled) when a stop is requested first. Who holds a share and
  /// waits for another may wait for ever.
  lease take(std::uint64_t bytes, const std::stop_token& stop = {}) {
    line& mine = line_.get();
    const auto wait = [&stop](auto& changed, auto& lock, auto&& admitted) { changed.wait(lock, stop, admitted); };
    if (!mine.enter(bytes, wait))
      core::fail(error_cause::cancelled, "a transfer was given up while it waited for its turn because a stop was requested");
    return lease(mine, bytes);
  }
  /// A share at once, beyond the budget if need be: those who wait then wait longer.
  lease charge(std::uint64_t bytes) {
    line& mine = line_.get();
    mine.enter_at_once(bytes);
    return lease(mine, bytes);
  }

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t in_flight() const { return line_.get().room().used; }
  /// How many are waiting.
  std::size_t waiting() const { return line_.get().waiting(); }

 private:
  const std::uint64_t capacity_;
  sync::per_process<line, sync::bounded_sum> line_;
};

}  // namespace larder::remote
