#pragma once

// A remote tier in Redis for settings. Including this in one file of a program is what makes `remote.type = "redis"` work in all of it.

#include <larder/config/cache_part.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/remote_part.hpp>
#include <larder/config/remote_parts.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/redis.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace larder::config {

/// `redis` as an order of settings says it.
inline redis redis_store(const remote_order& order) {
  const cache_settings& said = order.said;
  redis out;
  if (constexpr std::string_view socket = "unix://"; said.remote_url->starts_with(socket))
    out.unix_socket = said.remote_url->substr(socket.size());
  else
    out.url = *said.remote_url;
  if (said.remote_prefix) out.key_prefix = *said.remote_prefix;
  if (is_secret(order.credential)) out.user = said.remote_user.value_or("");
  out.password = order.shown;
  out.allow_unencrypted_credentials = said.remote_allow_unencrypted_credentials.value_or(false);
  if (said.remote_lookup_budget) out.lookup_budget = milliseconds_of(*said.remote_lookup_budget);
  if (said.remote_connect_timeout) out.timeouts.connect = milliseconds_of(*said.remote_connect_timeout);
  if (said.remote_answer_timeout) out.timeouts.first_byte = milliseconds_of(*said.remote_answer_timeout);
  if (said.remote_max_object) out.max_object = *said.remote_max_object;
  if (order.useful() != duration::max())
    out.time_to_live = milliseconds_of(order.useful());  // the server then drops it by itself
  out.load_lease = std::chrono::milliseconds(0);         // tiers load once per process, not once per key of a store
  return out;
}

/// See `remote_parts.hpp`.
[[gnu::weak]] std::unique_ptr<cache_part> make_redis_tier(const remote_order& order) {
  return make_remote_part(order, redis_store(order));
}

}  // namespace larder::config
