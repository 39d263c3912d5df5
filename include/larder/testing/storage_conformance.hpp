#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/testing/conformance.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

/// Collects what a storage reports.
class error_log final : public error_sink {
 public:
  void report(error_cause cause, const std::string& message) noexcept override {
    try {
      events_.push_back({cause, message});
    } catch (...) {
      lost_ = true;
    }
  }
  const std::vector<error_event>& events() const noexcept { return events_; }
  bool lost() const noexcept { return lost_; }

 private:
  std::vector<error_event> events_;
  bool lost_ = false;
};

namespace detail {

inline bytes pattern(std::size_t size, std::uint8_t start) {
  mutable_bytes content(size);
  for (std::size_t i = 0; i < size; ++i) content.data()[i] = static_cast<std::byte>(start + i * 31);
  return std::move(content).freeze();
}

inline stored_entry entry_for(std::string_view key, bytes payload) {
  stored_entry entry{digest_of(key), bytes::copy_of(key), std::move(payload), {}};
  entry.info.weight = entry.payload.size();
  entry.info.written = entry.info.accessed = instant{1'000'000};
  return entry;
}

}  // namespace detail

/// Whether an indexed storage, opened empty with these settings, keeps the contract of `indexed_store`.
template <class Policy>
  requires core::is_indexed_storage<Policy>
conformance check_indexed_storage(const Policy& policy) {
  using store_type = typename Policy::store;
  using handle = typename store_type::handle;
  conformance result;
  error_log log;
  store_type store(policy, log);
  const auto put = [&](const stored_entry& entry) {
    typename store_type::staged staged = store.stage(entry);
    const auto lock = store.lock();
    return store.publish(std::move(staged));
  };
  const auto found = [&](const stored_entry& entry) {
    const auto lock = store.lock();
    return store.find(entry.id, entry.key);
  };

  std::size_t there = 0;
  {
    const auto lock = store.lock();
    store.recover([&](const digest&, handle, const stored_info&) { ++there; });
  }
  result.expect(there == 0, "the storage is given empty to the suite");

  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{300'000}}) {
    const stored_entry first = detail::entry_for("key of " + std::to_string(size), detail::pattern(size, 1));
    result.expect(!found(first), "find() of what was never put is nothing");
    {
      const typename store_type::staged dropped = store.stage(first);
      result.expect(!found(first), "what is staged and not published is not visible");
    }
    handle h = put(first);
    result.expect(found(first).has_value(), "what was published is found");
    fetched f = store.fetch(first.id, first.key, h);
    result.expect(f.status == fetch_status::hit && f.payload == first.payload, "fetch() gives the payload that was put");
    const auto key = store.key_of(first.id, h);
    result.expect(key && *key == first.key, "key_of() gives the encoded key");
    handle fresh;
    f = store.fetch(first.id, first.key, fresh);
    result.expect(f.status == fetch_status::hit && f.payload == first.payload, "fetch() works with a fresh handle");

    const stored_entry second = detail::entry_for("key of " + std::to_string(size), detail::pattern(size + 7, 2));
    handle h2 = put(second);
    result.expect(size == 0 || f.payload == first.payload, "bytes outlive their entry's replacement");
    f = store.fetch(second.id, second.key, h2);
    result.expect(f.status == fetch_status::hit && f.payload == second.payload, "a newer entry takes the older one's place");
    {
      const auto lock = store.lock();
      store.erase(second.id, h2);
    }
    result.expect(f.payload == second.payload, "bytes outlive their entry's erasure");
    result.expect(!found(second), "what was erased is not found");
    fresh = handle{};
    result.expect(store.fetch(second.id, second.key, fresh).status == fetch_status::absent, "fetch() of what was erased is absent");
  }

  std::map<digest, std::uint64_t> expected;
  for (int i = 0; i < 20; ++i) {
    const stored_entry entry = detail::entry_for("listed " + std::to_string(i), detail::pattern(static_cast<std::size_t>(i) * 10, 3));
    put(entry);
    expected[entry.id] = entry.payload.size();
  }
  std::map<digest, std::uint64_t> listed;
  {
    const auto lock = store.lock();
    store.recover([&](const digest& id, handle, const stored_info& info) { listed[id] = info.weight; });
  }
  result.expect(listed == expected, "recover() names every entry once with the size of its payload");
  {
    const auto lock = store.lock();
    store.clear();
  }
  result.expect(!found(detail::entry_for("listed 3", {})), "clear() leaves nothing");
  result.expect(log.events().empty() && !log.lost(), "nothing is reported while nothing goes wrong");
  return result;
}

/// Whether a blob store, opened empty, keeps the contract of `blob_store`.
template <blob_store Store>
conformance check_blob_store(Store& store) {
  conformance result;
  const auto put = [&](std::string_view name, const bytes& content, put_mode mode) {
    const std::array<bytes, 2> parts{content.slice(0, content.size() / 2), content.slice(content.size() / 2)};
    return store.put(name, parts, mode);
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{10'000}, std::size_t{3'000'000}}) {
    const std::string name = "conformance/ab/" + std::to_string(size);
    const bytes content = detail::pattern(size, 1);
    result.expect(!store.get(name, byte_range{}), "get() of what was never put is nothing");
    result.expect(!store.head(name), "head() of what was never put is nothing");
    result.expect(!store.erase(name), "erase() of what was never put is false");
    result.expect(put(name, content, put_mode::create_only), "create_only makes an object that was not there");
    result.expect(!put(name, detail::pattern(size + 1, 9), put_mode::create_only), "create_only leaves an object that was there");
    auto got = store.get(name, byte_range{});
    result.expect(got && *got == content, "get() gives what the parts were, one after the other");
    const auto info = store.head(name);
    result.expect(info && info->size == size, "head() gives the size");
    if (size >= 10) {
      got = store.get(name, byte_range{3, 5});
      result.expect(got && *got == content.slice(3, 5), "get() gives the range that was asked for");
      got = store.get(name, byte_range{size - 4, 100});
      result.expect(got && *got == content.slice(size - 4), "a range beyond the end is cut to it");
    }
    const bytes newer = detail::pattern(size + 3, 5);
    result.expect(put(name, newer, put_mode::replace), "replace stores over an object");
    got = store.get(name, byte_range{});
    result.expect(got && *got == newer, "get() gives the newest object");
    std::size_t listed = 0;
    store.list("conformance/", [&](std::string_view listed_name, const blob_info&) { listed += listed_name == name ? 1U : 0U; });
    result.expect(listed == 1, "list() names each object under the prefix once");
    result.expect(store.erase(name), "erase() of what was there is true");
    result.expect(!store.get(name, byte_range{}), "what was erased is gone");
  }
  return result;
}

}  // namespace larder::testing
