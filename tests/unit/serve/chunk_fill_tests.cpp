#include <larder/serve/chunk_fill.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

namespace serve = larder::serve;
using serve::fill_state;

namespace {

struct heard final : serve::fill_listener {
  void more_has_come(std::uint64_t token) noexcept override { tokens.push_back(token); }
  std::vector<std::uint64_t> tokens;
};

}  // namespace

TEST_CASE("who waits for a fill is told once of each change that it has not seen") {
  serve::chunk_fill fill;
  heard listener;
  CHECK(fill.look().state == fill_state::opening);
  CHECK(fill.tell_when_changed(fill.look(), listener, 1));
  CHECK(fill.tell_when_changed(fill.look(), listener, 2));
  CHECK(listener.tokens.empty());

  auto content = std::make_shared<serve::chunk>();
  content->size = 10;
  const serve::chunk_fill::progress before = fill.look();
  fill.begin(content);
  CHECK(listener.tokens == std::vector<std::uint64_t>{1, 2});
  CHECK_FALSE(fill.tell_when_changed(before, listener, 3));
  CHECK(fill.look().state == fill_state::flowing);
  CHECK(fill.look().content == content);
  CHECK(fill.look().landed == 0);

  const serve::chunk_fill::progress begun = fill.look();
  fill.land(4);
  CHECK(fill.look().landed == 4);
  CHECK(listener.tokens.size() == 2);
  CHECK_FALSE(fill.tell_when_changed(begun, listener, 4));
  CHECK(fill.tell_when_changed(fill.look(), listener, 5));
  fill.finish();
  CHECK(listener.tokens == std::vector<std::uint64_t>{1, 2, 5});
  CHECK(fill.look().state == fill_state::whole);
  CHECK(fill.look().landed == 10);
}

TEST_CASE("a fill that fails says why") {
  serve::chunk_fill fill;
  heard listener;
  CHECK(fill.look().failure == serve::fill_failure::none);
  CHECK(fill.tell_when_changed(fill.look(), listener, 1));
  fill.fail(serve::fill_failure::damaged);
  CHECK(listener.tokens == std::vector<std::uint64_t>{1});
  CHECK(fill.look().state == fill_state::failed);
  CHECK(fill.look().failure == serve::fill_failure::damaged);
}
