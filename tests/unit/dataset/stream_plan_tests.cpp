#include <larder/dataset/stream_plan.hpp>

#include <larder/dataset/stream_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"

using larder::error_cause;
using larder::stream_options;
using larder::stream_position;
using larder::datasets::planned_batch;
using larder::datasets::sample_table;
using larder::datasets::shard_key;
using larder::datasets::stream_plan;
using support::cause_of;

namespace {

using place = std::pair<std::size_t, std::uint64_t>;  // shard, number

/// Shards of these sizes, opened when they are planned.
struct shards_of {
  std::vector<std::uint64_t> counts;
  std::shared_ptr<std::map<std::size_t, std::shared_ptr<sample_table>>> tables =
      std::make_shared<std::map<std::size_t, std::shared_ptr<sample_table>>>();

  std::shared_ptr<sample_table> operator()(std::size_t shard) const {
    auto& table = (*tables)[shard];
    if (!table) table = std::make_shared<sample_table>(shard_key{}, counts[shard]);
    return table;
  }
  void expect(const larder::datasets::epoch_order&, std::size_t) const {}
};

constexpr std::uint64_t this_order = 7;

struct given_batch {
  std::vector<place> samples;
  std::uint64_t epoch = 0;
  stream_position next;

  friend bool operator==(const given_batch&, const given_batch&) = default;
};

struct case_of {
  std::vector<std::uint64_t> counts;
  std::size_t window = 1;
  stream_options options;

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts) sum += n;
    return sum;
  }
  stream_plan<shards_of> plan() const { return {options, counts.size(), window, this_order, shards_of{counts}}; }
  std::vector<given_batch> batches() const {
    auto planned = plan();
    std::vector<given_batch> all;
    planned_batch one;
    while (planned.next(one)) {
      given_batch given{{}, one.epoch, one.next};
      for (const auto& sample : one.samples) given.samples.emplace_back(sample.shard, sample.index);
      all.push_back(std::move(given));
      RC_ASSERT(all.size() < 100000U);
    }
    return all;
  }
  case_of with(std::size_t rank, std::size_t world) const {
    case_of other = *this;
    other.options.rank = rank;
    other.options.world = world;
    return other;
  }
  case_of from(const stream_position& at) const {
    case_of other = *this;
    other.options.from = at;
    return other;
  }
  case_of from(const stream_position& at, std::uint64_t epochs) const {
    case_of other = from(at);
    other.options.epochs = epochs;
    return other;
  }
};

std::vector<place> samples_of(const std::vector<given_batch>& batches, std::uint64_t epoch) {
  std::vector<place> all;
  for (const given_batch& one : batches)
    if (one.epoch == epoch) all.insert(all.end(), one.samples.begin(), one.samples.end());
  return all;
}
std::vector<place> samples_of(const std::vector<given_batch>& batches) {
  std::vector<place> all;
  for (const given_batch& one : batches) all.insert(all.end(), one.samples.begin(), one.samples.end());
  return all;
}
std::vector<place> sorted(std::vector<place> places) {
  std::sort(places.begin(), places.end());
  return places;
}
std::vector<place> all_places(const case_of& of) {
  std::vector<place> all;
  for (std::size_t shard = 0; shard < of.counts.size(); ++shard)
    for (std::uint64_t i = 0; i < of.counts[shard]; ++i) all.emplace_back(shard, i);
  return all;
}
void append(std::vector<place>& to, const std::vector<place>& more) { to.insert(to.end(), more.begin(), more.end()); }

case_of any_case() {
  case_of one;
  const auto shards = *rc::gen::inRange<std::size_t>(0, 9);
  one.counts = *rc::gen::container<std::vector<std::uint64_t>>(shards, rc::gen::element<std::uint64_t>(0, 0, 1, 2, 3, 5, 8, 17));
  one.window = *rc::gen::inRange<std::size_t>(1, 5);
  one.options.shuffle = *rc::gen::arbitrary<bool>();
  one.options.seed = *rc::gen::arbitrary<std::uint64_t>();
  one.options.batch_size = *rc::gen::inRange<std::size_t>(1, 9);
  return one;
}

}  // namespace

TEST_CASE("batches of a hundred samples by 32") {
  case_of one{{100}, 1, {}};
  const auto batches = one.batches();
  REQUIRE(batches.size() == 4);
  CHECK(batches[0].samples.size() == 32);
  CHECK(batches[3].samples.size() == 4);
  CHECK(samples_of(batches) == all_places(one));
}

