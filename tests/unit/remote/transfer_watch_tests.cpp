#include <larder/remote/transfer_watch.hpp>

#include <chrono>
#include <optional>
#include <string>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
using larder::remote::transfer_progress;
using larder::remote::transfer_watch;

constexpr larder::remote_timeouts limits{.connect = 1s, .first_byte = 3s, .stall = 2s, .slowest = 100, .total = 60s};
const transfer_watch::clock::time_point start{};

}  // namespace

TEST_CASE("an answer has to begin in time, counted from the last byte that was sent") {
  transfer_watch watch(limits, start);
  CHECK(watch.look({.moved = 0, .sending = true}, start + 1s));
  CHECK(watch.look({.moved = 500, .sending = true}, start + 1900ms));
  CHECK(watch.look({.moved = 900}, start + 3s));
  CHECK(watch.look({.moved = 900}, start + 5999ms));
  CHECK_FALSE(watch.look({.moved = 900}, start + 6s));
  CHECK(watch.reason().find("no answer") != std::string::npos);
}

TEST_CASE("an answer that began in time makes the time that it had void, for what is asked for next as well") {
  transfer_watch late(limits, start, start + 1s);
  CHECK(late.look({}, start + 999ms) == 1);
  CHECK_FALSE(late.look({}, start + 1s));
  CHECK(late.reason() == "no answer began within the time that the look-up had");
  transfer_watch watch(limits, start, start + 1s);
  watch.answer_began();
  CHECK(watch.look({.moved = 10, .answered = true}, start + 1s));
  CHECK(watch.look({.moved = 20}, start + 2s));
}

TEST_CASE("a gap ends a transfer in either direction") {
  transfer_watch upload(limits, start);
  CHECK(upload.look({.moved = 10, .sending = true}, start + 500ms));
  CHECK(upload.look({.moved = 5000, .sending = true}, start + 1s));
  CHECK_FALSE(upload.look({.moved = 5000, .sending = true}, start + 3s));
  transfer_watch download(limits, start);
  CHECK(download.look({.moved = 10'000, .answered = true}, start + 1s));
  CHECK(download.look({.moved = 10'000, .answered = true}, start + 2999ms));
  CHECK_FALSE(download.look({.moved = 10'000, .answered = true}, start + 3s));
}

TEST_CASE("a trickle ends a transfer, a slow but honest one goes on") {
  transfer_watch trickle(limits, start);
  std::uint64_t moved = 0;
  std::optional<int> wait = 1;
  int looks = 0;
  for (; wait && looks < 100; ++looks) wait = trickle.look({.moved = ++moved, .answered = true}, start + looks * 100ms);
  CHECK(looks == 21);
  transfer_watch honest(limits, start);
  for (looks = 0; looks < 100; ++looks) CHECK(honest.look({.moved = moved += 20, .answered = true}, start + looks * 100ms));
}

TEST_CASE("the whole has its limit, and no limit is none") {
  transfer_watch watch(limits, start);
  std::uint64_t moved = 0;
  for (int s = 0; s < 60; ++s) CHECK(watch.look({.moved = moved += 1000, .answered = true}, start + s * 1s));
  CHECK_FALSE(watch.look({.moved = moved += 1000, .answered = true}, start + 60s));
  constexpr larder::remote_timeouts none{.connect = 0s, .first_byte = 0s, .stall = 0s, .slowest = 100, .total = 0s};
  transfer_watch patient(none, start);
  CHECK(patient.look({}, start + 10'000h) == 1000);
}

TEST_CASE("the next look comes no later than the next deadline") {
  transfer_watch watch(limits, start);
  CHECK(watch.look({}, start) == 1000);
  CHECK(watch.look({}, start + 2500ms) == 500);
  CHECK(watch.look({}, start + 2999999us) == 1);
}

TEST_CASE("a transfer that was fast at first ends when it trickles, however much came before") {
  transfer_watch watch(limits, start);
  CHECK(watch.look({.moved = 1'000'000, .answered = true}, start + 1s));
  CHECK(watch.look({.moved = 1'000'001, .answered = true}, start + 2s));
  CHECK(watch.look({.moved = 1'000'002, .answered = true}, start + 3s));
  CHECK_FALSE(watch.look({.moved = 1'000'003, .answered = true}, start + 4s));
}

TEST_CASE("the wait for an answer does not count against how fast it comes") {
  transfer_watch watch(limits, start);
  CHECK(watch.look({.moved = 50}, start + 2900ms));
  CHECK(watch.look({.moved = 60, .answered = true}, start + 2950ms));
  CHECK(watch.look({.moved = 250, .answered = true}, start + 4800ms));
}

TEST_CASE("an answer that is needed by some time must have begun by then, and may go on after it") {
  transfer_watch waiting(limits, start, start + 1500ms);
  CHECK(waiting.look({}, start + 1s) == 500);
  CHECK(waiting.look({}, start + 1499ms) == 1);
  CHECK_FALSE(waiting.look({}, start + 1500ms));
  CHECK(waiting.reason().find("look-up") != std::string::npos);
  transfer_watch sending(limits, start, start + 1500ms);
  CHECK_FALSE(sending.look({.moved = 1000, .sending = true}, start + 1500ms));
  transfer_watch begun(limits, start, start + 1500ms);
  CHECK(begun.look({.moved = 1000, .answered = true}, start + 1400ms));
  CHECK(begun.look({.moved = 2000, .answered = true}, start + 1600ms));
}
