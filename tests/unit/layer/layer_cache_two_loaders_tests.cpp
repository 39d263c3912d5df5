#include "hand_source.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_requests.hpp>
#include <larder/layer/read_path.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/refusal.hpp"

using namespace larder_tests;

namespace {

/// A source of which two layers are loaded ahead side by side.
class two_at_once {
 public:
  two_at_once(hand& h, std::size_t count) : hand_(&h), layers_(layers_of_sizes(std::vector<std::uint64_t>(count, 100))) {}
  std::span<const larder::layer_info> layers() const { return layers_; }
  void read(std::size_t, std::uint64_t, std::span<std::byte>) const { throw std::logic_error("read_layer is asked"); }
  void read_by(larder::read_path) {}
  std::size_t offset_in_page(std::size_t) const { return 0; }
  std::size_t loads_at_once() const { return 2; }
  void read_layer(std::size_t i, std::span<std::byte> destination, larder::layers::arrival& heard) const {
    hand_->load(i, destination);
    heard.arrived(destination.size() / 2);
    heard.arrived(destination.size());
  }

 private:
  hand* hand_;
  std::vector<larder::layer_info> layers_;
};

}  // namespace

TEST_CASE("two layers of a warm-up load side by side, and it is over with the last of them, whichever that is") {
  hand h;
  h.hold();
  larder::layer_cache layers{two_at_once(h, 4), larder::max_entries{4}};
  larder::task all = layers.warmup({0, 1});
  larder::task next = layers.warmup({2});
  REQUIRE(h.begun(0));
  REQUIRE(h.begun(1));
  CHECK(h.loads_of(2) == 0);
  h.let(1);
  CHECK(support::eventually([&] { return all.progress().done == 1; }));
  h.let(0);
  all.wait();
  CHECK(all.progress().done == 2);
  REQUIRE(h.begun(2));
  h.let_all();
  next.wait();
  CHECK(layers.stats().warmup_loads == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(is_whole(layers.get(i)));
}

TEST_CASE("a warm-up that fails or is stopped is over at once; what else of it was on its way is kept") {
  for (const bool stopped : {false, true}) {
    CAPTURE(stopped);
    hand h;
    h.hold();
    larder::layer_cache layers{two_at_once(h, 4), larder::max_entries{4}};
    larder::task all = layers.warmup({0, 1, 2});
    REQUIRE(h.begun(0));
    REQUIRE(h.begun(1));
    if (stopped)
      all.request_stop();
    else
      h.fail(0, 1);
    h.let(0);
    if (stopped)
      CHECK(support::cause_of([&] { all.wait(); }) == larder::error_cause::cancelled);
    else
      CHECK_THROWS_WITH_AS(all.wait(), "layer 0 is out of reach", std::runtime_error);
    larder::task next = layers.prefetch_next(2, 1);
    REQUIRE(h.begun(3));
    h.let_all();
    next.wait();
    CHECK(is_whole(layers.get(1)));  // loaded by then, or called off and loaded now
    CHECK(h.loads_of(2) == 0);
    CHECK(is_whole(layers.get(0)));
  }
}

TEST_CASE("passes load what they should with two loaders, and a demand joins what either loads") {
  hand h;
  larder::layer_cache layers{two_at_once(h, 12), larder::max_bytes{500}};
  for (int pass = 0; pass < 20; ++pass) {
    std::size_t expected = 0;
    for (const larder::layer& layer : layers.pass()) {
      REQUIRE(layer.index() == expected++);
      REQUIRE(is_whole(layer));
      REQUIRE(layers.weight() <= 500);
    }
  }
  CHECK(h.loads() == layers.plan().expected_loads(20));
  CHECK(layers.stats().wasted_prefetches == 0);
}
