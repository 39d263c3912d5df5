#pragma once

// The figures of any program's caches over HTTP, in one line of code:
//
//   GET /             a page for people, which draws what happens
//   GET /metrics      the text format of Prometheus
//   GET /status.json  the same as JSON
//   GET /healthz      ok
//
// Cost: one thread that sleeps, and per request what `stats()` of each cache costs and some 25 us each to print it; caches pay nothing
// between requests. Not encrypted: another machine is best reached through a proxy or a tunnel. Keys and values are never shown.

#include <larder/core/error.hpp>
#include <larder/core/version.hpp>
#include <larder/observe/cache_collection.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/serve/metrics_page.hpp>
#include <larder/serve/metrics_server_settings.hpp>
#include <larder/serve/page_server.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

namespace larder {

/// Shows the figures of caches that are added to it: `metrics_server server{{.port = 0}}; server.add("names", cache);`, or all caches of a
/// manager: `server.add(manager);`. It serves as long as it lives. Caches, tiers, layer caches and all else with `stats()` may come and go.
/// Every member may be called from any thread.
class metrics_server {
 public:
  /// Throws `larder::error` for settings that cannot be meant, when the port cannot be had, or when another interface than this machine's
  /// own is to be served without a token.
  explicit metrics_server(const metrics_server_settings& settings = {})
      : pages_(of(settings), [this](std::string_view target) { return find(target); }) {}
  metrics_server(const metrics_server&) = delete;
  metrics_server& operator=(const metrics_server&) = delete;

  /// Shows a cache under a name, which labels its figures. It must outlive the server, or `erase(name)`. Throws `larder::error` when the name
  /// is taken.
  template <class Source>
  void add(std::string name, const Source& source) {
    show({lent(std::move(name), source)});
  }
  /// The same for as long as somebody holds it; then the name is free again.
  template <class Source>
  void add(std::string name, const std::shared_ptr<Source>& source) {
    show({held(std::move(name), source, [](const Source& there) -> const Source& { return there; })});
  }
  /// Shows each cache of a `cache_manager` under its name, with all of its tiers. The manager must outlive the server, or `erase(manager)`; it
  /// need not be started. Throws `larder::error` and shows none of them when one of the names is taken.
  template <observe::cache_collection Caches>
  void add(const Caches& all) {
    std::vector<entry> each;
    for (const auto& name : all.names()) each.push_back(lent(std::string(name), all.at(name), &all));
    show(std::move(each));
  }
  template <observe::cache_collection Caches>
  void add(const Caches&&) = delete;  // it would be gone before anybody looks
  /// The same for as long as somebody holds the manager; then the names are free again.
  template <observe::cache_collection Caches>
  void add(const std::shared_ptr<Caches>& all) {
    if (!all) return;  // as of a cache that is gone
    std::vector<entry> each;
    for (const auto& name : all->names())
      each.push_back(held(
          std::string(name), all, [of = std::string(name)](const Caches& there) -> const auto& { return there.at(of); }));
    show(std::move(each));
  }
  /// No longer shows what has this name, and says whether something had; from then on nobody looks at it.
  bool erase(std::string_view name) {
    return drop([&](const entry& each) { return each.name == name; });
  }
  /// No longer shows what was added with this manager, and says whether something was; from then on nobody looks at its caches.
  template <observe::cache_collection Caches>
  bool erase(const Caches& all) {
    return drop([&](const entry& each) { return each.of == &all; });
  }

  int port() const noexcept { return pages_.port(); }
  /// `http://<host>:<port>`
  std::string url() const { return pages_.url(); }

 private:
  using holders = std::vector<std::shared_ptr<const void>>;  // let go without the lock: they may be the last ones
  using show_function = std::function<bool(std::string_view name, metrics& to, holders& held)>;  // false when it is gone
  struct entry {
    std::string name;
    show_function add_to;
    const void* of = nullptr;  // the collection that it was added with
  };

  template <class Source>
  static entry lent(std::string name, const Source& source, const void* of = nullptr) {
    return {std::move(name),
            [&source](std::string_view as, metrics& to, holders&) {
              to.add(as, source);
              return true;
            },
            of};
  }
  /// Shows look(owner) while there is an owner.
  template <class Owner, class Look>
  static entry held(std::string name, const std::shared_ptr<Owner>& owner, Look look) {
    return {std::move(name),
            [weak = std::weak_ptr<Owner>(owner), look = std::move(look)](std::string_view as, metrics& to, holders& kept) {
              const std::shared_ptr<Owner> there = weak.lock();
              if (!there) return false;
              kept.push_back(there);
              to.add(as, look(*there));
              return true;
            },
            owner.get()};
  }

  static serve::page_server_settings of(const metrics_server_settings& settings) {
    settings.check();
    return {"metrics_server", settings.host, settings.port, settings.token, settings.max_connections, settings.request_timeout};
  }

  /// All of them, or none when a name is taken.
  void show(std::vector<entry> added) {
    holders kept;
    const std::lock_guard lock(mutex_);
    for (const entry& one : added) {
      const auto taken = std::find_if(shown_.begin(), shown_.end(), [&](const entry& each) { return each.name == one.name; });
      if (taken == shown_.end()) continue;
      metrics unused;
      if (taken->add_to(one.name, unused, kept))
        core::fail(error_cause::invalid_argument,
                   "metrics_server: a cache named \"" + one.name + "\" is shown already; give each its own name");
      shown_.erase(taken);
    }
    std::move(added.begin(), added.end(), std::back_inserter(shown_));
  }
  template <class Which>
  bool drop(Which which) {
    const std::lock_guard lock(mutex_);
    return std::erase_if(shown_, which) != 0;
  }
  metrics collect() {
    metrics all;
    holders kept;
    const std::lock_guard lock(mutex_);
    std::erase_if(shown_, [&](const entry& each) { return !each.add_to(each.name, all, kept); });
    return all;
  }

  serve::page find(std::string_view target) {
    if (target == "/") return {"text/html; charset=utf-8", std::string(serve::metrics_page)};
    if (target == "/healthz") return {"text/plain; charset=utf-8", "ok\n"};
    if (target == "/metrics") return {"text/plain; version=0.0.4; charset=utf-8", collect().prometheus()};
    if (target == "/status.json") {
      const auto up = std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - began_);
      return {"application/json", "{\"version\":\"" LARDER_VERSION_STRING "\",\"process\":" + std::to_string(::getpid()) +
                                      ",\"uptime_seconds\":" + observe::seconds_text(up) + ",\"caches\":" + collect().json() +
                                      "}\n"};
    }
    return {};
  }

  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::vector<entry> shown_;
  serve::page_server pages_;  // last: its thread ends first
};

}  // namespace larder
