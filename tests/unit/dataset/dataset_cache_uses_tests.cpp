// The ways in which programs write their sources and functions, and what must not go wrong then.

#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/named_source.hpp>
#include <larder/storage/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"

namespace {

using larder::bytes;

struct raw {
  std::string text;
  int label = 0;
};
struct sample {
  int n;
};
sample plain(const raw& r) { return {r.label}; }

template <class Cache, class... Given>
std::vector<int> all_of(Cache& cache, Given&&... given) {
  std::vector<int> got;
  for (const auto& batch : cache.stream(std::forward<Given>(given)...))
    for (const auto& one : batch) {
      if constexpr (requires { one.n; })
        got.push_back(one.n);
      else
        got.push_back(static_cast<int>(one));
    }
  return got;
}
std::vector<int> numbers(int n) {
  std::vector<int> made(static_cast<std::size_t>(n));
  std::iota(made.begin(), made.end(), 0);
  return made;
}

}  // namespace

TEST_CASE("functions, pointers, generic lambdas and members preprocess; ranges are lvalues, rvalues, const, spans, empty") {
  const std::vector<int> expected{1, 2};
  std::vector<raw> records{{"a", 1}, {"b", 2}};
  larder::dataset_cache<sample, larder::memory> data;
  CHECK(all_of(data, records, larder::preprocess{"v1", plain}) == expected);
  CHECK(all_of(data, records, larder::preprocess{"v2", &plain}) == expected);
  CHECK(all_of(data, records, larder::preprocess{"v3", [](auto& r) { return sample{r.label}; }}) == expected);
  CHECK(all_of(data, std::vector<raw>{{"a", 1}, {"b", 2}}, larder::preprocess{"v4", plain}) == expected);
  CHECK(all_of(data, std::as_const(records), larder::preprocess{"v1", plain}) == expected);
  larder::dataset_cache<int, larder::memory> labels;
  CHECK(all_of(labels, records, larder::preprocess{"v5", &raw::label}) == expected);
  CHECK(all_of(labels, std::span<const int>(expected)) == expected);
  CHECK(all_of(labels, std::vector<int>()).empty());
}

TEST_CASE("views of text become strings") {
  const std::vector<std::string_view> views{"one", "two"};
  larder::dataset_cache<std::string, larder::memory> texts;
  std::vector<std::string> got;
  for (const auto& batch : texts.stream(views)) got.insert(got.end(), batch.begin(), batch.end());
  CHECK(got == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a batch may be copied and kept, also where the stream uses its buffer again") {
  std::vector<bytes> source;
  for (int i = 0; i < 10; ++i) source.push_back(bytes::copy_of(std::string(5, static_cast<char>('a' + i))));
  larder::dataset_cache<bytes, larder::memory> data;
  for (const larder::batch_mode mode : {larder::batch_mode::view, larder::batch_mode::copy}) {
    std::vector<larder::batch<bytes>> kept;
    for (const auto& batch : data.stream(source, {.batch_size = 3, .mode = mode})) kept.push_back(batch);
    REQUIRE(kept.size() == 4);
    std::size_t i = 0;
    for (const auto& batch : kept)
      for (const bytes& one : batch) CHECK(one.text() == source[i++].text());
    if (mode == larder::batch_mode::copy) CHECK(kept[1][0].data() == kept[1].buffer().data());
  }
}

TEST_CASE("a name says how its source is cut: another cut is other samples") {
  const std::vector<int> source = numbers(3072);
  larder::dataset_cache<int, larder::memory> data;
  CHECK(all_of(data, larder::named_source{"n", source, 1024}) == source);
  CHECK(all_of(data, larder::named_source{"n", source, 2048}) == source);
}

TEST_CASE("values of the same bytes and another kind are other samples") {
  larder::dataset_cache<float, larder::memory> data;
  const auto as_float = larder::preprocess{"v1", [](auto x) { return static_cast<float>(x); }};
  const std::vector<std::int32_t> whole{1065353216};
  const std::vector<float> real{1.0F};
  float first = 0;
  float second = 0;
  for (const auto& batch : data.stream(whole, as_float)) first = batch[0];
  for (const auto& batch : data.stream(real, as_float)) second = batch[0];
  CHECK(first == 1065353216.0F);
  CHECK(second == 1.0F);
}

TEST_CASE("a new version gets into a full cache once the old one is erased") {
  const std::vector<int> source = numbers(100);
  larder::dataset_cache<int, larder::memory> data{larder::max_bytes{400}};
  int calls = 0;
  const auto counted = [&calls](int x) {
    ++calls;
    return x;
  };
  CHECK(all_of(data, source, larder::preprocess{"v1", counted}) == source);
  for (int times = 0; times < 2; ++times) CHECK(all_of(data, source, larder::preprocess{"v2", counted}) == source);
  CHECK(calls == 300);
  data.erase_samples(source, "v1");
  CHECK(data.weight() == 0);
  for (int times = 0; times < 3; ++times) CHECK(all_of(data, source, larder::preprocess{"v2", counted}) == source);
  CHECK(calls == 400);
}

TEST_CASE("a name that is cached again leaves nothing of what it had, and takes nothing from others") {
  const std::vector<int> source = numbers(100);
  larder::dataset_cache<int, larder::memory> data;
  const auto same = [](int x) { return x; };
  data.cache_dataset("train", source, larder::preprocess{"v1", same});
  data.cache_dataset("copy", source, larder::preprocess{"v1", same});
  data.cache_dataset("train", source, larder::preprocess{"v2", same});
  CHECK(data.weight() == 800);  // "copy" has v1
  data.erase_samples(source, "v1");
  CHECK(data.weight() == 800);  // and keeps it
  std::uint64_t met = 0;
  data.drop("copy", {{}, [&](std::uint64_t done, std::uint64_t) { met = done; }});
  CHECK(met >= 200);  // every sample is looked at
  CHECK(data.weight() == 400);
  data.cache_dataset("train", source, larder::preprocess{"v3", same});
  CHECK(data.weight() == 400);
  CHECK(data.get_dataset("train").info().version == "v3");
  CHECK(data.get_dataset("train")[7] == 7);
}

TEST_CASE("a span that is cached under a name is not taken for owned") {
  larder::dataset_cache<int, larder::memory> data{larder::max_bytes{100}};
  const std::vector<int> source = numbers(100);
  CHECK_THROWS_WITH_AS(data.cache_dataset("x", std::span<const int>(source)), doctest::Contains("does not fit"), larder::error);
  CHECK_THROWS_AS(data.cache_dataset("x", larder::named_source{"n", std::span<const int>(source)}), larder::error);
  CHECK(data.cache_dataset("x", std::vector<int>(source)).samples == 100);  // which can be made anew
  CHECK(data.get_dataset("x")[99] == 99);
}

TEST_CASE("samples that find no room are not kept anywhere") {
  const auto counter = std::make_shared<int>();
  larder::dataset_cache<bytes, larder::memory> data{larder::max_bytes{1000}};
  const std::vector<int> source = numbers(400);
  const auto sized = [&](int i) {  // one small, the others too large for what is left: each of them is loaded and refused
    const auto text = std::make_shared<std::string>(i == 0 ? 10 : 2000, 'x');
    return bytes::adopt(std::pair(text, counter), text->data(), text->size());
  };
  long most = 0;
  for (const auto& batch : data.stream(source, larder::preprocess{"v1", sized}, {.batch_size = 4, .prefetch = 2, .workers = 4})) {
    (void)batch;
    most = std::max(most, counter.use_count());
  }
  CHECK(most < 60);  // what batches ahead hold, not what was refused before
}
