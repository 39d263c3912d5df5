#include <larder/sync/cost_gate.hpp>

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <chrono>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using larder::sync::cost_gate;
using larder::sync::mean_cost;

namespace {

constexpr larder::instant start = 1000s;

void measure(cost_gate& gate, larder::duration look_up, larder::duration load, int times, larder::instant now = start) {
  for (int i = 0; i < times; ++i) {
    gate.note_look_up(look_up, now);
    gate.note_load(load);
  }
}

}  // namespace

TEST_CASE("the mean follows what is new and begins as the plain mean") {
  mean_cost mean;
  mean.add(10ms);
  CHECK(mean.value() == 10ms);
  mean.add(20ms);
  CHECK(mean.value() == 15ms);
  for (int i = 0; i < 100; ++i) mean.add(1s);
  CHECK(mean.value() > 990ms);
  CHECK(mean.value() <= 1s);
  CHECK(mean.count() == 102);
}

TEST_CASE("a store that is slower than loading is bypassed, once that is known") {
  cost_gate gate({});
  measure(gate, 200ms, 100ms, 7);
  CHECK_FALSE(gate.bypasses(start));
  measure(gate, 200ms, 100ms, 1);
  CHECK(gate.bypasses(start));

  cost_gate quicker({});
  measure(quicker, 100ms, 200ms, 20);
  CHECK_FALSE(quicker.bypasses(start));

  cost_gate quick_anyhow({});
  measure(quick_anyhow, 40ms, 1us, 20);  // slower than loading, and tolerated
  CHECK_FALSE(quick_anyhow.bypasses(start));

  cost_gate off({.on = false});
  measure(off, 200ms, 100ms, 20);
  CHECK_FALSE(off.bypasses(start));
}

TEST_CASE("it is asked now and then, and again when it has become quick") {
  cost_gate gate({.probe_every = 10, .probe_after = 5s});
  measure(gate, 200ms, 60ms, 20);
  int asked = 0;
  for (int i = 0; i < 100; ++i) asked += gate.bypasses(start) ? 0 : 1;
  CHECK(asked == 10);
  CHECK(gate.bypasses(start));
  CHECK_FALSE(gate.bypasses(start + 5s));  // not asked for so long
  CHECK(gate.bypasses(start + 5s));        // one at a time
  for (int i = 0; i < 20; ++i) gate.note_look_up(1ms, start + 5s);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(gate.bypasses(start + 5s));
}

TEST_CASE("numbers that make no sense are refused") {
  CHECK_THROWS_AS(cost_gate({.probe_every = 0}), larder::error);
  CHECK_THROWS_AS(cost_gate({.tolerated = -1ms}), larder::error);
  CHECK_THROWS_AS(cost_gate({.probe_after = 0ms}), larder::error);
}
