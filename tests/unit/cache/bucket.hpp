#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/remote_engine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shelf.hpp"

namespace own_storages {

/// A blob storage in a map, which outlives the caches that name it.
struct bucket {
  using policy_axis = larder::axis::storage;
  struct contents {
    std::mutex mutex;
    std::map<std::string, std::string> objects;
    faults fails;
    std::vector<std::string> calls;
  };
  contents* to;

  class store {
   public:
    store(const bucket& policy, larder::error_sink&) : c_(*policy.to) {}
    std::optional<larder::bytes> get(std::string_view name, larder::byte_range range) {
      const std::lock_guard lock(c_.mutex);
      note("get");
      const auto at = c_.objects.find(std::string(name));
      if (at == c_.objects.end()) return std::nullopt;
      const std::uint64_t size = at->second.size();
      const std::uint64_t offset = std::min(range.offset, size);
      return larder::bytes::copy_of(std::string_view(at->second).substr(offset, std::min(range.size, size - offset)));
    }
    std::optional<larder::blob_info> head(std::string_view name) {
      const std::lock_guard lock(c_.mutex);
      note("head");
      const auto at = c_.objects.find(std::string(name));
      if (at == c_.objects.end()) return std::nullopt;
      return larder::blob_info{at->second.size(), ""};
    }
    bool put(std::string_view name, std::span<const larder::bytes> parts, larder::put_mode mode) {
      const std::lock_guard lock(c_.mutex);
      note("put");
      if (mode == larder::put_mode::create_only && c_.objects.contains(std::string(name))) return false;
      std::string whole;
      for (const larder::bytes& part : parts) whole += part.text();
      c_.objects[std::string(name)] = whole;
      return true;
    }
    bool erase(std::string_view name) {
      const std::lock_guard lock(c_.mutex);
      note("erase");
      return c_.objects.erase(std::string(name)) != 0;
    }
    template <class F>
    void list(std::string_view prefix, F&& f) {
      std::vector<std::pair<std::string, std::size_t>> found;
      {
        const std::lock_guard lock(c_.mutex);
        note("list");
        for (const auto& [name, object] : c_.objects)
          if (name.starts_with(prefix)) found.emplace_back(name, object.size());
      }
      for (const auto& [name, size] : found) f(std::string_view(name), larder::blob_info{size, ""});
    }

   private:
    void note(const std::string& call) {
      c_.calls.push_back(call);
      c_.fails.meet(call);
    }
    contents& c_;
  };
};

}  // namespace own_storages
