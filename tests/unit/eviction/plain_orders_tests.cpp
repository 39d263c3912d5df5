// The orders without a memory of what left, request by request against the lists that the model tests hold caches to: at sizes
// and over runs that random short sequences do not reach, with pins.

#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/sieve.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

#include "property/memory_model.hpp"
#include "reference_run.hpp"

namespace {

/// An order of the model, whose keys are texts, as a reference.
template <class Order>
class by_text {
 public:
  explicit by_text(Order order) : order_(std::move(order)) {}

  void insert(reference_run::key k, larder::entry_info info) { order_.come(std::to_string(k), info.weight); }
  void hit(reference_run::key k) { order_.use(std::to_string(k)); }
  void erase(reference_run::key k) { order_.go(std::to_string(k)); }
  void evict(reference_run::key k) { order_.go(std::to_string(k)); }
  std::optional<reference_run::key> victim() {
    const std::optional<std::string> k = order_.victim();
    if (!k) return std::nullopt;
    return std::stoull(*k);
  }

 private:
  Order order_;
};

}  // namespace

TEST_CASE("fifo, lru, clock and sieve evict what lists of a few lines would") {
  CHECK(reference_run::differs(larder::fifo{}, by_text(model::sequence(false, false)), 6, 30) == "");
  CHECK(reference_run::differs(larder::lru{}, by_text(model::sequence(true, false)), 6, 30) == "");
  CHECK(reference_run::differs(larder::clock{}, by_text(model::second_chance()), 6, 30) == "");
  CHECK(reference_run::differs(larder::sieve{}, by_text(model::sifted()), 6, 30) == "");
}

TEST_CASE("largest_first evicts the heaviest, and of equals the oldest") {
  CHECK(reference_run::differs(larder::largest_first{}, by_text(model::heaviest()), 6, 30) == "");
  CHECK(reference_run::differs(larder::largest_first{}, by_text(model::heaviest()), 1'000'000'000, 30) == "");
}
