#pragma once

#include <larder/core/bytes.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

/// Objects and collections in memory by path (`/a/b`, decoded, no trailing slash; `/` is the root). Each change is one
/// step. Safe from many threads. What an answer means in HTTP is the server's business.
class blob_tree {
 public:
  enum class outcome { created, replaced, exists, no_parent, absent, is_collection, failed_match };
  struct object {
    bytes content;
    std::string etag;
  };
  struct entry {
    std::string path;
    std::optional<object> held;  ///< nothing for a collection
  };
  /// The header fields If-Match and If-None-Match; empty: no condition.
  struct condition {
    std::string if_match;
    std::string if_none_match;

    bool holds(const object* current) const {
      const auto matches = [&](const std::string& field) { return current != nullptr && (field == "*" || field.find(current->etag) != std::string::npos); };
      return (if_match.empty() || matches(if_match)) && (if_none_match.empty() || !matches(if_none_match));
    }
  };

  /// `free`: collections come by themselves with the objects below them, as on a store without directories.
  explicit blob_tree(bool free) : free_(free) {}

  std::optional<object> find(const std::string& path) const {
    const std::lock_guard guard(mutex_);
    const auto at = objects_.find(path);
    return at == objects_.end() ? std::nullopt : std::optional<object>(at->second);
  }

  outcome put(const std::string& path, bytes content, const condition& wanted) {
    const std::lock_guard guard(mutex_);
    if (collections_.contains(path) || path == "/") return outcome::is_collection;
    if (!has_parent(path)) return outcome::no_parent;
    const auto at = objects_.find(path);
    if (!wanted.holds(at == objects_.end() ? nullptr : &at->second)) return outcome::failed_match;
    return store(path, std::move(content));
  }

  outcome make_collection(const std::string& path) {
    const std::lock_guard guard(mutex_);
    if (path == "/" || collections_.contains(path) || objects_.contains(path)) return outcome::exists;
    if (!has_parent(path)) return outcome::no_parent;
    collections_.insert(path);
    return outcome::created;
  }

  /// An object, or a collection with all that is below it.
  bool erase(const std::string& path) {
    const std::lock_guard guard(mutex_);
    if (objects_.erase(path) != 0) return true;
    if (collections_.erase(path) == 0) return false;
    const auto below = [&](const std::string& p) { return p.starts_with(path + "/"); };
    std::erase_if(objects_, [&](const auto& o) { return below(o.first); });
    std::erase_if(collections_, below);
    return true;
  }

  /// Moves an object; `exists` when `overwrite` is false and there is one.
  outcome move(const std::string& from, const std::string& to, bool overwrite) {
    const std::lock_guard guard(mutex_);
    const auto at = objects_.find(from);
    if (at == objects_.end()) return outcome::absent;
    if (collections_.contains(to) || to == "/") return outcome::is_collection;
    if (!has_parent(to)) return outcome::no_parent;
    if (!overwrite && objects_.contains(to)) return outcome::exists;
    bytes content = at->second.content;
    objects_.erase(at);
    return store(to, std::move(content));
  }

  /// The resource itself, then with `children` what is directly in it; nothing when it is not there.
  std::vector<entry> describe(const std::string& path, bool children) const {
    const std::lock_guard guard(mutex_);
    std::vector<entry> out;
    if (const auto at = objects_.find(path); at != objects_.end()) return {{path, at->second}};
    if (path != "/" && !collections_.contains(path)) return out;
    out.push_back({path, std::nullopt});
    if (!children) return out;
    const std::string inside = path == "/" ? "/" : path + "/";
    const auto direct = [&](const std::string& p) { return p.size() > inside.size() && p.starts_with(inside) && p.find('/', inside.size()) == std::string::npos; };
    for (const std::string& c : collections_)
      if (direct(c)) out.push_back({c, std::nullopt});
    for (const auto& [name, held] : objects_)
      if (direct(name)) out.push_back({name, held});
    return out;
  }

  std::vector<std::string> paths() const {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, held] : objects_) out.push_back(name);
    return out;
  }

 private:
  bool has_parent(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    return free_ || slash == 0 || collections_.contains(path.substr(0, slash));
  }
  outcome store(const std::string& path, bytes content) {
    object made{std::move(content), "\"" + std::to_string(++version_) + "\""};
    return objects_.insert_or_assign(path, std::move(made)).second ? outcome::created : outcome::replaced;
  }

  bool free_;
  mutable std::mutex mutex_;
  std::map<std::string, object> objects_;
  std::set<std::string> collections_;
  std::uint64_t version_ = 0;
};

}  // namespace larder::testing
