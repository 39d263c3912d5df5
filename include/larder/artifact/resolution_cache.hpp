#pragma once

// resolution_cache: what a provider answered to a request, kept in files below a home that programs share. The guide is docs/resolution.md.

#include <larder/artifact/artifact_home.hpp>
#include <larder/artifact/call_resolver.hpp>
#include <larder/artifact/home_key.hpp>
#include <larder/artifact/kept_resolutions.hpp>
#include <larder/artifact/not_found.hpp>
#include <larder/artifact/request.hpp>
#include <larder/artifact/request_difference.hpp>
#include <larder/artifact/resolution.hpp>
#include <larder/artifact/resolution_ages.hpp>
#include <larder/artifact/resolution_answer.hpp>
#include <larder/artifact/resolution_counts.hpp>
#include <larder/artifact/resolution_folder.hpp>
#include <larder/artifact/resolution_options.hpp>
#include <larder/artifact/resolution_stats.hpp>
#include <larder/artifact/resolver_turns.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/sync/single_flight.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// Answers of a provider, each kept under all of what was asked. For any number of threads, and of processes with one home: for one request one of them asks
/// the provider, and the others wait for what it says.
template <class T>
class resolution_cache {
  static_assert(encodable<T>, "larder: resolution_cache keeps values that have a larder::codec; specialise it for yours");
  static_assert(std::copy_constructible<T>, "larder: resolution_cache gives out copies, so its values must be copyable");

 public:
  /// Below `home`; without one, below INFERENCE_HOME or `/tmp/cache`. Throws `larder::error` when its folders cannot be made.
  explicit resolution_cache(const std::filesystem::path& home = {}, resolution_options<T> options = {})
      : options_(std::move(options)),
        folder_(artifact_home(home, options_.environment)),
        ages_(options_.expiry ? *options_.expiry : artifacts::resolution_ages::expiry_from(options_.environment),
              options_.negative_expiry, options_.grace),
        secrets_(folder_.home() / "resolution.key", !options_.offline),
        errors_(error_listener<artifacts::resolution_error_listener>({options_.on_error})) {
    if (!options_.off && !options_.offline) folder_.create();
  }
  explicit resolution_cache(resolution_options<T> options) : resolution_cache(std::filesystem::path(), std::move(options)) {}

  const std::filesystem::path& home() const noexcept { return folder_.home(); }
  duration expiry() const noexcept { return ages_.expiry(); }

  /// The answer to a request: one that is kept, else what the resolver says, which is kept then. It is called as `resolver()`, `resolver(asked)` or
  /// `resolver(asked, stop_token)`, and gives a `T`, or an optional one, whose absence means that there is none.
  ///
  /// Throws what the resolver threw, in each of those who waited for it; `not_found` when there is none; `larder::error`: (unauthorized) when `guard` refuses,
  /// (network) when it would have to ask and is offline, (cancelled) when a stop is requested while it waits, (reentrant) when a resolver
  /// asks for its own request.
  template <class Resolver>
  resolution<T> resolve(const request& asked, Resolver&& resolver, const std::stop_token& stop = {}) {
    if (options_.off) return hand_out(asked, run(asked, resolver, stop), true);
    const place at = place_of(asked);
    if (std::optional<answer> kept = kept_.look_quietly(at)) return hand_out(asked, *kept, false);
    if (options_.offline) return hand_out(asked, offline_answer(asked, at), false);
    auto [flown, led] = flights_.join_or_lead(at.id);
    if (!led) {
      answer shared = flights_.wait(flown, stop);
      counts_.joined.add();
      return hand_out(asked, shared, false);
    }
    const artifacts::resolver_turns::turn turn(turns_);
    std::optional<artifacts::locked_file> held;
    answer found;
    try {
      held = lock(at, turn.is_nested(), stop);
      found = lead(asked, at, resolver, stop);
    } catch (...) {
      flights_.fail(at.id, flown, std::current_exception());
      if (held) held->discard();
      throw;
    }
    flights_.land(at.id, flown, found, [&](const answer& landed) {
      if (landed.fresh) kept_.store(asked, at, landed);
    });
    if (held) held->discard();
    return hand_out(asked, found, found.fresh);
  }

