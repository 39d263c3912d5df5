#pragma once

// Does the same random operations to a cache in memory and to the model, and compares after every one of them.

#include <larder/cache.hpp>
#include <larder/core/units.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "memory_model.hpp"
#include "memory_operations.hpp"

namespace model {

// ------------------------------------------------------------------------------------------------------- orders

/// Most recently used goes first: a policy from outside the library, as a user would write it.
struct mru {
  using policy_axis = larder::axis::eviction;
  struct state {
    larder::slot prev = larder::no_slot;
    larder::slot next = larder::no_slot;
  };
  template <class States>
  struct order {
    explicit order(States states) noexcept : s(states) {}
    void on_insert(larder::slot at, larder::entry_info) noexcept {
      s[at].prev = larder::no_slot;
      s[at].next = head;
      if (head != larder::no_slot) s[head].prev = at;
      head = at;
    }
    void on_hit(larder::slot at) noexcept {
      on_erase(at);
      on_insert(at, {});
    }
    void on_erase(larder::slot at) noexcept {
      (s[at].prev == larder::no_slot ? head : s[s[at].prev].next) = s[at].next;
      if (s[at].next != larder::no_slot) s[s[at].next].prev = s[at].prev;
    }
    void on_evict(larder::slot at, larder::entry_info) noexcept { on_erase(at); }
    larder::slot victim() noexcept { return head; }

    States s;
    larder::slot head = larder::no_slot;
  };
};

template <class Policy>
std::unique_ptr<order> order_like() {
  if constexpr (std::is_same_v<Policy, larder::lru>)
    return std::make_unique<sequence>(true, false);
  else if constexpr (std::is_same_v<Policy, larder::fifo>)
    return std::make_unique<sequence>(false, false);
  else if constexpr (std::is_same_v<Policy, mru>)
    return std::make_unique<sequence>(true, true);
  else if constexpr (std::is_same_v<Policy, larder::clock>)
    return std::make_unique<second_chance>();
  else
    return std::make_unique<heaviest>();
}

// ------------------------------------------------------------------------------------------------------- limits

using larder::max_bytes;
using larder::max_entries;
using larder::max_weight;

struct weigh_text {
  std::size_t operator()(std::string_view key, const std::string& value) const { return key.size() + value.size(); }
};

template <bool Entries, bool Bytes, bool Weight, bool Marked = false>
struct limits {
  static constexpr bool entries = Entries, bytes = Bytes, weight = Weight, marked = Marked;
  static auto policies(const capacities& c) {
    const auto either = [](auto yes, auto policy) {
      if constexpr (decltype(yes)::value)
        return std::tuple(policy);
      else
        return std::tuple();
    };
    return std::tuple_cat(either(std::bool_constant<Entries>{}, max_entries{c.entries}),
                          either(std::bool_constant<Bytes>{}, max_bytes{c.bytes}),
                          either(std::bool_constant<Weight>{}, max_weight{c.weight}),
                          either(std::bool_constant<Weight>{}, larder::weigher{weigh_text{}}),
                          either(std::bool_constant<Marked>{}, larder::watermark{0.9}),
                          either(std::bool_constant<!Entries && !Bytes && !Weight>{}, larder::unbounded{}));
  }
};
using by_entries = limits<true, false, false>;
using by_bytes = limits<false, true, false>;
using by_both = limits<true, true, false>;
using by_weight = limits<false, false, true>;
using by_all = limits<true, true, true>;
using by_nothing = limits<false, false, false>;
using marked_entries = limits<true, false, false, true>;
using marked_both = limits<true, true, false, true>;

// ------------------------------------------------------------------------------------------------------- expiry

template <bool Write, bool Access, bool Own>
struct expiry {
  static constexpr bool write = Write, access = Access, own = Own;
  static constexpr std::int64_t write_period = 12, access_period = 7;
  static auto policies() {
    using namespace std::chrono_literals;
    if constexpr (Write && Access && Own)
      return std::tuple(larder::expire_after_write{12ns}, larder::expire_after_access{7ns}, larder::ttl{});
    else if constexpr (Write)
      return std::tuple(larder::expire_after_write{12ns});
    else if constexpr (Access)
      return std::tuple(larder::expire_after_access{7ns});
    else if constexpr (Own)
      return std::tuple(larder::ttl{});
    else
      return std::tuple();
  }
};
using kept = expiry<false, false, false>;
using after_write = expiry<true, false, false>;
using after_access = expiry<false, true, false>;
using own_ttl = expiry<false, false, true>;
using every_expiry = expiry<true, true, true>;

// ------------------------------------------------------------------------------------------------------- driver

struct hear {
  std::vector<departure>* log;
  void operator()(const std::string& key, const std::string& value, larder::removal_cause cause) const {
    log->emplace_back(key, value, cause);
  }
};

template <class... Policies>
auto cache_of(Policies... policies) {
  return std::make_unique<larder::cache<std::string, std::string, Policies...>>(std::move(policies)...);
}
template <class Order, class Limits, class Expiry, class Locking>
auto cache_for(const capacities& c, const larder::manual_clock& now, std::vector<departure>& log) {
  return std::apply([](auto... policies) { return cache_of(std::move(policies)...); },
                    std::tuple_cat(Limits::policies(c), Expiry::policies(),
                                   std::tuple(Order{}, Locking{}, larder::time_source{now}, larder::removal_listener{hear{&log}})));
}

template <class Order, class Limits, class Expiry, class Locking>
class twin {
 public:
  explicit twin(const capacities& c)
      : cache_(cache_for<Order, Limits, Expiry, Locking>(c, clock_, log_)),
        table_({Limits::bytes, Limits::weight, Limits::marked ? 0.9 : 0.0, Expiry::write ? Expiry::write_period : never,
                Expiry::access ? Expiry::access_period : never},
               order_like<Order>(), Limits::entries ? c.entries : no_limit, Limits::bytes ? c.bytes : no_limit,
               Limits::weight ? c.weight : no_limit) {}

