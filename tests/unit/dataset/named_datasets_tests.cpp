#include <larder/dataset/named_datasets.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/dataset_cache.hpp>
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
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
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
