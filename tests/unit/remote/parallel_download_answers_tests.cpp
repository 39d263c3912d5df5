// What a download takes from answers that a well-behaved server never gives, one by one and by script: other versions of the
// object where `If-Match` is ignored, bodies without a length, numbers that contradict each other.

#include <larder/core/error.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/parallel_download.hpp>
#include <larder/remote/webdav.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scripted_transport.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"

namespace {

using namespace larder::test;
namespace remote = larder::remote;
using larder::bytes;
using larder::error_cause;

constexpr std::size_t KiB = 1024;

/// Pieces of 4 KiB in one room, the known ones left out; one of them is refused as often as the test says.
class pieces_target final : public larder::download_target {
 public:
  void take(const larder::blob_info&, bytes whole) override { result = std::string(whole.text()); }
  std::optional<std::vector<larder::download_piece>> plan(const larder::blob_info& info, const bytes& beginning) override {
    ++plans;
    result.assign(static_cast<std::size_t>(info.size), '?');
    const std::span<std::byte> room(reinterpret_cast<std::byte*>(result.data()), result.size());
    std::vector<larder::download_piece> pieces = larder::memory_download::pieces_of(room, 0, beginning, 4 * KiB);
    for (const std::size_t each : known) pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(each));
    shown.assign(pieces.size(), 0);
    return pieces;
  }
  bool landed(std::size_t piece) override {
    const std::lock_guard lock(mutex_);
    ++shown.at(piece);
    if (piece != refused || refusals == 0) return true;
    --refusals;
    return false;
  }

  std::string result;
  std::vector<std::size_t> known;  // from the last to the first
  int plans = 0;
  std::size_t refused = 0;
  int refusals = 0;
  std::vector<int> shown;  // how often each piece was

 private:
  std::mutex mutex_;
};

/// One stream, so that the requests have an order.
struct downloading {
  explicit downloading(larder::transfer_settings how = {.streams = 1, .first_request = 4 * KiB},
                       std::uint64_t budget_size = 1024 * KiB)
      : budget(budget_size), streams(how.most_threads), download(how, streams, budget) {}

  bool fetch(larder::download_target& target, const larder::transfer_control& control = {}) {
    return download.fetch(client, "o", target, control);
  }
  std::optional<error_cause> failure(const larder::transfer_control& control = {}) {
    pieces_target target;
    return support::cause_of([&] { fetch(target, control); });
  }
  std::vector<std::uint64_t> offsets() const {
    std::vector<std::uint64_t> begins;
    for (const remote::http_request& each : script.seen()) begins.push_back(each.range ? each.range->offset : 0);
    return begins;
  }

  transport_script script;
  remote::byte_budget budget;
  remote::transfer_streams streams;
  scripted_transport transport{script};
  larder::webdav::client<scripted_transport> client{{.url = "http://h", .max_object = std::uint64_t{1} << 20U}, transport};
  remote::parallel_download download;
};

/// As from a server that does not say how long its body is.
remote::http_response deliver_unannounced(remote::http_request request, std::string_view object, std::string_view etag) {
  request.into = nullptr;
  return deliver(request, object, etag);
}
/// As from a server that does not know `If-Match`.
remote::http_response deliver_any(remote::http_request request, std::string_view object, std::string_view etag,
                                  std::size_t break_after = std::string::npos) {
  request.headers.clear();
  return deliver(request, object, etag, break_after);
}

std::optional<std::string> if_match(const remote::http_request& request) {
  for (const remote::http_header& h : request.headers)
    if (h.name == "If-Match") return std::string(h.value.reveal());
  return std::nullopt;
}

const std::string first_version = support::pattern(10 * KiB, 1);
const std::string second_version = support::pattern(10 * KiB, 2);
const std::string longer_version = support::pattern(11 * KiB, 3);

}  // namespace

