// Caches on files against a map: one cache, one that is closed and opened again, and two that share a directory.

#include <larder/cache.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/temporary_folder.hpp"

using namespace std::chrono_literals;

namespace {

using text = std::string;

enum class act : std::uint8_t { put, put_many, put_if_absent, get, peek, contains, load, erase, erase_prefix, erase_if, clear, purge, wait, reopen, limit };

struct step {
  act kind = act::put;
  std::uint32_t who = 0;
  std::uint32_t key = 0;
  std::uint32_t number = 0;
};
std::ostream& operator<<(std::ostream& out, const step& s) {
  static constexpr const char* names[] = {"put",   "put_many", "put_if_absent", "get",      "peek",  "contains", "load",   "erase",
                                          "erase_prefix", "erase_if", "clear", "purge",    "wait",   "reopen", "limit"};
  return out << names[static_cast<std::size_t>(s.kind)] << "(" << "AB"[s.who % 2] << ", " << s.key << ", " << s.number << ")";
}

std::vector<step> steps(bool waits, bool limits) {
  const auto kinds = rc::gen::weightedElement<act>({{12, act::put}, {5, act::put_many}, {4, act::put_if_absent}, {12, act::get}, {3, act::peek}, {3, act::contains},
                                                    {3, act::load}, {5, act::erase}, {1, act::erase_prefix}, {1, act::erase_if}, {1, act::clear},
                                                    {2, act::purge}, {waits ? 6U : 0U, act::wait}, {2, act::reopen}, {limits ? 3U : 0U, act::limit}});
  return *rc::gen::scale(0.6, rc::gen::container<std::vector<step>>(rc::gen::map(
                                  rc::gen::tuple(kinds, rc::gen::inRange<std::uint32_t>(0, 2), rc::gen::inRange<std::uint32_t>(0, 7),
                                                 rc::gen::inRange<std::uint32_t>(0, 1000)),
                                  [](const auto& t) { return step{std::get<0>(t), std::get<1>(t), std::get<2>(t), std::get<3>(t)}; })));
}

text key_of(std::uint32_t n) {
  static const std::array<text, 7> keys{"", "a/b", "a/../c", text("a\0z", 3), "b", "ba", text(300, 'k')};
  return keys[n % keys.size()];
}
text value_of(const step& s, std::size_t serial) { return std::to_string(serial) + text(s.number % 60, 'v'); }

/// Up to nine keys and values of a `put_many`, some keys more than once.
std::vector<std::pair<text, text>> many_of(const step& s, std::size_t serial) {
  std::vector<std::pair<text, text>> entries;
  for (std::uint32_t i = 0; i < s.number % 10; ++i)
    entries.emplace_back(key_of(s.key + i * (1 + s.number % 3)), std::to_string(serial) + text((s.number + 17 * i) % 60, 'm') + std::to_string(i));
  return entries;
}

template <class Value>
Value as_value(const text& t) {
  if constexpr (std::is_same_v<Value, text>)
    return t;
  else
    return larder::bytes::copy_of(t);
}
template <class Value>
std::optional<text> as_text(const std::optional<Value>& v) {
  if (!v) return std::nullopt;
  if constexpr (std::is_same_v<Value, text>)
    return *v;
  else
    return text(v->text());
}

struct row {
  text value;
  larder::instant written;
};

constexpr auto period = 10s;

template <class Value>
std::vector<std::pair<text, Value>> as_values(const std::vector<std::pair<text, text>>& entries) {
  std::vector<std::pair<text, Value>> result;
  for (const auto& [key, value] : entries) result.emplace_back(key, as_value<Value>(value));
  return result;
}

/// Caches without a limit that matters: every answer is the map's, whichever of them is asked.
template <class Storage, class Value>
bool answers_as_a_map(std::size_t caches) {
  return rc::check([&] {
    const support::temporary_folder directory;
    larder::manual_clock now(1h);
    using cache = larder::cache<text, Value, Storage, larder::unbounded, larder::expire_after_write, larder::time_source<larder::manual_clock>>;
    const auto open = [&] {
      return std::make_unique<cache>(Storage{directory.path()}, larder::unbounded{}, larder::expire_after_write{period}, larder::time_source{now});
    };
    std::vector<std::unique_ptr<cache>> all;
    for (std::size_t i = 0; i < caches; ++i) all.push_back(open());

    std::map<text, row> map;
    const auto living = [&](const text& key) -> std::optional<text> {
      const auto at = map.find(key);
      if (at == map.end() || now.now() - at->second.written > period) return std::nullopt;
      return at->second.value;
    };
    const auto count = [&](const auto& which) {
      return static_cast<std::size_t>(
          std::count_if(map.begin(), map.end(), [&](const auto& entry) { return living(entry.first) && which(entry.first); }));
    };
    std::size_t serial = 0;
    for (const step& s : steps(true, false)) {
      std::unique_ptr<cache>& mine = all[s.who % caches];
      if (s.kind == act::reopen) {
        mine.reset();
        mine = open();
      }
      cache& c = *mine;
      const text key = key_of(s.key);
      const text value = value_of(s, ++serial);
      const bool alone = caches == 1;
      switch (s.kind) {
        case act::put:
          RC_ASSERT(c.put(key, as_value<Value>(value)));
          map[key] = {value, now.now()};
          break;
        case act::put_many: {
          const auto entries = many_of(s, serial);
          RC_ASSERT(c.put_many(as_values<Value>(entries)) == entries.size());
          for (const auto& [k, v] : entries) map[k] = {v, now.now()};
          break;
        }
        case act::put_if_absent: {
          const bool absent = !living(key);
          RC_ASSERT(c.put_if_absent(key, as_value<Value>(value)) == absent);
          if (absent) map[key] = {value, now.now()};
          break;
        }
        case act::get: RC_ASSERT(as_text<Value>(c.get(key)) == living(key)); break;
        case act::peek: RC_ASSERT(as_text<Value>(c.peek(key)) == living(key)); break;
        case act::contains: RC_ASSERT(c.contains(key) == living(key).has_value()); break;
        case act::load: {
          const auto known = living(key);
          if (!known) map[key] = {value, now.now()};
          RC_ASSERT(as_text<Value>(c.get_or_load(key, [&] { return as_value<Value>(value); })) == known.value_or(value));
          break;
        }
        case act::erase: {
          const bool there = living(key).has_value();
          map.erase(key);
          RC_ASSERT(c.erase(key) == there);
          break;
        }
        case act::erase_prefix:
        case act::erase_if: {
          // Each lists its own index, which may lack what the other put and it has not met: only one alone knows all.
          const auto which = [&](const text& k) { return s.kind == act::erase_if ? k.size() % 2 == s.number % 2 : k.starts_with("a"); };
          const auto expected = count(which);
          if (alone) {
            RC_ASSERT((s.kind == act::erase_if ? c.erase_if(which) : c.erase_prefix("a")) == expected);
            std::erase_if(map, [&](const auto& entry) { return which(entry.first); });
          }
          break;
        }
        case act::clear:
          c.clear();
          map.clear();
          break;
        case act::purge: c.purge_expired(); break;
        case act::wait: now.advance(std::chrono::seconds(s.number % 5)); break;
        case act::limit: break;
        case act::reopen: break;
      }
      if (alone) {
        std::uint64_t weight = 0;
        std::map<text, std::uint64_t> listed;
        c.for_each([&](const text& k, std::uint64_t w, larder::duration age) {
          RC_ASSERT(age == now.now() - map.at(k).written);
          listed[k] = w;
          weight += w;
        });
        RC_ASSERT(listed.size() == count([](const text&) { return true; }));
        for (const auto& [k, w] : listed) RC_ASSERT(w == map.at(k).value.size());
        if (s.kind == act::purge) RC_ASSERT(c.weight() == weight);
        if (s.kind == act::purge) RC_ASSERT(c.size() == listed.size());
      }
      RC_ASSERT(c.errors().total() == 0U);
    }
    for (const auto& c : all)
      for (std::uint32_t k = 0; k < 7; ++k) RC_ASSERT(as_text<Value>(c->get(key_of(k))) == living(key_of(k)));
  });
}

/// Caches with narrow limits: an answer may be missing, but is the last value put by whichever of them; limits hold; who was
/// told of leaves as the listener hears it.
template <class Storage, class Value, class Order>
bool keeps_its_limits(std::size_t caches) {
  return rc::check([&] {
    const support::temporary_folder directory;
    std::map<text, text> map;
    std::map<text, std::vector<text>> within;  // the values of a `put_many` that is under way
    bool told_wrong = false;
    auto heard = [&](const text& key, const Value& value, larder::removal_cause cause) {
      // An evicted value was the key's last, unless a put or erase is just making it leave, and is not told twice.
      if (cause == larder::removal_cause::expired) told_wrong = true;
      if (cause == larder::removal_cause::evicted && within.contains(key)) {
        const auto& those = within.at(key);
        if (std::find(those.begin(), those.end(), as_text<Value>(value)) != those.end()) return;
      }
      if (cause == larder::removal_cause::evicted && (!map.contains(key) || as_text<Value>(value) != map.at(key))) told_wrong = true;
    };
    using cache = larder::cache<text, Value, Storage, Order, larder::max_entries, larder::max_bytes, larder::removal_listener<decltype(heard)>>;
    std::uint64_t entries = 4;
    std::uint64_t size = 120;
    const auto open = [&] {
      return std::make_unique<cache>(Storage{directory.path()}, Order{}, larder::max_entries{entries}, larder::max_bytes{size},
                                     larder::removal_listener{heard});
    };
    std::vector<std::unique_ptr<cache>> all;
    for (std::size_t i = 0; i < caches; ++i) all.push_back(open());
    std::size_t serial = 0;
    for (const step& s : steps(false, true)) {
      std::unique_ptr<cache>& mine = all[s.who % caches];
      if (s.kind == act::reopen) {
        mine.reset();
        mine = open();
      }
      cache& c = *mine;
      const text key = key_of(s.key);
      const text value = value_of(s, ++serial);
      const auto right = [&](const std::optional<Value>& answer) {
        if (answer) RC_ASSERT(map.contains(key));
        if (answer) RC_ASSERT(as_text<Value>(answer) == map.at(key));
      };
      switch (s.kind) {
        case act::put: {
          const bool stored = c.put(key, as_value<Value>(value));
          RC_ASSERT(stored == (value.size() <= size && entries != 0));
          if (stored)
            map[key] = value;
          else
            map.erase(key);
          if (stored) RC_ASSERT(as_text<Value>(c.peek(key)) == value);
          break;
        }
        case act::put_many: {
          if (caches != 1) break;  // the other, which learns of many at once, tells of what the first evicted as well
          const auto batch = many_of(s, serial);
          std::size_t fit = 0;
          for (const auto& [k, v] : batch) fit += v.size() <= size ? 1 : 0;
          // What is told of on the way is of a value that was the last of its key before or within the batch.
          if (fit == batch.size()) {
            for (const auto& [k, v] : batch) within[k].push_back(v);
            RC_ASSERT(c.put_many(as_values<Value>(batch)) == fit);
            for (const auto& [k, v] : batch) map[k] = v;
            within.clear();
          }
          break;
        }
        case act::put_if_absent:
          if (c.put_if_absent(key, as_value<Value>(value))) map[key] = value;
          break;
        case act::get: right(c.get(key)); break;
        case act::peek: right(c.peek(key)); break;
        case act::contains:
          if (c.contains(key)) RC_ASSERT(map.contains(key));
          break;
        case act::load: {
          const text answer = *as_text<Value>(c.get_or_load(key, [&] { return as_value<Value>(value); }));
          if (answer == value)
            map[key] = value;
          else
            right(as_value<Value>(answer));
          break;
        }
        case act::erase:
          c.erase(key);
          map.erase(key);
          break;
        case act::erase_prefix:
        case act::erase_if: break;
        case act::clear:
          c.clear();
          map.clear();
          break;
        case act::purge: RC_ASSERT(c.purge_expired() == 0U); break;
        case act::wait: break;
        case act::limit:
          entries = 1 + s.number % 5;
          size = 20 + s.number % 120;
          for (auto& each : all) {
            each->set_capacity(larder::max_entries{entries});
            each->set_capacity(larder::max_bytes{size});
          }
          break;
        case act::reopen: break;
      }
      for (const auto& each : all) {
        RC_ASSERT(each->size() <= entries);
        RC_ASSERT(each->weight() <= size);
      }
      if (caches == 1) {
        std::uint64_t weight = 0;
        std::uint64_t listed = 0;
        c.for_each([&](const text& k, std::uint64_t w, larder::duration) {
          weight += w;
          ++listed;
          RC_ASSERT(w == map.at(k).size());
        });
        RC_ASSERT(c.weight() == weight);
        RC_ASSERT(c.size() == listed);
      }
      RC_ASSERT(!told_wrong);
      RC_ASSERT(c.errors().total() == 0U);
    }
  });
}

}  // namespace

TEST_CASE("a cache on mmap_disk answers as a map, closed and opened again in between") {
  CHECK(answers_as_a_map<larder::mmap_disk, text>(1));
  CHECK(answers_as_a_map<larder::mmap_disk, larder::bytes>(1));
}
TEST_CASE("a cache on a directory answers as a map, closed and opened again in between") {
  CHECK(answers_as_a_map<larder::directory, larder::bytes>(1));
}
TEST_CASE("two caches on one mmap_disk directory answer as one map") { CHECK(answers_as_a_map<larder::mmap_disk, larder::bytes>(2)); }
TEST_CASE("two caches on one directory answer as one map") { CHECK(answers_as_a_map<larder::directory, text>(2)); }

TEST_CASE("a cache on files keeps its limits and tells who leaves") {
  CHECK(keeps_its_limits<larder::mmap_disk, larder::bytes, larder::lru>(1));
  CHECK(keeps_its_limits<larder::directory, text, larder::fifo>(1));
}
TEST_CASE("two caches on one directory keep their limits; a hit is the last value put by either") {
  CHECK(keeps_its_limits<larder::mmap_disk, text, larder::lru>(2));
  CHECK(keeps_its_limits<larder::directory, larder::bytes, larder::lru>(2));
}
