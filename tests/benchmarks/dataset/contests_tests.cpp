#include "catalogue.hpp"
#include "scratch_folder.hpp"

#include "support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace {

/// What the turns of a contest answer, each in this process, by the names of the contenders.
struct answers {
  explicit answers(const bench::contest& c) {
    for (const bench::contender& who : c.contenders) {
      CAPTURE(who.name);
      who.before_turn();
      names.push_back(who.name);
      numbers.push_back(who.turn());
      REQUIRE(numbers.back().size() == c.metrics.size());
    }
  }
  std::vector<std::string> names;
  std::vector<std::vector<double>> numbers;
};

bench::options only(const std::string& name) {
  bench::options wanted;
  wanted.cases = {name};
  wanted.only = {"larder", "lmdb"};
  return wanted;
}

struct small_site {
  small_site() : s(bench::make_site(folder.path(), 4096)), scratch(folder / "scratch", 0) {}
  support::temporary_folder folder;
  bench::site s;
  bench::scratch_folder scratch;
};

TEST_CASE_FIXTURE(small_site, "room for half of the samples is half of the hits, whatever the order and the threads") {
  const std::vector<bench::contest> all = bench::epochs(s, scratch, only("half"));
  REQUIRE(all.size() == 1);
  for (const std::vector<double>& found : answers(all[0]).numbers) CHECK(found == std::vector<double>{0.5, 0.5, 1});
}

TEST_CASE_FIXTURE(small_site, "who fills keeps every sample, and a stream goes on in the middle of what is there") {
  for (const std::string name : {"fill", "resume"}) {
    bench::prepare_caches(s, only(name));
    const std::vector<bench::contest> all = bench::epochs(s, scratch, only(name));
    REQUIRE(all.size() == 1);
    for (const std::vector<double>& times : answers(all[0]).numbers)
      CHECK(std::all_of(times.begin(), times.end(), [](double time) { return time > 0; }));
    std::filesystem::remove_all(s.of("larder"));
    std::filesystem::remove_all(s.of("lmdb"));
  }
}

TEST_CASE_FIXTURE(small_site,
                  "every reader of the file brings every sample; the first batch does not take more than its shards") {
  for (const char* const name : {"cold", "cold_memory", "first_batch"}) {
    const std::vector<bench::contest> all = bench::readings(s, only(name));
    if (all.empty()) {
      MESSAGE("not tested: files do not leave the page cache of this file system");
      return;
    }
    REQUIRE(all.size() == 1);
    const answers got(all[0]);
    if (all[0].name == "first_batch")
      for (std::size_t i = 0; i < got.names.size(); ++i) {
        const double mib_read = got.numbers[i].at(1);
        if (got.names[i].ends_with("one sample") || got.names[i].find("in order") != std::string::npos) CHECK(mib_read <= 1);
        CHECK(mib_read <= 64);
      }
  }
}

TEST_CASE_FIXTURE(small_site, "a walk is measured by each subject that is wanted, beside the mapping") {
  const bench::options wanted = only("copy_shuffled");
  bench::prepare_caches(s, wanted);
  const std::vector<bench::contest> all = bench::walks(s, wanted);
  REQUIRE(all.size() == 1);
  const answers got(all[0]);
  REQUIRE(got.names.size() >= 2);
  CHECK(got.names[0] == "mapping");
  CHECK(got.names[1] == "larder");
  CHECK(bench::walks(s, only("half")).empty());
  CHECK(bench::readings(s, only("half")).empty());
}

TEST_CASE("view is held to three million samples or to the mapping, whichever it meets") {
  bench::figure_list figures;
  figures.add({"view", "larder", "rate", "k samples/s", 3500, {3500}});
  figures.add({"view", "larder", bench::ratio_metric("rate", "mapping"), "x", 0.3, {0.3}});
  figures.add({"view_shuffled", "larder", "rate", "k samples/s", 2500, {2500}});
  figures.add({"view_shuffled", "larder", bench::ratio_metric("rate", "mapping"), "x", 0.7, {0.7}});
  const std::string report = bench::report_of(bench::targets_of(figures), figures);
  CHECK(std::count(report.begin(), report.end(), '\n') == 3);
  CHECK(report.find("MISSED") == std::string::npos);
}

}  // namespace