TEST_CASE("each request after the first asks for the version that the first one had, if it can be named") {
  for (const std::string etag : {"\"v1\"", "W/\"v1\"", ""}) {
    CAPTURE(etag);
    downloading one;
    one.script.answer([&](const auto& request, std::size_t n) {
      return n == 0 ? deliver(request, first_version, etag, 1000) : deliver(request, first_version, etag);
    });
    pieces_target target;
    CHECK(one.fetch(target));
    CHECK(target.result == first_version);
    const bool strong = etag.starts_with('"');
    CHECK(one.offsets() ==
          std::vector<std::uint64_t>{0, strong ? 1000U : 0U, 4 * KiB, 8 * KiB});  // what no tag names is of no use
    const std::vector<remote::http_request> seen = one.script.seen();
    CHECK_FALSE(if_match(seen[0]));
    for (std::size_t n = 1; n < seen.size(); ++n) CHECK(if_match(seen[n]) == (strong ? std::optional(etag) : std::nullopt));
    CHECK(seen[1].range->offset + seen[1].range->size == 4 * KiB);
  }
}

TEST_CASE("a first answer that breaks off is joined with the rest of its own version and no other") {
  const auto fetch_from = [](auto&& rest, const std::string& then, std::string_view then_tag) {
    downloading one;
    one.script.answer([&](const auto& request, std::size_t n) {
      return n == 0 ? deliver(request, first_version, "\"v1\"", 1000) : n == 1 ? rest(request) : deliver(request, then, then_tag);
    });
    pieces_target target;
    CHECK(one.fetch(target));
    CHECK(one.budget.in_flight() == 0);
    return target.result == then;
  };
  SUBCASE("it is the same, and has no length") {
    const auto same = [](const auto& request) { return deliver_unannounced(request, first_version, "\"v1\""); };
    CHECK(fetch_from(same, first_version, "\"v1\""));
  }
  SUBCASE("the server says that it changed") {
    const auto changed = [](const auto& request) { return deliver(request, second_version, "\"v2\""); };
    CHECK(fetch_from(changed, second_version, "\"v2\""));
  }
  SUBCASE("the answer has another ETag") {
    const auto other = [](const auto& request) { return deliver_any(request, second_version, "\"v2\""); };
    CHECK(fetch_from(other, second_version, "\"v2\""));
  }
  SUBCASE("the answer has another ETag and no length") {
    const auto other = [](auto request) {
      request.headers.clear();
      return deliver_unannounced(request, second_version, "\"v2\"");
    };
    CHECK(fetch_from(other, second_version, "\"v2\""));
  }
  SUBCASE("the answer has the ETag and another size") {
    const auto other = [](const auto& request) { return deliver_any(request, longer_version, "\"v1\""); };
    CHECK(fetch_from(other, longer_version, "\"v1\""));
  }
  SUBCASE("the answer has the ETag, another size and no length") {
    const auto other = [](const auto& request) { return deliver_unannounced(request, longer_version, "\"v1\""); };
    CHECK(fetch_from(other, longer_version, "\"v1\""));
  }
}

TEST_CASE("what came of a version without a name is forgotten, also when the next one breaks off before its first byte") {
  downloading one;
  one.script.answer([&](const auto& request, std::size_t n) {
    return n == 0   ? deliver(request, first_version, "W/\"v1\"", 1000)
           : n == 1 ? deliver(request, second_version, "\"v2\"", 0)
                    : deliver(request, second_version, "\"v2\"");
  });
  CHECK(one.failure() == error_cause::network);  // of the second nothing has begun
  CHECK(one.script.count() == 2);
}