  /// The answer that is kept and holds; never asks the provider. Throws only what `guard` throws or refuses.
  std::optional<resolution<T>> find(const request& asked) {
    if (options_.off) return std::nullopt;
    std::optional<answer> kept = kept_.look(place_of(asked));
    if (!kept || (kept->is_stale && !options_.offline)) {
      counts_.misses.add();
      return std::nullopt;
    }
    kept_.count(*kept);
    if (!kept->value) return std::nullopt;
    return hand_out(asked, *kept, false);
  }

  /// Forgets what is kept for a request, and a resolver that runs for it in this process: its answer is not kept. Whether anything was there.
  bool erase(const request& asked) {
    if (options_.off) return false;
    const place at = place_of(asked);
    flights_.supersede(at.id);
    return kept_.absorbed([&] { return folder_.erase(at.id); });
  }

  /// Forgets everything; safe at any time. How many entries there were.
  std::size_t purge() {
    if (options_.off) return 0;
    flights_.supersede_if([](const std::string&) { return true; });
    std::size_t erased = 0;
    folder_.for_each([&](const std::string& id, const artifacts::found_resolution&) {
      erased += kept_.absorbed([&] { return folder_.erase(id); });
    });
    folder_.remove_leftovers();
    return erased;
  }

  /// Removes entries that are beyond expiry and grace, or damaged, and what processes that died have left. How many entries there were.
  std::size_t purge_expired() {
    if (options_.off) return 0;
    std::size_t erased = 0;
    folder_.for_each([&](const std::string& id, const artifacts::found_resolution& found) {
      if (found.entry && kept_.age_of(*found.entry) != artifacts::resolution_age::over) return;
      if (!kept_.absorbed([&] { return folder_.erase_same(id, *found.file); })) return;
      (found.entry ? counts_.expirations : counts_.damaged).add();
      ++erased;
    });
    folder_.remove_leftovers();
    return erased;
  }

  /// In a sentence, what `resolve` would find for a request, and when nothing, what differs from the request that is nearest to it among those that are kept.
  /// Shows no secret.
  std::string explain(const request& asked) {
    if (options_.off) return "the cache is off: the resolver always runs";
    const place at = place_of(asked);
    try {
      const artifacts::found_resolution found = folder_.read(at.id);
      if (found.is_damaged() || (found.entry && found.entry->key != at.key))
        return "a miss: the entry " + folder_.path_of(at.id).string() + " is damaged";
      if (found.entry) return kept_.explain_entry(*found.entry);
    } catch (const error& e) {
      return std::string("a miss: ") + e.what();
    }
    std::optional<artifacts::request_difference> nearest;
    folder_.for_each([&](const std::string&, const artifacts::found_resolution& other) {
      if (!other.entry) return;
      std::optional<artifacts::request_difference> found = artifacts::difference_of(other.entry->key, at.key);
      if (found && (!nearest || found->parts < nearest->parts)) nearest = std::move(found);
    });
    return nearest ? "a miss: nothing is kept for it; the nearest request that is kept differs in " + nearest->text
                   : "a miss: nothing is kept for it, nor for any other request";
  }

  resolution_stats stats() const {
    resolution_stats now = counts_.snapshot();
    now.errors = errors_.counts();
    return now;
  }

 private:
  using place = artifacts::resolution_place;
  using answer = artifacts::resolution_answer<T>;

  place place_of(const request& asked) {
    const auto mark = [&](std::string_view name, std::string_view text) {
      try {
        return secrets_.mark_of(name, text);
      } catch (...) {
        errors_.report_current(error_cause::io);
      }
      return secrets_.mark_of(name, text);  // of this object alone
    };
    place at;
    at.key = asked.key(options_.version, mark);
    at.id = remote::hex_of(remote::sha256_of(at.key));
    return at;
  }

  answer offline_answer(const request& asked, const place& at) {
    if (std::optional<answer> kept = kept_.look(at)) {
      kept_.count(*kept);
      return *kept;
    }
    counts_.misses.add();
    core::fail(error_cause::network, "offline, and nothing is kept for the request " + asked.text() + " below \"" +
                                         home().string() + "\"; resolve it once online");
  }

