#pragma once

// A cache behind the interface of all subjects. Nothing is decided here: each call goes through to the cache, since whatever
// stands here is compiled once for each composition.

#include <larder/cache.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "memory_composition.hpp"
#include "memory_policies.hpp"
#include "memory_subject.hpp"

namespace model {

struct hear {
  std::vector<departure>* log;
  void operator()(const std::string& key, const std::string& value, larder::removal_cause cause) const {
    log->emplace_back(key, value, cause);
  }
};

template <class Policy>
Policy policy_for(const surroundings& s) {
  if constexpr (std::is_same_v<Policy, larder::max_entries>)
    return Policy{s.at_first[dimension::entries]};
  else if constexpr (std::is_same_v<Policy, larder::max_bytes>)
    return Policy{s.at_first[dimension::bytes]};
  else if constexpr (std::is_same_v<Policy, larder::max_weight>)
    return Policy{s.at_first[dimension::weight]};
  else if constexpr (std::is_same_v<Policy, larder::weigher<weigh_text>>)
    return Policy{weigh_text{}};
  else if constexpr (std::is_same_v<Policy, larder::watermark>)
    return Policy{watermark_share};
  else if constexpr (std::is_same_v<Policy, larder::expire_after_write>)
    return Policy{larder::duration{write_period}};
  else if constexpr (std::is_same_v<Policy, larder::expire_after_access>)
    return Policy{larder::duration{access_period}};
  else if constexpr (std::is_same_v<Policy, larder::time_source<larder::manual_clock>>)
    return Policy{s.clock};
  else if constexpr (std::is_same_v<Policy, larder::removal_listener<hear>>)
    return Policy{hear{&s.log}};
  else
    return Policy{};
}

template <class... Policies>
class cache_subject final : public subject {
 public:
  using cache_type = larder::cache<std::string, std::string, Policies...>;

  explicit cache_subject(const surroundings& s) : cache_(policy_for<Policies>(s)...) {}

  std::optional<std::string> get(const std::string& key) override { return cache_.get(key); }
  std::optional<std::string> peek(const std::string& key) override { return cache_.peek(key); }
  bool contains(const std::string& key) override { return cache_.contains(key); }
  bool visit(const std::string& key, const std::function<void(const std::string&)>& f) override { return cache_.visit(key, f); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f) override { cache_.for_each(f); }

  bool put(const std::string& key, const std::string& value) override { return cache_.put(key, value); }
  bool put(const std::string& key, const std::string& value, [[maybe_unused]] larder::duration time_to_live) override {
    if constexpr (cache_type::template keeps<larder::ttl>)
      return cache_.put(key, value, time_to_live);
    else
      return cache_.put(key, value);
  }
  bool put_if_absent(const std::string& key, const std::string& value) override { return cache_.put_if_absent(key, value); }
  std::string get_or_load(const std::string& key, const std::function<std::string(const std::string&)>& loader) override {
    return cache_.get_or_load(key, loader);
  }

  bool erase(const std::string& key) override { return cache_.erase(key); }
  std::size_t erase_if(const std::function<bool(const std::string&, const std::string&)>& predicate) override {
    return cache_.erase_if(predicate);
  }
  std::size_t erase_prefix(const std::string& text) override { return cache_.erase_prefix(text); }
  void clear() override { cache_.clear(); }
  std::size_t purge_expired() override { return cache_.purge_expired(); }

  std::uint64_t size() override { return cache_.size(); }
  std::uint64_t weight() override { return cache_.weight(); }
  std::uint64_t capacity([[maybe_unused]] dimension d) override {
    if constexpr (cache_type::template keeps<larder::unbounded>) return cache_.capacity();
    if constexpr (cache_type::template keeps<larder::max_entries>)
      if (d == dimension::entries) return cache_.template capacity<larder::max_entries>();
    if constexpr (cache_type::template keeps<larder::max_bytes>)
      if (d == dimension::bytes) return cache_.template capacity<larder::max_bytes>();
    if constexpr (cache_type::template keeps<larder::max_weight>)
      if (d == dimension::weight) return cache_.template capacity<larder::max_weight>();
    return no_limit;
  }
  void set_capacity([[maybe_unused]] dimension d, [[maybe_unused]] std::uint64_t n) override {
    if constexpr (cache_type::template keeps<larder::max_entries>)
      if (d == dimension::entries) cache_.set_capacity(larder::max_entries{n});
    if constexpr (cache_type::template keeps<larder::max_bytes>)
      if (d == dimension::bytes) cache_.set_capacity(larder::max_bytes{n});
    if constexpr (cache_type::template keeps<larder::max_weight>)
      if (d == dimension::weight) cache_.set_capacity(larder::max_weight{n});
  }

  std::unique_ptr<held> pin(const std::string& key) override {
    typename cache_type::lease lease = cache_.pin(key);
    return std::unique_ptr<held>(lease ? new leased(std::move(lease)) : nullptr);
  }
  larder::cache_stats stats() override { return cache_.stats(); }

 private:
  class leased final : public held {
   public:
    explicit leased(typename cache_type::lease&& lease) : lease_(std::move(lease)) {}

   private:
    typename cache_type::lease lease_;
  };

  cache_type cache_;
};

}  // namespace model