TEST_CASE("a range of another version, or of none, makes the download begin anew") {
  const auto fetch_with = [](auto&& last) {  // what answers for the last piece: nothing that comes behind can tell
    downloading one;
    one.script.answer([&](const auto& request, std::size_t n) {
      return n < 2    ? deliver(request, first_version, "\"v1\"")
             : n == 2 ? last(request)
                      : deliver(request, longer_version, "\"v3\"");
    });
    pieces_target target;
    CHECK(one.fetch(target));
    CHECK(target.plans == 2);
    return target.result;
  };
  SUBCASE("another ETag") {
    CHECK(fetch_with([](const auto& request) { return deliver_any(request, second_version, "\"v2\""); }) == longer_version);
  }
  SUBCASE("another ETag and no length") {
    CHECK(fetch_with([](auto request) {
            request.headers.clear();
            return deliver_unannounced(request, second_version, "\"v2\"");
          }) == longer_version);
  }
  SUBCASE("the ETag and another size") {
    CHECK(fetch_with([](const auto& request) { return deliver_any(request, longer_version, "\"v1\""); }) == longer_version);
  }
  SUBCASE("the ETag and no length, ending before its end") {
    CHECK(fetch_with([](const auto& request) {
            return deliver_unannounced(request, std::string_view(first_version).substr(0, 9 * KiB), "\"v1\"");
          }) == longer_version);
  }
  SUBCASE("the object is not there for a moment") {
    CHECK(fetch_with([](const auto&) { return answer_of(404); }) == longer_version);
  }
}

TEST_CASE("an object that changes each time is an error after the fourth") {
  downloading one;
  one.script.answer([&](const auto& request, std::size_t n) {
    return deliver_any(request, first_version, "\"v" + std::to_string(n) + "\"");  // of each version one request
  });
  CHECK(one.failure() == error_cause::server);
  CHECK(one.script.count() == 8);
}

TEST_CASE("an answer whose Content-Range and length contradict each other is not taken") {
  downloading one;
  one.script.answer([&](const auto& request, std::size_t n) {
    if (n == 0) return deliver(request, first_version, "\"v1\"");
    remote::http_response head = answer_of(206, {{"etag", "\"v1\""}, {"content-range", "bytes 4096-4099/10240"}});
    const std::span<std::byte> room = request.into->room(head, request.range->size);
    std::fill(room.begin(), room.end(), std::byte{'x'});
    request.into->landed(room.size());
    head.landed = room.size();
    return head;
  });
  CHECK(one.failure() == error_cause::server);
  CHECK(one.script.count() == 1 + 3);
}

