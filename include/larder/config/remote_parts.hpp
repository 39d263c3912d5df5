#pragma once

// What makes a remote tier: functions that headers define which a program includes, as formats are read (settings_formats.hpp). This one knows
// no store, so that larder::config links none.

#include <larder/config/address_text.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/cache_settings.hpp>
#include <larder/config/environment_settings.hpp>
#include <larder/config/failure_teller.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/run_time_clock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/remote/secret.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::config {

/// A remote tier that is to be made.
struct remote_order {
  const cache_settings& said;  ///< checked
  std::string credential;      ///< one of `credential_names`
  secret shown;                ///< what the variable has, for credentials that are in one
  const run_time_clock& clock;
  failure_teller teller;

  /// How long entries are of use after they were put. A store is not told of uses, so that `max_idle` counts from there as well.
  duration useful() const { return std::min(said.max_age.value_or(duration::max()), said.max_idle.value_or(duration::max())); }
};

// Defined by larder/config/http_tier.hpp and larder/config/redis_tier.hpp, where a program includes them; else their addresses are null.
[[gnu::weak]] std::unique_ptr<cache_part> make_http_tier(const remote_order& order);
[[gnu::weak]] std::unique_ptr<cache_part> make_redis_tier(const remote_order& order);

/// What the variable has that a cache's settings name, where a secret is meant. Throws `larder::error` when it is not set.
inline secret secret_of(std::string_view cache, const cache_settings& said, const settings_environment& environment) {
  if (!said.remote_secret_variable || !is_secret(credential_meant(said))) return {};
  std::optional<std::string> value = environment(*said.remote_secret_variable);
  if (!value || value->empty())
    core::fail(error_cause::invalid_argument, said.remote_secret_variable.origin().text() + ": remote.secret_variable of " +
                                                  format::printable_name(cache) + " is " +
                                                  shown_variable(*said.remote_secret_variable) +
                                                  ", which is not set in the environment of this process");
  secret kept(*value);
  std::fill(value->begin(), value->end(), '\0');
  return kept;
}

/// The remote tier of a cache; it sends nothing, so that the store may be down. Throws `larder::error` with the place of `remote.url` or
/// `remote.type` when the program has no stores of that kind, or the store's own settings refuse what was said.
inline std::unique_ptr<cache_part> make_remote_tier(std::string_view cache, const cache_settings& said,
                                                    const run_time_clock& clock, failure_teller teller,
                                                    const settings_environment& environment) {
  const bool by_redis = *said.remote_type == "redis";
  const auto make = by_redis ? &make_redis_tier : &make_http_tier;
  if (make == nullptr) {
    const std::string component = by_redis ? "redis" : "http";
    core::fail(error_cause::invalid_argument, said.remote_type.origin().text() + ": remote.type of " +
                                                  format::printable_name(cache) + " is " + *said.remote_type +
                                                  ", which this program has no stores of; include <larder/config/" + component +
                                                  "_tier.hpp> in one of its files and link larder::" + component + "tier");
  }
  const remote_order order{said, credential_meant(said), secret_of(cache, said, environment), clock, std::move(teller)};
  try {
    return make(order);
  } catch (const error& e) {
    std::string_view why = e.what();
    if (constexpr std::string_view prefix = "larder: "; why.starts_with(prefix)) why.remove_prefix(prefix.size());
    core::fail(e.cause(), said.remote_url.origin().text() + ": the remote tier of " + format::printable_name(cache) +
                              " cannot be made: " + std::string(why));
  }
}

}  // namespace larder::config
