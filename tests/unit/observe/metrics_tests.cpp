#include "support/every_word.hpp"
#include "support/prometheus_samples.hpp"

#include <larder/larder.hpp>
#include <larder/observe/escaped_text.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/observe/number_text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::duration;
using namespace larder::literals;

namespace {

std::string hex(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    out += digits[static_cast<unsigned char>(c) >> 4U];
    out += digits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}
template <class Source>
std::string prometheus_of(const Source& source, std::string_view name = "x") {
  larder::metrics all;
  all.add(name, source);
  return all.prometheus();
}
template <class Source>
std::string json_of(const Source& source) {
  larder::metrics all;
  all.add("x", source);
  return all.json();
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// What stands between the quotes of a label, as the format says to read it.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && ++i < text.size())
      out += text[i] == 'n' ? '\n' : text[i];
    else
      out += text[i];
  }
  return out;
}
std::string replaced_utf8(std::string_view text) {
  std::string out;
  larder::observe::for_each_character(text, [&](std::string_view c) { out += c; });
  return out;
}
bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = larder::observe::character_at_front(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

larder::cache_stats everything() {
  larder::cache_stats stats;
  stats.eviction = larder::eviction_report{.behaves_as = "lru",
                                           .reason = "because \"x\"",
                                           .switches = 1,
                                           .sampled_share = 0.5,
                                           .candidates = {{"lru", 0.5}, {"lfu", 0.25}},
                                           .parts = 2,
                                           .parts_alike = 1};
  stats.remote = larder::remote_report{.requests = 3};
  stats.curve = larder::hit_ratio_curve{};
  stats.latency = larder::latency_report{};
  stats.latency->get = {{{duration{64}, 2}, {duration{65}, 1}, {duration{std::int64_t{1} << 40}, 1}}, duration{200}};
  return stats;
}

}  // namespace

// A figure that a visit_metrics forgets, or that is added to a struct and not to it, fails these.
TEST_CASE("every figure of a cache's stats is exported") {
  const larder::cache_stats empty;
  const auto figures =
      static_cast<std::size_t>(reinterpret_cast<const char*>(&empty.eviction) - reinterpret_cast<const char*>(&empty));
  CHECK(support::words_not_shown<larder::cache_stats>(0, figures) == std::vector<std::size_t>{});
  // What is behind them are these four, which the next tests look at.
  const auto behind =
      static_cast<std::size_t>(reinterpret_cast<const char*>(&empty.eviction) - reinterpret_cast<const char*>(&empty));
  CHECK(sizeof(larder::cache_stats) ==
        behind + sizeof(empty.eviction) + sizeof(empty.remote) + sizeof(empty.curve) + sizeof(empty.latency));

  CHECK(support::words_not_shown<larder::remote_report>(8, sizeof(larder::remote_report)) == std::vector<std::size_t>{});
  CHECK(has(prometheus_of(larder::remote_report{.state = larder::remote_state::degraded}),
            R"(larder_remote_state{cache="x",state="degraded"} 1)"));
  using tiers = larder::tiered_stats<2>;
  CHECK(support::words_not_shown<tiers>(0, sizeof(larder::tiered_counts)) == std::vector<std::size_t>{});
}

TEST_CASE("reports are exported when a cache has them") {
  const std::string text = prometheus_of(everything(), "m\"n");
  for (const char* const line : {R"(larder_cache_errors_total{cache="m\"n",cause="io"} 0)",
                                 R"(larder_eviction_behaves_as{cache="m\"n",order="lru"} 1)",
                                 R"(larder_eviction_switches_total{cache="m\"n"} 1)",
                                 R"(larder_eviction_sampled_share{cache="m\"n"} 0.5)",
                                 R"(larder_eviction_parts{cache="m\"n"} 2)",
                                 R"(larder_eviction_parts_alike{cache="m\"n"} 1)",
                                 R"(larder_eviction_candidate_hit_ratio{cache="m\"n",order="lfu"} 0.25)",
                                 R"(larder_remote_requests_total{cache="m\"n"} 3)",
                                 R"(larder_curve_hit_ratio{cache="m\"n",multiple="8"} 0)",
                                 R"(larder_curve_capacity{cache="m\"n"} 0)",
                                 R"(larder_curve_look_ups{cache="m\"n"} 0)",
                                 R"(larder_curve_sampled{cache="m\"n"} 0)",
                                 R"(larder_curve_sampling_rate{cache="m\"n"} 1)",
                                 R"(larder_curve_settled{cache="m\"n"} 0)",
                                 R"(larder_curve_unit{cache="m\"n",unit="entries"} 1)",
                                 R"(larder_latency_seconds_bucket{cache="m\"n",operation="get",le="0.000000064"} 2)",
                                 R"(larder_latency_seconds_bucket{cache="m\"n",operation="get",le="0.000000256"} 3)",
                                 R"(larder_latency_seconds_bucket{cache="m\"n",operation="get",le="68.719476736"} 3)",
                                 R"(larder_latency_seconds_bucket{cache="m\"n",operation="get",le="+Inf"} 4)",
                                 R"(larder_latency_seconds_sum{cache="m\"n",operation="get"} 0.0000002)",
                                 R"(larder_latency_seconds_count{cache="m\"n",operation="get"} 4)",
                                 R"(larder_latency_every{cache="m\"n"} 1)",
                                 "# TYPE larder_latency_seconds histogram\n",
                                 "# TYPE larder_cache_hits_total counter\n"})
    CHECK_MESSAGE(has(text, std::string(line) + (line[0] == '#' ? "" : "\n")), line << "\n" << text);
  const std::string json = json_of(everything());
  for (const char* const part : {R"("name":"x")", R"("reason":"because \"x\"")", R"("behaves_as":"lru")",
                                 R"("candidate_hit_ratio":{"lru":0.5,"lfu":0.25})", R"("state":"healthy")",
                                 R"("p50_seconds":0.000000064)", R"("count":4)", R"("load_time_seconds":0)", R"("no_space":0)"})
    CHECK_MESSAGE(has(json, part), part << "\n" << json);
  const std::string nothing = prometheus_of(larder::cache_stats{});
  for (const char* const absent : {"larder_remote", "larder_curve", "larder_eviction", "larder_latency"})
    CHECK(!has(nothing, absent));
}

