#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/observe/miss_ratio_curve.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/indexed_engine.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/observed_engine.hpp>
#include <larder/storage/value_landing.hpp>

#include <type_traits>

namespace larder::storage {

/// Come with the storages that have them: `larder/storage/mmap_disk.hpp`, `http_blob.hpp`, `redis.hpp`. Caches of others do not pay for them.
template <class Key, class Value, class Context>
class logged_transfers;
template <class Key, class Value, class Context>
class remote_engine;

namespace detail {

template <class Engine>
using landing_in = typename Engine::landing;
template <class Engine>
using room_in = typename Engine::room;

/// The type that an engine has as `Member`, or else the one that is usual.
template <class Engine, template <class> class Member, class Usual>
struct member_or {
  using type = Usual;
};
template <class Engine, template <class> class Member, class Usual>
  requires requires { typename Member<Engine>; }
struct member_or<Engine, Member, Usual> {
  using type = Member<Engine>;
};

/// An engine, and around it what a policy has for it.
template <class Policy, class Context, class Engine>
struct around {
  using type = typename Policy::template engine<Context, Engine>;
};
template <class Context, class Engine>
struct around<core::none, Context, Engine> {
  using type = Engine;
};

}  // namespace detail

/// What a cache of these policies is made of: which storage, the engine for it, and what the policies mean to the engine.
template <class Key, class Value, class... Policies>
struct cache_parts {
  using set = core::policy_set<Policies...>;
  using where = typename set::template on<axis::storage, memory>;
  using context = engine_context<where, Policies...>;

 private:
  using unobserved_engine = std::conditional_t<
      core::is_memory_storage<where>, memory_engine<Key, Value, context>,
      std::conditional_t<core::is_remote_storage<where>, remote_engine<Key, Value, context>,
                         std::conditional_t<core::is_logged_storage<where>, logged_transfers<Key, Value, context>,
                                            indexed_engine<Key, Value, context>>>>;

  using sampled_engine = std::conditional_t<set::template has<miss_ratio_curve> && !core::is_remote_storage<where>,
                                            observed_engine<Key, Value, context, unobserved_engine>, unobserved_engine>;
  using remembering_engine = typename detail::around<typename context::remembering, context, sampled_engine>::type;

 public:
  using engine = typename detail::around<typename context::timing, context, remembering_engine>::type;
  /// Where a large value may land that comes from a slower tier.
  using landing = typename detail::member_or<engine, detail::landing_in, value_landing>::type;
  /// What is filled in place: of the engine's own kind, or on the heap.
  using room = typename detail::member_or<engine, detail::room_in, mutable_bytes>::type;
};

}  // namespace larder::storage
