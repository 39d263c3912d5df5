#include <larder/dataset/sample_maker.hpp>

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/sample_counts.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
#include "support/refusal.hpp"

using namespace std::chrono_literals;
using larder::bytes;
using larder::codec;
using larder::kept_form;
using larder::datasets::batch_counts;
using larder::datasets::encoded_record;
using larder::datasets::extent_of;
using larder::datasets::sample_like;
using larder::datasets::sample_maker;
using larder::datasets::sample_quota;
using larder::datasets::sample_table;
using larder::datasets::shard_key;
using larder::datasets::to_sample;
using larder::datasets::unchanged;
using made_samples::numbers_source;

static_assert(sample_like<bytes, bytes> && sample_like<bytes, std::string_view> && sample_like<bytes, std::string> &&
              sample_like<bytes, const char*>);
static_assert(sample_like<bytes, std::span<const std::byte>> && sample_like<bytes, std::vector<std::byte>>);
static_assert(sample_like<std::string, std::string> && sample_like<std::string, std::string_view> &&
              sample_like<std::string, const char*>);
static_assert(sample_like<double, float> && sample_like<std::vector<float>, std::vector<float>>);
static_assert(!sample_like<bytes, int> && !sample_like<bytes, std::vector<float>> &&
              !sample_like<std::string, std::span<const std::byte>>);
static_assert(!sample_like<std::vector<float>, std::string_view> && !sample_like<std::uint64_t, std::string_view>);

namespace {

/// A store that keeps nothing, and notes what it is to keep.
struct store_of_nothing {
  static constexpr std::uint64_t no_limit = ~std::uint64_t{0};
  std::vector<bytes> made;
  std::vector<shard_key> tables;
  std::uint64_t limit = no_limit;
  std::uint64_t quota_asked = 0;
  std::set<std::string> quota_of;

  std::uint64_t capacity() const { return limit; }
  template <class Count>
  std::shared_ptr<sample_table> table(const shard_key& key, std::optional<std::uint64_t> known, Count&& count) {
    tables.push_back(key);
    return std::make_shared<sample_table>(key, known ? *known : count());
  }
  std::shared_ptr<sample_quota> quota(std::uint64_t most, const std::set<std::string>& shards) {
    quota_asked = most;
    quota_of = shards;
    return std::make_shared<sample_quota>();
  }
  template <class Make>
  bytes find_or_make(sample_table&, std::uint64_t, sample_quota&, const std::stop_token&, batch_counts& n, Make&& make) {
    ++n.made;
    made.push_back(make());
    return made.back();
  }
  std::optional<bytes> find(sample_table&, std::uint64_t) { return std::nullopt; }
  std::optional<bytes> find_note(std::string_view) { return std::nullopt; }
  bool put_note(std::string_view, const bytes&) { return true; }
};

constexpr std::uint64_t no_quota = sample_quota::none;

/// A maker with its store and its counts.
template <class Sample, class Source, class F>
struct made_of {
  store_of_nothing store;
  batch_counts n;
  sample_maker<Sample, store_of_nothing, Source, F> maker;

  made_of(Source source, F f, std::size_t open = 2, kept_form keep = kept_form::preprocessed)
      : maker(store, source, "v1", std::move(f), no_quota, open, keep, extent_of(source)) {}

  Sample get(std::size_t shard, std::uint64_t index) {
    const auto table = maker.table(shard, n);
    return codec<Sample>::decode(maker.get(*table, shard, index, {}, n));
  }
};

/// Waits, since what it counts is time.
void take_a_millisecond() {
  const auto until = std::chrono::steady_clock::now() + 1ms;
  while (std::chrono::steady_clock::now() < until) {
  }
}

/// Records that refer to more than their bytes.
struct parsed {
  std::string text;
  std::vector<int> fields;
};
template <class Record>
class records_source {
 public:
  explicit records_source(std::vector<Record> all) : all_(std::make_shared<const shard>(shard{std::move(all)})) {}
  struct shard {
    std::vector<Record> all;
    std::uint64_t size() const { return all.size(); }
    const Record& record(std::uint64_t number) const { return all[static_cast<std::size_t>(number)]; }
  };
  std::string name() const { return "records"; }
  std::size_t shards() const { return 1; }
  std::uint64_t shard_bytes(std::size_t) const { return 1; }
  larder::digest fingerprint(std::size_t) const { return {1, 2}; }
  std::optional<std::uint64_t> count(std::size_t) const { return all_->size(); }
  std::shared_ptr<const shard> open(std::size_t) const { return all_; }

 private:
  std::shared_ptr<const shard> all_;
};

std::uint64_t same(std::uint64_t number) { return number; }
using same_function = std::uint64_t (*)(std::uint64_t);

}  // namespace

