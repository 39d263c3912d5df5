#include <larder/artifact/resolver_turns.hpp>

#include <thread>

#include <doctest/doctest.h>

using larder::artifacts::resolver_turns;

TEST_CASE("a turn is nested where its thread has one already, and only there") {
  resolver_turns all;
  {
    const resolver_turns::turn outer(all);
    CHECK_FALSE(outer.is_nested());
    bool other_is_nested = true;
    std::thread([&] { other_is_nested = resolver_turns::turn(all).is_nested(); }).join();
    CHECK_FALSE(other_is_nested);
    {
      const resolver_turns::turn inner(all);
      CHECK(inner.is_nested());
    }
    CHECK(resolver_turns::turn(all).is_nested());  // the end of an inner one ends nothing
  }
  CHECK_FALSE(resolver_turns::turn(all).is_nested());
}
