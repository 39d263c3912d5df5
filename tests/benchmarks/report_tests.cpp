#include "report.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

/// A file of its own that goes with the test.
class scratch_file {
 public:
  explicit scratch_file(const std::string& content)
      : path_((std::filesystem::temp_directory_path() / ("larder_report_" + std::to_string(::getpid()))).string()) {
    std::ofstream(path_) << content;
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }
  std::string content() const {
    std::ostringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }

 private:
  std::string path_;
};

const bench::figure* find(const bench::report& figures, const std::string& subject, const std::string& metric) {
  for (const bench::figure& f : figures.figures())
    if (f.subject == subject && f.metric == metric) return &f;
  return nullptr;
}

TEST_CASE("the median of an even number is the upper of the two, of none 0") {
  CHECK(bench::median({3, 1, 2}) == 2);
  CHECK(bench::median({4, 1, 3, 2}) == 3);
  CHECK(bench::median({}) == 0);
}

TEST_CASE("figures of other programs are joined and compared with the run's medians") {
  const scratch_file beside(
      "get\tother\ttime\tns/op\t40 20 30\n"
      "get\tother\thit ratio\t1\t0.5\n"
      "memory\tother\tmemory\tbytes/entry\t50\n"
      "absent\tother\ttime\tns/op\t1\n");
  bench::report figures;
  figures.read_beside(beside.path());
  figures.add({"get", "base", "time", "ns/op", 10, {9, 10, 11}});
  figures.add({"memory", "base", "memory", "bytes/entry", 34, {}});
  figures.close("get", "a test", "base");
  figures.close("memory", "a test", "base");
  const bench::figure* const ratio = find(figures, "other", "ratio to base, own process");
  REQUIRE(ratio != nullptr);
  CHECK(ratio->value == 3);
  CHECK(ratio->runs == std::vector<double>{4, 2, 3});
  REQUIRE(find(figures, "other", "above base") != nullptr);
  CHECK(find(figures, "other", "above base")->value == 16);
  REQUIRE(find(figures, "other", "hit ratio") != nullptr);
  CHECK(find(figures, "other", "hit ratio")->value == 0.5);
  for (const bench::figure& f : figures.figures()) CHECK(f.scenario != "absent");
}

TEST_CASE("a line that is not a figure is told with its text") {
  for (const char* const line : {"get\tother\ttime\tns/op", "get other time", "get\tother\ttime\tns/op\tfast"}) {
    CAPTURE(line);
    const scratch_file beside(line);
    bench::report figures;
    CHECK_THROWS_WITH_AS(figures.read_beside(beside.path()), doctest::Contains(line), std::runtime_error);
  }
  bench::report figures;
  CHECK_THROWS_AS(figures.read_beside("/nowhere/at/all"), std::runtime_error);
}

TEST_CASE("JSON has every figure with its runs") {
  const scratch_file out("");
  bench::report figures;
  figures.add({"get", "clock", "time", "ns/op", 2.5, {2, 2.5, 3}});
  figures.add({"get", "clock", "hit ratio", "1", 0.75, {}});
  figures.write_json(out.path());
  CHECK(
      out.content() ==
      "[\n"
      "  {\"case\": \"get\", \"subject\": \"clock\", \"metric\": \"time\", \"unit\": \"ns/op\", \"value\": 2.5, \"runs\": [2, "
      "2.5, 3]},\n"
      "  {\"case\": \"get\", \"subject\": \"clock\", \"metric\": \"hit ratio\", \"unit\": \"1\", \"value\": 0.75, \"runs\": []}\n"
      "]\n");
  CHECK_THROWS_AS(figures.write_json("/nowhere/at/all"), std::runtime_error);
}

}  // namespace