  /// Nothing when both agree, else what differs.
  std::string step(const operation& o) {
    log_.clear();
    table_.left.clear();
    const std::string difference = act(o);
    return difference.empty() ? compare() : difference;
  }

 private:
  template <class A, class B>
  static std::string same(const A& cache, const B& table, const char* what) {
    return cache == table ? std::string() : std::string(what) + " answers differently";
  }

  std::string act(const operation& o) {
    const std::string key = key_of(o);
    const std::string value = value_of(o);
    switch (o.kind) {
      case action::put: return same(cache_->put(key, value), table_.put(key, value), "put");
      case action::put_with_ttl:
        if constexpr (Expiry::own) {
          const std::int64_t period = 1 + static_cast<std::int64_t>(o.number % 15);
          return same(cache_->put(key, value, std::chrono::nanoseconds(period)), table_.put(key, value, period), "put with ttl");
        } else {
          return same(cache_->put(key, value), table_.put(key, value), "put");
        }
      case action::put_if_absent: return same(cache_->put_if_absent(key, value), table_.put_if_absent(key, value), "put_if_absent");
      case action::get: return same(cache_->get(key), table_.get(key), "get");
      case action::visit: {
        std::optional<std::string> seen;
        const bool hit = cache_->visit(key, [&](const std::string& v) { seen = v; });
        if (hit != seen.has_value()) return "visit says one thing and does another";
        return same(seen, table_.get(key), "visit");
      }
      case action::peek: return same(cache_->peek(key), table_.peek(key), "peek");
      case action::contains: return same(cache_->contains(key), table_.peek(key).has_value(), "contains");
      case action::load: {
        std::string expected = value;
        if (const auto known = table_.get(key))
          expected = *known;
        else
          table_.put_if_absent(key, value);
        return same(cache_->get_or_load(key, [&](const std::string&) { return value; }), expected, "get_or_load");
      }
      case action::erase: return same(cache_->erase(key), table_.erase(key), "erase");
      case action::erase_prefix: {
        const std::string prefix = key.substr(0, 1 + o.number % 2);
        const auto starts = [&](const std::string& k, const std::string&) { return k.starts_with(prefix); };
        return same(cache_->erase_prefix(prefix), table_.erase_if(starts), "erase_prefix");
      }
      case action::erase_if: {
        const auto chosen = [&](const std::string& k, const std::string& v) { return (k.size() + v.size()) % 3 == o.number % 3; };
        return same(cache_->erase_if(chosen), table_.erase_if(chosen), "erase_if");
      }
      case action::clear:
        cache_->clear();
        table_.clear();
        return {};
      case action::purge: return same(cache_->purge_expired(), table_.purge_expired(), "purge_expired");
      case action::shrink_or_grow: {
        if constexpr (Limits::entries) set<max_entries>(0, o.number % 8);
        if constexpr (Limits::bytes)
          if (!Limits::entries || o.key % 2 == 0) set<max_bytes>(1, o.number % 70);
        if constexpr (Limits::weight)
          if (!Limits::entries || o.key % 3 == 0) set<max_weight>(2, o.number % 90);
        return {};
      }
      case action::wait:
        clock_.advance(std::chrono::nanoseconds(o.number % 6));
        table_.now += static_cast<std::int64_t>(o.number % 6);
        return {};
      case action::pin: {
        auto lease = cache_->pin(key);
        const bool pinned = table_.pin(key);
        if (static_cast<bool>(lease) != pinned) return "pin answers differently";
        if (pinned) leases_.push_back({key, std::move(lease)});
        return {};
      }
      case action::unpin:
        if (!leases_.empty()) {
          const auto at = leases_.begin() + static_cast<std::ptrdiff_t>(o.number % leases_.size());
          at->second.release();
          if (table_.holds(at->first)) table_.unpin(at->first);
          leases_.erase(at);
        }
        return {};
    }
    return "no such action";
  }

