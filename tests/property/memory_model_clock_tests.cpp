// Every limit under `clock`. Over the six files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking; LARDER_LONG_TESTS has the full product.

#include <doctest/doctest.h>

#include "memory_choices.hpp"

TEST_CASE("a cache in memory does as its model: clock") {
  for (const model::composition& each : model::each_limit_once<larder::clock>()) {
    const std::string report = model::disagreement(each);
    CHECK_MESSAGE(report.empty(), each.name, "\n", report);
  }
}
