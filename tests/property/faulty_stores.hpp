#pragma once

// Storages in memory whose operations fail when told to: one that an index is kept of, and one of plain objects.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/remote_engine.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace model {

struct faults {
  bool writes = false;
  bool erases = false;
  bool reads = false;
  bool writes_apply = false;  ///< a write that fails has been carried out all the same
};

inline void fail_when(bool wanted, const char* what) {
  if (wanted) throw larder::error(larder::error_cause::io, what);
}

/// A storage policy from outside the library; `Store` is made from the policy.
struct faulty_objects {
  using policy_axis = larder::axis::storage;
  std::shared_ptr<faults> wrong = std::make_shared<faults>();

  class store {
   public:
    store(const faulty_objects& policy, larder::error_sink&) : wrong_(policy.wrong) {}

    std::optional<larder::bytes> get(std::string_view name, larder::byte_range range) {
      fail_when(wrong_->reads, "no read");
      const std::lock_guard lock(mutex_);
      const auto at = objects_.find(std::string(name));
      if (at == objects_.end()) return std::nullopt;
      const std::size_t from = std::min<std::uint64_t>(range.offset, at->second.size());
      return larder::bytes::copy_of(at->second.data() + from, std::min<std::uint64_t>(range.size, at->second.size() - from));
    }
    std::optional<larder::blob_info> head(std::string_view name) {
      fail_when(wrong_->reads, "no head");
      const std::lock_guard lock(mutex_);
      const auto at = objects_.find(std::string(name));
      if (at == objects_.end()) return std::nullopt;
      return larder::blob_info{at->second.size(), {}};
    }
    bool put(std::string_view name, std::span<const larder::bytes> parts, larder::put_mode mode) {
      fail_when(wrong_->writes && !wrong_->writes_apply, "no write");
      const std::lock_guard lock(mutex_);
      if (mode == larder::put_mode::create_only && objects_.contains(std::string(name))) return false;
      std::string whole;
      for (const larder::bytes& part : parts) whole.append(part.text());
      objects_[std::string(name)] = whole;
      fail_when(wrong_->writes, "no answer to a write");
      return true;
    }
    bool erase(std::string_view name) {
      fail_when(wrong_->erases, "no erase");
      const std::lock_guard lock(mutex_);
      return objects_.erase(std::string(name)) != 0;
    }
    template <class F>
    void list(std::string_view prefix, F&& f) {
      fail_when(wrong_->reads, "no list");
      std::map<std::string, std::string> copy;
      {
        const std::lock_guard lock(mutex_);
        copy = objects_;
      }
      for (const auto& [name, object] : copy)
        if (name.starts_with(prefix)) f(std::string_view(name), larder::blob_info{object.size(), {}});
    }

   private:
    std::shared_ptr<faults> wrong_;
    std::mutex mutex_;
    std::map<std::string, std::string> objects_;
  };
};

struct faulty_entries {
  using policy_axis = larder::axis::storage;
  std::shared_ptr<faults> wrong = std::make_shared<faults>();

  class store {
   public:
    struct handle {};
    struct staged {
      larder::stored_entry entry;
    };

    store(const faulty_entries& policy, larder::error_sink&) : wrong_(policy.wrong) {}

    std::unique_lock<std::mutex> lock() { return std::unique_lock(lock_); }
    template <class F>
    void recover(F&&) {}
    staged stage(const larder::stored_entry& entry) {
      return {{entry.id, larder::bytes::copy_of(entry.key.span()), larder::bytes::copy_of(entry.payload.span()), entry.info}};
    }
    handle publish(staged&& s) {
      fail_when(wrong_->writes && !wrong_->writes_apply, "no write");
      const std::lock_guard hold(mutex_);
      const larder::digest id = s.entry.id;
      entries_.insert_or_assign(id.hex(), std::move(s.entry));
      fail_when(wrong_->writes, "no answer to a write");
      return {};
    }
    larder::fetched fetch(const larder::digest& id, const larder::bytes&, handle&) {
      fail_when(wrong_->reads, "no read");
      const std::lock_guard hold(mutex_);
      const auto at = entries_.find(id.hex());
      if (at == entries_.end()) return {};
      return {larder::fetch_status::hit, at->second.payload, std::nullopt};
    }
    std::optional<larder::stored_info> find(const larder::digest& id, const larder::bytes&) {
      fail_when(wrong_->reads, "no search");
      const std::lock_guard hold(mutex_);
      const auto at = entries_.find(id.hex());
      if (at == entries_.end()) return std::nullopt;
      return at->second.info;
    }
    std::optional<larder::bytes> key_of(const larder::digest& id, const handle&) {
      const std::lock_guard hold(mutex_);
      const auto at = entries_.find(id.hex());
      if (at == entries_.end()) return std::nullopt;
      return at->second.key;
    }
    void erase(const larder::digest& id, const handle&) {
      fail_when(wrong_->erases, "no erase");
      const std::lock_guard hold(mutex_);
      entries_.erase(id.hex());
    }
    void clear() {
      fail_when(wrong_->erases, "no clear");
      const std::lock_guard hold(mutex_);
      entries_.clear();
    }

   private:
    std::shared_ptr<faults> wrong_;
    std::mutex lock_;
    std::mutex mutex_;
    std::map<std::string, larder::stored_entry> entries_;
  };
};

}  // namespace model