  template <class Limit>
  void set(std::size_t d, std::uint64_t n) {
    cache_->set_capacity(Limit{n});
    table_.set_limit(d, n);
  }

  std::string compare() {
    // A lease whose entry left any other way than by eviction is void; the model counts pins by key, so it forgets them here.
    std::erase_if(leases_, [&](auto& lease) {
      const bool gone = std::any_of(table_.left.begin(), table_.left.end(), [&](const departure& d) {
        return std::get<0>(d) == lease.first && (std::get<2>(d) != larder::removal_cause::replaced || !table_.holds(lease.first));
      });
      return gone;
    });

    auto told = log_;
    auto expected = table_.left;
    std::sort(told.begin(), told.end());
    std::sort(expected.begin(), expected.end());
    if (told != expected) return "the listener was told of " + text(told) + " instead of " + text(expected);

    const auto used = table_.used();
    if (cache_->size() != used[0]) return "size " + std::to_string(cache_->size()) + " instead of " + std::to_string(used[0]);
    const std::uint64_t weight = Limits::bytes ? used[1] : Limits::weight ? used[2] : used[0];
    if (cache_->weight() != weight) return "weight " + std::to_string(cache_->weight()) + " instead of " + std::to_string(weight);
    if (!table_.any_pinned())
      for (std::size_t d = 0; d < 3; ++d)
        if (used[d] > table_.limit(d)) return "more than the capacity";
    if constexpr (Limits::bytes)
      if (cache_->template capacity<max_bytes>() != table_.limit(1)) return "another capacity";

    std::map<std::string, std::pair<std::uint64_t, std::int64_t>> listed;
    bool twice = false;
    cache_->for_each([&](const std::string& key, std::uint64_t w, larder::duration age) {
      twice = !listed.try_emplace(key, w, age.count()).second || twice;
    });
    if (twice) return "for_each lists a key twice";
    std::size_t living = 0;
    for (const row& r : table_.rows()) {
      if (table_.too_old(r)) continue;
      ++living;
      const auto at = listed.find(r.key);
      if (at == listed.end()) return "for_each does not list " + r.key;
      const auto size = table_.size_of(r);
      if (at->second.first != (Limits::bytes ? size[1] : Limits::weight ? size[2] : size[0])) return "for_each gives another weight";
      if (at->second.second != (Expiry::write || Expiry::own ? table_.now - r.written : 0)) return "for_each gives another age";
      if (cache_->peek(r.key) != r.value) return "another value of " + r.key;
    }
    if (living != listed.size()) return "for_each lists what is not there";

    const larder::cache_stats s = cache_->stats();
    const counts counted{s.hits, s.misses, s.insertions, s.evictions, s.expirations, s.refused};
    if (!(counted == table_.counted)) return "the counters differ";
    return {};
  }

  static std::string text(const std::vector<departure>& all) {
    std::string s = "{";
    for (const auto& [key, value, cause] : all) s += " " + key + "=" + value + ":" + std::to_string(static_cast<int>(cause));
    return s + " }";
  }

  larder::manual_clock clock_;
  std::vector<departure> log_;
  using cache_pointer =
      decltype(cache_for<Order, Limits, Expiry, Locking>({}, std::declval<const larder::manual_clock&>(), std::declval<std::vector<departure>&>()));
  cache_pointer cache_;
  table table_;
  std::vector<std::pair<std::string, typename cache_pointer::element_type::lease>> leases_;
};

/// Checks one composition against the model on random operations; whether they always agreed.
template <class Order, class Limits, class Expiry, class Locking>
bool agrees() {
  return always_agree([](const capacities& c) -> std::function<std::string(const operation&)> {
    auto both = std::make_shared<twin<Order, Limits, Expiry, Locking>>(c);
    return [both](const operation& o) { return both->step(o); };
  });
}

}  // namespace model
