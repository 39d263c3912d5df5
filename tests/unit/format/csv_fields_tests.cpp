#include <larder/format/csv_fields.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::format::csv_fault;
using larder::format::csv_fields;
using larder::format::csv_syntax;
using larder::format::parse_csv_record;

namespace {

constexpr std::size_t all = 1'000;
using texts = std::vector<std::string>;

texts fields_of(std::string_view text, const csv_syntax& syntax = {}) {
  const csv_fields parsed = parse_csv_record(text, syntax, all);
  CHECK(parsed.fault == csv_fault::none);
  CHECK(parsed.size == text.size());
  return {parsed.fields.begin(), parsed.fields.end()};
}
std::pair<csv_fault, std::size_t> fault_of(std::string_view text, const csv_syntax& syntax = {}) {
  const csv_fields parsed = parse_csv_record(text, syntax, all);
  return {parsed.fault, parsed.fault_at};
}

/// The format letter by letter; nothing where it is not kept to.
struct plain_record {
  texts fields;
  std::size_t size = 0;
};
std::optional<plain_record> plainly(const std::string& text) {
  plain_record record{{""}, 0};
  enum class in { begin, plain, quotes, behind } state = in::begin;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (state == in::quotes) {
      if (c != '"') {
        record.fields.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        record.fields.back() += c;
        ++i;
      } else {
        state = in::behind;
      }
      continue;
    }
    const bool crlf = c == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (c == '\r' && i + 1 == text.size()) break;  // the line feed is missing
    if (c == '\n' || crlf) {
      record.size = i + (crlf ? 2 : 1);
      return record;
    }
    if (c == ',') {
      record.fields.emplace_back();
      state = in::begin;
    } else if (state == in::behind) {
      return std::nullopt;
    } else if (c == '"') {
      if (state == in::plain) return std::nullopt;
      state = in::quotes;
    } else {
      record.fields.back() += c;
      state = in::plain;
    }
  }
  record.size = text.size();
  return state == in::quotes ? std::nullopt : std::optional<plain_record>(record);
}

std::string quoted(const texts& fields) {
  std::string text;
  for (const std::string& field : fields) {
    if (!text.empty()) text += ',';
    text += '"';
    for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    text += '"';
  }
  return text;
}

}  // namespace

TEST_CASE("fields are what is between delimiters and within quotes") {
  CHECK(fields_of("a,b,c") == texts{"a", "b", "c"});
  CHECK(fields_of("a,b,c\n") == texts{"a", "b", "c"});
  CHECK(fields_of("a,b,c\r\n") == texts{"a", "b", "c"});
  CHECK(fields_of("") == texts{""});
  CHECK(fields_of("\r\n") == texts{""});
  CHECK(fields_of(",") == texts{"", ""});
  CHECK(fields_of("a,\n") == texts{"a", ""});
  CHECK(fields_of(R"("a","b,c","say ""hi""","""","")") == texts{"a", "b,c", "say \"hi\"", "\"", ""});
  CHECK(fields_of("\"two\r\nlines\",x\r\n") == texts{"two\r\nlines", "x"});
  CHECK(fields_of("a\rb,\r\n") == texts{"a\rb", ""});
  CHECK(fields_of(" a , b ") == texts{" a ", " b "});
  CHECK(fields_of("a;'b;''c'", {';', '\''}) == texts{"a", "b;'c"});
  CHECK(fields_of("5\" disk,\"x", {',', '\0'}) == texts{"5\" disk", "\"x"});
  CHECK(fields_of(std::string("a\0,b", 4), {',', '\0'}) == texts{std::string("a\0", 2), "b"});
}

TEST_CASE("a record ends where its line does") {
  const csv_fields parsed = parse_csv_record("a,\"b\"\r\nc,\"", {}, all);
  CHECK(parsed.fault == csv_fault::none);
  CHECK(parsed.size == 7);
  CHECK(parsed.count == 2);
}

