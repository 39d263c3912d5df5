#include <larder/remote/body_sink.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::remote::body_sink;

namespace {

/// What the sink keeps of `text` that comes in pieces of `step`; nothing when it refuses.
std::optional<std::string> kept(const std::string& text, bool announced, std::uint64_t offset, std::uint64_t size, std::uint64_t limit, std::size_t step) {
  body_sink sink("GET x");
  try {
    sink.begin(announced ? std::optional<std::uint64_t>(text.size()) : std::nullopt, offset, size, limit);
    for (std::size_t at = 0; at < text.size(); at += step)
      if (!sink.write(std::as_bytes(std::span(text).subspan(at, std::min(step, text.size() - at))))) break;
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::server);
    return std::nullopt;
  }
  return std::string(std::move(sink).take().text());
}

}  // namespace

TEST_CASE("the sink keeps exactly its window, or refuses what passes the limit") {
  CHECK(rc::check("window of a body", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::character<char>());
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, 130);
    const auto size = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 130), rc::gen::just(~std::uint64_t{0}));
    const auto limit = *rc::gen::inRange<std::uint64_t>(0, 130);
    const auto step = *rc::gen::inRange<std::size_t>(1, 40);
    const bool announced = *rc::gen::arbitrary<bool>();
    const std::string window = offset >= text.size() ? std::string{} : text.substr(offset, std::min<std::uint64_t>(size, text.size()));
    const std::optional<std::string> got = kept(text, announced, offset, size, limit, step);
    RC_ASSERT(got.has_value() == (window.size() <= limit));
    if (got) RC_ASSERT(*got == window);
  }));
}

TEST_CASE("the sink stops a transfer that goes on for long behind the window") {
  const std::string piece(100'000, 'x');
  for (const bool announced : {true, false}) {
    body_sink sink("GET x");
    sink.begin(announced ? std::optional<std::uint64_t>(50'000'000) : std::nullopt, 10, 20, 20);
    int pieces = 1;
    while (sink.write(std::as_bytes(std::span(piece)))) ++pieces;
    CHECK(pieces == (announced ? 1 : 11));
    CHECK(std::move(sink).take().size() == 20);
  }
}

TEST_CASE("a window lands in the room that is lent for it, however it is cut, and nothing beside it is touched") {
  const std::string body = "0123456789abcdefghij";
  for (const std::size_t step : {1U, 7U, 20U}) {
    std::string memory(12, '.');
    std::uint64_t asked = 0;
    body_sink sink("GET x");
    sink.begin(body.size(), 5, 8, 8, [&](std::uint64_t size) {
      asked = size;
      return std::as_writable_bytes(std::span(memory)).subspan(2);
    });
    CHECK(sink.landed() == 0);
    for (std::size_t at = 0; at < body.size(); at += step)
      CHECK(sink.write(std::as_bytes(std::span(body).subspan(at, std::min<std::size_t>(step, body.size() - at)))));
    CHECK(asked == 8);
    CHECK(sink.landed() == 8);
    CHECK(sink.received() == body.size());
    CHECK(memory == "..56789abc..");
    CHECK(std::move(sink).take().empty());
  }
}

TEST_CASE("a body that is longer than it was announced does not leave its room") {
  const std::string body(30, 'x');
  std::string memory(30, '.');
  body_sink sink("GET x");
  sink.begin(10, 0, ~std::uint64_t{0}, 100,
             [&](std::uint64_t size) { return std::as_writable_bytes(std::span(memory)).first(size); });
  sink.write(std::as_bytes(std::span(body)));
  CHECK(sink.landed() == 10);
  CHECK(memory == std::string(10, 'x') + std::string(20, '.'));
}

TEST_CASE("a room that is too small, and a window beyond the limit, are refused before a byte comes") {
  std::string memory(7, '.');
  bool asked = false;
  const auto lend = [&](std::uint64_t) {
    asked = true;
    return std::as_writable_bytes(std::span(memory));
  };
  body_sink sink("GET x");
  CHECK_THROWS_AS(sink.begin(100, 0, 9, 8, lend), larder::error);
  CHECK_FALSE(asked);
  CHECK_THROWS_AS(sink.begin(100, 0, 8, 8, lend), larder::error);
  CHECK(asked);
  CHECK_NOTHROW(sink.begin(100, 0, 7, 8, lend));
  CHECK_THROWS_AS(sink.begin(100, 0, 9, 8), larder::error);
}

TEST_CASE("a sink begins anew for another answer, with nothing of the one before") {
  std::string memory(4, '.');
  body_sink sink("GET x");
  sink.begin(4, 0, 4, 10, [&](std::uint64_t) { return std::as_writable_bytes(std::span(memory)); });
  sink.write(std::as_bytes(std::span(std::string_view("abcd"))));
  sink.begin(std::nullopt, 1, 5, 10);
  CHECK(sink.received() == 0);
  CHECK_FALSE(sink.landed());
  sink.write(std::as_bytes(std::span(std::string_view("xyz"))));
  CHECK(memory == "abcd");
  CHECK(std::move(sink).take().text() == "yz");
}
