#pragma once

#include <larder/core/iterable.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::storage {

/// A range of (key, value): pairs, tuples or arrays of two.
template <class Entries, class KeyView, class Value>
concept entries_of = core::iterable<Entries> && requires(core::iterated<Entries> entry) {
  { std::get<0>(entry) } -> std::convertible_to<KeyView>;
  { std::get<1>(entry) } -> std::convertible_to<const Value&>;
};

namespace detail {

/// Whether the entries stay where they are while they are gone through twice, so that nothing of them has to be copied.
template <class Iterator, class Value>
constexpr bool stays_in_place() {
  if constexpr (requires { typename std::iterator_traits<Iterator>::iterator_category; }) {
    using entry = decltype(*std::declval<const Iterator&>());
    return std::is_base_of_v<std::forward_iterator_tag, typename std::iterator_traits<Iterator>::iterator_category> &&
           std::is_lvalue_reference_v<entry> && std::is_same_v<std::remove_cvref_t<decltype(std::get<1>(std::declval<entry>()))>, Value>;
  } else {
    return false;
  }
}

}  // namespace detail

/// f(first, last) for the entries of a range in their order, at most `most` at a time, as something to go through more than once.
template <class Key, class Value, class Entries, class F>
void in_batches(const Entries& entries, std::size_t most, F&& f) {
  auto at = std::begin(entries);
  const auto end = std::end(entries);
  if constexpr (detail::stays_in_place<decltype(at), Value>()) {
    while (at != end) {
      const auto first = at;
      for (std::size_t n = 0; n < most && at != end; ++n) ++at;
      f(first, at);
    }
  } else {
    std::vector<std::pair<Key, Value>> batch;
    while (at != end) {
      batch.clear();
      for (; batch.size() < most && at != end; ++at) {
        auto&& entry = *at;
        batch.emplace_back(std::get<0>(std::forward<decltype(entry)>(entry)), std::get<1>(std::forward<decltype(entry)>(entry)));
      }
      f(batch.begin(), batch.end());
    }
  }
}

/// The entries of a range into an engine that takes many at once; says how many were stored. No load of their keys that began before
/// stores over them. The listener is told after each batch.
template <class Key, class Value, class Engine, class Loading, class Entries, class Mode>
std::size_t write_in_batches(Engine& engine, Loading& loading, const Entries& entries, const Mode& mode) {
  std::size_t stored = 0;
  in_batches<Key, Value>(entries, Engine::most_together, [&](auto first, auto last) {
    typename Engine::departures gone;
    std::vector<typename Engine::pending_write> rows;
    for (auto at = first; at != last; ++at) {
      loading.supersede(std::get<0>(*at));
      rows.push_back({engine.locate(std::get<0>(*at)), &std::get<1>(*at)});
    }
    engine.write_many(rows, mode, gone);
    for (auto at = first; at != last; ++at) loading.supersede(std::get<0>(*at));
    for (const auto& row : rows) stored += row.stored ? 1 : 0;
    engine.tell(gone);
  });
  return stored;
}

}  // namespace larder::storage
