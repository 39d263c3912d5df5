#include "counted_source.hpp"

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_reader.hpp>
#include <larder/layer/load_retries.hpp>
#include <larder/layer/verify_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using namespace larder_tests;
using larder::max_bytes;

namespace {

constexpr std::uint64_t size = 160'000;
constexpr std::uint64_t left = 100'000;    // of the budget beside whole layers
constexpr std::uint64_t kept = 24 * 4096;  // of that, in whole pages
const std::vector<std::uint64_t> equal(8, size);

}  // namespace

TEST_CASE("verify::always compares every tensor each time, also what was kept, and damage drops it") {
  counted state;
  larder::layer_cache layers{counted_source_with_digests(state, equal), max_bytes{3 * size + left},
                             larder::verify_tensors{larder::verify::always}};
  const std::size_t partial = layers.plan().partial->index;
  const auto push_out = [&] {
    for (const std::size_t other : {partial + 1, partial + 2}) layers.get(other);
    REQUIRE_FALSE(layers.contains(partial));
  };
  // A first load that is damaged is not kept.
  state.damage(partial, 5);
  CHECK(support::cause_of([&] { layers.get(partial); }) == larder::error_cause::corruption);
  CHECK(layers.stats().kept_bytes == 0);
  state.damage(partial, 5, false);
  layers.get(partial);
  CHECK(layers.stats().kept_bytes == kept);
  CHECK(layers.stats().bytes_verified == size);
  // Behind the kept bytes, in the tensor that begins among them.
  push_out();
  state.damage(partial, kept + 1);
  CHECK(support::cause_of([&] { layers.get(partial); }) == larder::error_cause::corruption);
  CHECK(layers.stats().damaged == 2);
  CHECK(layers.stats().kept_bytes == 0);  // who knows which part it was
  state.damage(partial, kept + 1, false);
  const std::uint64_t before = state.bytes();
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  CHECK(state.bytes() - before == size);
  CHECK(layers.stats().kept_bytes == kept);
  // Among the kept bytes: the source is not asked for them until they are dropped.
  push_out();
  state.damage(partial, 5);
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  layers.erase(partial);
  CHECK(support::cause_of([&] { layers.get(partial); }) == larder::error_cause::corruption);
  CHECK(layers.stats().bytes_verified == layers.stats().loads * size);
}

namespace {

/// A reader, and a load of layer 0 whose kept part was filled by a load before.
struct reader_with_part {
  explicit reader_with_part(counted& state, unsigned tries)
      : reader(counted_source_with_digests(state, {size}), larder::time_source<larder::steady_time>(),
               larder::load_retries{tries, larder::duration{0}}, larder::verify::always, nullptr),
        memory(std::make_shared<larder::layers::layer_memory>(reader.catalog())),
        part(std::make_shared<larder::layers::kept_part>(0, kept, false)) {
    larder::layers::layer_load first(larder::layers::load_kind::demand);
    lend(first);
    REQUIRE(first.use == larder::layers::part_use::filled);
    reader.load(0, first, *memory, {});
    REQUIRE_FALSE(first.failure);
    REQUIRE(first.part_is_good);
    REQUIRE(first.bytes_read == size);
    part->give_back(first.use, first.part_is_good);
    REQUIRE(part->is_there());
  }
  void lend(larder::layers::layer_load& load) const {
    load.block_size = size;
    load.is_stream_slot = true;
    load.part = part;
    load.use = part->lend();
    load.part_is_good = load.use == larder::layers::part_use::copied;
  }

  larder::layers::layer_reader<counted_source_with_digests, larder::time_source<larder::steady_time>> reader;
  std::shared_ptr<larder::layers::layer_memory> memory;
  std::shared_ptr<larder::layers::kept_part> part;
};

}  // namespace

TEST_CASE("a bit that flips in what is kept is found; the next try reads the layer whole") {
  for (const unsigned tries : {1U, 2U})
    for (const std::size_t place : {std::size_t{0}, std::size_t{kept / 2}, std::size_t{kept - 1}}) {
      counted state;
      reader_with_part r(state, tries);
      r.part->room()[place] ^= std::byte{1};
      larder::layers::layer_load load(larder::layers::load_kind::demand);
      r.lend(load);
      REQUIRE(load.use == larder::layers::part_use::copied);
      r.reader.load(0, load, *r.memory, {});
      CHECK((load.failure != nullptr) == (tries == 1));
      CHECK(load.damaged == 1);
      CHECK_FALSE(load.part_is_good);
      if (tries == 1) continue;
      CHECK(load.bytes_read == size);
      for (std::size_t k = 0; k < size; ++k) REQUIRE(load.block->data()[k] == counted_byte(0, k, 0));
    }
}

TEST_CASE("a load that is called off while it copies ends there") {
  counted state;
  reader_with_part r(state, 1);
  std::stop_source stop;
  larder::layers::layer_load load(larder::layers::load_kind::warmup);
  r.lend(load);
  stop.request_stop();
  const std::uint64_t before = state.bytes();
  r.reader.load(0, load, *r.memory, stop.get_token());
  CHECK(load.called_off);
  CHECK(load.failure != nullptr);
  CHECK(load.part_is_good);  // nothing is wrong with it
  CHECK(load.bytes_read == 0);
  CHECK(state.bytes() == before);
}
