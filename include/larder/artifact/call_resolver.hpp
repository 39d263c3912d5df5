#pragma once

#include <larder/artifact/request.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace larder::artifacts {

/// Calls a resolver in whichever of its forms it has.
template <class Resolver>
decltype(auto) invoke_resolver(Resolver& resolver, const request& asked, const std::stop_token& stop) {
  if constexpr (std::invocable<Resolver&, const request&, std::stop_token>) {
    return resolver(asked, stop);
  } else if constexpr (std::invocable<Resolver&, const request&>) {
    return resolver(asked);
  } else {
    static_assert(std::invocable<Resolver&>,
                  "larder: a resolver is called as resolver(), resolver(request) or resolver(request, stop_token)");
    return resolver();
  }
}

/// What a resolver gives; null when it says that there is none.
template <class T, class Resolver>
std::shared_ptr<const T> call_resolver(Resolver& resolver, const request& asked, const std::stop_token& stop) {
  using result = std::remove_cvref_t<decltype(invoke_resolver(resolver, asked, stop))>;
  if constexpr (std::same_as<result, std::optional<T>>) {
    std::optional<T> made = invoke_resolver(resolver, asked, stop);
    return made ? std::make_shared<const T>(std::move(*made)) : nullptr;
  } else {
    static_assert(std::convertible_to<result, T>, "larder: a resolver gives the cache's value, or an optional one");
    return std::make_shared<const T>(invoke_resolver(resolver, asked, stop));
  }
}

}  // namespace larder::artifacts
