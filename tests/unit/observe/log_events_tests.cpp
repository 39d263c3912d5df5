#include <larder/larder.hpp>
#include <larder/observe/log_events.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::log_level;
using larder::log_line;
using larder::observe::redacted_text;
using namespace larder::literals;

namespace {

struct said {
  log_level level;
  std::string cache, event, text;
  std::uint64_t held_back;
};
struct listening {
  std::vector<said>* to;
  void operator()(const log_line& line) const {
    to->push_back({line.level, std::string(line.cache), std::string(line.event), line.text, line.held_back});
  }
};

}  // namespace

TEST_CASE("what a cache absorbs is a line for the log") {
  std::vector<said> lines;
  larder::log_events events{listening{&lines}, {.name = "names"}};
  auto cache = larder::make_cache<int, int>(
      larder::max_entries{1}, events,
      larder::removal_listener{[](int, int, larder::removal_cause) { throw std::runtime_error("password=hunter2\nis wrong"); }});
  cache.put(1, 1);
  cache.put(2, 2);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].level == log_level::warning);
  CHECK(lines[0].cache == "names");
  CHECK(lines[0].event == "failure");
  CHECK(lines[0].text == "listener: password=*** is wrong");
  CHECK(lines[0].held_back == 0);
  CHECK(cache.stats().errors[larder::error_cause::listener] == 1);
}

TEST_CASE("the level says how grave it is") {
  std::vector<said> lines;
  const larder::log_events events{listening{&lines}};
  events.f({larder::error_cause::corruption, "a"});
  events.f({larder::error_cause::timeout, "b"});
  REQUIRE(lines.size() == 2);
  CHECK(larder::to_string(lines[0].level) == "error");
  CHECK(larder::to_string(lines[1].level) == "warning");
}

TEST_CASE("who leaves is told without its key, unless somebody says how to show it") {
  std::vector<said> lines;
  larder::log_events events{listening{&lines}, {.name = "n"}};
  auto quiet = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1}, events, events.departures());
  quiet.put("top secret", 1);
  quiet.put("b", 1);
  quiet.erase("b");
  auto shown = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1},
                                                    events.departures([](const std::string& key) { return key; }));
  shown.put("layer.0", 1);
  shown.put("layer.0", 2);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].event == "evicted");
  CHECK(lines[0].text == "an entry was evicted");
  CHECK(lines[0].level == log_level::info);
  CHECK(lines[1].text == "an entry was erased");
  CHECK(lines[2].text == "\"layer.0\" was replaced");
}

TEST_CASE("a flood becomes a few lines that say how many there were") {
  std::vector<said> lines;
  larder::manual_clock now;
  const larder::log_events events{listening{&lines}, {.per_second = 2, .burst = 3, .now = [&] { return now.now(); }}};
  for (int i = 0; i < 100; ++i) events.f({larder::error_cause::network, "no route"});
  CHECK(lines.size() == 3);
  now.advance(1s);
  for (int i = 0; i < 100; ++i) events.f({larder::error_cause::network, "no route"});
  REQUIRE(lines.size() == 5);
  CHECK(lines[3].held_back == 97);
  CHECK(lines[3].text == "network: no route (97 more before it)");
  CHECK(lines[4].held_back == 0);
  now.advance(1h);
  for (int i = 0; i < 100; ++i) events.f({larder::error_cause::network, "no route"});
  CHECK(lines.size() == 8);  // no more than the burst
  CHECK(lines[5].held_back == 98);
}

TEST_CASE("threads speak at once, and each line is told or counted") {
  std::atomic<std::uint64_t> told{0};
  const larder::log_events events{[&](const log_line& line) { told += 1 + line.held_back; }, {.per_second = 1e9, .burst = 1}};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) events.f({larder::error_cause::io, "x"});
    });
  for (std::thread& t : threads) t.join();
  CHECK(told <= 4000);
  larder::observe::rate_gate gate(0, 2);
  CHECK(gate.pass(0s) == std::optional<std::uint64_t>(0));
  CHECK(gate.pass(1h) == std::optional<std::uint64_t>(0));
  CHECK(!gate.pass(2h));
  CHECK(!gate.pass(1h));  // a clock that goes back
}

