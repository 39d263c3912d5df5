#include <larder/larder.hpp>
#include <larder/serve/chunk_tier.hpp>

#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using memory_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes>;

TEST_CASE("any cache of bytes is a tier, borrowed or owned") {
  CHECK_FALSE(larder::chunk_tier());
  memory_cache lent{larder::max_bytes{1000}};
  const larder::chunk_tier borrowed(lent);
  CHECK(borrowed);
  CHECK(borrowed.put("a", larder::bytes::copy_of("x")));
  CHECK(lent.contains("a"));
  CHECK(borrowed.get("a")->text() == "x");
  CHECK_FALSE(borrowed.get("b"));

  const larder::chunk_tier owned(std::make_unique<memory_cache>(larder::max_bytes{1000}));
  const larder::chunk_tier copy = owned;
  CHECK(owned.put("a", larder::bytes::copy_of("y")));
  CHECK(copy.get("a")->text() == "y");
}
