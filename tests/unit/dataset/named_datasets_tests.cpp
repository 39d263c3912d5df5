#include <larder/dataset/named_datasets.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/dataset_info.hpp>
#include <larder/dataset/dataset_view.hpp>
#include <larder/dataset/named_source.hpp>
#include <larder/dataset/range_source.hpp>
#include <larder/format/dataset_manifest.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
#include "support/in_child.hpp"
#include "support/refusal.hpp"

using larder::bytes;
using larder::error_cause;
using larder::max_bytes;
using support::cause_of;
using support::refusal_of;
using support::says;
using namespace made_samples;

namespace {

namespace fs = std::filesystem;
using text = std::string;
using on_disk = cache_on<text, larder::mmap_disk>;
using in_memory = cache_on<text, larder::memory>;

auto words() { return made_by<text>("words-v1", sample_of<text>); }
std::uint64_t bytes_of(std::uint64_t n) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) sum += sample_of<text>(i).size();
  return sum;
}
/// Turns a bit of each place where the text stands in the files of a directory; how many there were.
int damage(const fs::path& directory, const std::string& what) {
  int places = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    for (std::size_t at = content.find(what); at != std::string::npos; at = content.find(what, at + 1)) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(content[at] ^ 1));
      ++places;
    }
  }
  return places;
}

}  // namespace

TEST_CASE_TEMPLATE("a data set by its name: any sample, listed, streamed, dropped", Cache, in_memory, on_disk) {
  Cache cache;
  const numbers_source source({0, 7, 30, 3});
  const counting<text> f(40);
  std::vector<std::uint64_t> progress;
  const auto info = cache->cache_dataset("train", source, made_by<text>("words-v1", f), {.on_progress = [&](std::uint64_t done, std::uint64_t total) {
                                           progress.push_back(done);
                                           CHECK(total == 0);
                                         }});
  CHECK(info == larder::dataset_info{"train", "numbers", "words-v1", 40, bytes_of(40)});
  CHECK(progress == std::vector<std::uint64_t>{40});
  CHECK(cache->contains("train"));
  CHECK(!cache->contains("test"));
  CHECK(cache->list() == std::vector{info});
  CHECK(cache->weight() == bytes_of(40));
  CHECK(cache->stats().entries == 40);
  const auto view = cache->get_dataset("train");
  CHECK(view.info() == info);
  REQUIRE(view.size() == 40);
  for (std::uint64_t i = 40; i-- > 0;) CHECK(view[i] == sample_of<text>(i));
  CHECK(std::equal(view.begin(), view.end(), drain<text>(cache->stream("train")).samples().begin()));
  CHECK(cause_of([&] { (void)view.at(40); }) == error_cause::invalid_argument);
  CHECK(says(refusal_of([&] { (void)cache->get_dataset("tran"); }), "there are: train"));
  (void)cache->cache_dataset("train", source, made_by<text>("words-v1", f));  // again: nothing to do
  CHECK(f.each(1));
  CHECK(cache->list().size() == 1);
  CHECK(cache->drop("train"));
  CHECK(!cache->drop("train"));
  CHECK(cache->weight() == 0);
  CHECK(cache->stats().entries == 0);
  CHECK(cache->list().empty());
  CHECK(view[3] == sample_of<text>(3));  // keeps what it has
  (void)cache->cache_dataset("train", source, made_by<text>("words-v1", f));
  CHECK(f.each(2));
  CHECK(says(refusal_of([&] { (void)cache->get_dataset("x"); }), "train"));
  cache->clear();
  CHECK(says(refusal_of([&] { (void)cache->get_dataset("train"); }), "none has been cached"));
}

TEST_CASE("names that are none are refused") {
  in_memory cache;
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string("\xff"), std::string(513, 'a'), std::string("a\0b", 3)})
    CHECK(cause_of([&] { (void)cache->cache_dataset(name, numbers_source({1}), words()); }) == error_cause::invalid_argument);
  for (const std::string& name : {std::string("a/b \"c\" \\ \u00e4"), std::string(512, 'a')}) {
    (void)cache->cache_dataset(name, numbers_source({1}), words());
    CHECK(cache->contains(name));
  }
}

