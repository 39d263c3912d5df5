// links: larder::testing
// Parts from outside the library: an eviction order, a hasher and a storage, each one struct, each checked by larder/testing.
#include <larder/larder.hpp>
#include <larder/testing/eviction_conformance.hpp>
#include <larder/testing/hasher_conformance.hpp>
#include <larder/testing/storage_conformance.hpp>

#include <cctype>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

/// Evicts the most recently used entry: what a cycle wants.
struct mru {
  using policy_axis = larder::axis::eviction;
  struct state {
    larder::slot prev, next;
  };
  template <class States>
  struct order {
    States states;
    larder::slot top = larder::no_slot;

    void on_insert(larder::slot s, larder::entry_info) noexcept { push(s); }
    void on_hit(larder::slot s) noexcept {
      unlink(s);
      push(s);
    }
    void on_erase(larder::slot s) noexcept { unlink(s); }
    void on_evict(larder::slot s, larder::entry_info) noexcept { unlink(s); }
    larder::slot victim() noexcept { return top; }

   private:
    void push(larder::slot s) noexcept {
      states[s] = {top, larder::no_slot};
      if (top != larder::no_slot) states[top].next = s;
      top = s;
    }
    void unlink(larder::slot s) noexcept {
      const state at = states[s];
      if (at.prev != larder::no_slot) states[at.prev].next = at.next;
      (at.next != larder::no_slot ? states[at.next].prev : top) = at.prev;
    }
  };
};

/// FNV-1a. Not avalanching, so the cache mixes it.
struct fnv1a {
  using policy_axis = larder::axis::hasher;
  std::uint64_t operator()(std::string_view text) const noexcept {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return hash;
  }
};

/// A blob store in a map: the handful of functions that any object store has.
struct map_store {
  using policy_axis = larder::axis::storage;
  struct objects {
    std::mutex mutex;
    std::map<std::string, larder::bytes, std::less<>> by_name;
  };
  std::shared_ptr<objects> shared = std::make_shared<objects>();

  class store {
   public:
    store(const map_store& policy, larder::error_sink&) : objects_(policy.shared) {}

    std::optional<larder::bytes> get(std::string_view name, larder::byte_range range) {
      const std::lock_guard lock(objects_->mutex);
      const auto at = objects_->by_name.find(name);
      if (at == objects_->by_name.end()) return std::nullopt;
      const std::size_t from = std::min<std::uint64_t>(range.offset, at->second.size());
      return at->second.slice(from, std::min<std::uint64_t>(range.size, at->second.size() - from));
    }
    std::optional<larder::blob_info> head(std::string_view name) {
      const std::lock_guard lock(objects_->mutex);
      const auto at = objects_->by_name.find(name);
      if (at == objects_->by_name.end()) return std::nullopt;
      return larder::blob_info{at->second.size(), ""};
    }
    bool put(std::string_view name, std::span<const larder::bytes> parts, larder::put_mode mode) {
      std::string whole;
      for (const larder::bytes& part : parts) whole += part.text();
      const std::lock_guard lock(objects_->mutex);
      if (mode == larder::put_mode::create_only && objects_->by_name.contains(name)) return false;
      objects_->by_name.insert_or_assign(std::string(name), larder::bytes::copy_of(whole));
      return true;
    }
    bool erase(std::string_view name) {
      const std::lock_guard lock(objects_->mutex);
      return objects_->by_name.erase(std::string(name)) != 0;
    }
    template <class F>
    void list(std::string_view prefix, F&& f) {
      const std::lock_guard lock(objects_->mutex);
      for (const auto& [name, content] : objects_->by_name)
        if (name.starts_with(prefix)) f(std::string_view(name), larder::blob_info{content.size(), ""});
    }

   private:
    std::shared_ptr<objects> objects_;
  };
};

int main() {
  // The library's own suites say whether the parts keep their contracts.
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back("key " + std::to_string(i));
  larder::testing::error_log log;
  map_store::store scratch(map_store{}, log);
  const std::string broken = larder::testing::check_eviction<mru>().text() + larder::testing::check_hasher(fnv1a{}, keys).text() +
                             larder::testing::check_blob_store(scratch).text();
  std::cout << (broken.empty() ? "the parts keep their contracts\n" : broken);

  auto cycle = larder::make_cache<std::string, int>(mru{}, fnv1a{}, larder::max_entries{3});
  int loads = 0;
  for (int pass = 0; pass < 3; ++pass)
    for (const char* key : {"a", "b", "c", "d"}) cycle.get_or_load(key, [&](const std::string&) { return ++loads; });
  std::cout << loads << " loads for three passes over four keys with room for three\n";

  const map_store shared;
  auto one = larder::make_cache<std::string, std::string>(larder::unbounded{}, shared);
  auto two = larder::make_cache<std::string, std::string>(larder::unbounded{}, shared);
  one.put("greeting", "hello from another cache");
  return broken.empty() && loads < 12 && two.get("greeting") == "hello from another cache" ? 0 : 1;
}