TEST_CASE("caches, tiers and stats are shown together, each family once") {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1000}, larder::latency_histogram{1});
  auto weights = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_MiB}, larder::max_entries{7});
  larder::tiered models{larder::read_only(weights)};
  names.put("a", 1);
  names.get("a");
  larder::metrics all;
  all.add("names", names);
  all.add("weights", weights);
  all.add("models", models);
  const std::string text = all.prometheus();
  CHECK(has(text,
            "larder_cache_hits_total{cache=\"names\"} 1\nlarder_cache_hits_total{cache=\"weights\"} "
            "0\nlarder_cache_hits_total{cache=\"models\",tier=\"0\"} 0\n"));
  CHECK(has(text, "larder_cache_entries{cache=\"names\"} 1\nlarder_cache_entries{cache=\"weights\"} 0\n"));
  CHECK(has(text, "larder_cache_capacity_entries{cache=\"names\"} 1000\nlarder_cache_capacity_entries{cache=\"weights\"} 7\n"));
  CHECK(has(text, "larder_cache_capacity_bytes{cache=\"weights\"} 1048576\n"));
  CHECK(has(text, "larder_tiers_promotions_total{cache=\"models\"} 0\n"));
  std::set<std::string> described;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second, name;
    words >> first >> second >> name;
    if (second == "HELP") {
      family = name;
      CHECK_MESSAGE(described.insert(name).second, name);
    } else if (second == "TYPE") {
      CHECK(name == family);
    } else {
      CHECK_MESSAGE(first.starts_with(family), line);
    }
  }
  CHECK(all.json().starts_with("[{\"name\":\"names\""));
  CHECK(larder::metrics().prometheus().empty());
  CHECK(larder::metrics().json() == "[]");
}

TEST_CASE("a name may be any text: it is escaped, and what is no UTF-8 replaced") {
  CHECK(larder::observe::escaped_label("a\\b\"c\nd") == "a\\\\b\\\"c\\nd");
  CHECK(larder::observe::escaped_label("\xff"
                                       "a\xc3") ==
        "\xef\xbf\xbd"
        "a\xef\xbf\xbd");
  CHECK(larder::observe::escaped_json("a\"\\\n\x01\x7f\xc3\xa9") == "a\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa9");
  for (const char* const bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5", "\x80", "\xe2\x82"})
    CHECK(larder::observe::character_at_front(bad) == 0);
  for (const char* const good : {"a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(larder::observe::character_at_front(good) == std::string_view(good).size());
  const auto texts = rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::arbitrary<char>(), rc::gen::element('\\', '"', '\n', '}', '{', ',', '=', ' ', '\r', '\t', '\0', '\xc3', '\xa9')));
  CHECK(rc::check([&] {
    const std::string name = *texts;
    const std::string label = larder::observe::escaped_label(name);
    RC_ASSERT(is_utf8(label));
    RC_ASSERT(label.find('\n') == std::string::npos);
    for (std::size_t i = 0; i < label.size(); ++i) {
      if (label[i] == '\\')
        ++i;
      else
        RC_ASSERT(label[i] != '"');
    }
    RC_ASSERT(unescaped(label) == replaced_utf8(name));
    const std::string json = larder::observe::escaped_json(name);
    RC_ASSERT(is_utf8(json));
    for (const char c : json) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
  }));
}

TEST_CASE("numbers are exact, and finite ones in any locale") {
  using larder::observe::number_text;
  using larder::observe::seconds_text;
  CHECK(seconds_text(duration{0}) == "0");
  CHECK(seconds_text(duration{1}) == "0.000000001");
  CHECK(seconds_text(1500ms) == "1.5");
  CHECK(seconds_text(duration{-1'000'000'000}) == "-1");
  CHECK(seconds_text(duration::min()) == "-9223372036.854775808");
  CHECK(number_text(0.5) == "0.5");
  CHECK(number_text(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(number_text(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(number_text(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("Prometheus' own parser reads it") {
  const std::string strange = "weird \\ \" \n { } , = \xc3\xa9 \x01 name";
  larder::metrics all;
  all.add(strange, everything());
  larder::tiered_stats<2> tiers;
  tiers.tiers[1] = everything();
  all.add("tiers", tiers);
  const auto samples = support::prometheus_samples(all.prometheus());
  if (!samples) {
    MESSAGE("skipped: python3-prometheus-client is not installed");
    return;
  }
  const auto have = [&](const std::string& line) { return std::find(samples->begin(), samples->end(), line) != samples->end(); };
  CHECK(have("larder_remote_requests_total 3.0 cache=" + hex(strange)));
  CHECK(have("larder_remote_requests_total 3.0 cache=" + hex("tiers") + " tier=" + hex("1")));
  CHECK(have("larder_latency_seconds_bucket 4.0 cache=" + hex(strange) + " le=" + hex("+Inf") + " operation=" + hex("get")));
}
