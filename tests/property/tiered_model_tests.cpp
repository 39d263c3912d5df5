// Tiers against a map. Where some tier keeps everything, tiers answer exactly as the map does, whatever the write modes.
// Where a tier fails, an answer may be missing but is never an older one.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/tiered.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "faulty_stores.hpp"

namespace {

using text = std::string;

enum class act : std::uint8_t { put, put_if_absent, get, peek, contains, load, load_fails, get_many, erase, erase_prefix, erase_if, clear, flush, fault };

struct step {
  act kind = act::put;
  std::uint32_t key = 0;
  std::uint32_t number = 0;
};
std::ostream& operator<<(std::ostream& out, const step& s) {
  static constexpr const char* names[] = {"put",   "put_if_absent", "get",          "peek",     "contains", "load",  "load_fails",
                                          "get_many", "erase",      "erase_prefix", "erase_if", "clear",    "flush", "fault"};
  return out << names[static_cast<std::size_t>(s.kind)] << "(" << s.key << ", " << s.number << ")";
}

std::vector<step> steps(bool with_faults) {
  const auto kinds = rc::gen::weightedElement<act>({{12, act::put}, {5, act::put_if_absent}, {14, act::get}, {3, act::peek}, {3, act::contains},
                                                    {4, act::load}, {1, act::load_fails}, {1, act::get_many}, {6, act::erase},
                                                    {1, act::erase_prefix}, {1, act::erase_if}, {1, act::clear}, {2, act::flush},
                                                    {with_faults ? 8U : 0U, act::fault}});
  return *rc::gen::container<std::vector<step>>(
      rc::gen::map(rc::gen::tuple(kinds, rc::gen::inRange<std::uint32_t>(0, 8), rc::gen::inRange<std::uint32_t>(0, 1000)),
                   [](const std::tuple<act, std::uint32_t, std::uint32_t>& t) { return step{std::get<0>(t), std::get<1>(t), std::get<2>(t)}; }));
}

text key_of(const step& s) { return (s.key % 2 == 0 ? "a" : "b") + std::to_string(s.key); }

using map = std::map<text, text>;

/// What tiers whose slowest writable one keeps everything must answer. `base` is what a read-only tier below them has.
class paper {
 public:
  explicit paper(map base = {}) : base_(std::move(base)) {}

  std::optional<text> peek(const text& key) const {
    if (const auto at = written_.find(key); at != written_.end()) return at->second;
    if (const auto at = base_.find(key); at != base_.end()) return at->second;
    return std::nullopt;
  }
  std::optional<text> get(const text& key) {
    const auto value = peek(key);
    if (value) written_[key] = *value;  // promoted
    return value;
  }
  void put(const text& key, const text& value) { written_[key] = value; }
  bool erase(const text& key) { return written_.erase(key) != 0; }
  template <class Which>
  std::size_t erase_if(Which which) {
    return std::erase_if(written_, [&](const auto& row) { return which(row.first); });
  }
  void clear() { written_.clear(); }