TEST_CASE("what is not CSV is refused, with the quote in question") {
  CHECK(fault_of("a,\"b") == std::pair(csv_fault::open_quote, std::size_t{2}));
  CHECK(fault_of("\"b\"\"\n\n") == std::pair(csv_fault::open_quote, std::size_t{0}));
  CHECK(fault_of("\"") == std::pair(csv_fault::open_quote, std::size_t{0}));
  CHECK(fault_of("\"a\"b,c") == std::pair(csv_fault::behind_quote, std::size_t{2}));
  CHECK(fault_of("\"a\" ,c") == std::pair(csv_fault::behind_quote, std::size_t{2}));
  CHECK(fields_of("a,b\r") == texts{"a", "b"});
  CHECK(fields_of("a,\"b\"\r") == texts{"a", "b"});
  CHECK(fields_of("a,b\r\r\n") == texts{"a", "b\r"});
  CHECK(fault_of("\"a\"\rb") == std::pair(csv_fault::behind_quote, std::size_t{2}));
  CHECK(fault_of("a,b\"c\"") == std::pair(csv_fault::quote_in_field, std::size_t{3}));
  CHECK(fault_of("a, \"b,c\"") == std::pair(csv_fault::quote_in_field, std::size_t{3}));
}

TEST_CASE("no more fields are kept than were asked for, and all are counted") {
  const std::string text(1'000'000, ',');
  const csv_fields parsed = parse_csv_record(text, {}, 3);
  CHECK(parsed.count == 1'000'001);
  CHECK(parsed.fields.size() == 3);
  CHECK(parsed.fields.capacity() <= 4);
  CHECK(parse_csv_record("a,\"\"\"\"", {}, 0).count == 2);
}

TEST_CASE("what was unquoted outlives the text, and copies share it") {
  csv_fields copy;
  {
    const csv_fields parsed = parse_csv_record(R"("a""b","c""d")", {}, all);
    copy = parsed;
  }
  CHECK(copy.fields[0] == "a\"b");
  CHECK(copy.fields[1] == "c\"d");
  CHECK(copy.unquoted.use_count() == 1);
}

TEST_CASE("any text is understood as a reader understands it that goes letter by letter") {
  CHECK(rc::check("against the plain reader", [] {
    const auto letter = rc::gen::weightedElement<char>({{4, '"'}, {3, ','}, {2, 'a'}, {1, '\n'}, {1, '\r'}, {1, 'b'}});
    const auto text = *rc::gen::container<std::string>(letter);
    const csv_fields parsed = parse_csv_record(text, {}, all);
    const std::optional<plain_record> expected = plainly(text);
    RC_ASSERT((parsed.fault == csv_fault::none) == expected.has_value());
    if (expected) {
      RC_ASSERT(texts(parsed.fields.begin(), parsed.fields.end()) == expected->fields);
      RC_ASSERT(parsed.count == expected->fields.size());
      RC_ASSERT(parsed.size == expected->size);
      RC_ASSERT(parse_csv_record(text, {}, 0).size == expected->size);
    } else {
      RC_ASSERT(text.at(parsed.fault_at) == '"');
    }
  }));
}

TEST_CASE("any fields come back when they are quoted") {
  CHECK(rc::check("quoted", [] {
    const auto field = rc::gen::container<std::string>(rc::gen::element('"', ',', '\n', '\r', 'x', '\0'));
    const auto fields = *rc::gen::nonEmpty(rc::gen::container<texts>(field));
    const std::string text = quoted(fields) + "\r\n";
    const std::string with_more = text + "more";
    const csv_fields parsed = parse_csv_record(with_more, {}, all);
    RC_ASSERT(parsed.fault == csv_fault::none);
    RC_ASSERT(parsed.size == text.size());
    RC_ASSERT(texts(parsed.fields.begin(), parsed.fields.end()) == fields);
  }));
}