TEST_CASE("an object whose size no answer says is asked for it, and may be just as long as the first request") {
  const auto hide_size = [](remote::http_response answer) {
    for (remote::http_header& h : answer.headers)
      if (h.name == "content-range") {
        const std::string all(h.value.reveal());
        h.value = larder::secret(all.substr(0, all.find('/')) + "/*");
      }
    return answer;
  };
  for (const std::size_t size : {4 * KiB, 4 * KiB + 1, 10 * KiB}) {
    CAPTURE(size);
    const std::string object = first_version.substr(0, size);
    downloading one;
    one.script.answer([&](const auto& request, std::size_t) {
      if (request.method == "HEAD")
        return answer_of(200, {{"content-length", larder::secret(std::to_string(size))}, {"etag", "\"v1\""}});
      return hide_size(deliver_unannounced(request, object, "\"v1\""));
    });
    std::uint64_t landed = 0;
    pieces_target target;
    CHECK(one.fetch(target, {.progress = [&](std::uint64_t now, std::uint64_t) { landed = now; }}));
    CHECK(target.result == object);
    CHECK(landed == size);
    CHECK(one.budget.in_flight() == 0);
  }
  downloading shrunk;  // between the two answers
  shrunk.script.answer([&](const auto& request, std::size_t) {
    if (request.method == "HEAD") return answer_of(200, {{"content-length", "3000"}, {"etag", "\"v2\""}});
    return hide_size(deliver_unannounced(request, first_version, "\"v1\""));
  });
  CHECK(shrunk.failure() == error_cause::server);
  downloading replaced;  // by one that is as long as what came of the first
  replaced.script.answer([&](const auto& request, std::size_t n) {
    if (request.method == "HEAD")
      return answer_of(200, {{"content-length", "4096"}, {"etag", larder::secret(n > 1 ? "\"v2\"" : "\"v1\"")}});
    if (n > 1) return hide_size(deliver_unannounced(request, first_version.substr(1, 4 * KiB), "\"v2\""));
    return hide_size(deliver_unannounced(request, first_version, "\"v0\""));
  });
  pieces_target second;
  CHECK(replaced.fetch(second));
  CHECK(second.result == first_version.substr(1, 4 * KiB));
  downloading too_large;
  too_large.script.answer([&](const auto& request, std::size_t) {
    if (request.method == "HEAD") return answer_of(200, {{"content-length", "1048577"}, {"etag", "\"v1\""}});
    return hide_size(deliver_unannounced(request, first_version, "\"v1\""));
  });
  pieces_target unplanned;
  CHECK(support::cause_of([&] { too_large.fetch(unplanned); }) == error_cause::server);
  CHECK(unplanned.plans == 0);
  downloading given_up;
  std::stop_source stop;
  given_up.script.answer([&](const auto& request, std::size_t) {
    if (request.method != "HEAD") return hide_size(deliver_unannounced(request, first_version, "\"v1\""));
    stop.request_stop();
    CHECK(request.stop.stop_requested());
    larder::core::fail(error_cause::cancelled, "given up");
  });
  CHECK(given_up.failure({.stop = stop.get_token()}) == error_cause::cancelled);
  downloading erased;
  erased.script.answer([&](const auto& request, std::size_t) {
    if (request.method == "HEAD") return answer_of(404);
    return hide_size(deliver_unannounced(request, first_version, "\"v1\""));
  });
  pieces_target none;
  CHECK_FALSE(erased.fetch(none));
}

TEST_CASE("three failures in a row that bring nothing are the end, and what comes in between begins the count anew") {
  for (const error_cause cause : {error_cause::network, error_cause::timeout, error_cause::server}) {
    CAPTURE(static_cast<int>(cause));
    const auto requests_when = [&](std::size_t good, auto&& breaks) -> std::pair<bool, std::size_t> {
      downloading one;
      one.script.answer([&](const auto& request, std::size_t n) {
        if (n < good) return deliver(request, first_version, "\"v1\"");
        if (const std::optional<std::size_t> after = breaks(n)) {
          if (*after == 0) larder::core::fail(cause, "nothing came");
          return deliver(request, first_version, "\"v1\"", *after);
        }
        return deliver(request, first_version, "\"v1\"");
      });
      pieces_target target;
      try {
        const bool there = one.fetch(target) && target.result == first_version;
        return {there, one.script.count()};
      } catch (const larder::error& e) {
        CHECK((e.cause() == cause || e.cause() == error_cause::network));
        return {false, one.script.count()};
      }
    };
    using after = std::optional<std::size_t>;
    // The first request.
    CHECK(requests_when(0, [](std::size_t n) { return after(n == 0 ? 100 : 0); }) == std::pair(false, std::size_t{1 + 2}));
    CHECK(requests_when(0, [](std::size_t n) { return n > 4 ? after() : after(n % 2 == 0 ? 100 : 0); }) ==
          std::pair(true, std::size_t{5 + 3}));
    // A later one.
    CHECK(requests_when(1, [](std::size_t) { return after(0); }) == std::pair(false, std::size_t{1 + 3}));
    CHECK(requests_when(1, [](std::size_t n) { return n > 8 ? after() : after(n % 3 == 0 ? 100 : 0); }) ==
          std::pair(true, std::size_t{1 + 8 + 2}));
  }
}

TEST_CASE("a first answer that always breaks off ends in an error, also where nothing can be kept of it") {
  for (const std::string etag : {"W/\"v1\"", ""}) {
    CAPTURE(etag);
    downloading one;
    one.script.answer(
        [&](const auto& request, std::size_t n) { return deliver(request, first_version, etag, n > 100 ? 4 * KiB : 100); });
    CHECK(one.failure() == error_cause::network);
    CHECK(one.script.count() == 3);
    CHECK(one.budget.in_flight() == 0);
  }
}

