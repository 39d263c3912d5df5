// Does the same to a cache in memory and to the model, and compares after every operation.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "memory_composition.hpp"
#include "memory_model.hpp"
#include "memory_operations.hpp"
#include "memory_subject.hpp"

namespace model {

namespace {

std::unique_ptr<order> order_like(order_kind kind) {
  switch (kind) {
    case order_kind::lru: return std::make_unique<sequence>(true, false);
    case order_kind::fifo: return std::make_unique<sequence>(false, false);
    case order_kind::clock: return std::make_unique<second_chance>();
    case order_kind::sieve: return std::make_unique<sifted>();
    case order_kind::largest_first: return std::make_unique<heaviest>();
    case order_kind::mru: return std::make_unique<sequence>(true, true);
  }
  return nullptr;
}

class twin {
 public:
  twin(const composition& c, const amounts& capacities)
      : rules_(c.given), table_(c.given, order_like(c.order), capacities), cache_(c.begin({capacities, clock_, log_})) {}

  /// Nothing when both agree, else what differs.
  std::string act(const operation& o) {
    log_.clear();
    table_.left.clear();
    std::string difference = act_on_both(o);
    return difference.empty() ? compare() : difference;
  }

 private:
  template <class A, class B>
  static std::string same(const A& cache, const B& table, const char* what) {
    return cache == table ? std::string() : std::string(what) + " answers differently";
  }

  std::string act_on_both(const operation& o) {
    const std::string key = key_of(o);
    const std::string value = value_of(o);
    switch (o.kind) {
      case action::put: return same(cache_->put(key, value), table_.put(key, value), "put");
      case action::put_with_ttl: {
        if (!rules_.own_periods) return same(cache_->put(key, value), table_.put(key, value), "put");
        const std::int64_t period = 1 + static_cast<std::int64_t>(o.number % 15);
        return same(cache_->put(key, value, larder::duration(period)), table_.put(key, value, period), "put with ttl");
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
        const bool all = !rules_.limited[dimension::entries];
        if (!all) set_capacity(dimension::entries, o.number % 8);
        if (rules_.limited[dimension::bytes] && (all || o.key % 2 == 0)) set_capacity(dimension::bytes, o.number % 70);
        if (rules_.limited[dimension::weight] && (all || o.key % 3 == 0)) set_capacity(dimension::weight, o.number % 90);
        return {};
      }
      case action::wait:
        clock_.advance(larder::duration(o.number % 6));
        table_.now += static_cast<std::int64_t>(o.number % 6);
        return {};
      case action::pin: {
        auto lease = cache_->pin(key);
        const bool pinned = table_.pin(key);
        if ((lease != nullptr) != pinned) return "pin answers differently";
        if (pinned) leases_.emplace_back(key, std::move(lease));
        return {};
      }
      case action::unpin:
        if (!leases_.empty()) {
          const auto at = leases_.begin() + static_cast<std::ptrdiff_t>(o.number % leases_.size());
          at->second.reset();
          if (table_.holds(at->first)) table_.unpin(at->first);
          leases_.erase(at);
        }
        return {};
    }
    return "no such action";
  }

  void set_capacity(dimension d, std::uint64_t n) {
    cache_->set_capacity(d, n);
    table_.set_limit(d, n);
  }

  std::string compare() {
    forget_void_leases();
    for (const auto& difference : {departures(), sizes(), entries(), counters()})
      if (!difference.empty()) return difference;
    return {};
  }

  /// A lease whose entry left any other way than by eviction is void; the model counts pins by key, so it forgets them here.
  void forget_void_leases() {
    std::erase_if(leases_, [&](const auto& lease) {
      return std::any_of(table_.left.begin(), table_.left.end(), [&](const departure& d) {
        return std::get<0>(d) == lease.first && (std::get<2>(d) != larder::removal_cause::replaced || !table_.holds(lease.first));
      });
    });
  }

