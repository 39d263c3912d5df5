#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace own_storages {

/// Fails the calls that are named, with the cause that is set; `watch` is told of each call first and may hold it up.
struct faults {
  std::set<std::string> broken;
  larder::error_cause cause = larder::error_cause::io;
  std::function<void(std::string_view call)> watch{};
  void meet(const std::string& call) const {
    if (watch) watch(call);
    if (broken.contains(call)) throw larder::error(cause, "injected into " + call);
  }
};

/// An indexed storage in a map, which outlives the caches that name it.
struct shelf {
  using policy_axis = larder::axis::storage;
  struct row {
    larder::bytes key;
    larder::bytes payload;
    larder::stored_info info;
  };
  struct contents {
    std::mutex changes;
    std::mutex rows_mutex;
    std::map<larder::digest, row> rows;
    faults fails;
    std::set<std::string> damaged;
  };
  contents* to;

  class store {
   public:
    struct handle {};
    using staged = larder::stored_entry;
    store(const shelf& policy, larder::error_sink& sink) : c_(*policy.to), sink_(sink) { c_.fails.meet("open"); }
    std::unique_lock<std::mutex> lock() {
      c_.fails.meet("lock");
      return std::unique_lock(c_.changes);
    }
    template <class F>
    void recover(F&& f) {
      for (const auto& [id, r] : c_.rows) f(id, handle{}, r.info);
    }
    staged stage(const larder::stored_entry& entry) {
      c_.fails.meet("stage");
      return entry;
    }
    handle publish(staged&& entry) {
      c_.fails.meet("publish");
      const std::lock_guard lock(c_.rows_mutex);
      c_.rows[entry.id] = {entry.key, entry.payload, entry.info};
      return {};
    }
    larder::fetched fetch(const larder::digest& id, const larder::bytes& key, handle&) {
      c_.fails.meet("fetch");
      larder::fetched result = look_up(id, key);
      c_.fails.meet("fetched");
      return result;
    }
    std::optional<larder::stored_info> find(const larder::digest& id, const larder::bytes&) {
      c_.fails.meet("find");
      const std::lock_guard lock(c_.rows_mutex);
      const auto at = c_.rows.find(id);
      return at == c_.rows.end() ? std::nullopt : std::optional(at->second.info);
    }
    std::optional<larder::bytes> key_of(const larder::digest& id, handle&) {
      c_.fails.meet("key_of");
      const std::lock_guard lock(c_.rows_mutex);
      const auto at = c_.rows.find(id);
      return at == c_.rows.end() ? std::nullopt : std::optional(at->second.key);
    }
    void erase(const larder::digest& id, const handle&) {
      c_.fails.meet("erase");
      const std::lock_guard lock(c_.rows_mutex);
      c_.rows.erase(id);
    }
    void clear() {
      c_.fails.meet("clear");
      const std::lock_guard lock(c_.rows_mutex);
      c_.rows.clear();
    }

   private:
    larder::fetched look_up(const larder::digest& id, const larder::bytes& key) {
      const std::lock_guard lock(c_.rows_mutex);
      const auto at = c_.rows.find(id);
      if (at == c_.rows.end()) return {};
      if (!(at->second.key == key) || c_.damaged.contains(std::string(key.text()))) {
        sink_.report(larder::error_cause::corruption, "damaged");
        c_.rows.erase(at);
        return {larder::fetch_status::damaged, {}, {}};
      }
      return {larder::fetch_status::hit, at->second.payload, {}};
    }

    contents& c_;
    larder::error_sink& sink_;
  };
};

}  // namespace own_storages
