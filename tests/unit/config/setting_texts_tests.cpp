#include <larder/config/memory_amount.hpp>
#include <larder/config/number_text.hpp>
#include <larder/config/period_text.hpp>
#include <larder/core/decimal_text.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"

#include <chrono>
#include <cstdint>
#include <string>

using namespace larder::literals;
using larder::memory_amount;
namespace config = larder::config;
using support::refusal_of;
using support::says;

namespace {

memory_amount amount(const std::string& text) { return config::parse_memory_amount(text, 1'000'000, "memory.size"); }

}  // namespace

TEST_CASE("a size of memory: units, bare megabytes, shares") {
  CHECK(amount("4GB") == memory_amount(4'000'000'000));
  CHECK(amount("4 gb") == memory_amount(4'000'000'000));
  CHECK(amount("100KiB") == memory_amount(102'400));
  CHECK(amount("1000") == memory_amount(1'000'000'000));
  CHECK(amount("1.5") == memory_amount(1'500'000));
  CHECK(amount("0.3") == memory_amount::of_memory(0.3));
  CHECK(amount(" 0.3 of memory ") == memory_amount::of_memory(0.3));
  CHECK(amount("1 of memory") == memory_amount::of_memory(1));
  CHECK(amount("30%") == memory_amount::of_memory(0.3));
  CHECK(amount("0.3").in(1000) == 300);
  CHECK(amount("4GB").in(1000) == 4'000'000'000);
}

TEST_CASE("sizes that are none are refused by their text and the name of what they are for") {
  for (const char* text :
       {"-1", "abc", "4XB", "0", "0MB", "", "1.5 of memory", "101%", "0%", "x of memory", "1e3", "nan", "inf of memory"}) {
    CAPTURE(text);
    const auto refused = refusal_of([&] { amount(text); });
    CHECK(refused.cause == larder::error_cause::invalid_argument);
    CHECK(says(refused, "memory.size"));
  }
  CHECK(says(refusal_of([] { amount("4XB"); }), "\"4XB\" has the unknown unit \"XB\""));
  CHECK(says(refusal_of([] { config::parse_bytes("0.3", 1'000'000, "disk.size"); }), "only memory is given out in shares"));
  CHECK(says(refusal_of([] { config::parse_bytes("30%", 1'000'000, "disk.size"); }), "only memory is given out in shares"));
}

TEST_CASE("periods") {
  CHECK(config::parse_period("300", "max_age") == 300s);
  CHECK(config::parse_period("300s", "max_age") == 300s);
  CHECK(config::parse_period("5 min", "max_age") == 300s);
  CHECK(config::parse_period("1.5h", "max_age") == 5400s);
  CHECK(config::parse_period("7d", "max_age") == 168h);
  CHECK(config::parse_period("250ms", "max_age") == 250ms);
  CHECK(config::parse_period("9223372036854775807ns", "max_age") == larder::duration::max());
  for (const char* text : {"", "0", "-1", "abc", "5 weeks", "s", "1e3", "1000000d", "0.1ns", "1.2.3s"}) {
    CAPTURE(text);
    CHECK(says(refusal_of([&] { config::parse_period(text, "max_age"); }), "max_age: \"" + std::string(text) + "\""));
  }
}

TEST_CASE("shares and whole numbers") {
  CHECK(config::parse_share("0.9", "share") == doctest::Approx(0.9));
  CHECK(config::parse_share("90 %", "share") == doctest::Approx(0.9));
  CHECK(config::parse_share("1", "share") == 1);
  for (const char* text : {"0", "1.01", "-0.5", "nan", "inf", "", "x", "+0.5", "101%"}) {
    CAPTURE(text);
    CHECK(says(refusal_of([&] { config::parse_share(text, "share"); }), "share: \"" + std::string(text) + "\" is not a share"));
  }
  CHECK(config::parse_count("7", 1, "n") == 7);
  CHECK(config::parse_count("0", 0, "n") == 0);
  for (const char* text : {"0", "-1", "1.5", "", "x", "18446744073709551616"}) {
    CAPTURE(text);
    CHECK(says(refusal_of([&] { config::parse_count(text, 1, "n"); }),
               "n: \"" + std::string(text) + "\" is not a whole number from 1 on"));
  }
}

TEST_CASE("what is written reads as the same") {
  CHECK(config::exact_size_text(4'000'000'000) == "4GB");
  CHECK(config::exact_size_text(102'400) == "100KiB");
  CHECK(config::exact_size_text(17) == "17B");
  CHECK(config::period_text(5400s) == "90min");
  CHECK(config::period_text(24h) == "1d");
  CHECK(config::amount_text(memory_amount::of_memory(0.3)) == "0.3 of memory");
  CHECK(rc::check("sizes", [](std::uint64_t bytes) {
    RC_PRE(bytes != 0);
    RC_ASSERT(config::parse_bytes(config::exact_size_text(bytes), 1, "size") == bytes);
  }));
  CHECK(rc::check("periods", [] {
    const larder::duration period(*rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 62));
    RC_ASSERT(config::parse_period(config::period_text(period), "period") == period);
  }));
  CHECK(rc::check("shares", [] {
    const double share = static_cast<double>(*rc::gen::inRange<std::uint64_t>(1, 1'000'001)) / 1e6;
    RC_ASSERT(config::parse_share(larder::core::decimal_text(share), "share") == share);
  }));
}
