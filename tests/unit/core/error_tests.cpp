#include <larder/core/error.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>

using larder::error_cause;

TEST_CASE("an error says who speaks, what is wrong and why") {
  try {
    larder::core::fail(error_cause::no_space, "the directory is full");
    FAIL("did not throw");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "larder: the directory is full");
    CHECK(dynamic_cast<const larder::error&>(e).cause() == error_cause::no_space);
  }
}

TEST_CASE("every cause has a word of its own") {
  std::set<std::string> words;
  for (std::size_t i = 0; i < larder::error_cause_count; ++i) {
    const std::string word(to_string(static_cast<error_cause>(i)));
    CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    words.insert(word);
  }
  CHECK(words.size() == larder::error_cause_count);
  CHECK_FALSE(words.contains(""));
  CHECK(to_string(error_cause::invalid_argument) == "invalid_argument");
  CHECK(to_string(error_cause::unauthorized) == "unauthorized");
  CHECK(to_string(error_cause::reentrant) == "reentrant");
  CHECK(static_cast<std::size_t>(error_cause::reentrant) + 1 == larder::error_cause_count);
}
