#pragma once

// An entry's file in memory without a copy, and the count of what such mappings hold after their entry has gone.
//
// The handles that an index keeps of one entry hold its mapping together (`mapping_reference`); `bytes` handed out hold
// it one by one. When the last handle goes while `bytes` are left, the payload is pinned: it takes room though nobody
// can find it any more.

#include <larder/core/bytes.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/storage/entry_file.hpp>
#include <larder/storage/posix_file.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::storage {

/// A whole file, mapped for reading.
class file_mapping {
 public:
  file_mapping() noexcept = default;
  /// Empty, with errno, when the system refuses.
  file_mapping(const file_descriptor& file, std::uint64_t size) noexcept {
    void* const address = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, file.get(), 0);
    if (address == MAP_FAILED) return;
    address_ = address;
    size_ = static_cast<std::size_t>(size);
  }
  file_mapping(file_mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  file_mapping& operator=(file_mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~file_mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  explicit operator bool() const noexcept { return address_ != nullptr; }
  std::span<const std::byte> span() const noexcept { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

class mapped_entry;

/// What the mappings of one store share; they may outlive the store.
class mapping_ledger {
 public:
  std::uint64_t pinned_bytes() const noexcept {
    const std::int64_t pinned = pinned_.load(std::memory_order_relaxed);
    return pinned > 0 ? static_cast<std::uint64_t>(pinned) : 0;
  }
  std::size_t mappings() const noexcept { return mappings_.load(std::memory_order_relaxed); }

 private:
  friend class mapped_entry;
  friend class mapping_reference;

  struct file_key {
    dev_t device;
    ino_t inode;
    bool operator==(const file_key&) const noexcept = default;
  };
  struct file_hash {
    std::size_t operator()(const file_key& key) const noexcept {
      return static_cast<std::size_t>((key.inode ^ (key.device << 40)) * 0x9e37'79b9'7f4a'7c15ULL >> 16);
    }
  };

  /// A forked child's copy of the mutex may be held by a thread that the child does not have.
  bool inherited() const noexcept { return process_ != ::getpid(); }

  const pid_t process_ = ::getpid();
  std::atomic<std::int64_t> pinned_{0};
  std::atomic<std::size_t> mappings_{0};
  std::mutex mutex_;
  std::unordered_map<file_key, mapped_entry*, file_hash> by_file_;  // those that handles hold
};

/// The mapping of one entry whose head was found right.
class mapped_entry final : public core::byte_owner {
 public:
  mapped_entry(file_mapping mapping, const format::entry_frame& frame, const file_identity& identity,
               std::shared_ptr<mapping_ledger> ledger) noexcept
      : byte_owner(residence::mapping),
        mapping_(std::move(mapping)),
        frame_(frame),
        identity_(identity),
        ledger_(std::move(ledger)) {
    ledger_->mappings_.fetch_add(1, std::memory_order_relaxed);
  }

  const format::entry_frame& frame() const noexcept { return frame_; }
  const file_identity& identity() const noexcept { return identity_; }
  std::uint64_t stamp() const noexcept { return stamp_of(mapping_.span()); }
  std::span<const std::byte> key() const noexcept { return format::entry_key(mapping_.span(), frame_); }

  /// The payload in place; every copy of the result keeps the mapping.
  bytes payload() noexcept {
    if (frame_.payload_size == 0) return {};
    acquire();
    return bytes(this, mapping_.span().data() + frame_.payload_offset, static_cast<std::size_t>(frame_.payload_size));
  }

  /// Whether the payload is right, compared only when `setting` asks for it and the file at its `modified` time was not yet.
  bool check(verify setting, const digest& id, std::int64_t modified) noexcept {
    if (setting == verify::never) return true;
    if (setting == verify::first_read && verified_.load(std::memory_order_acquire) == modified) return true;
    const bool settled = modification_is_settled(modified);
    if (!format::payload_matches(frame_, id, mapping_.span().data() + frame_.payload_offset)) return false;
    if (settled) verified_.store(modified, std::memory_order_release);
    return true;
  }
  std::int64_t verified() const noexcept { return verified_.load(std::memory_order_relaxed); }
  void set_verified(std::int64_t modified) noexcept { verified_.store(modified, std::memory_order_relaxed); }

 private:
  friend class mapping_reference;
  ~mapped_entry() = default;

  void destroy() noexcept override {
    ledger_->mappings_.fetch_sub(1, std::memory_order_relaxed);
    if (counted_) ledger_->pinned_.fetch_sub(static_cast<std::int64_t>(frame_.payload_size), std::memory_order_relaxed);
    delete this;
  }

  /// One more handle, unless the last one has gone already.
  bool try_hold() noexcept {
    std::uint32_t holders = holders_.load(std::memory_order_relaxed);
    while (holders != 0)
      if (holders_.compare_exchange_weak(holders, holders + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  void let_go() noexcept {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!ledger_->inherited()) {
      const std::lock_guard guard(ledger_->mutex_);
      const auto found = ledger_->by_file_.find({identity_.device, identity_.inode});
      if (found != ledger_->by_file_.end() && found->second == this) ledger_->by_file_.erase(found);
    }
    if (references() != 1) {  // only the handles' own one is left otherwise, and nobody can make more of it
      counted_ = true;
      ledger_->pinned_.fetch_add(static_cast<std::int64_t>(frame_.payload_size), std::memory_order_relaxed);
    }
    release();
  }

  file_mapping mapping_;
  format::entry_frame frame_;
  file_identity identity_;
  std::shared_ptr<mapping_ledger> ledger_;
  std::atomic<std::int64_t> verified_{never_verified};
  std::atomic<std::uint32_t> holders_{1};  // handles; together they hold one reference
  bool counted_ = false;                   // written before the handles' reference goes, read after the last one
};

/// An index's hold on a mapping.
class mapping_reference {
 public:
  mapping_reference() noexcept = default;
  /// Takes over the hold that a new mapping starts with.
  explicit mapping_reference(mapped_entry* fresh) noexcept : mapping_(fresh) {}
  mapping_reference(const mapping_reference& other) noexcept : mapping_(other.mapping_) {
    if (mapping_ != nullptr) mapping_->holders_.fetch_add(1, std::memory_order_relaxed);
  }
  mapping_reference(mapping_reference&& other) noexcept : mapping_(std::exchange(other.mapping_, nullptr)) {}
  mapping_reference& operator=(mapping_reference other) noexcept {
    std::swap(mapping_, other.mapping_);
    return *this;
  }
  ~mapping_reference() {
    if (mapping_ != nullptr) mapping_->let_go();
  }
  explicit operator bool() const noexcept { return mapping_ != nullptr; }
  mapped_entry* operator->() const noexcept { return mapping_; }
  bool operator==(const mapping_reference&) const noexcept = default;

  /// The mapping that some handle holds of this file, or nothing.
  static mapping_reference find(mapping_ledger& ledger, const file_identity& file) {
    if (ledger.inherited()) return {};
    const std::lock_guard guard(ledger.mutex_);
    const auto found = ledger.by_file_.find({file.device, file.inode});
    if (found == ledger.by_file_.end() || !found->second->try_hold()) return {};
    return mapping_reference(found->second);
  }

  /// Makes a new mapping known to `find`; the one that another thread made known meanwhile wins.
  static mapping_reference share(mapping_ledger& ledger, mapping_reference fresh) {
    if (ledger.inherited()) return fresh;
    const std::lock_guard guard(ledger.mutex_);
    mapped_entry*& known = ledger.by_file_[{fresh->identity().device, fresh->identity().inode}];
    if (known != nullptr && known->try_hold()) return mapping_reference(known);
    known = fresh.mapping_;
    return fresh;
  }

 private:
  mapped_entry* mapping_ = nullptr;
};

}  // namespace larder::storage
