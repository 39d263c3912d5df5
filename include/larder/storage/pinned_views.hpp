#pragma once

#include <larder/core/bytes.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include <unistd.h>

namespace larder::storage {

/// What `bytes` hold whose entries have left; may outlive the store.
class pinned_ledger {
 public:
  void add(std::uint64_t size) noexcept { pinned_.fetch_add(size, std::memory_order_relaxed); }
  void subtract(std::uint64_t size) noexcept { pinned_.fetch_sub(size, std::memory_order_relaxed); }
  std::uint64_t bytes() const noexcept { return pinned_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> pinned_{0};
};

/// The views that callers hold of one mapping: one for each record, however many `bytes` share it, so that what an entry leaves behind
/// when it leaves can be counted. `Mapping` is what the views keep alive.
template <class Mapping>
class pinned_views {
 public:
  explicit pinned_views(std::shared_ptr<pinned_ledger> ledger) noexcept : ledger_(std::move(ledger)) {}
  pinned_views(const pinned_views&) = delete;
  pinned_views& operator=(const pinned_views&) = delete;
  ~pinned_views() {
    while (spare_ != nullptr) delete std::exchange(spare_, spare_->next);
  }

  /// The bytes of the record at `unit`, which keep `mapping` (a `shared_ptr`), whose own views these are, alive.
  template <class Shared>
  bytes view(Shared&& mapping, std::uint32_t unit, const std::byte* data, std::size_t size) {
    if (size == 0) return {};
    const guard held(*this);
    view_of*& first = rows_[row_of(unit)];
    for (view_of* v = first; v != nullptr; v = v->next)
      if (v->unit == unit && !v->left && v->try_acquire()) return bytes(v, data, size);
    view_of* fresh = spare_;
    if (fresh != nullptr) {
      spare_ = fresh->next;
      --spares_;
      std::destroy_at(fresh);
      std::construct_at(fresh, std::forward<Shared>(mapping), unit, size);
    } else {
      fresh = new view_of(std::forward<Shared>(mapping), unit, size);
    }
    fresh->next = first;
    first = fresh;
    return bytes(fresh, data, size);
  }

  /// The record's entry has left: what is held of it counts as pinned from now on.
  void leave(std::uint32_t unit) noexcept {
    const guard held(*this);
    for (view_of* v = rows_[row_of(unit)]; v != nullptr; v = v->next)
      if (v->unit == unit) count(*v);
  }
  /// Every entry has left.
  void leave_all() noexcept {
    const guard held(*this);
    for (view_of* const first : rows_)
      for (view_of* v = first; v != nullptr; v = v->next) count(*v);
  }

 private:
  struct view_of final : core::byte_owner {
    view_of(std::shared_ptr<Mapping> in, std::uint32_t at, std::size_t n) noexcept
        : byte_owner(residence::mapping), mapping(std::move(in)), unit(at), size(n) {}
    void destroy() noexcept override {
      const std::shared_ptr<Mapping> last = std::move(mapping);  // the lock lies in it
      last->views().forget(*this);
    }
    std::shared_ptr<Mapping> mapping;
    std::uint32_t unit;
    bool left = false;
    std::size_t size;
    view_of* next = nullptr;
  };

  /// A lock of one byte: what it protects takes a few instructions. In a child of `fork` its holder may be a thread that is not there
  /// any more; the child then goes on without it.
  class guard {
   public:
    explicit guard(pinned_views& of) noexcept : of_(&of) {
      for (int tries = 1; of.busy_.exchange(true, std::memory_order_acquire); ++tries) {
        if (tries % 64 == 0) std::this_thread::yield();
        if (tries % 65'536 == 0 && of.process_ != ::getpid()) return;
      }
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { of_->busy_.store(false, std::memory_order_release); }

   private:
    pinned_views* of_;
  };

  static std::size_t row_of(std::uint32_t unit) noexcept { return (unit * 0x9e37'79b9U) >> 26; }

  void count(view_of& v) noexcept {
    if (std::exchange(v.left, true)) return;
    ledger_->add(v.size);
  }
  /// Its memory is kept for the next: most views are let go of before another record is looked up, and the heap is dear.
  void forget(view_of& gone) noexcept {
    const guard held(*this);
    for (view_of** at = &rows_[row_of(gone.unit)]; *at != nullptr; at = &(*at)->next)
      if (*at == &gone) {
        *at = gone.next;
        break;
      }
    if (gone.left) ledger_->subtract(gone.size);
    if (spares_ == most_spares) {
      delete &gone;
    } else {
      ++spares_;
      gone.next = spare_;
      std::atomic_signal_fence(std::memory_order_release);  // a fork may come between any two steps
      spare_ = &gone;
    }
  }

  std::shared_ptr<pinned_ledger> ledger_;
  const pid_t process_ = ::getpid();
  std::atomic<bool> busy_{false};
  std::array<view_of*, 64> rows_{};
  static constexpr std::uint32_t most_spares = 4;
  std::uint32_t spares_ = 0;
  view_of* spare_ = nullptr;
};

}  // namespace larder::storage