TEST_CASE("what is made becomes a sample: as it is where it converts, else a copy of its bytes") {
  const std::string text = "some text that is no short one, so that it lies elsewhere";
  CHECK(to_sample<bytes>(std::string_view(text)).text() == text);
  CHECK(to_sample<bytes>(text).text() == text);
  CHECK(to_sample<bytes>(std::string(text)).text() == text);
  CHECK(to_sample<bytes>("text").text() == "text");
  CHECK(to_sample<bytes>(std::as_bytes(std::span(text))).text() == text);
  CHECK(to_sample<bytes>(std::vector<std::byte>{std::byte{'a'}, std::byte{0}}).text() == std::string_view("a\0", 2));
  CHECK(to_sample<bytes>(std::string_view()).empty());
  CHECK(to_sample<bytes>(std::string_view(text)).data() != reinterpret_cast<const std::byte*>(text.data()));
  bytes own = bytes::copy_of(text);
  const std::byte* const at = own.data();
  CHECK(to_sample<bytes>(std::move(own)).data() == at);

  CHECK(to_sample<std::string>(std::string_view(text)) == text);
  CHECK(to_sample<std::string>("text") == "text");
  std::string moved = text;
  const char* const in = moved.data();
  CHECK(to_sample<std::string>(std::move(moved)).data() == in);

  CHECK(to_sample<double>(0.5F) == 0.5);
  CHECK(to_sample<std::vector<int>>(std::vector<int>{1, 2}) == std::vector<int>{1, 2});
}

TEST_CASE("each form of record and of what is made of it comes out as the sample") {
  const std::vector<std::string> texts{"a", "", "long enough to lie elsewhere, and then some"};
  const auto as_view = [](const std::string& text) { return std::string_view(text); };
  const auto as_span = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  made_of<bytes, records_source<std::string>, unchanged> plain(records_source<std::string>(texts), {});
  made_of<bytes, records_source<std::string>, decltype(as_view)> views(records_source<std::string>(texts), as_view);
  made_of<bytes, records_source<std::string>, decltype(as_span)> spans(records_source<std::string>(texts), as_span);
  made_of<std::string, records_source<std::string>, decltype(as_view)> strings(records_source<std::string>(texts), as_view);
  made_of<double, records_source<float>, unchanged> numbers(records_source<float>({0.5F, 2}), {});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK(plain.get(0, i).text() == texts[i]);
    CHECK(views.get(0, i).text() == texts[i]);
    CHECK(spans.get(0, i).text() == texts[i]);
    CHECK(strings.get(0, i) == texts[i]);
  }
  CHECK(numbers.get(0, 0) == 0.5);
  CHECK(numbers.get(0, 1) == 2);
}

TEST_CASE("a shard is opened once while it is held, and again once others took its place") {
  numbers_source source({4, 4, 4});
  source->counts_known = true;
  made_of<std::uint64_t, numbers_source, same_function> made(source, same, 2);
  const auto opened = [&] { return source->opened.load(); };
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(made.get(0, i) == i);
  CHECK(opened() == 1);
  CHECK(made.get(1, 3) == 7);
  CHECK(made.get(0, 1) == 1);
  CHECK(opened() == 2);
  CHECK(made.get(2, 0) == 8);  // in place of shard 0
  CHECK(made.get(1, 0) == 4);
  CHECK(opened() == 3);
  CHECK(made.get(0, 2) == 2);
  CHECK(opened() == 4);
  CHECK(made.n.shards_opened == 4);
  CHECK(made.n.bytes_read == 4 * source->shard_bytes);
}

TEST_CASE("what is made and read is counted, and the time that both take") {
  numbers_source source({2, 3});
  source->shard_bytes = 1000;
  source->on_open = [](std::size_t) { take_a_millisecond(); };
  const auto slow = [](std::uint64_t number) {
    take_a_millisecond();
    return number;
  };
  made_of<std::uint64_t, numbers_source, std::uint64_t (*)(std::uint64_t)> made(source, slow);
  CHECK(made.maker.table(0, made.n)->size() == 2);  // a count that nobody knows is the opened shard's
  CHECK(made.n.shards_opened == 1);
  CHECK(made.n.bytes_read == 1000);
  CHECK(made.n.read_time >= 1ms);
  CHECK(made.n.computed == 0);
  CHECK(made.n.preprocess_time == 0ns);
  CHECK(made.get(0, 1) == 1);
  CHECK(made.get(1, 2) == 4);
  CHECK(made.get(1, 2) == 4);
  CHECK(made.n.computed == 3);
  CHECK(made.n.preprocess_time >= 3ms);
  CHECK(made.n.shards_opened == 2);
  CHECK(made.n.bytes_read == 2000);
  CHECK(made.n.read_time >= 2ms);
  CHECK(made.n.samples() == 3);
}