TEST_CASE("a server that ignores ranges sends what lies side by side as one, and each piece of it is looked at") {
  const auto whole = [](remote::http_request request) {
    const std::size_t from = request.range ? static_cast<std::size_t>(request.range->offset) : 0;
    const std::size_t size = request.range ? static_cast<std::size_t>(request.range->size) : first_version.size();
    request.range.reset();
    remote::http_response answer =
        answer_of(200, {{"etag", "\"v1\""}, {"content-length", larder::secret(std::to_string(first_version.size()))}});
    const std::string_view part = std::string_view(first_version).substr(from, size);  // as curl_transport cuts it
    const std::span<std::byte> room = request.into->room(answer, part.size());
    std::memcpy(room.data(), part.data(), part.size());
    request.into->landed(part.size());
    answer.landed = part.size();
    answer.cut = part.size() != first_version.size();
    return answer;
  };
  SUBCASE("all of them") {
    downloading one;
    one.script.answer([&](const auto& request, std::size_t) { return whole(request); });
    pieces_target target;
    target.refused = 2;
    target.refusals = 1;
    CHECK(one.fetch(target));
    CHECK(target.result == first_version);
    CHECK(target.shown == std::vector<int>{1, 1, 2});
    CHECK(one.offsets() == std::vector<std::uint64_t>{0, 4 * KiB, 8 * KiB});
  }
  SUBCASE("of which some are there already") {
    downloading one({.streams = 1, .first_request = 6 * KiB});
    one.script.answer([&](const auto& request, std::size_t) { return whole(request); });
    pieces_target all;
    CHECK(one.fetch(all));
    CHECK(all.result == first_version);
    pieces_target target;
    target.known = {0};
    CHECK(one.fetch(target));
    CHECK(std::string_view(target.result).substr(4 * KiB) == std::string_view(first_version).substr(4 * KiB));
    CHECK(one.offsets() == std::vector<std::uint64_t>{0, 6 * KiB, 0, 6 * KiB});
  }
  SUBCASE("in rooms that do not lie as the object does") {
    struct scattered final : larder::download_target {
      void take(const larder::blob_info&, bytes) override { FAIL("it is longer than that"); }
      std::optional<std::vector<larder::download_piece>> plan(const larder::blob_info&, const bytes&) override {
        const std::span<std::byte> all(reinterpret_cast<std::byte*>(text.data()), text.size());
        return std::vector<larder::download_piece>{
            {4 * KiB, all.subspan(0, KiB)}, {6 * KiB, all.subspan(KiB, KiB)}, {7 * KiB, all.subspan(4 * KiB, KiB)}};
      }
      bool landed(std::size_t) override { return true; }
      std::string text = std::string(5 * KiB, '?');
    } target;
    downloading one({.streams = 3, .first_request = 4 * KiB});
    std::atomic<int> on_other_threads = 0;
    one.script.answer([&, caller = std::this_thread::get_id()](const auto& request, std::size_t) {
      if (std::this_thread::get_id() != caller) ++on_other_threads;
      for (int i = 0; i < 1000 && on_other_threads == 0; ++i) std::this_thread::yield();  // who wants to come in between can
      return whole(request);
    });
    CHECK(one.fetch(target));
    CHECK(on_other_threads == 0);
    CHECK(one.script.count() == 4);
    CHECK(target.text == first_version.substr(4 * KiB, KiB) + first_version.substr(6 * KiB, KiB) + std::string(2 * KiB, '?') +
                             first_version.substr(7 * KiB, KiB));
  }
}

