#include <larder/dataset/dataset_stream.hpp>

#include <larder/core/error.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/memory.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "made_samples.hpp"
#include "support/refusal.hpp"

using larder::batch;
using larder::dataset_cache;
using larder::kept_form;
using larder::stream_options;
using larder::stream_position;
using namespace made_samples;

namespace {

using samples = std::vector<std::uint64_t>;
using cache = dataset_cache<std::uint64_t, larder::memory>;

auto numbers_of(cache& of, const numbers_source& source, const stream_options& options) { return of.stream(source, options); }
using stream = decltype(numbers_of(std::declval<cache&>(), std::declval<const numbers_source&>(), {}));

static_assert(std::ranges::input_range<stream>);
static_assert(!std::ranges::forward_range<stream>);  // it is gone through once
static_assert(!std::ranges::range<const stream>);    // to begin takes a batch
static_assert(std::same_as<std::ranges::sentinel_t<stream>, std::default_sentinel_t>);
static_assert(std::same_as<std::ranges::range_value_t<stream>, batch<std::uint64_t>>);
static_assert(std::same_as<std::ranges::range_reference_t<stream>, const batch<std::uint64_t>&>);
static_assert(std::is_nothrow_move_constructible_v<stream> && std::is_nothrow_move_assignable_v<stream>);
static_assert(!std::is_copy_constructible_v<stream>);

samples of(const batch<std::uint64_t>& one) { return {one.begin(), one.end()}; }
samples rest_of(stream& from) {
  samples all;
  for (const auto& one : from) all.insert(all.end(), one.begin(), one.end());
  return all;
}
/// Consecutive numbers.
samples numbers(std::uint64_t begin, std::uint64_t end) {
  samples all;
  for (; begin < end; ++begin) all.push_back(begin);
  return all;
}

/// In place of what makes batches: so many of them, then nothing; at one of them it throws.
struct scripted_batches {
  int left = 0;
  int throws_at = 0;
  int asked = 0;
  batch<std::uint64_t> current;

  const batch<std::uint64_t>* next() {
    ++asked;
    if (asked == throws_at) larder::core::fail(larder::error_cause::io, "no batch");
    return left-- > 0 ? &current : nullptr;
  }
};

}  // namespace

TEST_CASE("a stream is the batches of its data set in order, and then it is at its end") {
  for (const std::size_t workers : {std::size_t{0}, std::size_t{2}}) {
    cache data;
    stream batches = numbers_of(data, numbers_source({3, 0, 4}), {.batch_size = 3, .workers = workers});
    auto at = batches.begin();
    REQUIRE_FALSE(at == batches.end());
    CHECK(of(*at) == samples{0, 1, 2});
    CHECK(at->size() == 3);
    CHECK(of(*++at) == samples{3, 4, 5});
    at++;
    REQUIRE(at != batches.end());
    CHECK(of(*at) == samples{6});
    ++at;
    CHECK(at == batches.end());
    CHECK(std::default_sentinel == at);
    CHECK(batches.begin() == batches.end());  // once more there is nothing
  }
  cache data;
  stream none = numbers_of(data, numbers_source({0, 0}), {});
  CHECK(none.begin() == none.end());
  CHECK(stream::iterator() == std::default_sentinel);
}

TEST_CASE("a stream that begins again goes on behind the batches that were used") {
  cache data;
  stream batches = numbers_of(data, numbers_source({10}), {.batch_size = 2, .workers = 1});
  for (const auto& one : batches) {
    CHECK(of(one) == samples{0, 1});
    break;
  }
  CHECK(of(*batches.begin()) == samples{2, 3});
  CHECK(rest_of(batches) == numbers(4, 10));
  CHECK(rest_of(batches).empty());
}