TEST_CASE("what a function or a source throws comes out, and the next one is tried anew") {
  numbers_source source({4});
  source->counts_known = true;
  bool broken = true;
  source->on_open = [&](std::size_t) {
    if (broken) larder::core::fail(larder::error_cause::io, "no shard");
  };
  const auto odd = [](std::uint64_t number) {
    if (number % 2 == 1) larder::core::fail(larder::error_cause::invalid_argument, "it is odd");
    return number;
  };
  made_of<std::uint64_t, numbers_source, std::uint64_t (*)(std::uint64_t)> made(source, odd);
  CHECK(support::cause_of([&] { made.get(0, 0); }) == larder::error_cause::io);
  CHECK(made.n.shards_opened == 0);
  CHECK(made.n.bytes_read == 0);
  broken = false;
  CHECK(made.get(0, 0) == 0);
  CHECK(support::cause_of([&] { made.get(0, 1); }) == larder::error_cause::invalid_argument);
  CHECK(made.get(0, 2) == 2);
  CHECK(made.n.shards_opened == 1);
}

TEST_CASE("a shard that has fewer records than it had is damage that is named") {
  numbers_source source({4, 10});
  source->counts_known = true;
  made_of<std::uint64_t, numbers_source, same_function> made(source, same);
  const auto table = made.maker.table(1, made.n);
  source->counts[1] = 7;
  CHECK(codec<std::uint64_t>::decode(made.maker.get(*table, 1, 6, {}, made.n)) == 10);
  for (const std::uint64_t gone : {std::uint64_t{7}, std::uint64_t{9}}) {
    const support::refusal why = support::refusal_of([&] { made.maker.get(*table, 1, gone, {}, made.n); });
    CHECK(why.cause == larder::error_cause::corruption);
    CHECK(says(why, "numbers: shard 1 has 7 records, and had more when it was first read"));
  }
  CHECK(made.n.computed == 1);
}

TEST_CASE("records can be kept raw where they are their bytes, and only there") {
  using parsed_records = records_source<parsed>;
  const auto text_of = [](const parsed& record) { return record.text; };
  const parsed_records records({{"a", {1}}});
  const support::refusal why =
      support::refusal_of([&] { made_of<std::string, parsed_records, decltype(text_of)>(records, text_of, 2, kept_form::raw); });
  CHECK(why.cause == larder::error_cause::invalid_argument);
  CHECK(says(why, "records: records of this kind cannot be kept raw"));
  for (const kept_form keep : {kept_form::automatic, kept_form::preprocessed}) {
    made_of<std::string, parsed_records, decltype(text_of)> made(records, text_of, 2, keep);
    CHECK(made.maker.form() == kept_form::preprocessed);
    CHECK(made.get(0, 0) == "a");
  }

  const auto twice = [](const std::string& record) { return record + record; };
  made_of<std::string, records_source<std::string>, decltype(twice)> raw(records_source<std::string>({"x", "yz"}), twice, 2,
                                                                         kept_form::raw);
  CHECK(raw.maker.form() == kept_form::raw);
  CHECK(raw.get(0, 1) == "yzyz");
  CHECK(raw.get(0, 1) == "yzyz");
  REQUIRE(raw.store.made.size() == 2);
  CHECK(raw.store.made[0].text() == "yz");
  CHECK(raw.n.computed == 2);  // behind the cache, each time
  REQUIRE(raw.store.tables.size() >= 2);
  CHECK(raw.store.tables[0] != raw.store.tables[1]);  // samples and records do not meet under one key
}

TEST_CASE("records that are samples already, encoded, are passed on as they are") {
  const bytes encoded = codec<std::uint64_t>::encode(77);
  made_of<std::uint64_t, records_source<bytes>, encoded_record> made(records_source<bytes>({encoded}), {}, 2, kept_form::raw);
  CHECK(made.get(0, 0) == 77);
  REQUIRE(made.store.made.size() == 1);
  CHECK(made.store.made[0].data() == encoded.data());
  CHECK(made.n.computed == 1);
  CHECK(made.maker.form() == kept_form::preprocessed);  // there is but one form
}

TEST_CASE("a quota is of all keys that samples may have: of each shard, and of its records where these may be kept") {
  store_of_nothing store;
  const numbers_source source({1, 2, 3});
  const sample_maker<std::uint64_t, store_of_nothing, numbers_source, same_function> unlimited(store, source, "v1", same,
                                                                                               no_quota, 1, kept_form::automatic, extent_of(source));
  CHECK(store.quota_asked == no_quota);
  CHECK(store.quota_of.empty());
  const sample_maker<std::uint64_t, store_of_nothing, numbers_source, same_function> limited(store, source, "v1", same, 500, 1,
                                                                                             kept_form::automatic, extent_of(source));
  CHECK(store.quota_asked == 500);
  CHECK(store.quota_of.size() == 6);
  const sample_maker<std::uint64_t, store_of_nothing, numbers_source, unchanged> plain(store, source, "", {}, 500, 1,
                                                                                       kept_form::automatic, extent_of(source));
  CHECK(store.quota_of.size() == 3);
}
