#include <larder/artifact/resolution.hpp>
#include <larder/artifact/resolution_ages.hpp>
#include <larder/artifact/resolution_entry.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::duration;
using larder::instant;
using larder::artifacts::decode_resolution;
using larder::artifacts::encode_resolution;
using larder::artifacts::resolution_age;
using larder::artifacts::resolution_ages;
using larder::artifacts::resolution_entry;
using support::says;
using namespace std::chrono_literals;

namespace {

resolution_entry made(instant created, bool negative = false) {
  resolution_entry entry{R"({"fields": {"a": "\u00e9"}})", created, std::nullopt};
  if (!negative) entry.value = larder::bytes::copy_of("\0answer\xFF", 8);
  return entry;
}

}  // namespace

TEST_CASE("an entry is read back as it was written") {
  for (const bool negative : {false, true}) {
    for (const instant created : {instant(0), instant(-5), instant(1'700'000'000'123'456'789), instant::max()}) {
      const resolution_entry entry = made(created, negative);
      const std::optional<resolution_entry> read = decode_resolution(encode_resolution(entry));
      REQUIRE(read.has_value());
      CHECK(read->key == entry.key);
      CHECK(read->created == created);
      CHECK(read->value == entry.value);
    }
  }
  resolution_entry empty = made(instant(1));
  empty.value = larder::bytes{};
  CHECK(decode_resolution(encode_resolution(empty))->value == larder::bytes{});
}

TEST_CASE("R6: every cut and every changed byte is noticed") {
  const std::string whole = encode_resolution(made(instant(1'700'000'000'123'456'789)));
  for (std::size_t size = 0; size + 2 < whole.size(); ++size) REQUIRE_FALSE(decode_resolution(whole.substr(0, size)).has_value());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 1, 5}) {
      std::string text = whole;
      text[at] = static_cast<char>(text[at] ^ (1 << bit));
      const std::optional<resolution_entry> read = decode_resolution(text);
      CAPTURE(text);
      // What is between the parts, and the case of an escape's digits, may change without changing what is said.
      if (read)
        REQUIRE((read->key == made(instant()).key && read->value == made(instant()).value &&
                 read->created == instant(1'700'000'000'123'456'789)));
    }
  }
}

TEST_CASE("R6: what is no entry is none") {
  const std::string whole = encode_resolution(made(instant(1)));
  for (const char* name : {"check", "created", "key", "larder_resolution", "value"}) {
    std::string text = whole;
    text.replace(text.find(name), 1, "X");
    CHECK_FALSE(decode_resolution(text).has_value());
  }
  for (const char* text : {"", "{}", "[]", "null", "not JSON", "{\"check\": \"\"}", "\xFF",
                           "{\"check\": 1, \"created\": 1, \"key\": 1, \"larder_resolution\": 1, \"value\": 1}"})
    CHECK_FALSE(decode_resolution(text).has_value());
}

TEST_CASE("R4: an answer holds up to its expiry and at it") {
  const resolution_ages ages(1440min, 10min, 60min);
  const auto state = [&](duration age, bool negative = false) {
    return ages.state_of(made(instant(1h), negative), instant(1h) + age);
  };
  CHECK(state(0s) == resolution_age::holds);
  CHECK(state(1440min) == resolution_age::holds);
  CHECK(state(1440min + 1ns) == resolution_age::grace);
  CHECK(state(1500min) == resolution_age::grace);
  CHECK(state(1500min + 1ns) == resolution_age::over);
  CHECK(state(10min, true) == resolution_age::holds);
  CHECK(state(10min + 1ns, true) == resolution_age::over);
  CHECK(state(-5min) == resolution_age::holds);  // another machine's clock
  CHECK(state(-5min - 1ns) == resolution_age::over);
  CHECK(resolution_ages(0s, 0s, 0s).state_of(made(instant(1h)), instant(1h)) == resolution_age::holds);
  CHECK(resolution_ages(0s, 0s, 0s).state_of(made(instant(1h), true), instant(1h)) == resolution_age::over);
  CHECK(ages.state_of(made(instant::min()), instant(1h)) == resolution_age::over);
  CHECK(ages.state_of(made(instant::max()), instant(1h)) == resolution_age::over);
  const resolution_ages for_ever(duration::max(), 0s, duration::max());
  CHECK(for_ever.state_of(made(instant(0)), instant::max()) == resolution_age::holds);
  CHECK(for_ever.text_of(made(instant(0)), instant(90min)) == "90 minutes old; answers hold for ever");
  CHECK(ages.text_of(made(instant(0), true), instant(90min)) == "90 minutes old; that there is none holds 10 minutes");
  CHECK(support::cause_of([] { resolution_ages(-1ns, 0s, 0s); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([] { resolution_ages(1s, 0s, -1s); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("the expiry of the environment is a whole number of minutes") {
  const auto from = [](std::optional<std::string> text) {
    return resolution_ages::expiry_from([&](const std::string& name) {
      CHECK(name == "AUTO_LOADER_CACHE_EXPIRATION_MINUTES");
      return text;
    });
  };
  CHECK(from(std::nullopt) == 1440min);
  CHECK(from("5") == 5min);
  CHECK(from("0") == 0min);
  CHECK(from("999999999999999") == duration::max());
  for (const char* text : {"-1", "1.5", "five", " 5", "5m", "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK(says(support::refusal_of([&] { from(text); }), "AUTO_LOADER_CACHE_EXPIRATION_MINUTES is \""));
  }
}

namespace {

struct choice {
  std::string package;
  int batch;
  bool operator==(const choice&) const = default;
};
struct sealed final {
  int number;
  bool operator==(const sealed&) const = default;
};
enum class device { cpu, gpu };

std::size_t length_of(const std::string& text) { return text.size(); }

}  // namespace

TEST_CASE("an answer is a value of its type, and knows where it is from") {
  const larder::resolution<choice> one({"p", 2}, {.from_cache = true, .is_stale = true, .age = 5s});
  CHECK(one.package == "p");
  CHECK((one == choice{"p", 2}));
  CHECK(one.value().batch == 2);
  const choice copy = one;
  CHECK(copy.batch == 2);
  CHECK(one.from_cache());
  CHECK(one.is_stale());
  CHECK(one.age() == 5s);
  const larder::resolution<std::string> text("abc", {});
  CHECK(text == "abc");
  CHECK(length_of(text) == 3);
  CHECK_FALSE(text.from_cache());
  const larder::resolution<int> number(4, {});
  CHECK(number + 1 == 5);
  CHECK(number.value() == 4);
  const larder::resolution<device> where(device::gpu, {});
  CHECK((where == device::gpu));
  const larder::resolution<sealed> last({7}, {});
  CHECK(last.value().number == 7);
  CHECK((last == sealed{7}));
}