 private:
  map base_;
  map written_;
};

/// With `settled`, nothing is pending when a look-up may promote: a value is not promoted past an erase that waits.
template <class Tiers>
void run(Tiers& tiers, paper& model, bool settled = false) {
  std::uint64_t lookups = 0;
  std::size_t serial = 0;
  for (const step& s : steps(false)) {
    const text key = key_of(s);
    const text value = "v" + std::to_string(++serial);
    if (settled) RC_ASSERT(tiers.flush(larder::duration::max()));
    switch (s.kind) {
      case act::put:
        RC_ASSERT(tiers.put(key, value));
        model.put(key, value);
        break;
      case act::put_if_absent: {
        const bool absent = !model.peek(key);
        RC_ASSERT(tiers.put_if_absent(key, value) == absent);
        if (absent) model.put(key, value);
        break;
      }
      case act::get:
        ++lookups;
        RC_ASSERT(tiers.get(key) == model.get(key));
        break;
      case act::peek: RC_ASSERT(tiers.peek(key) == model.peek(key)); break;
      case act::contains: RC_ASSERT(tiers.contains(key) == model.peek(key).has_value()); break;
      case act::load: {
        ++lookups;
        const auto known = model.get(key);
        if (!known) model.put(key, value);
        RC_ASSERT(tiers.get_or_load(key, [&] { return value; }) == known.value_or(value));
        break;
      }
      case act::load_fails: {
        const auto known = model.get(key);
        if (known) {
          ++lookups;
          RC_ASSERT(tiers.get_or_load(key, []() -> text { throw std::runtime_error("no"); }) == *known);
        } else {
          bool threw = false;
          try {
            tiers.get_or_load(key, []() -> text { throw std::runtime_error("no"); });
          } catch (const std::runtime_error&) {
            threw = true;
          }
          RC_ASSERT(threw);
        }
        break;
      }
      case act::get_many: {
        lookups += 2;
        const text other = key_of({act::get, s.number % 8, 0});
        const auto first = model.get(key);
        const auto second = model.get(other);
        RC_ASSERT(tiers.get_many({key, other}) == (std::vector<std::optional<text>>{first, second}));
        break;
      }
      case act::erase: RC_ASSERT(tiers.erase(key) == model.erase(key)); break;
      case act::erase_prefix: {
        const text prefix = key.substr(0, 1 + s.number % 2);
        RC_ASSERT(tiers.erase_prefix(prefix) == model.erase_if([&](const text& k) { return k.starts_with(prefix); }));
        break;
      }
      case act::erase_if: {
        const auto which = [&](const text& k) { return static_cast<std::uint32_t>(k.back()) % 3 == s.number % 3; };
        RC_ASSERT(tiers.erase_if(which) == model.erase_if(which));
        break;
      }
      case act::clear:
        tiers.clear();
        model.clear();
        break;
      case act::flush: RC_ASSERT(tiers.flush(larder::duration::max())); break;
      case act::fault: break;
    }
  }
  for (std::uint32_t i = 0; i < 8; ++i) RC_ASSERT(tiers.peek(key_of({act::get, i, 0})) == model.peek(key_of({act::get, i, 0})));
  const auto stats = tiers.stats();
  RC_ASSERT(stats.hits + stats.misses == lookups);
}

auto small() { return std::make_unique<larder::cache<text, text, larder::lru, larder::max_entries>>(larder::max_entries{2}); }
auto middle() { return std::make_unique<larder::cache<text, text, larder::lru, larder::max_entries>>(larder::max_entries{4}); }
auto large() { return std::make_unique<larder::cache<text, text, larder::unbounded>>(); }

}  // namespace

TEST_CASE("three tiers answer as a map: every write mode above a tier that keeps everything") {
  CHECK(rc::check([] {
    larder::tiered tiers{small(), middle(), large()};
    paper model;
    run(tiers, model);
  }));
  CHECK(rc::check([] {
    larder::tiered tiers{small(), middle(), larder::write_back(large())};
    paper model;
    run(tiers, model);
  }));
  CHECK(rc::check([] {
    larder::tiered tiers{small(), larder::write_back(middle()), larder::write_back(large())};
    paper model;
    run(tiers, model);
  }));
  CHECK(rc::check([] {
    larder::tiered tiers{small(), larder::write_back(middle()), large()};
    paper model;
    run(tiers, model);
  }));
  CHECK(rc::check([] {
    larder::tiered tiers{larder::write_back(small()), middle(), large()};
    paper model;
    run(tiers, model);
  }));
  CHECK(rc::check([] {
    larder::tiered tiers{larder::write_back(small()), larder::write_back(middle()), larder::write_back(large())};
    paper model;
    run(tiers, model);
  }));
}

TEST_CASE("a read-only tier below answers for what was not written, and comes back after an erase") {
  const map base{{"a0", "base 0"}, {"b1", "base 1"}, {"a4", "base 4"}};
  const auto shared = [&] {
    auto cache = large();
    for (const auto& [key, value] : base) cache->put(key, value);
    return cache;
  };
  CHECK(rc::check([&] {
    larder::tiered tiers{small(), large(), larder::read_only(shared())};
    paper model(base);
    run(tiers, model);
    for (const auto& [key, value] : base) RC_ASSERT(tiers.template tier<2>().peek(key) == value);
    RC_ASSERT(tiers.template tier<2>().size() == base.size());
  }));
  CHECK(rc::check([&] {
    larder::tiered tiers{small(), larder::write_back(large()), larder::read_only(shared())};
    paper model(base);
    run(tiers, model, true);
  }));
}

// ---------------------------------------------------------------------------------------------------- failures

