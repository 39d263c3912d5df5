#pragma once

#include <larder/artifact/request.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/any_time_source.hpp>
#include <larder/remote/environment.hpp>

#include <functional>
#include <optional>
#include <string>

namespace larder {

/// How a `resolution_cache` behaves; each has a default.
template <class T>
struct resolution_options {
  /// How long an answer holds: up to this age and at it. Not given: the environment's AUTO_LOADER_CACHE_EXPIRATION_MINUTES, else a day.
  std::optional<duration> expiry{};
  duration negative_expiry{0};  ///< the same for "there is none"; 0: that is not kept
  duration grace{0};  ///< how long after its expiry an answer is served, marked stale, when the provider cannot be reached
  /// Whether an answer still does (the files that it names are there, say); asked each time before one that was kept is used.
  std::function<bool(const T& answer)> valid{};
  /// Whether the caller may have an answer that his own resolver did not give him; false is `larder::error` (unauthorized).
  std::function<bool(const request& asked, const T& answer)> guard{};
  bool offline = false;    ///< the resolver never runs; what is kept is served whatever its age
  bool off = false;        ///< the resolver always runs; nothing is read or written
  std::string version{};   ///< part of every key: another one when `T` has another meaning, or another codec
  any_time_source time{};  ///< tells the age of answers
  std::function<void(const error_event&)> on_error{};  ///< told of failures that were absorbed
  remote::environment_reader environment = remote::process_environment;
};

}  // namespace larder
