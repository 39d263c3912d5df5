#pragma once

#include <larder/core/bytes.hpp>
#include <larder/tier.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// A cache that several weight servers share, so that one of them reads a chunk from a slow store for all: any cache from `std::string` to
/// `bytes`, such as `cache<std::string, bytes, unbounded, redis>`. One that is given as an lvalue is borrowed and must outlive the server.
/// What it fails to do is a miss; what it gives is compared with the chunk's digest.
class chunk_tier {
 public:
  chunk_tier() noexcept = default;
  template <core::cache_like Cache>
  chunk_tier(Cache& borrowed) : chunk_tier(std::shared_ptr<Cache>(std::shared_ptr<void>(), &borrowed)) {}
  template <core::cache_like Cache>
  chunk_tier(std::unique_ptr<Cache> owned) : chunk_tier(std::shared_ptr<Cache>(std::move(owned))) {}

  explicit operator bool() const noexcept { return held_ != nullptr; }
  std::optional<bytes> get(std::string_view name) const { return held_->get(name); }
  bool put(std::string_view name, bytes content) const { return held_->put(name, std::move(content)); }

 private:
  struct held {
    virtual ~held() = default;
    virtual std::optional<bytes> get(std::string_view name) = 0;
    virtual bool put(std::string_view name, bytes content) = 0;
  };
  template <class Cache>
  explicit chunk_tier(std::shared_ptr<Cache> cache) {
    static_assert(std::is_same_v<typename Cache::key_type, std::string> && std::is_same_v<typename Cache::mapped_type, bytes>,
                  "larder: the tier of a weight server is a cache from std::string to larder::bytes");
    struct holder final : held {
      explicit holder(std::shared_ptr<Cache> c) : cache(std::move(c)) {}
      std::optional<bytes> get(std::string_view name) override { return cache->get(name); }
      bool put(std::string_view name, bytes content) override { return cache->put(name, std::move(content)); }
      std::shared_ptr<Cache> cache;
    };
    held_ = std::make_shared<holder>(std::move(cache));
  }

  std::shared_ptr<held> held_;
};

}  // namespace larder
