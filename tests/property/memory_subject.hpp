#pragma once

// A cache in memory without its type: what the property tests do to it is compiled once, and each composition only adds
// the calls that lead to its cache.

#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/removal_listener.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

namespace model {

inline constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// What a cache limits, in the order that the model counts in.
enum dimension : std::size_t { entries, bytes, weight };
inline constexpr std::size_t dimension_count = 3;

/// An entry that left, as a listener hears of it.
using departure = std::tuple<std::string, std::string, larder::removal_cause>;

/// A lease on an entry, given back when it is destroyed.
class held {
 public:
  held() = default;
  held(const held&) = delete;
  held& operator=(const held&) = delete;
  virtual ~held() = default;
};

class subject {
 public:
  subject() = default;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  virtual std::optional<std::string> get(const std::string& key) = 0;
  virtual std::optional<std::string> peek(const std::string& key) = 0;
  virtual bool contains(const std::string& key) = 0;
  virtual bool visit(const std::string& key, const std::function<void(const std::string&)>& f) = 0;
  virtual void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f) = 0;

  virtual bool put(const std::string& key, const std::string& value) = 0;
  /// Only for a cache with `ttl`.
  virtual bool put(const std::string& key, const std::string& value, larder::duration time_to_live) = 0;
  virtual bool put_if_absent(const std::string& key, const std::string& value) = 0;
  virtual std::string get_or_load(const std::string& key, const std::function<std::string(const std::string&)>& loader) = 0;

  virtual bool erase(const std::string& key) = 0;
  virtual std::size_t erase_if(const std::function<bool(const std::string&, const std::string&)>& predicate) = 0;
  virtual std::size_t erase_prefix(const std::string& text) = 0;
  virtual void clear() = 0;
  virtual std::size_t purge_expired() = 0;

  virtual std::uint64_t size() = 0;
  virtual std::uint64_t weight() = 0;
  /// `no_limit` for what the cache does not limit.
  virtual std::uint64_t capacity(dimension d) = 0;
  /// Only for what the cache limits.
  virtual void set_capacity(dimension d, std::uint64_t n) = 0;

  /// Nothing when the key is not there.
  virtual std::unique_ptr<held> pin(const std::string& key) = 0;
  virtual larder::cache_stats stats() = 0;
};

}  // namespace model