  std::string departures() const {
    auto told = log_;
    auto expected = table_.left;
    std::sort(told.begin(), told.end());
    std::sort(expected.begin(), expected.end());
    return told == expected ? std::string() : "the listener was told of " + text(told) + " instead of " + text(expected);
  }

  /// What weight() and for_each() mean: bytes before weights before a number of entries.
  std::uint64_t shown(const amounts& a) const {
    if (rules_.limited[dimension::bytes]) return a[dimension::bytes];
    return a[rules_.limited[dimension::weight] ? dimension::weight : dimension::entries];
  }

  std::string sizes() const {
    const amounts used = table_.used();
    if (cache_->size() != used[dimension::entries])
      return "size " + std::to_string(cache_->size()) + " instead of " + std::to_string(used[dimension::entries]);
    if (cache_->weight() != shown(used))
      return "weight " + std::to_string(cache_->weight()) + " instead of " + std::to_string(shown(used));
    for (const dimension d : {dimension::entries, dimension::bytes, dimension::weight}) {
      if (!table_.any_pinned() && used[d] > table_.limit(d)) return "more than the capacity";
      if (cache_->capacity(d) != table_.limit(d)) return "another capacity";
    }
    return {};
  }

  std::string entries() const {
    std::map<std::string, std::pair<std::uint64_t, std::int64_t>> listed;
    bool twice = false;
    cache_->for_each([&](const std::string& key, std::uint64_t w, larder::duration age) {
      twice = !listed.try_emplace(key, w, age.count()).second || twice;
    });
    if (twice) return "for_each lists a key twice";
    const bool keeps_age = rules_.after_write != never || rules_.own_periods;
    std::size_t living = 0;
    for (const row& r : table_.rows()) {
      if (table_.too_old(r)) continue;
      ++living;
      const auto at = listed.find(r.key);
      if (at == listed.end()) return "for_each does not list " + r.key;
      if (at->second.first != shown(table_.size_of(r))) return "for_each gives another weight";
      if (at->second.second != (keeps_age ? table_.now - r.written : 0)) return "for_each gives another age";
      if (cache_->peek(r.key) != r.value) return "another value of " + r.key;
    }
    return living == listed.size() ? std::string() : "for_each lists what is not there";
  }

  std::string counters() const {
    const larder::cache_stats s = cache_->stats();
    const counts counted{s.hits, s.misses, s.insertions, s.evictions, s.expirations, s.refused};
    if (!(counted == table_.counted)) return "the counters differ";
    std::uint64_t stored = 0;
    std::uint64_t logical = 0;
    if (rules_.limited[dimension::bytes] || rules_.stored_size != nullptr)
      for (const row& r : table_.rows()) {
        stored += table_.stored_size(r.value);
        logical += r.value.size();
      }
    return s.stored_bytes == stored && s.logical_bytes == logical ? std::string() : "the bytes that are stored, or seen, differ";
  }

  static std::string text(const std::vector<departure>& all) {
    std::string s = "{";
    for (const auto& [key, value, cause] : all) s += " " + key + "=" + value + ":" + std::to_string(static_cast<int>(cause));
    return s + " }";
  }

  rules rules_;
  larder::manual_clock clock_;
  std::vector<departure> log_;
  table table_;
  std::unique_ptr<subject> cache_;
  std::vector<std::pair<std::string, std::unique_ptr<held>>> leases_;
};

}  // namespace

std::string name_of(order_kind order, const char* limits, const char* expiry, const char* locking) {
  static constexpr std::array<const char*, 6> names{"lru", "fifo", "clock", "sieve", "largest_first", "mru"};
  return std::string(names[static_cast<std::size_t>(order)]) + ", " + limits + ", " + expiry + ", " + locking;
}

std::string disagreement(const composition& c) {
  return first_disagreement(c.name, [&](const amounts& capacities) -> step {
    return [both = std::make_shared<twin>(c, capacities)](const operation& o) { return both->act(o); };
  });
}

}  // namespace model
