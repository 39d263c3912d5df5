#include "catalogue.hpp"

#include "blob_store_of.hpp"
#include "content.hpp"

#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/testing/fault_proxy.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace bench {
namespace {

using namespace std::chrono_literals;
using larder::testing::fault;
using larder::testing::fault_kind;

/// Silence ends after a second here, not after the 15 of a user who has not said how long to wait.
auto cache_at(const std::string& url) {
  constexpr larder::remote_timeouts timeouts{.first_byte = 1s, .stall = 1s};
  larder::http_blob<larder::webdav> storage(larder::webdav{.url = url, .timeouts = timeouts},
                                            larder::transfer_settings{.streams = 4});
  return larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, std::move(storage));
}

/// In a child: the value that the turns look up.
void store_value(const site& where) {
  larder::mutable_bytes room(where.large);
  fill(room.span());
  auto cache = cache_at(where.url + "/values");
  if (!cache.put("large", std::move(room).freeze())) throw std::runtime_error("the value cannot be put");
}

/// Looks up until the value is there, through a proxy in this process, which works in the clean turns as well.
std::vector<double> turn(const site& where, double probability, std::uint64_t seed) {
  if (!std::filesystem::exists(where.files / "values")) store_value(where);
  larder::testing::fault_proxy proxy(where.port, {.seed = seed});
  if (probability > 0)
    for (const fault_kind kind : {fault_kind::status, fault_kind::stall, fault_kind::flip_byte, fault_kind::reset})
      proxy.inject({.kind = kind,
                    .times = fault::always,
                    .after = kind == fault_kind::status ? std::size_t{0} : std::size_t{100'000},
                    .probability = probability / 4});
  auto cache = cache_at(proxy.url() + "/values");
  double lookups = 0;
  const cost c = cost_of([&] {
    constexpr double patience = 100;
    std::optional<larder::bytes> found;
    for (; !found; ++lookups) {
      if (lookups == patience) throw std::runtime_error("no look-up finds the value");
      found = cache.get("large");
    }
    check(found->span(), where.large);
  });
  return {c.wall * 1e3, lookups, static_cast<double>(proxy.requests()), static_cast<double>(proxy.faults_met())};
}

}  // namespace

std::vector<contest> recovery(const site& where) {
  // A turn is a process of its own, so its seed counts here: one further each round, the same ones in each run.
  const auto with = [&](const char* name, double probability) {
    const auto seed = std::make_shared<std::uint64_t>(0);
    return contender{name, [where, probability, seed] { return turn(where, probability, *seed); }, [seed] { ++*seed; }};
  };
  return {{"recovery",
           {{"wall", "ms", 0}, {"look-ups", "1", 0, false}, {"requests", "1", 0, false}, {"faults", "1", 0, false}},
           {with("clean", 0), with("1_percent", 0.01)}}};
}

}  // namespace bench
