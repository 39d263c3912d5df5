#include <larder/core/units.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using larder::format_size;
using larder::parse_size;

namespace {

std::string refusal(std::string_view text, std::string_view subject = "size") {
  try {
    parse_size(text, 1, subject);
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    return e.what();
  }
  return {};
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("D15 sizes as people write them") {
  CHECK(parse_size("4GB") == 4'000'000'000);
  CHECK(parse_size("100GB") == 100'000'000'000);
  CHECK(parse_size("4 gb") == 4'000'000'000);
  CHECK(parse_size("512MB") == 512'000'000);
  CHECK(parse_size("100KiB") == 102'400);
}

TEST_CASE("D15 what is not a size is quoted, and the variable named") {
  for (const char* text : {"-1", "abc", "4XB"}) {
    const std::string what = refusal(text, "CACHE_MEMORY_SIZE");
    CHECK(says(what, "\"" + std::string(text) + "\""));
    CHECK(says(what, "CACHE_MEMORY_SIZE"));
    CHECK(says(what, "for example 512MB"));
  }
  CHECK(says(refusal("-1"), "negative"));
  CHECK(says(refusal("abc"), "not a size"));
  CHECK(says(refusal("4XB"), "unknown unit \"XB\""));
  CHECK(says(refusal("4\033[2J\x7f\n"), "\"4?[2J??\""));  // nothing of it moves a terminal's cursor
}

TEST_CASE("every unit in either case, with and without a blank") {
  const struct {
    const char* name;
    std::uint64_t factor;
  } units[]{{"B", 1},         {"k", 1000},          {"kB", 1000},           {"KiB", 1024},          {"M", 1'000'000},
            {"MB", 1'000'000}, {"MiB", 1ULL << 20}, {"G", 1'000'000'000},   {"GB", 1'000'000'000},  {"GiB", 1ULL << 30},
            {"T", 1'000'000'000'000}, {"TB", 1'000'000'000'000}, {"TiB", 1ULL << 40}};
  for (const auto& unit : units) {
    std::string lower(unit.name);
    std::string upper(unit.name);
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    CHECK(parse_size(std::string("3") + unit.name) == 3 * unit.factor);
    CHECK(parse_size("3 " + lower) == 3 * unit.factor);
    CHECK(parse_size("  3\t" + upper + " ") == 3 * unit.factor);
  }
}

TEST_CASE("a bare number counts in the unit that its key documents") {
  CHECK(parse_size("200") == 200);
  CHECK(parse_size("200", 1'000'000) == 200'000'000);
  CHECK(parse_size("1.5", 1'000'000) == 1'500'000);
  CHECK(parse_size("200kB", 1'000'000) == 200'000);
  CHECK(parse_size("0", 1'000'000) == 0);
}

TEST_CASE("decimals are cut to whole bytes") {
  CHECK(parse_size("1.5 GiB") == 1'610'612'736);
  CHECK(parse_size("0.5KiB") == 512);
  CHECK(parse_size("2.75MB") == 2'750'000);
  CHECK(parse_size("1.9B") == 1);
  CHECK(says(refusal("1.2.3MB"), "\"1.2.3MB\""));
  CHECK(says(refusal("."), "\".\""));
}

TEST_CASE("what no number holds is refused, not wrapped") {
  CHECK(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  CHECK(says(refusal("18446744073709551616"), "2^64"));
  CHECK(says(refusal("16777216TiB"), "2^64"));
  CHECK(parse_size("16777215TiB") == std::uint64_t{16'777'215} << 40);
  CHECK(says(refusal("16777216.0TiB"), "2^64"));
  CHECK(says(refusal("99999999999999999999999.5"), "2^64"));
  CHECK_THROWS_AS(larder::literals::operator""_TB(20'000'000'000ULL), larder::error);
}

TEST_CASE("odd texts are errors") {
  for (const char* text : {"", " ", "GB", "+5", "5 5", "5 GB extra", "0x10", "1e3", "4G B", "4GBs", "nan", "inf"})
    CHECK_MESSAGE(says(refusal(text), "size: \"" + std::string(text) + "\""), text);
}

TEST_CASE("sizes are printed as people read them") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(512) == "512 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(1024) == "1 KiB");
  CHECK(format_size(1536) == "1.5 KiB");
  CHECK(format_size(4ULL << 30) == "4 GiB");
  CHECK(format_size((1ULL << 20) - 1) == "1 MiB");
  CHECK(format_size(1'000'000) == "976.6 KiB");
  CHECK(format_size(std::numeric_limits<std::uint64_t>::max()) == "16 EiB");
}

TEST_CASE("what is printed parses back to about the same") {
  for (const std::uint64_t size : {1ULL, 999ULL, 4096ULL, 123'456ULL, 5'000'000ULL, 77'777'777'777ULL}) {
    const std::uint64_t back = parse_size(format_size(size));
    const std::uint64_t apart = back > size ? back - size : size - back;
    CHECK(apart * 10 <= size);
  }
}
