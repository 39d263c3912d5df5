#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/remote_engine.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// A remote storage in a map, whose objects have versions; it notes what is read. Copies share.
struct versioned_bucket {
  using policy_axis = larder::axis::storage;
  struct contents {
    std::mutex mutex;
    std::map<std::string, std::pair<std::string, int>> objects;  // content, version
    std::vector<std::pair<std::string, std::uint64_t>> reads;    // name, bytes
    bool broken = false;
    bool may_list = true;  // else absent objects are refused, as S3 does
    int stores = 0;        // that were made of it
    int finds = 0;
  };
  std::shared_ptr<contents> to = std::make_shared<contents>();

  class store {
   public:
    store(const versioned_bucket& policy, larder::error_sink&) : c_(policy.to) { ++c_->stores; }
    std::optional<larder::bytes> get(std::string_view, larder::byte_range) { return std::nullopt; }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    bool put(std::string_view, std::span<const larder::bytes>, larder::put_mode) { return false; }
    bool erase(std::string_view) { return false; }
    template <class F>
    void list(std::string_view, F&&) {}

    std::optional<larder::blob_info> find(std::string_view name) {
      const std::lock_guard lock(c_->mutex);
      if (c_->broken) throw larder::error(larder::error_cause::network, "no connection");
      const auto at = c_->objects.find(std::string(name));
      ++c_->finds;
      if (at == c_->objects.end() && !c_->may_list) throw larder::error(larder::error_cause::unauthorized, "403");
      if (at == c_->objects.end()) return std::nullopt;
      return larder::blob_info{at->second.first.size(), std::to_string(at->second.second)};
    }
    void read(std::string_view name, const larder::blob_info& object, std::uint64_t offset, std::span<std::byte> room) {
      const std::lock_guard lock(c_->mutex);
      if (c_->broken) throw larder::error(larder::error_cause::network, "no connection");
      const auto at = c_->objects.find(std::string(name));
      if (at == c_->objects.end() || std::to_string(at->second.second) != object.etag)
        throw larder::error(larder::error_cause::io, "another version");
      std::memcpy(room.data(), at->second.first.data() + offset, room.size());
      c_->reads.emplace_back(std::string(name), room.size());
    }

   private:
    std::shared_ptr<contents> c_;
  };

  void put(const std::string& name, std::string content) const {
    auto& object = to->objects[name];
    object.first = std::move(content);
    ++object.second;
  }
  std::uint64_t bytes_read(const std::string& name) const {
    std::uint64_t all = 0;
    for (const auto& [read, size] : to->reads) all += read == name ? size : 0;
    return all;
  }
};

}  // namespace support
