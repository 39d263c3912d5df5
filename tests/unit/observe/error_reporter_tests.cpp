#include <larder/observe/error_listener.hpp>
#include <larder/observe/error_reporter.hpp>

#include <larder/core/policy_set.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using larder::error_cause;
using larder::observe::error_reporter;

TEST_CASE("failures are counted by cause and told to the listener") {
  std::vector<std::string> heard;
  const larder::error_listener listener{
      [&heard](const larder::error_event& e) { heard.push_back(std::string(to_string(e.cause)) + ": " + e.message); }};
  error_reporter reporter{listener};
  reporter.report(error_cause::io, "cannot read x");
  reporter.report(error_cause::io, "cannot read y");
  CHECK(heard == std::vector<std::string>{"io: cannot read x", "io: cannot read y"});
  CHECK(reporter.counts()[error_cause::io] == 2);
  CHECK(reporter.counts().total() == 2);
  reporter.reset();
  CHECK(reporter.counts().total() == 0);
}

TEST_CASE("a listener that fails is not heard of, and the failure still counts") {
  const larder::error_listener listener{[](const larder::error_event&) { throw std::runtime_error("listener"); }};
  error_reporter reporter{listener};
  reporter.report(error_cause::timeout, "late");
  CHECK(reporter.counts()[error_cause::timeout] == 1);
  CHECK(reporter.counts().total() == 1);
}

TEST_CASE("an exception is reported with its own cause, or with the given one") {
  std::vector<std::string> heard;
  const larder::error_listener listener{[&heard](const larder::error_event& e) { heard.push_back(e.message); }};
  error_reporter reporter{listener};
  const auto absorb = [&](auto&& thrown) {
    try {
      throw thrown;
    } catch (...) {
      reporter.report_current(error_cause::load);
    }
  };
  absorb(larder::error(error_cause::no_space, "full"));
  absorb(std::runtime_error("plain"));
  absorb(5);
  CHECK(reporter.counts()[error_cause::no_space] == 1);
  CHECK(reporter.counts()[error_cause::load] == 2);
  REQUIRE(heard.size() == 3);
  CHECK(heard[0] == "larder: full");
  CHECK(heard[1] == "plain");
  CHECK(heard[2].find("std::exception") != std::string::npos);
}

TEST_CASE("without a listener failures are counted all the same") {
  error_reporter reporter{larder::core::none{}};
  reporter.report(error_cause::server, "503");
  CHECK(reporter.counts()[error_cause::server] == 1);
}
