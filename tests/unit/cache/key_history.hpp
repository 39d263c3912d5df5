#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

/// What several threads did to one key of a cache that began without it, and whether one order of it explains what each of them saw.
struct key_history {
  enum class kind : std::uint8_t { put, put_if_absent, get, erase, load };

  /// One call. `began` and `ended` are numbers of one clock that all threads share: a call that ended before another began is before it.
  struct call {
    kind what;
    std::uint64_t value = 0;              ///< put or loaded; no two calls have the same
    bool done = false;                    ///< what `put_if_absent` and `erase` said; whether the loader ran
    std::optional<std::uint64_t> seen{};  ///< what `get` and `load` returned
    std::uint64_t began = 0;
    std::uint64_t ended = 0;
  };
  /// What a key holds, and what it would if nothing had been evicted.
  struct state {
    std::optional<std::uint64_t> held;
    std::optional<std::uint64_t> written;
    auto operator<=>(const state&) const = default;
  };

  std::vector<std::vector<call>> threads;  ///< what each of them did, in its order
  bool may_leave = true;                   ///< whether entries may be evicted at any moment

  /// Whether there is an order of all calls, each between its begin and its end, in which each sees what it saw (Wing and Gong,
  /// "Testing and verifying concurrent objects", 1993). All orders are followed side by side, one call further at a time, and those
  /// that did the same calls and hold the same are one: about linear in the calls, while few overlap.
  bool explained() const {
    std::set<place> here{{std::vector<std::size_t>(threads.size()), state{}}};
    std::size_t calls = 0;
    for (const auto& thread : threads) calls += thread.size();
    for (; calls > 0; --calls) {
      std::set<place> further;
      for (const place& from : here) go_on(from, further);
      here.swap(further);
    }
    return !here.empty();
  }

  /// How many calls began while another thread was in one.
  std::size_t overlapping() const {
    std::vector<call> calls;
    for (const auto& thread : threads) calls.insert(calls.end(), thread.begin(), thread.end());
    std::sort(calls.begin(), calls.end(), [](const call& a, const call& b) { return a.began < b.began; });
    std::size_t count = 0;
    std::uint64_t last_end = 0;
    for (const call& c : calls) {
      count += c.began < last_end ? 1U : 0U;
      last_end = std::max(last_end, c.ended);
    }
    return count;
  }

 private:
  /// How many of each thread's calls are past, and what the key holds then.
  using place = std::pair<std::vector<std::size_t>, state>;

  void go_on(const place& from, std::set<place>& further) const {
    const auto& [past, held] = from;
    std::uint64_t first_end = ~std::uint64_t{0};
    for (std::size_t t = 0; t < threads.size(); ++t)
      if (past[t] < threads[t].size()) first_end = std::min(first_end, threads[t][past[t]].ended);
    for (std::size_t t = 0; t < threads.size(); ++t) {
      if (past[t] == threads[t].size() || threads[t][past[t]].began > first_end) continue;
      for (const state& next : after(threads[t][past[t]], held)) {
        place to{past, next};
        ++to.first[t];
        further.insert(std::move(to));
      }
    }
  }

  /// What the key may hold after a call that found `now`; nothing when the call cannot have seen that.
  std::vector<state> after(const call& c, const state& now) const {
    const std::vector<state> never;
    const std::vector<state> same{now};
    const std::vector<state> left{{std::nullopt, now.written}};
    const std::vector<state> stored{{c.value, c.value}};
    const bool may_be_absent = !now.held || may_leave;  // it may have left just before
    switch (c.what) {
      case kind::put:
        return stored;
      case kind::put_if_absent:
        if (c.done) return may_be_absent ? stored : never;
        return now.held ? same : never;
      case kind::get:
        if (c.seen) return now.held == c.seen ? same : never;
        return may_be_absent ? left : never;
      case kind::erase:
        if (c.done) return now.held ? std::vector<state>{{}} : never;
        return may_be_absent ? std::vector<state>{{}} : never;
      case kind::load:
        if (!c.done && now.held == c.seen) return same;
        if (!c.done) return loaded_beside(c) || (now.written == c.seen && found_beside(c)) ? same : never;
        if (c.seen != c.value) return never;
        // Stored where nothing was; a write that came first wins, and then the loaded value reaches its callers alone.
        return may_be_absent ? std::vector<state>{stored[0], now} : same;
    }
    return never;
  }

  /// Whether what a load returned is what a load at the same time brought, which it then waited for.
  bool loaded_beside(const call& c) const {
    return beside(c, [&](const call& other) { return other.done && c.seen == other.value; });
  }
  /// Whether it is what a load at the same time found there: it waited for that, while the entry left. A write in between would
  /// have made it begin a load of its own.
  bool found_beside(const call& c) const {
    return beside(c, [&](const call& other) { return !other.done && c.seen == other.seen; });
  }
  template <class Which>
  bool beside(const call& c, Which&& which) const {
    for (const auto& thread : threads) {
      const auto at = std::partition_point(thread.begin(), thread.end(), [&](const call& other) { return other.ended < c.began; });
      for (auto other = at; other != thread.end() && other->began < c.ended; ++other)
        if (&*other != &c && other->what == kind::load && which(*other)) return true;
    }
    return false;
  }
};
