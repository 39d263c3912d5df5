#include "memory_operations.hpp"

#include <array>
#include <ostream>
#include <vector>

#include <rapidcheck.h>

namespace model {

std::ostream& operator<<(std::ostream& out, const operation& o) {
  static constexpr std::array<const char*, 17> names{"put",   "put_with_ttl", "put_if_absent", "get",      "visit", "peek",
                                                     "contains", "load",      "erase",         "erase_prefix", "erase_if", "clear",
                                                     "purge", "shrink_or_grow", "wait",        "pin",      "unpin"};
  return out << names[static_cast<std::size_t>(o.kind)] << "(" << key_of(o) << ", " << o.number << ")";
}

std::string key_of(const operation& o) {
  static const std::array<std::string, 9> keys{"", "a", "a1", "a22", "b", "b1", "b22", "c1", "c333"};
  return keys[o.key % keys.size()];
}

std::string value_of(const operation& o) {
  std::string text = std::to_string(o.number);
  text.resize(o.number % 28, static_cast<char>('A' + o.key % 26));
  return text;
}

bool always_agree(const std::function<subject(const capacities&)>& begin) {
  const auto kinds = rc::gen::weightedElement<action>({{14, action::put},       {6, action::put_with_ttl}, {5, action::put_if_absent},
                                                       {12, action::get},       {3, action::visit},        {3, action::peek},
                                                       {3, action::contains},   {4, action::load},         {4, action::erase},
                                                       {1, action::erase_prefix}, {1, action::erase_if},   {1, action::clear},
                                                       {2, action::purge},      {3, action::shrink_or_grow}, {10, action::wait},
                                                       {4, action::pin},        {4, action::unpin}});
  const auto operations = rc::gen::container<std::vector<operation>>(
      rc::gen::map(rc::gen::tuple(kinds, rc::gen::inRange<std::uint32_t>(0, 9), rc::gen::inRange<std::uint32_t>(0, 100000)),
                   [](const std::tuple<action, std::uint32_t, std::uint32_t>& t) {
                     return operation{std::get<0>(t), std::get<1>(t), std::get<2>(t)};
                   }));
  return rc::check([&] {
    const capacities c{*rc::gen::inRange<std::uint64_t>(0, 8), *rc::gen::inRange<std::uint64_t>(0, 80), *rc::gen::inRange<std::uint64_t>(0, 90)};
    const std::vector<operation> all = *operations;
    const subject step = begin(c);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string difference = step(all[i]);
      if (!difference.empty()) RC_FAIL("after operation " + std::to_string(i) + ": " + difference);
    }
  });
}

}  // namespace model