namespace {

/// No answer is older than the last put or erase, though tiers fail now and then.
template <class Tiers>
void never_stale(Tiers& tiers, const std::vector<std::shared_ptr<model::faults>>& wrong) {
  map last;  // what was last put and not erased since, whether or not any tier took it
  std::size_t serial = 0;
  const auto right = [&](const text& key, const std::optional<text>& answer) {
    if (!answer) return;
    const auto at = last.find(key);
    RC_ASSERT(at != last.end());
    RC_ASSERT(*answer == at->second);
  };
  for (const step& s : steps(true)) {
    const text key = key_of(s);
    const text value = "v" + std::to_string(++serial);
    switch (s.kind) {
      case act::put:
        last[key] = value;
        tiers.put(key, value);
        break;
      case act::put_if_absent:
        if (tiers.put_if_absent(key, value)) {
          last[key] = value;
        } else if (const auto answer = tiers.peek(key)) {
          // Refused since it is there; or it failed and was carried out all the same.
          if (*answer == value) last[key] = value;
          right(key, answer);
        }
        break;
      case act::load: {
        const text answer = tiers.get_or_load(key, [&] { return value; });
        if (answer == value)
          last[key] = value;
        else
          right(key, answer);
        break;
      }
      case act::load_fails: break;
      case act::get_many:
      case act::get: right(key, tiers.get(key)); break;
      case act::peek: right(key, tiers.peek(key)); break;
      case act::contains:
        if (tiers.contains(key)) RC_ASSERT(last.contains(key));
        break;
      case act::erase:
        tiers.erase(key);
        last.erase(key);
        break;
      case act::erase_prefix:
        tiers.erase_prefix(key.substr(0, 1));
        std::erase_if(last, [&](const auto& row) { return row.first.starts_with(key.substr(0, 1)); });
        break;
      case act::erase_if:
        tiers.erase_if([&](const text& k) { return k == key; });
        last.erase(key);
        break;
      case act::clear:
        tiers.clear();
        last.clear();
        break;
      case act::flush: RC_ASSERT(tiers.flush(larder::duration::max())); break;
      case act::fault: {
        RC_ASSERT(tiers.flush(larder::duration::max()));  // so that a run comes again as it was
        model::faults& f = *wrong[s.key % wrong.size()];
        f.writes = s.number % 2 == 0;
        f.erases = s.number / 2 % 2 == 0;
        f.reads = s.number / 4 % 4 == 0;
        f.writes_apply = s.number / 16 % 2 == 0;
        break;
      }
    }
  }
  // Everything works again: what is found now is right as well.
  RC_ASSERT(tiers.flush(larder::duration::max()));
  for (const auto& w : wrong) *w = {};
  for (std::uint32_t i = 0; i < 8; ++i) right(key_of({act::get, i, 0}), tiers.get(key_of({act::get, i, 0})));
  for (std::uint32_t i = 0; i < 8; ++i) {
    const text key = key_of({act::get, i, 0});
    RC_ASSERT(tiers.put(key, "again"));
    RC_ASSERT(tiers.get(key) == "again");
  }
}

auto objects(const std::shared_ptr<model::faults>& wrong) {
  return std::make_unique<larder::cache<text, text, larder::unbounded, model::faulty_objects>>(model::faulty_objects{wrong});
}
auto entries(const std::shared_ptr<model::faults>& wrong) {
  return std::make_unique<larder::cache<text, text, larder::lru, larder::max_entries, model::faulty_entries>>(larder::max_entries{5},
                                                                                                            model::faulty_entries{wrong});
}

}  // namespace

TEST_CASE("after a write that failed no older value is served: a slow tier of objects") {
  CHECK(rc::check([] {
    const auto wrong = std::make_shared<model::faults>();
    larder::tiered tiers{small(), middle(), objects(wrong)};
    never_stale(tiers, {wrong});
  }));
  CHECK(rc::check([] {
    const auto wrong = std::make_shared<model::faults>();
    larder::tiered tiers{small(), larder::write_back(objects(wrong))};
    never_stale(tiers, {wrong});
  }));
}

TEST_CASE("after a write that failed no older value is served: a tier with an index, fastest or in the middle") {
  CHECK(rc::check([] {
    const auto wrong = std::make_shared<model::faults>();
    larder::tiered tiers{entries(wrong), large()};
    never_stale(tiers, {wrong});
  }));
  CHECK(rc::check([] {
    const auto one = std::make_shared<model::faults>();
    const auto two = std::make_shared<model::faults>();
    larder::tiered tiers{small(), entries(one), objects(two)};
    never_stale(tiers, {one, two});
  }));
  CHECK(rc::check([] {
    const auto one = std::make_shared<model::faults>();
    const auto two = std::make_shared<model::faults>();
    larder::tiered tiers{entries(one), larder::write_back(entries(two))};
    never_stale(tiers, {one, two});
  }));
}