TEST_CASE("the ranks of a world have each sample of each epoch once") {
  CHECK(rc::check([] {
    case_of one = any_case();
    one.options.epoch = *rc::gen::inRange<std::uint64_t>(0, 4);
    one.options.epochs = *rc::gen::inRange<std::uint64_t>(1, 4);
    const auto world = *rc::gen::inRange<std::size_t>(1, 6);
    std::vector<std::vector<given_batch>> by_rank;
    for (std::size_t rank = 0; rank < world; ++rank) by_rank.push_back(one.with(rank, world).batches());
    for (std::uint64_t epoch = one.options.epoch; epoch < one.options.epoch + one.options.epochs; ++epoch) {
      std::vector<place> seen;
      for (const auto& batches : by_rank) append(seen, samples_of(batches, epoch));
      RC_ASSERT(sorted(seen) == all_places(one));
    }
    for (const auto& batches : by_rank)
      for (std::size_t i = 0; i < batches.size(); ++i) {
        RC_ASSERT(!batches[i].samples.empty());
        const bool last_of_epoch = i + 1 == batches.size() || batches[i + 1].epoch != batches[i].epoch;
        RC_ASSERT(batches[i].samples.size() == one.options.batch_size || last_of_epoch);
      }
  }));
}

TEST_CASE("drop_last: every rank has as many batches, all of them full, and no fewer than could be") {
  CHECK(rc::check([] {
    case_of one = any_case();
    one.options.drop_last = true;
    one.options.epochs = *rc::gen::inRange<std::uint64_t>(1, 3);
    const auto world = *rc::gen::inRange<std::size_t>(1, 6);
    const std::uint64_t expected = one.total() / world / one.options.batch_size * one.options.epochs;
    for (std::size_t rank = 0; rank < world; ++rank) {
      const auto batches = one.with(rank, world).batches();
      RC_ASSERT(batches.size() == expected);
      for (const auto& batch : batches) RC_ASSERT(batch.samples.size() == one.options.batch_size);
    }
  }));
}

TEST_CASE("a plan goes on from each of its positions as it went on itself") {
  CHECK(rc::check([] {
    case_of one = any_case();
    one.options.epoch = *rc::gen::inRange<std::uint64_t>(0, 4);
    one.options.epochs = *rc::gen::inRange<std::uint64_t>(1, 4);
    one.options.drop_last = *rc::gen::arbitrary<bool>();
    one.options.world = *rc::gen::inRange<std::size_t>(1, 5);
    one.options.rank = *rc::gen::inRange<std::size_t>(0, one.options.world);
    const auto batches = one.batches();
    RC_ASSERT(one.from(one.plan().position()).batches() == batches);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const stream_position& at = batches[i].next;
      const auto rest = one.from(at).batches();
      RC_ASSERT(rest == std::vector<given_batch>(batches.begin() + static_cast<std::ptrdiff_t>(i) + 1, batches.end()));
    }
  }));
}

TEST_CASE("a position holds for other batches and another world, again and again") {
  CHECK(rc::check([] {
    const case_of one = any_case();
    std::optional<stream_position> at;
    std::vector<place> seen;
    for (int times = 0; times < 6; ++times) {  // a world stops where all ranks are in the same round, and another goes on
      const auto world = *rc::gen::inRange<std::size_t>(1, 6);
      const auto rounds = *rc::gen::inRange<std::size_t>(0, 5);
      case_of stage = one;
      stage.options.batch_size = *rc::gen::inRange<std::size_t>(1, 6);
      stage.options.from = at;
      std::vector<std::optional<stream_position>> stood(world);
      std::vector<place> of_stage;
      bool ended = false;
      for (std::size_t rank = 0; rank < world; ++rank) {
        const auto mine = stage.with(rank, world);
        const auto batches = mine.batches();
        stood[rank] = mine.plan().position();
        for (std::size_t i = 0; i < std::min(rounds, batches.size()); ++i) {
          append(of_stage, batches[i].samples);
          stood[rank] = batches[i].next;
        }
        ended = ended || batches.size() <= rounds;
      }
      append(seen, of_stage);
      if (ended) {  // some have had all: let the others have theirs, too
        for (std::size_t rank = 0; rank < world; ++rank) {
          const auto batches = stage.with(rank, world).batches();
          for (std::size_t i = std::min(rounds, batches.size()); i < batches.size(); ++i) append(seen, batches[i].samples);
        }
        RC_ASSERT(sorted(seen) == all_places(one));
        return;
      }
      for (const auto& each : stood) RC_ASSERT(each->before + each->within == stood[0]->before + stood[0]->within);
      at = stood[*rc::gen::inRange<std::size_t>(0, world)];
    }
    append(seen, samples_of(one.from(*at).batches()));
    RC_ASSERT(sorted(seen) == all_places(one));
  }));
}

