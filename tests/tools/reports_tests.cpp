#include "simulate/chart_axis.hpp"
#include "simulate/curve_picture.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/miss_ratio_table.hpp"
#include "simulate/number_text.hpp"
#include "simulate/results_json.hpp"
#include "simulate/results_page.hpp"
#include "simulate/trace_result.hpp"

#include "refusal.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using simulate::counted;
using simulate::trace_result;

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

simulate::request_trace a_trace(bool sized) {
  simulate::request_trace trace;
  trace.name = "web <&> \"\xff\"";  // an odd name of a file
  trace.key_count = 100;
  for (std::uint32_t i = 0; i < 3000; ++i) trace.keys.push_back(i < 100 ? i : i * i % 97U % 100U);
  if (sized)
    for (const std::uint32_t key : trace.keys) trace.sizes.push_back(10 + key);
  trace.footprint_bytes = sized ? 1000 + 4950 : 100;
  return trace;
}
std::vector<trace_result> results(std::string_view policies, std::string_view sizes, counted by, std::size_t traces) {
  return simulate::simulate_all(std::vector(traces, a_trace(by == counted::bytes)), simulate::policies_named(policies),
                                simulate::parse_cache_sizes(sizes, by), by, 1);
}

}  // namespace

TEST_CASE("the table has a row per policy, a column per size, and marks the best") {
  const trace_result result = results("lru,fifo,belady", "10,50,100", counted::entries, 1).front();
  const std::string table = miss_ratio_table(result);
  CHECK(says(table, "3,000 requests, 100 keys"));
  CHECK(count(table, "\n") == 6);
  CHECK(says(table, "  cache size"));
  for (const char* name : {"  lru ", "  fifo ", "  belady "}) CHECK(count(table, name) == 1);
  for (const simulate::policy_curve& curve : result.curves)
    for (std::size_t i = 0; i < 3; ++i) CHECK(says(table, simulate::decimal(curve.at[i].miss_ratio(), 4)));
  std::size_t marks = 0;
  for (std::size_t i = 0; i < 3; ++i) marks += result.best_at(i, simulate::measure::miss_ratio).size();
  CHECK(count(table, "*") == marks);
  CHECK(count(table, " \n") == 0);
}

TEST_CASE("a table of many sizes goes on below instead of growing wider") {
  const trace_result result = results("lru,largest_first", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15", counted::entries, 1).front();
  const std::string table = miss_ratio_table(result, 80);
  CHECK(count(table, "  largest_first") == 3);
  std::size_t begin = 0;
  for (std::size_t end = table.find('\n'); end != std::string::npos; begin = end + 1, end = table.find('\n', begin))
    CHECK(end - begin <= 80);
}

TEST_CASE("under a limit of bytes there are two tables: requests and bytes missed") {
  const std::string table = miss_ratio_table(results("lru,gdsf", "10%,1KiB", counted::bytes, 1).front());
  CHECK(count(table, "share of the requests missed") == 1);
  CHECK(count(table, "share of the bytes missed") == 1);
  CHECK(count(table, "  gdsf") == 2);
  CHECK(says(table, "1 KiB"));
}

TEST_CASE("the picture has a panel per trace and a curve per policy in each") {
  for (const std::size_t traces : {1U, 2U, 7U}) {
    const std::string picture = curve_picture(results("all", "1,5,20,60", counted::entries, traces));
    CHECK(count(picture, "class=\"panel\"") == traces);
    for (const simulate::policy& order : simulate::all_policies())
      CHECK(count(picture, "class=\"curve\" data-policy=\"" + std::string(order.name) + "\"") == traces);
    CHECK(count(picture, "class=\"legend_item\"") == simulate::all_policies().size());
    CHECK(count(picture, "<script") == 0);
    CHECK(count(picture, "http") == 1);  // the name space; nothing is fetched
  }
  CHECK(count(curve_picture(results("lru,gdsf", "5%", counted::bytes, 1)), "class=\"panel\"") == 2);
}

TEST_CASE("a dot marks the best policy of each size where one is best") {
  const auto all = results("lru,lfu,fifo", "1,5,20,60,100", counted::entries, 1);
  std::size_t alone = 0;
  for (std::size_t i = 0; i < 5; ++i) alone += all.front().best_at(i, simulate::measure::miss_ratio).size() == 1 ? 1U : 0U;
  const std::string picture = curve_picture(all);
  CHECK(alone < 5);  // at 100 entries all fit, and all are equal
  CHECK(count(picture, "class=\"best\"") == alone);
  CHECK(says(picture, ">equal</text>"));
}

TEST_CASE("the page holds the picture and a table per trace, JSON an object per figure") {
  const auto all = results("lru,belady", "1,50", counted::entries, 2);
  const std::string page = results_page(all);
  CHECK(count(page, "<svg") == 1);
  CHECK(count(page, "<table>") == 2);
  CHECK(count(page, "src=") == 0);
  CHECK(count(results_json(all), "\"policy\"") == 8);
}

TEST_CASE("text from outside is made harmless") {
  CHECK(simulate::escaped_for_xml("a<b>&\"'\x01\xff") == "a&lt;b&gt;&amp;&quot;&#39;??");
  CHECK(simulate::quoted_for_json("a\"b\\c\n") == "\"a\\\"b\\\\c?\"");
  CHECK(simulate::printable("gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80");
  for (const char* broken : {"\xc3", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xef\xbf\xbe", "\x80"}) {
    CAPTURE(broken);
    CHECK(simulate::printable(broken) == std::string(std::string_view(broken).size(), '?'));
  }
}

TEST_CASE("axes end on round numbers and hold what they show") {
  for (const double low : {0.0, 0.003, 0.42, 0.6667, 0.95, 1.0})
    for (const double above : {0.0, 0.004, 0.03, 0.3, 1.0}) {
      const double high = std::min(low + above, 1.0);
      const simulate::chart_axis axis = simulate::ratio_axis(low, high);
      CAPTURE(low);
      CAPTURE(high);
      CHECK(axis.low <= low + 1e-9);
      CHECK(axis.high >= high - 1e-9);
      CHECK(axis.low >= 0);
      CHECK(axis.high <= 1 + 1e-9);
      CHECK(axis.high > axis.low);
      CHECK(axis.ticks.size() >= 2);
      CHECK(axis.ticks.size() <= 9);
    }
  for (const std::uint64_t low : {std::uint64_t{1}, std::uint64_t{37}, std::uint64_t{5'000'000'000}})
    for (const std::uint64_t factor : {1U, 3U, 1000U, 1000000U}) {
      const simulate::chart_axis axis = simulate::size_axis(low, low * factor, counted::entries, 500);
      CHECK(axis.low <= static_cast<double>(low));
      CHECK(axis.high >= static_cast<double>(low * factor));
      for (const simulate::tick& t : axis.ticks) CHECK((t.value >= axis.low && t.value <= axis.high));
    }
  bool named = false;
  for (const simulate::tick& t : simulate::size_axis(1000, 100'000'000, counted::bytes, 500).ticks)
    named = named || t.text == "1 MB";
  CHECK(named);
}

TEST_CASE("numbers as people read them") {
  CHECK(simulate::grouped(0) == "0");
  CHECK(simulate::grouped(999) == "999");
  CHECK(simulate::grouped(1'234'567) == "1,234,567");
  CHECK(simulate::rounded(950) == "950");
  CHECK(simulate::rounded(18'688) == "18.7 k");
  CHECK(simulate::rounded(999'600) == "1 M");
  CHECK(simulate::decimal(0.53125, 4) == "0.5312");
}
