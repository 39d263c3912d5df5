#include <larder/remote/body_sink.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

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
