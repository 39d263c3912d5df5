#pragma once

#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/slot.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/storage/table_entry.hpp>
#include <larder/sync/unsynchronized.hpp>
#include <larder/testing/conformance.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace larder::testing {

namespace detail {

/// The slots of an imaginary cache.
template <class Policy>
struct imaginary_slots {
  struct entry : storage::order_field<typename Policy::state> {};
  std::vector<entry> entries;
  entry& operator[](slot s) { return entries[s]; }
};

}  // namespace detail

/// Whether an eviction policy keeps the contract of `eviction_order`, by `steps` random operations on its order alone and then
/// under a cache: the victim is always a slot that is in, there is one as long as any is in, and each slot leaves once.
template <eviction_policy Policy>
conformance check_eviction(const Policy& policy = Policy{}, std::uint64_t seed = 1, std::size_t steps = 20'000) {
  conformance result;
  constexpr slot places = 64;
  using slots = detail::imaginary_slots<Policy>;
  slots memory{std::vector<typename slots::entry>(places)};
  storage::order_states<slots> states(memory);
  auto order = storage::make_order<typename Policy::template order<storage::order_states<slots>>>(policy, states);

  std::mt19937_64 random(seed);
  std::vector<slot> in;
  std::vector<slot> out;
  for (slot s = 0; s < places; ++s) out.push_back(s);
  const auto info = [](slot s) { return entry_info{s * 0x9e3779b97f4a7c15ULL, s % 7U + 1U}; };
  const auto take = [&](std::vector<slot>& from) {
    const std::size_t at = random() % from.size();
    const slot s = from[at];
    from[at] = from.back();
    from.pop_back();
    return s;
  };
  const auto evict = [&] {
    const slot victim = order.victim();
    const auto at = std::find(in.begin(), in.end(), victim);
    result.expect(at != in.end(), "victim() names a slot that is in, as long as any is");
    if (at == in.end()) return false;
    result.expect(order.victim() == victim, "victim() names the same slot until something happens");
    order.on_evict(victim, info(victim));
    in.erase(at);
    out.push_back(victim);
    return true;
  };

  result.expect(order.victim() == no_slot, "victim() of an order that holds nothing is no_slot");
  for (std::size_t i = 0; i < steps && result.passed(); ++i) {
    switch (random() % 4) {
      case 0:
        if (!out.empty()) {
          const slot s = take(out);
          memory[s].renew_state();
          order.on_insert(s, info(s));
          in.push_back(s);
        }
        break;
      case 1:
        if (!in.empty()) order.on_hit(in[random() % in.size()]);
        break;
      case 2:
        if (!in.empty()) {
          const slot s = take(in);
          order.on_erase(s);
          out.push_back(s);
        }
        break;
      default:
        if (!in.empty()) evict();
    }
  }
  while (!in.empty() && evict()) {
  }
  result.expect(!in.empty() || order.victim() == no_slot, "victim() is no_slot again once everything has left");

  cache<std::uint32_t, std::uint32_t, Policy, max_entries, unsynchronized> under(policy, max_entries{16});
  std::vector<std::uint32_t> last(64, 0);
  for (std::uint32_t i = 1; i <= steps && result.passed(); ++i) {
    const auto key = static_cast<std::uint32_t>(random() % last.size());
    if (random() % 2 == 0) {
      const bool stored = under.put(key, i);
      last[key] = i;
      result.expect(stored || !core::evicts_for_puts<Policy>, "an order that evicts for puts makes room for each");
      result.expect(under.contains(key) == stored, "an entry that was just put is not the one that leaves for it");
    } else if (const auto value = under.get(key)) {
      result.expect(*value == last[key], "a hit gives the last value put");
    }
    result.expect(under.size() <= 16, "a cache with this order stays within its limit");
  }
  return result;
}

}  // namespace larder::testing
