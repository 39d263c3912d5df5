#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/logged_index.hpp>
#include <larder/sync/doubted_keys.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace larder::storage {

/// How entries of a logged storage are found and read: by an index that has learned what others did, in memory but for the bytes
/// themselves. What a read shows of an entry, that it is too old, gone or damaged, the index and the storage are told.
template <class Key, class Value, class Context>
class logged_reader {
 public:
  using key_view = core::key_view<Key>;
  using index_type = logged_index<Key, Value, Context>;
  using departures = typename index_type::departures;

  struct address {
    digest id;
    bytes key;
  };

  explicit logged_reader(Context& context) : context_(context), index_(context), store_(index_.store()), table_(index_.table()) {}

  /// The key's own bytes serve where they are what is stored: an address does not outlive the call that it is made for.
  address locate(key_view key) const {
    if constexpr (std::is_same_v<Key, std::string>) return {digest_of(key), bytes(nullptr, key.data(), key.size())};
    bytes encoded = codec<Key>::encode(key);
    const digest id = digest_of(encoded.span());
    return {id, std::move(encoded)};
  }

  /// f(value, written) when the key is there and its bytes are right. Any failure is a miss, counted and reported.
  template <class F>
  bool read(const address& at, look how, F&& f) {
    if (store_.behind()) [[unlikely]]
      follow();
    const instant now = look_up_time();
    handle known;
    instant written{0};
    instant accessed{0};
    std::uint64_t size = 0;
    if (!look_up(at.id, how, now, known, written, accessed, size)) return false;
    std::optional<Value> value;
    if (!doubts_.about(at.id.low)) value = context_.attempt([&] { return fetch(at, known); });
    if (!value) {
      if (how == look::use) table_.hit_was_miss(size);
      return false;
    }
    if constexpr (keeps_accessed)
      if (how == look::use) remember_use(at.id, known, accessed, now);
    f(std::move(*value), written);
    return true;
  }

  bool contains(const address& at) {
    if (doubts_.about(at.id.low)) return false;
    if (store_.behind()) follow();
    handle known;
    instant written{0};
    instant accessed{0};
    std::uint64_t size = 0;
    return look_up(at.id, look::peek, look_up_time(), known, written, accessed, size);
  }

  /// What an entry takes of `max_bytes`, when it is there.
  std::optional<std::uint64_t> stored_size(const address& at) {
    handle known;
    instant written{0};
    instant accessed{0};
    std::uint64_t size = 0;
    if (!look_up(at.id, look::peek, look_up_time(), known, written, accessed, size)) return std::nullopt;
    return size;
  }

  void tell(departures& gone) { index_.tell(gone); }

 protected:
  using store_type = typename index_type::store_type;
  using spec_type = typename index_type::spec_type;
  using table_type = typename index_type::table_type;
  using handle = typename index_type::handle;
  using staged = typename index_type::staged;
  using removals = typename index_type::removals;
  static constexpr bool keeps_accessed = Context::template has<expire_after_access>;

  /// Nothing where no policy of this cache needs it.
  instant look_up_time() const {
    if constexpr (spec_type::keeps_time)
      return context_.now();
    else
      return instant{0};
  }
  bool look_up(const digest& id, look how, instant now, handle& known, instant& written, instant& accessed, std::uint64_t& size) {
    removals old;
    const auto see = [&](const auto& e) {
      known = e.payload;
      size = e.weight.weights[0];
      written = spec_type::written(e);
      accessed = spec_type::accessed(e);
    };
    bool found = table_.look_up(id.low, id.low, how, now, old, see);
    if (!old.empty()) [[unlikely]] {
      departures gone;
      context_.guarded(false, [&] {
        const auto lock = store_.lock();
        index_.settle(old, gone);
        return true;
      });
      tell(gone);
      // Others may have used it since, so that it is not too old after all.
      if constexpr (keeps_accessed) {
        removals none;
        found = table_.look_up(id.low, id.low, look::peek, now, none, see);
        if (found && how == look::use) table_.miss_was_hit(size);
      }
    }
    return found;
  }

  /// What others did, learned before a look-up.
  [[gnu::noinline]] void follow() {
    departures gone;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      index_.catch_up(gone);
      return true;
    });
    tell(gone);
  }

  std::optional<Value> fetch(const address& at, handle& known) {
    const handle before = known;
    const fetched f = store_.fetch(at.id, at.key, known);
    if (f.status == fetch_status::hit) {
      remember_found(at, before, known);
      if (std::optional<Value> value = context_.template decoded<Value>(f)) return value;
    }
    if (f.status != fetch_status::absent) forget_damaged(at, before);  // else it is another key with the same digest
    return std::nullopt;
  }
  /// What a read found out of a record is for the next one to know.
  void remember_found(const address& at, const handle& before, const handle& known) {
    if (known == before) return;
    table_.update(at.id.low, at.id.low, [&](auto& e) {
      if (e.payload.place() == known.place()) e.payload = known;
    });
  }
  /// The bytes are gone or damaged: nobody is to look for them again, unless there is a newer record of the key by now.
  void forget_damaged(const address& at, const handle& before) {
    departures ignored;
    const auto lock = store_.lock();
    index_.catch_up(ignored);
    const std::optional<handle> now = index_.find(at.id.low);
    if (now && now->place() == before.place()) index_.erase(at.id, removal_cause::erased, std::nullopt, ignored);
  }

  /// Lets the storage remember a use, at most sixteen times per period.
  void remember_use(const digest& id, const handle& h, instant before, instant now) {
    const auto grain = std::max<duration::rep>(context_.policies().template get<expire_after_access>().value.count() / 16, 1);
    if (before.count() / grain != now.count() / grain) context_.guarded(false, [&] { return store_.touch(id, h, now), true; });
  }

  Context& context_;
  index_type index_;
  store_type& store_;
  table_type& table_;
  sync::doubted_keys<std::uint64_t> doubts_;
};

}  // namespace larder::storage