TEST_CASE("the position behind the last batch of an epoch is behind it for every rank") {
  CHECK(rc::check([] {
    case_of one = any_case();
    const auto world = *rc::gen::inRange<std::size_t>(1, 6);
    for (std::size_t rank = 0; rank < world; ++rank) {
      const auto batches = one.with(rank, world).batches();
      if (batches.empty() || batches.back().samples.size() == one.options.batch_size)
        continue;  // a full batch may not be the last
      for (std::size_t other = 0; other < 3; ++other) RC_ASSERT(one.with(other, 3).from(batches.back().next).batches().empty());
      RC_ASSERT(sorted(samples_of(one.from(batches.back().next, 2).batches())) == all_places(one));  // the next epoch, whole
    }
  }));
}

TEST_CASE("a position of another order is refused") {
  const case_of one{{5, 5, 5}, 1, {}};
  stream_position at = one.batches().at(0).next;
  CHECK(!cause_of([&] { (void)one.from(at).plan(); }));
  at.order ^= 1U;
  CHECK(cause_of([&] { (void)one.from(at).plan(); }) == error_cause::invalid_argument);
  at.order ^= 1U;
  at.seed ^= 1U;
  CHECK(cause_of([&] { (void)one.from(at).plan(); }) == error_cause::invalid_argument);
  at.seed ^= 1U;
  at.window = 4;
  CHECK(cause_of([&] { (void)one.from(at).plan(); }) == error_cause::invalid_argument);
}

TEST_CASE("a position of any numbers is refused, or gives samples of the data and ends") {
  CHECK(rc::check([] {
    case_of one = any_case();
    one.options.world = *rc::gen::inRange<std::size_t>(1, 5);
    one.options.rank = *rc::gen::inRange<std::size_t>(0, one.options.world);
    one.options.drop_last = *rc::gen::arbitrary<bool>();
    const auto number =
        rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 20), rc::gen::arbitrary<std::uint64_t>(),
                       rc::gen::element<std::uint64_t>(~std::uint64_t{0}, ~std::uint64_t{0} - 1, std::uint64_t{1} << 62U,
                                                       std::uint64_t{1} << 63U, std::uint64_t{1} << 32U));
    stream_position at{*number, *number, *number, *number, one.options.seed, this_order};
    const auto cause = cause_of([&] {
      const auto batches = one.from(at, *rc::gen::inRange<std::uint64_t>(1, 3)).batches();
      for (const auto& place : samples_of(batches))
        RC_ASSERT(place.first < one.counts.size() && place.second < one.counts[place.first]);
    });
    RC_ASSERT(!cause || cause == error_cause::invalid_argument);
  }));
}

TEST_CASE("epochs without a batch come to an end, however many there are") {
  for (const std::vector<std::uint64_t>& counts : {std::vector<std::uint64_t>{}, {0, 0, 0}, {3}}) {
    case_of one{counts, 1, {}};
    one.options.epochs = ~std::uint64_t{0} - 1;
    one.options.drop_last = true;
    CHECK(one.batches().empty());
  }
  case_of few{{3}, 1, {}};  // the last rank has none
  few.options.epochs = std::uint64_t{1} << 62U;
  CHECK(few.with(3, 4).batches().empty());
  case_of behind{{3}, 1, {}};  // what is left of the first epoch is none, but those that follow are whole
  const auto last = behind.batches().back().next;
  CHECK(samples_of(behind.from(last, 3).batches()).size() == 6);
}

TEST_CASE("a batch holds the windows of its samples") {
  case_of one{{2, 2, 2}, 1, {}};
  one.options.batch_size = 5;
  auto plan = one.plan();
  planned_batch batch;
  REQUIRE(plan.next(batch));
  CHECK(batch.windows.size() == 3);
  for (const auto& sample : batch.samples) CHECK(sample.index < sample.table->size());
}