TEST_CASE_TEMPLATE("dropping keeps the samples that another data set has, too", Cache, in_memory, on_disk) {
  Cache cache;
  (void)cache->cache_dataset("one", numbers_source({10, 10}), words());
  (void)cache->cache_dataset("two", numbers_source({10, 10, 5}), words());
  CHECK(cache->weight() == bytes_of(25));
  CHECK(cache->drop("two"));
  CHECK(cache->weight() == bytes_of(20));
  const auto view = cache->get_dataset("one");
  for (std::uint64_t i = 0; i < 20; ++i) CHECK(view[i] == sample_of<text>(i));
  auto stream = cache->stream("one");
  (void)drain<text>(stream);
  CHECK(stream.stats().hits == 20);
}

TEST_CASE("another process needs no source for what was kept, and says what it misses") {
  on_disk cache(max_bytes{bytes_of(20)});
  (void)cache->cache_dataset("part", numbers_source({10, 20}), words());  // what does not fit is made anew here
  CHECK(cache->weight() <= bytes_of(20));
  {
    const auto view = cache->get_dataset("part");
    for (std::uint64_t i = 0; i < 30; ++i) CHECK(view[i] == sample_of<text>(i));
    CHECK(drain<text>(cache->stream("part")).samples().size() == 30);
  }
  cache.reopen(max_bytes{bytes_of(20)});
  const auto view = cache->get_dataset("part");
  CHECK(view.size() == 30);
  CHECK(view[0] == sample_of<text>(0));
  std::size_t missing = 0;
  for (std::uint64_t i = 0; i < 30; ++i) {
    bool right = false;
    const auto refused = refusal_of([&] { right = view[i] == sample_of<text>(i); });
    CHECK(right == !refused.cause);
    if (!refused.cause) continue;
    ++missing;
    CHECK(refused.cause == error_cause::io);
    CHECK(says(refused, "its source is not open here"));
  }
  CHECK(missing > 0);
  CHECK(missing <= 20);
  CHECK(cause_of([&] { (void)drain<text>(cache->stream("part")); }) == error_cause::io);
}

TEST_CASE_TEMPLATE("a range that is only borrowed has to fit", Cache, in_memory, on_disk) {
  Cache cache(max_bytes{25});
  const std::vector<text> range{"0123456789", "abcdefghij", "ABCDEFGHIJ"};
  const auto refused = refusal_of([&] { (void)cache->cache_dataset("words", range); });
  CHECK(refused.cause == error_cause::no_space);
  CHECK(says(refused, "1 of 3 samples"));
  CHECK(cause_of([&] { (void)cache->cache_dataset("words", larder::range_source(range)); }) == error_cause::no_space);
  CHECK(cause_of([&] { (void)cache->cache_dataset("words", larder::named_source("w", range)); }) == error_cause::no_space);
  const larder::range_source moved{std::vector<text>(range)};
  CHECK(cause_of([&] { (void)cache->cache_dataset("words", larder::named_source("w2", moved)); }) == error_cause::no_space);  // borrows the source
  CHECK(!cache->contains("words"));
  (void)cache->cache_dataset("words", std::vector<text>(range));  // moved in
  CHECK(cache->get_dataset("words")[2] == "ABCDEFGHIJ");
}

TEST_CASE("a damaged sample is made anew, never served, and a damaged manifest is none") {
  on_disk cache;
  const numbers_source source({10});
  const counting<text> f(10);
  (void)cache->cache_dataset("ten", source, made_by<text>("v1", f));
  cache.close();
  REQUIRE(damage(cache.directory(), sample_of<text>(3)) > 0);
  cache.reopen();
  CHECK(cause_of([&] { (void)cache->get_dataset("ten")[3]; }) == error_cause::io);
  CHECK(drain<text>(cache->stream(source, made_by<text>("v1", f))).samples()[3] == sample_of<text>(3));
  CHECK(f.calls() == 11);
  CHECK(cache->get_dataset("ten")[3] == sample_of<text>(3));
  CHECK(cache->weight() == bytes_of(10));
  cache.close();
  REQUIRE(damage(cache.directory(), "larder data set") > 0);
  cache.reopen();
  CHECK(cause_of([&] { (void)cache->get_dataset("ten"); }) == error_cause::invalid_argument);
  (void)cache->cache_dataset("ten", source, made_by<text>("v1", f));
  CHECK(cache->get_dataset("ten")[9] == sample_of<text>(9));
  CHECK(f.calls() == 11);
}