TEST_CASE("a piece that is fetched once more is fetched from its start, and progress goes back for it") {
  downloading one({.streams = 1, .first_request = 6 * KiB});
  one.script.answer([&](const auto& request, std::size_t n) {
    return n % 2 == 0 ? deliver(request, first_version, "\"v1\"") : deliver_unannounced(request, first_version, "\"v1\"");
  });
  std::vector<std::uint64_t> seen;
  pieces_target target;
  target.refused = 1;
  target.refusals = 1;
  CHECK(one.fetch(target, {.progress = [&](std::uint64_t landed, std::uint64_t total) {
                    CHECK(total == 10 * KiB);
                    CHECK(landed <= total);
                    seen.push_back(landed);
                  }}));
  CHECK(target.result == first_version);
  CHECK(one.offsets() == std::vector<std::uint64_t>{0, 6 * KiB, 4 * KiB, 8 * KiB});
  CHECK(seen.front() == 6 * KiB);
  CHECK(std::find(seen.begin(), seen.end(), 4 * KiB) != seen.end());
  CHECK(seen.back() == 10 * KiB);
}

TEST_CASE("progress goes back to where a range begins that is answered anew") {
  downloading one;
  one.script.answer([&](const auto& request, std::size_t n) {
    if (n == 1) {  // the transport sends again by itself
      try {
        deliver(request, first_version, "\"v1\"", 2000);
      } catch (const larder::error&) {
      }
      return deliver(request, first_version, "\"v1\"");
    }
    return deliver(request, first_version, "\"v1\"");
  });
  std::uint64_t last = 0;
  bool went_back = false;
  pieces_target target;
  CHECK(one.fetch(target, {.progress = [&](std::uint64_t landed, std::uint64_t) {
                    went_back = went_back || (last > 4 * KiB && landed == 4 * KiB);
                    last = landed;
                  }}));
  CHECK(went_back);
  CHECK(last == 10 * KiB);
}

TEST_CASE("every byte on its way is in the budget, and a wait for it ends with a stop") {
  downloading one({.streams = 3, .first_request = 4 * KiB}, 5 * KiB);
  std::atomic<std::uint64_t> now = 0;
  std::atomic<bool> within = true;
  one.script.answer([&](const auto& request, std::size_t n) {
    if (n == 0) {
      const remote::http_response answer = deliver(request, first_version, "\"v1\"");
      CHECK(one.budget.in_flight() == 4 * KiB);
      return answer;
    }
    if ((now += request.range->size) > one.budget.in_flight() || one.budget.in_flight() > 5 * KiB) within = false;
    std::this_thread::yield();
    const remote::http_response answer = deliver(request, first_version, "\"v1\"");
    now -= request.range->size;
    return answer;
  });
  pieces_target target;
  CHECK(one.fetch(target));
  CHECK(within);
  CHECK(one.budget.in_flight() == 0);

  std::stop_source stop;
  const remote::byte_budget::lease others = one.budget.take(5 * KiB);
  one.script.answer([&](const auto& request, std::size_t) { return deliver(request, first_version, "\"v1\""); });
  std::jthread stopping([&] {
    CHECK(eventually([&] { return one.budget.waiting() != 0; }));
    stop.request_stop();
  });
  CHECK(one.failure({.stop = stop.get_token()}) == error_cause::cancelled);
  CHECK(one.budget.waiting() == 0);
}

TEST_CASE("the caller's stop goes with every request") {
  for (const std::size_t nth : {0UL, 1UL}) {
    CAPTURE(nth);
    downloading one;
    std::stop_source stop;
    one.script.answer([&](const auto& request, std::size_t n) {
      if (n != nth) return deliver(request, first_version, "\"v1\"");
      stop.request_stop();
      CHECK(request.stop.stop_requested());
      larder::core::fail(error_cause::cancelled, "stopped");
    });
    CHECK(one.failure({.stop = stop.get_token()}) == error_cause::cancelled);
    CHECK(one.script.count() == nth + 1);
    CHECK(one.budget.in_flight() == 0);
  }
}