TEST_CASE("a position is where another stream goes on: from the first sample, in the middle, and from the end") {
  CHECK(rc::check("any batch", [] {
    const auto counts = *rc::gen::container<std::vector<std::uint64_t>>(*rc::gen::inRange<std::size_t>(1, 6),
                                                                        rc::gen::inRange<std::uint64_t>(0, 9));
    const numbers_source source(counts);
    stream_options options;
    options.batch_size = *rc::gen::inRange<std::size_t>(1, 6);
    options.workers = *rc::gen::inRange<std::size_t>(0, 3);
    options.shuffle = *rc::gen::arbitrary<bool>();
    options.seed = *rc::gen::arbitrary<std::uint64_t>();
    options.window = 2;
    options.epoch = 7;
    cache data;
    stream whole = numbers_of(data, source, options);
    const samples all = rest_of(whole);
    RC_ASSERT(all.size() == source.total());

    stream first = numbers_of(data, source, options);
    const stream_position begin = first.position();
    RC_ASSERT(begin.epoch == 7U);
    RC_ASSERT((begin.window == 0U && begin.within == 0U && begin.before == 0U));
    samples used;
    auto at = *rc::gen::inRange<int>(0, 8);
    for (auto one = first.begin(); one != first.end(); ++one) {
      RC_ASSERT(first.position() == one->position());  // behind the batch that it gave, however many are made ahead
      used.insert(used.end(), one->begin(), one->end());
      if (--at <= 0) break;
    }
    const auto goes_on_with = [&](const stream_position& position) {
      stream_options later = options;
      later.from = position;
      stream rest = numbers_of(data, source, later);
      RC_ASSERT(rest.position() == position);
      return rest_of(rest);
    };
    RC_ASSERT(goes_on_with(begin) == all);
    RC_ASSERT(goes_on_with(first.position()) == samples(all.begin() + static_cast<std::ptrdiff_t>(used.size()), all.end()));
    RC_ASSERT(goes_on_with(whole.position()).empty());
    RC_ASSERT((used.empty() || whole.position() != begin));
  }));
}

TEST_CASE("a stream that is moved goes on where it was, also in place of another one") {
  cache data;
  stream from = numbers_of(data, numbers_source({6}), {.batch_size = 2, .workers = 2});
  CHECK(of(*from.begin()) == samples{0, 1});
  const stream_position position = from.position();
  stream to = std::move(from);
  CHECK(to.position() == position);
  CHECK(of(*to.begin()) == samples{2, 3});
  stream other = numbers_of(data, numbers_source({9}), {.workers = 2});
  (void)other.begin();
  other = std::move(to);
  CHECK(rest_of(other) == samples{4, 5});
}

TEST_CASE("a stream says what it did, beside what the cache did in all") {
  cache data;
  const numbers_source source({4, 4});
  const auto doubled = [] { return made_by<std::uint64_t>("doubled", [](std::uint64_t number) { return 2 * number; }); };
  auto first = data.stream(source, doubled(), {.batch_size = 3, .workers = 0});
  CHECK(first.stats().samples == 0);
  (void)first.begin();
  CHECK(first.stats().batches == 1);
  CHECK(first.stats().samples == 3);
  CHECK(first.stats().made == 3);
  CHECK(first.stats().shards_opened == 1);
  (void)drain<std::uint64_t>(first);
  auto second = data.stream(source, doubled(), {.batch_size = 3, .workers = 0});
  (void)drain<std::uint64_t>(second);
  CHECK(first.stats().batches == 3);
  CHECK(first.stats().made == 8);
  CHECK(first.stats().shards_opened == 2);
  CHECK(first.stats().bytes_read == 200);
  CHECK(second.stats().hits == 8);
  CHECK(second.stats().made == 0);
  CHECK(second.stats().shards_opened == 0);
  CHECK(second.stats().bytes_out == 8 * sizeof(std::uint64_t));
  CHECK(second.stats().entries == 0);  // which are the cache's
  CHECK(second.stats().weight == 0);
  CHECK(second.stats().capacity == 0);
  CHECK(data.stats().samples == 16);
  CHECK(data.stats().entries >= 8);
}

TEST_CASE("a stream says in which form samples are kept") {
  cache data{larder::max_bytes{1000}};
  const auto form_with = [&](kept_form keep) {
    auto batches = data.stream(numbers_source({5}), made_by<std::uint64_t>("same", [](std::uint64_t number) { return number; }),
                               {.keep = keep});
    return batches.form();
  };
  CHECK(form_with(kept_form::raw) == kept_form::raw);
  CHECK(form_with(kept_form::preprocessed) == kept_form::preprocessed);
  CHECK(form_with(kept_form::automatic) == kept_form::automatic);  // until it was measured
}

TEST_CASE("what making a batch throws comes out of the iterator, which is then at its end") {
  auto scripted = std::make_unique<scripted_batches>();
  scripted_batches& script = *scripted;
  script.left = 4;
  script.throws_at = 3;
  larder::dataset_stream<std::uint64_t, scripted_batches> batches(std::move(scripted));
  auto at = batches.begin();
  CHECK(&*at == &script.current);
  ++at;
  CHECK(at != batches.end());
  CHECK(support::cause_of([&] { ++at; }) == larder::error_cause::io);
  CHECK(at == batches.end());
  CHECK(script.asked == 3);
  script.throws_at = 4;
  CHECK(support::cause_of([&] { (void)batches.begin(); }) == larder::error_cause::io);
  CHECK(batches.begin() != batches.end());
  CHECK(script.asked == 5);
}
