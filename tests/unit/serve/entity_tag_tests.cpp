#include <larder/serve/entity_tag.hpp>

#include <doctest/doctest.h>

namespace serve = larder::serve;
using serve::condition_result;
using serve::tag_comparison;

TEST_CASE("a list of tags names a tag") {
  for (const char* list : {"\"a\"", " \"a\" ", "*", "\"b\", \"a\"", "\"b\",\"a\",\"c\"", "W/\"b\" , \"a\""}) {
    CHECK(serve::names_tag(list, "\"a\"", tag_comparison::strong));
    CHECK(serve::names_tag(list, "\"a\"", tag_comparison::weak));
  }
  CHECK(serve::names_tag("W/\"a\"", "\"a\"", tag_comparison::weak));
  CHECK_FALSE(serve::names_tag("W/\"a\"", "\"a\"", tag_comparison::strong));
  for (const char* list :
       {"", "a", "\"b\"", "\"A\"", "\"a", "a\"", "\"b\" \"a\"", ",\"a\"", "w/\"a\"", "\"a\\\"\"", "**", "*,\"b\""})
    CHECK_FALSE(serve::names_tag(list, "\"a\"", tag_comparison::weak));
}

TEST_CASE("conditions are met in their order") {
  serve::request_head request;
  CHECK(serve::meet_conditions(request, "\"a\"") == condition_result::go_on);
  request.if_none_match = "\"a\"";
  CHECK(serve::meet_conditions(request, "\"a\"") == condition_result::not_modified);
  CHECK(serve::meet_conditions(request, "\"b\"") == condition_result::go_on);
  request.if_match = "\"b\"";
  CHECK(serve::meet_conditions(request, "\"a\"") == condition_result::failed);
  CHECK(serve::meet_conditions(request, "\"b\"") == condition_result::go_on);
  request.if_match = "W/\"b\"";
  CHECK(serve::meet_conditions(request, "\"b\"") == condition_result::failed);
}

TEST_CASE("a range holds for the content that If-Range names") {
  serve::request_head request;
  CHECK(serve::range_holds(request, "\"a\""));
  request.if_range = "\"a\"";
  CHECK(serve::range_holds(request, "\"a\""));
  CHECK_FALSE(serve::range_holds(request, "\"b\""));
  for (const char* other : {"W/\"a\"", "Fri, 20 Nov 2026 16:45:57 GMT", "*"}) {
    request.if_range = other;
    CHECK_FALSE(serve::range_holds(request, "\"a\""));
  }
}