TEST_CASE("a manifest that somebody else wrote is refused or harmless") {
  in_memory cache;
  const auto put = [&](const std::string& name, const std::string& manifest) { CHECK(cache->cache().put("dataset/" + name, bytes::copy_of(manifest))); };
  const auto use = [&](const std::string& name) {
    return cause_of([&] {
      const auto view = cache->get_dataset(name);
      (void)view.at(view.size() - 1);
    });
  };
  put("rubbish", "{");
  CHECK(use("rubbish") == error_cause::corruption);
  larder::format::dataset_manifest other{"other", "s", "v", 0, 0, {}};
  put("renamed", other.json());
  CHECK(use("renamed") == error_cause::corruption);
  cache->clear();
  const std::uint64_t huge = std::uint64_t{1} << 36U;  // takes no memory
  larder::format::dataset_manifest large{"large", "s", "v", 100 * huge, 0, {}};
  for (char i = 0; i < 100; ++i) large.shards.push_back({std::string(20, i), huge});
  put("large", large.json());
  CHECK(use("large") == error_cause::io);
  CHECK(cause_of([&] { (void)drain<text>(cache->stream("large", {.shuffle = true})); }) == error_cause::io);
  larder::format::dataset_manifest beyond{"beyond", "s", "v", 2 * huge, 0, {{std::string(20, 'x'), 2 * huge}}};
  put("beyond", beyond.json());
  CHECK(use("beyond") == error_cause::invalid_argument);
  larder::format::dataset_manifest twice{"twice", "s", "v", 12, 0, {{std::string(20, 'y'), 5}, {std::string(20, 'y'), 7}}};
  put("twice", twice.json());
  CHECK(use("twice") == error_cause::corruption);
  CHECK(cause_of([&] { (void)drain<text>(cache->stream("twice")); }).has_value());
}

TEST_CASE_TEMPLATE("a data set's info says the same wherever it comes from, and differs where anything does", Cache, in_memory, on_disk) {
  Cache cache;
  const larder::dataset_info one = cache->cache_dataset("one", numbers_source({5, 6}), words());
  const larder::dataset_info expected{.name = "one", .source = "numbers", .version = "words-v1", .samples = 11, .bytes = bytes_of(11)};
  CHECK(one == expected);
  CHECK(one.quota == static_cast<std::uint64_t>(-1));
  CHECK(cache->get_dataset("one").info() == one);
  CHECK(cache->list() == std::vector{one});
  const larder::dataset_info other = cache->cache_dataset("other", numbers_source({5, 6}), words(), {.quota = 1'000'000});
  CHECK(other != one);
  larder::dataset_info changed = one;
  changed.name = "other";
  changed.quota = 1'000'000;
  CHECK(other == changed);
  if constexpr (std::is_same_v<Cache, on_disk>) {
    cache.reopen();
    CHECK(cache->list() == std::vector{one, other});
  }
}

TEST_CASE_TEMPLATE("a quota belongs to the name: it holds for all its streams and runs until another one is said", Cache, in_memory, on_disk) {
  Cache cache;
  const numbers_source source({20, 20});
  const auto sized = made_by<text>("v1", [](std::uint64_t i) { return text(10, static_cast<char>('a' + i % 26)); });
  CHECK(cache->cache_dataset("set", source, sized, {.quota = 150}).quota == 150);
  CHECK(cache->weight() == 150);
  const auto again = [&](std::uint64_t weight, std::uint64_t quota) {
    CHECK(cache->cache_dataset("set", source, sized).quota == quota);  // which may put what it made
    CHECK(cache->weight() == weight);
    auto stream = cache->stream("set", {.epochs = 2});
    CHECK(drain<text>(stream).samples().size() == 80);
    CHECK(stream.stats().hits == 2 * weight / 10);
    CHECK(cache->weight() == weight);
    CHECK(cache->get_dataset("set").info().quota == quota);
  };
  again(150, 150);
  if constexpr (std::is_same_v<Cache, on_disk>) {
    cache.reopen();
    again(150, 150);
  }
  cache->set_quota("set", max_bytes{220});
  again(220, 220);
  (void)drain<text>(cache->stream("set", {.quota = 230}));  // the smaller one
  CHECK(cache->weight() == 220);
  cache->set_quota("set", max_bytes{100});
  again(220, 100);  // nothing is erased
  CHECK(cache->drop("set"));
  CHECK(cache->weight() == 0);
  CHECK(cache->cache_dataset("set", source, sized).quota == static_cast<std::uint64_t>(-1));  // it is another one
  CHECK(cache->weight() == 400);
  CHECK(cause_of([&] { cache->set_quota("none", max_bytes{1}); }) == error_cause::invalid_argument);
  CHECK(!cache->contains("none"));
}

