#include <larder/core/digest.hpp>
#include <larder/serve/chunk_address.hpp>

#include <string>

#include <doctest/doctest.h>

using larder::serve::parse_chunk_target;

TEST_CASE("the address of a chunk and that of a manifest") {
  const auto named = parse_chunk_target("/v1/c/layer.0");
  REQUIRE(named);
  CHECK(named->name() == "layer.0");
  CHECK(named->key == "c/layer.0");
  CHECK_FALSE(named->manifest);
  CHECK_FALSE(named->content);

  const std::string hex = larder::digest_of("x").hex();
  const std::string target = "/v1/c/" + hex;
  const auto digested = parse_chunk_target(target);
  REQUIRE(digested);
  CHECK(digested->content == larder::digest_of("x"));

  const auto manifest = parse_chunk_target("/v1/m/llama-7b/manifest");
  REQUIRE(manifest);
  CHECK(manifest->name() == "llama-7b");
  CHECK(manifest->key == "m/llama-7b");
  CHECK(manifest->manifest);
}

TEST_CASE("a manifest of a digest's name is no digest") {
  const std::string target = "/v1/m/" + larder::digest_of("x").hex() + "/manifest";
  REQUIRE(parse_chunk_target(target));
  CHECK_FALSE(parse_chunk_target(target)->content);
}

TEST_CASE("what is no address, or no safe name, is none") {
  for (const char* target : {"",
                             "/",
                             "/v1/",
                             "/v1/c",
                             "/v1/c/",
                             "/v1/c/../x",
                             "/v1/c/%2e%2e",
                             "/v1/c/a%2fb",
                             "/v1/c/.x",
                             "/v1/c/a/b",
                             "/v1/m/",
                             "/v1/m//manifest",
                             "/v1/m/manifest",
                             "/v1/m/x",
                             "/v1/m/x/manifest/",
                             "/v1/m/../manifest",
                             "/v1/m/a/b/manifest",
                             "/v2/c/x",
                             "v1/c/x",
                             "/v1/x/y",
                             "/V1/c/x",
                             "http://h/v1/c/x"})
    CHECK_FALSE(parse_chunk_target(target));
}
