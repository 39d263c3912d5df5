#pragma once

#include <larder/observe/removal_listener.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace larder::storage {

/// An entry that has left its table and is still to be told of, or to be destroyed, outside the lock.
template <class Key, class Payload>
struct removed_entry {
  Key key;
  Payload payload;
  removal_cause cause;
};

/// The entries that one operation made leave. The usual one or two need no allocation.
template <class Key, class Payload>
class removal_queue {
 public:
  using entry = removed_entry<Key, Payload>;

  void push(Key&& key, Payload&& payload, removal_cause cause) {
    if (!first_)
      first_.emplace(entry{std::move(key), std::move(payload), cause});
    else if (!second_)
      second_.emplace(entry{std::move(key), std::move(payload), cause});
    else
      rest_.push_back(entry{std::move(key), std::move(payload), cause});
  }
  bool empty() const noexcept { return !first_; }

  /// f(entry&) for each, in the order in which they left.
  template <class F>
  void for_each(F&& f) {
    if (first_) f(*first_);
    if (second_) f(*second_);
    for (entry& e : rest_) f(e);
  }
  void clear() noexcept {
    first_.reset();
    second_.reset();
    rest_.clear();
  }

 private:
  std::optional<entry> first_;
  std::optional<entry> second_;
  std::vector<entry> rest_;
};

}  // namespace larder::storage
