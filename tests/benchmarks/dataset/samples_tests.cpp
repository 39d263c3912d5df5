#include "catalogue.hpp"
#include "mapped_file.hpp"
#include "subject.hpp"

#include "support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace {

constexpr std::size_t count = 1500;  // no whole shards, no whole batches

TEST_CASE("everybody goes through the same samples, in order and shuffled, where they lie and copied, as often as asked") {
  const support::temporary_folder folder;
  const bench::site s = bench::make_site(folder.path(), count);
  std::vector<bench::subject> all = bench::lmdb();
  all.push_back(bench::mapping());
  all.push_back(bench::larder_itself());
  for (const bench::subject& who : all) {
    CAPTURE(who.name);
    if (who.prepare) {
      std::filesystem::create_directory(s.of(who.name));
      who.prepare(s);
    }
    for (const bool shuffled : {false, true})
      for (const bool copied : {false, true}) {
        const bench::epoch_walk walk = who.open(s, {shuffled, copied});
        for (int epoch = 0; epoch < 3; ++epoch) CHECK_NOTHROW(walk().check(s.samples));
      }
  }
}

TEST_CASE("the shuffled order is that of larder's stream, each sample once") {
  const support::temporary_folder folder;
  const bench::site s = bench::make_site(folder.path(), count);
  const bench::mapped_file file(s.samples.path);
  bench::larder_samples samples(s.samples, folder / "larder");
  std::vector<std::uint32_t> seen;
  for (const auto& batch : samples.stream(bench::stream_options_of({true, false})))
    for (const larder::bytes& sample : batch) {
      const std::size_t next = seen.size();
      REQUIRE(next < s.order.size());
      const auto expected = file.bytes().subspan(s.order[next] * bench::sample_size, bench::sample_size);
      CHECK(std::equal(expected.begin(), expected.end(), sample.span().begin(), sample.span().end()));
      seen.push_back(s.order[next]);
    }
  REQUIRE(seen.size() == count);
  std::sort(seen.begin(), seen.end());
  std::vector<std::uint32_t> each(count);
  std::iota(each.begin(), each.end(), std::uint32_t{0});
  CHECK(seen == each);
}

TEST_CASE("samples that are missing, doubled or others are found out") {
  const support::temporary_folder folder;
  const bench::sample_file samples = bench::write_samples(folder / "samples", 4);
  const bench::mapped_file file(samples.path);
  const auto marks_of = [&](std::initializer_list<std::size_t> numbers) {
    bench::epoch_marks marks;
    for (const std::size_t number : numbers) marks.add(file.bytes().subspan(number * bench::sample_size, bench::sample_size));
    return marks;
  };
  CHECK_NOTHROW(marks_of({0, 1, 2, 3}).check(samples));
  CHECK_NOTHROW(marks_of({3, 1, 0, 2}).check(samples));
  CHECK_THROWS_AS(marks_of({0, 1, 2}).check(samples), std::runtime_error);
  CHECK_THROWS_AS(marks_of({0, 1, 2, 2}).check(samples), std::runtime_error);
  CHECK_NOTHROW(marks_of({0, 1}).check(bench::first_of(samples, 2)));
}

}  // namespace
