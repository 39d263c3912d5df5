#include <larder/format/pax_records.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/tar_archive.hpp"

namespace {

larder::format::pax_records parse(std::string_view body) {
  return larder::format::parse_pax_records(body, [](const std::string& why) { throw std::runtime_error(why); });
}
std::string record(std::string_view key, std::string_view value) { return support::tar_archive::pax_record(key, value); }

}  // namespace

TEST_CASE("pax records give path and size, the last one counts, and others are passed over") {
  const auto said = parse(record("mtime", "12.5") + record("path", "a=b\nc") + record("path", "d") + record("size", "18446744073709551615") +
                          record("comment", ""));
  CHECK(said.path == "d");
  CHECK(said.size == ~std::uint64_t{0});
  CHECK_FALSE(said.sparse);
  CHECK(parse(record("path", "a=b\nc")).path == "a=b\nc");
  CHECK_FALSE(parse(record("path", "a") + record("path", "")).path);
  CHECK_FALSE(parse(record("size", "1") + record("size", "")).size);
  CHECK(parse(record("GNU.sparse.major", "1")).sparse);
  CHECK(parse(record("SCHILY.realsize", "1")).sparse);
  CHECK_FALSE(parse("").path);
  const std::string long_name(70'000, 'n');
  CHECK(parse(record("path", long_name)).path == long_name);
}

TEST_CASE("pax records whose lengths or values are wrong are refused") {
  for (const std::string_view wrong :
       {"x", " ", "5", "5 ", "5 a=\n\n", "11 path=a\n", "10 path=a\nx", "0 path=a\n", "-10 path=a\n", "99999999999999999999 path=a\n", "5 ab\n",
        "5 =a\n", "10\tpath=a\n", "10 size=x\n", "11 size=-1\n", "11 size=1 \n", "29 size=18446744073709551616\n", "2 ", "3 \n"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse(wrong), std::runtime_error);
  }
  CHECK_THROWS_AS(parse(record("path", std::string_view("a\0b", 3))), std::runtime_error);
}