  /// Nothing where there are no locks: then several may ask the provider, and the last answer stays. So, too, where another process has the lock and this
  /// thread is in a resolver already: that process might wait for what it resolves.
  std::optional<artifacts::locked_file> lock(const place& at, bool nested, const std::stop_token& stop) {
    try {
      if (nested) return folder_.try_lock(at.id);
      return folder_.lock(at.id, stop);
    } catch (const error& e) {
      if (e.cause() == error_cause::cancelled) throw;
      errors_.report(e.cause(), e.what());
      return std::nullopt;
    }
  }

  /// Another process may have been first; else the provider is asked.
  template <class Resolver>
  answer lead(const request& asked, const place& at, Resolver& resolver, const std::stop_token& stop) {
    std::optional<answer> kept = kept_.look(at);
    if (kept && !kept->is_stale) {
      kept_.count(*kept);
      return *kept;
    }
    counts_.misses.add();
    try {
      return run(asked, resolver, stop);
    } catch (const error& e) {
      if (!kept || !is_unreachable(e.cause())) throw;
      report(asked, e.cause(), e.what());
    } catch (const std::exception& e) {
      if (!kept) throw;
      report(asked, error_cause::load, e.what());
    } catch (...) {
      if (!kept) throw;
      errors_.report_current(error_cause::load);
    }
    counts_.stale.add();
    return *kept;
  }

  /// In the resolver's words, unless they give away what they must not.
  void report(const request& asked, error_cause cause, const std::string& message) noexcept {
    errors_.report(cause,
                   asked.is_secret_in(message) ? "a resolver failed, in words that hold a secret of its request" : message);
  }

  /// Whether a provider that failed so could not be asked, as against that it said no.
  static bool is_unreachable(error_cause cause) noexcept {
    return cause == error_cause::network || cause == error_cause::timeout || cause == error_cause::server ||
           cause == error_cause::io;
  }

  template <class Resolver>
  answer run(const request& asked, Resolver& resolver, const std::stop_token& stop) {
    const auto begin = std::chrono::steady_clock::now();
    const auto spent = [&] {
      counts_.resolve_time.add(static_cast<std::uint64_t>(duration(std::chrono::steady_clock::now() - begin).count()));
    };
    answer made;
    made.fresh = true;
    made.created = options_.time.now();  // before it is asked: what changes meanwhile is not younger than the answer
    try {
      made.value = artifacts::call_resolver<T>(resolver, asked, stop);
    } catch (const not_found&) {
      made.absence = std::current_exception();
    } catch (...) {
      spent();
      counts_.failures.add();
      throw;
    }
    spent();
    counts_.resolved.add();
    return made;
  }

  resolution<T> hand_out(const request& asked, const answer& given, bool own) {
    const instant now = options_.time.now();
    if (given.absence) std::rethrow_exception(given.absence);
    if (!given.value)
      throw not_found(
          "there is none for the request " + asked.text() +
          (own ? std::string()
               : ", as the provider said " + artifacts::minutes_text(artifacts::age_at(now, given.created)) + " ago"));
    if (!own && options_.guard && !options_.guard(asked, *given.value)) {
      counts_.refused.add();
      core::fail(error_cause::unauthorized, "the guard refuses the answer that is kept for the request " + asked.text());
    }
    return resolution<T>(*given.value,
                         {.from_cache = !own, .is_stale = given.is_stale, .age = artifacts::age_at(now, given.created)});
  }

  const resolution_options<T> options_;
  const artifacts::resolution_folder folder_;
  const artifacts::resolution_ages ages_;
  artifacts::home_key secrets_;
  sync::single_flight<std::string, answer, std::hash<std::string>> flights_;
  artifacts::resolver_turns turns_;
  artifacts::resolution_errors errors_;
  artifacts::resolution_counts counts_;
  artifacts::kept_resolutions<T> kept_{options_, folder_, ages_, errors_, counts_};
};

}  // namespace larder
