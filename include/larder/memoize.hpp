#pragma once

#include <larder/cache.hpp>
#include <larder/core/axis.hpp>

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder {

/// A function that remembers: calls with the same arguments run `f` once while the result is cached, and at once in many
/// threads still run it once. Copies share one cache. What f throws reaches every caller and is not remembered.
template <class F, class Result, class... Arguments>
class memoized {
 public:
  using key_type = std::tuple<Arguments...>;

  template <policy... Policies>
  explicit memoized(F f, Policies... policies)
      : state_(std::make_shared<state_of<Policies...>>(std::move(f), std::move(policies)...)) {}

  Result operator()(const Arguments&... arguments) const { return state_->call(key_type(arguments...)); }
  /// The statistics of the cache behind it.
  cache_stats stats() const { return state_->stats(); }
  /// Forgets all results.
  void clear() { state_->clear(); }

 private:
  struct state {
    virtual ~state() = default;
    virtual Result call(const key_type& arguments) = 0;
    virtual cache_stats stats() const = 0;
    virtual void clear() = 0;
  };
  template <class... Policies>
  struct state_of final : state {
    explicit state_of(F f, Policies... policies) : function(std::move(f)), results(std::move(policies)...) {}
    Result call(const key_type& arguments) override {
      return results.get_or_load(arguments, [this](const key_type& key) -> Result { return std::apply(function, key); });
    }
    cache_stats stats() const override { return results.stats(); }
    void clear() override { results.clear(); }

    F function;
    cache<key_type, Result, Policies...> results;
  };

  std::shared_ptr<state> state_;
};

namespace core {

template <class F, class Signature>
struct memoized_of;
template <class F, class Result, class... Arguments>
struct memoized_of<F, std::function<Result(Arguments...)>> {
  using type = memoized<F, std::remove_cvref_t<Result>, std::remove_cvref_t<Arguments>...>;
};

template <class F>
concept has_one_signature = requires(F f) { std::function(f); };

}  // namespace core

/// `memoize(f, max_entries{n})`: f as a function with a cache of the given policies in front. f has one signature (not
/// overloaded, not generic); its parameters are the key.
template <class F, class... Policies>
auto memoize(F f, Policies... policies) {
  static_assert((policy<Policies> && ...), "larder: memoize takes policies after the function, such as max_entries{1000}");
  static_assert(core::has_one_signature<F>, "larder: memoize needs a function with one signature, neither overloaded nor generic");
  static_assert(sizeof...(Policies) != 0, "larder: memoize needs a limit, as in memoize(f, max_entries{1000}), or unbounded");
  if constexpr (core::has_one_signature<F>)
    return typename core::memoized_of<F, decltype(std::function(f))>::type(std::move(f), std::move(policies)...);
}

}  // namespace larder
