#include <larder/core/decimal_text.hpp>

#include <doctest/doctest.h>

#include <clocale>
#include <limits>
#include <string>

using larder::core::decimal_text;

TEST_CASE("decimal_text: the shortest text of a number, or so many places") {
  CHECK(decimal_text(0) == "0");
  CHECK(decimal_text(0.1) == "0.1");
  CHECK(decimal_text(-2.5) == "-2.5");
  CHECK(decimal_text(7) == "7");
  CHECK(decimal_text(1e30) == "1e+30");
  CHECK(decimal_text(std::numeric_limits<double>::quiet_NaN()).find("nan") != std::string::npos);
  CHECK(decimal_text(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(decimal_text(61.45, 1) == "61.5");
  CHECK(decimal_text(61.0, 1) == "61.0");
  CHECK(decimal_text(2.5e3, 0) == "2500");
  CHECK(decimal_text(-std::numeric_limits<double>::max(), 16).size() == 1 + 309 + 1 + 16);
}

TEST_CASE("decimal_text: the program's locale changes nothing") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool found = false;
  for (const char* const name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"})
    if (!found && std::setlocale(LC_ALL, name) != nullptr) found = true;
  if (!found) MESSAGE("no locale with a decimal comma is installed here; the C locale is tried only");
  CHECK(decimal_text(0.5) == "0.5");
  CHECK(decimal_text(61.5, 1) == "61.5");
  std::setlocale(LC_ALL, before.c_str());
}