TEST_CASE("secrets are not in it, in whatever way the words of their names are joined") {
  for (const char* const name :
       {"secret_access_key", "AWS_SECRET_ACCESS_KEY", "refresh_token", "session_token", "db_password", "db.password", "X-Api-Key",
        "accessToken", "private_key", "pwd", "DB_PASS", "sas_sig", "passphrase", "Credential", "SharedKey"}) {
    CAPTURE(name);
    for (const char* const between : {"=", ": ", "\": \"", " = '"}) {
      const std::string begin = std::string("x, ") + name + between;
      const std::string end = begin.back() == '"' || begin.back() == '\'' ? std::string(1, begin.back()) : std::string(";");
      CHECK(redacted_text(begin + "abc/+=" + end + " y") == begin + "***" + end + " y");
    }
  }
  CHECK(redacted_text("Authorization: token abc, x") == "Authorization: token ***, x");
  CHECK(redacted_text("Proxy-Authorization: Basic YTpi") == "Proxy-Authorization: Basic ***");
  CHECK(redacted_text("authorization: abc") == "authorization: ***");
  CHECK(redacted_text("Authorization: Scheme abc def, x") == "Authorization: ***, x");
  CHECK(redacted_text("{\"token\": \"a\\\"b\", \"n\": 1}") == "{\"token\": \"***\", \"n\": 1}");
  CHECK(redacted_text("\"{\\\"token\\\": \\\"abc\\\", \\\"n\\\": 1}\"") == "\"{\\\"token\\\": \\\"***\\\", \\\"n\\\": 1}\"");
  for (const char* const harmless :
       {"max_tokens=512", "token_count: 7", "config: 3", "design=4", "compass: north", "bypass=1", "the secret is out"})
    CHECK(redacted_text(harmless) == harmless);
}

TEST_CASE("secrets are not in it") {
  CHECK(redacted_text("https://a.blob.core.windows.net/c/b?sv=2022&sig=abc%2Bd&se=1: 403") ==
        "https://a.blob.core.windows.net/c/b?sv=2022&sig=***&se=1: 403");
  CHECK(redacted_text("Authorization: Bearer eyJ0.abc.def, x") == "Authorization: Bearer ***, x");
  CHECK(redacted_text("AccountKey=ab==;EndpointSuffix=x") == "AccountKey=***;EndpointSuffix=x");
  CHECK(redacted_text("redis://user:pa:ss@host:6379/0") == "redis://***@host:6379/0");
  CHECK(redacted_text("{\"api_key\": \"s3cret\", \"n\": 1}") == "{\"api_key\": \"***\", \"n\": 1}");
  CHECK(redacted_text("X-Amz-Signature=0123&x-amz-security-token=zz") == "X-Amz-Signature=***&x-amz-security-token=***");
  CHECK(redacted_text("password = 'a b' c") == "password = '***' c");
  CHECK(redacted_text("the tokens are design: token design") == "the tokens are design: token design");
  CHECK(redacted_text("a\r\nb\x1b[31m\xff") == "a  b [31m\xef\xbf\xbd");
  CHECK(redacted_text("") == "");
  CHECK(redacted_text("sig=") == "sig=");
  CHECK(rc::check([] {
    const auto letters = rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
    const std::string before = *letters;
    const std::string secret = "S3" + *letters + "/+=" + *letters;
    const std::string name = *rc::gen::elementOf(
        std::vector<std::string>{"sig", "SIG", "Token", "password", "x-amz-signature", "accountKey", "client_secret"});
    const std::string middle = *rc::gen::elementOf(std::vector<std::string>{"=", ": ", "\":\"", " = "});
    const std::string end = middle.back() == '"' ? "\"" : "&";
    const std::string shown = redacted_text(before + "?" + name + middle + secret + end + before);
    RC_ASSERT(shown.find("S3") == std::string::npos);
    RC_ASSERT(shown == before + "?" + name + middle + "***" + end + before);
  }));
  CHECK(rc::check([](const std::string& any) {
    const std::string line = redacted_text(any);
    for (const char c : line) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }));
}
