// Caches in memory that compress do as their models, whatever else they are composed of: by zstd, and by a policy from outside.

#include <larder/codec/zstd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "../../unit/cache/run_lengths.hpp"
#include "memory_choices.hpp"

namespace {

/// zstd on whatever becomes smaller at all: the model's values have 27 bytes at most.
struct eager_zstd : larder::zstd {
  eager_zstd() : larder::zstd{.level = 3, .from = 1, .saving = 0} {}
};

template <class Policy>
std::uint64_t stored_size(const std::string& value) {
  const Policy policy{};
  if (value.size() < policy.from) return value.size();
  std::vector<std::byte> room(value.size() + value.size() / 128 + 64);
  const typename Policy::compressor compressor(policy);
  const std::size_t made = compressor.compress(std::as_bytes(std::span(value)), room);
  const double most = static_cast<double>(value.size()) * (1 - policy.saving);
  return made < value.size() && static_cast<double>(made) <= most ? made : value.size();
}

template <class Policy, class Order, class Limits, class Expiry, class Locking>
model::composition compressing() {
  model::composition made = model::composed<Order, Limits, Expiry, Locking>();
  made.name += std::string(", ") + std::string(Policy::name);
  made.given.stored_size = &stored_size<Policy>;
  made.begin = []<class... Limited, class... Expiring>(std::tuple<Limited...>*, std::tuple<Expiring...>*) {
    return &model::begin_subject<model::cache_subject<Limited..., Expiring..., Order, Locking, Policy, larder::time_source<larder::manual_clock>,
                                                      larder::removal_listener<model::hear>>>;
  }(static_cast<typename Limits::policies*>(nullptr), static_cast<typename Expiry::policies*>(nullptr));
  return made;
}

template <class Policy>
std::vector<model::composition> compositions() {
  using namespace model;
  return {compressing<Policy, larder::lru, by_bytes, own_ttl, larder::sharded<>>(),
          compressing<Policy, larder::clock, by_both, after_access, larder::unsynchronized>(),
          compressing<Policy, larder::sieve, by_entries, kept, larder::sharded<1>>(),
          compressing<Policy, larder::largest_first, by_weight, after_write, larder::sharded<>>(),
          compressing<Policy, larder::fifo, by_all, every_expiry, larder::unsynchronized>(),
          compressing<Policy, larder::clock, by_nothing, kept, larder::sharded<1>>(),
          compressing<Policy, mru, marked_both, own_ttl, larder::sharded<>>()};
}

void check_all(const std::vector<model::composition>& all) {
  for (const model::composition& each : all) {
    const std::string report = model::disagreement(each);
    CHECK_MESSAGE(report.empty(), each.name, "\n", report);
  }
}

}  // namespace

TEST_CASE("the model's values compress, some of them") {
  const std::string run(20, 'x');
  CHECK(stored_size<run_lengths>(run) == 2);
  CHECK(stored_size<eager_zstd>(run) < run.size());
  CHECK(stored_size<run_lengths>("abc") == 3);
  CHECK(stored_size<eager_zstd>("abc") == 3);
}

TEST_CASE("a cache in memory that compresses does as its model: zstd") { check_all(compositions<eager_zstd>()); }
TEST_CASE("a cache in memory that compresses does as its model: a policy from outside") { check_all(compositions<run_lengths>()); }