TEST_CASE_TEMPLATE("dropping a data set gives its bytes back to another one that shares samples with it", Cache, in_memory, on_disk) {
  Cache cache;
  const auto sized = made_by<text>("v1", [](std::uint64_t) { return text(10, 'x'); });
  (void)cache->cache_dataset("part", numbers_source({10}), sized);
  (void)cache->cache_dataset("set", numbers_source({10, 20}), sized, {.quota = 150});
  CHECK(cache->weight() == 150);
  CHECK(cache->drop("part"));
  CHECK(cache->weight() == 150);  // the other one has them, too
  CHECK(cache->drop("set"));
  (void)cache->cache_dataset("set", numbers_source({10, 20}), sized, {.quota = 150});
  CHECK(cache->weight() == 150);
}

TEST_CASE("what another process drops is given back here, and no memory is kept for it") {
  on_disk cache;
  const numbers_source source({10, 20});
  const auto sized = made_by<text>("v1", [](std::uint64_t) { return text(10, 'x'); });
  (void)cache->cache_dataset("set", source, sized, {.quota = 150});
  (void)cache->cache_dataset("other", numbers_source({7}), made_by<text>("v2", sample_of<text>));
  (void)drain<text>(cache->stream("set"));
  REQUIRE(cache->stats().found_memory > 0);
  (void)drain<text>(cache->stream(source, sized, {.quota = 150}));
  support::in_child([&] {
    larder::dataset_cache<text> child{larder::mmap_disk{cache.directory()}};
    return child.drop("set");
  });
  CHECK(cause_of([&] { (void)cache->stream("set"); }) == error_cause::invalid_argument);
  CHECK(cache->get_dataset("other")[6] == sample_of<text>(6));
  CHECK(cache->weight() == bytes_of(7));  // without what it took for notes of the other one
  auto stream = cache->stream(source, sized, {.quota = 200});
  CHECK(stream.begin()->samples()[0] == text(10, 'x'));
  (void)drain<text>(stream);
  CHECK(stream.stats().hits == 0);  // and not what it remembered
  CHECK(cache->weight() == bytes_of(7) + 200);
}

TEST_CASE("a manifest may say a quota, and no nonsense") {
  using larder::format::dataset_manifest;
  const auto parsed = [](const std::string& json) { return dataset_manifest::parse(std::as_bytes(std::span(json))); };
  dataset_manifest m{"name", "s", "v", 3, 9, {{std::string(20, 'x'), 3}}};
  CHECK(m.json().find("quota") == std::string::npos);  // as it was before there were any
  CHECK(parsed(m.json()) == m);
  for (const std::uint64_t quota : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{1} << 53U}) {
    m.quota = quota;
    CHECK(parsed(m.json()) == m);
  }
  m.quota = (std::uint64_t{1} << 53U) + 1;  // nobody has so much
  CHECK(parsed(m.json()).quota == dataset_manifest::no_quota);
  m.quota = 5;
  for (const std::string nonsense : {"-1", "\"5\"", "null", "1.5", "9007199254740993"}) {
    std::string json = m.json();
    json.replace(json.find("\"quota\":5") + 8, 1, nonsense);
    const auto refused = refusal_of([&] { (void)parsed(json); });
    CHECK(refused.cause == error_cause::corruption);
    CHECK(says(refused, "quota"));
  }
}
