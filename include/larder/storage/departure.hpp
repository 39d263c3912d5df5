#pragma once

#include <larder/core/concepts.hpp>
#include <larder/observe/removal_listener.hpp>

#include <optional>
#include <type_traits>
#include <vector>

namespace larder::storage {

/// An entry that left a byte storage, read back for the `removal_listener`.
template <class Key, class Value>
struct departure {
  Key key;
  Value value;
  removal_cause cause;
};
template <class Key, class Value>
using departure_list = std::vector<departure<Key, Value>>;

/// What is kept of a value that left: one that may be compressed waits as it is until no lock is held.
template <class Value, class Context>
using told_value = std::conditional_t<Context::compresses, fetched, Value>;

template <class Value, class Context>
std::optional<told_value<Value, Context>> to_tell_of(Context& context, const fetched& found) {
  if constexpr (Context::compresses)
    return found;
  else
    return context.template decoded<Value>(found);
}
/// Tells the listener; without any lock.
template <class Value, class Key, class Context>
void tell_of(Context& context, const departure<Key, told_value<Value, Context>>& gone) {
  if constexpr (Context::compresses) {
    const auto value = context.attempt([&] { return context.template decoded<Value>(gone.value); });
    if (value) context.notify(gone.key, *value, gone.cause);
  } else {
    context.notify(gone.key, gone.value, gone.cause);
  }
}

}  // namespace larder::storage
