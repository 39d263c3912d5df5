#include "memory_operations.hpp"

#include <array>
#include <functional>
#include <ostream>
#include <sstream>
#include <tuple>
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

std::string first_disagreement(const std::string& name, const std::function<step(const amounts&)>& begin) {
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
  const auto property = [&] {
    const amounts capacities{*rc::gen::inRange<std::uint64_t>(0, 8), *rc::gen::inRange<std::uint64_t>(0, 80),
                             *rc::gen::inRange<std::uint64_t>(0, 90)};
    const std::vector<operation> all = *operations;
    const step act = begin(capacities);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string difference = act(all[i]);
      if (!difference.empty()) RC_FAIL("after operation " + std::to_string(i) + ": " + difference);
    }
  };
  // What rc::check does, but for the seed, for where the report goes, and for ten times as many sequences: one takes 30 us, and
  // what weights do to pinned entries wants hundreds. Under RC_PARAMS="reproduce=..." only that runs.
  const rc::detail::TestMetadata description{name, name};
  rc::detail::TestParams parameters = rc::detail::configuration().testParams;
  parameters.seed ^= std::hash<std::string>{}(name);
  parameters.maxSuccess *= 10;
  const rc::detail::TestResult result = rc::detail::checkTestable(property, description, parameters);
  if (result.is<rc::detail::SuccessResult>()) return {};
  std::ostringstream report;
  rc::detail::printResultMessage(result, report);
  return report.str();
}

}  // namespace model
