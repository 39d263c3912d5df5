#pragma once

// Canonical JSON: one text per value, the one that Python's json.dumps(value, sort_keys=True) prints, so that programs in both languages make
// the same keys from it.
//
//   * ", " and ": " between parts, members by their names in the order of code points, no other space;
//   * all but printable ASCII as \uXXXX, pairs of surrogates above U+FFFF; of the control characters \b \f \n \r \t have their short form;
//   * numbers with a fraction or an exponent as Python's repr of a float: the shortest digits that read back as the same, "1.0", "1e-05", "1e+16";
//   * other numbers are Python's int: of any size, every digit kept.
//
// Refused, since Python's answer would depend on chance or be no JSON: a name that stands twice in an object, half a pair of surrogates, a number
// beyond a double, NaN and Infinity.

#include <larder/core/error.hpp>
#include <larder/format/canonical_text.hpp>
#include <larder/format/utf8.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::format {

/// How deep arrays and objects may lie in each other.
inline constexpr std::size_t deepest_canonical_json = 128;

namespace canonical {

inline void append_utf8(std::string& out, char32_t c) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0U | (c >> 6U));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | (c >> 12U));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0U | (c >> 18U));
    tail(12), tail(6), tail(0);
  }
}

/// A finite double as Python's repr has it.
inline void append_float(std::string& out, double value) {
  char text[32];
  const char* const end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  std::string_view shown(text, static_cast<std::size_t>(end - text));
  if (shown.front() == '-') {
    out += '-';
    shown.remove_prefix(1);
  }
  const std::size_t e = shown.find('e');
  int exponent = 0;
  std::from_chars(shown.data() + e + (shown[e + 1] == '+' ? 2 : 1), shown.data() + shown.size(), exponent);
  std::string digits(1, shown.front());
  if (e > 2) digits += shown.substr(2, e - 2);
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits.front();
    if (count > 1) out.append(1, '.').append(digits, 1);
    out += exponent < 0 ? "e-" : "e+";
    const std::string power = std::to_string(std::abs(exponent));
    if (power.size() < 2) out += '0';
    out += power;
  } else if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else if (count <= exponent + 1) {
    out.append(digits).append(static_cast<std::size_t>(exponent + 1 - count), '0').append(".0");
  } else {
    out.append(digits, 0, static_cast<std::size_t>(exponent) + 1)
        .append(1, '.')
        .append(digits, static_cast<std::size_t>(exponent) + 1);
  }
}

/// Reads one value and writes it anew.
class writer {
 public:
  writer(std::string_view text, std::string_view subject) noexcept : text_(text), subject_(subject) {}

  std::string whole() {
    out_.reserve(text_.size() + text_.size() / 8);
    skip_space();
    if (at_ == text_.size()) refuse("there is no value; an empty object is {}");
    value(0);
    skip_space();
    if (at_ != text_.size()) refuse("something stands behind the value; one text is one value");
    return std::move(out_);
  }

 private:
  struct member {
    std::string name;                // decoded: sorts as its code points do
    std::size_t begin = 0, end = 0;  // in out_
  };

  [[noreturn]] void refuse(const std::string& why) const { refuse_at(at_, why); }
  [[noreturn, gnu::noinline, gnu::cold]] void refuse_at(std::size_t place, const std::string& why) const {
    std::size_t line = 1, begin = 0;
    for (std::size_t i = 0; i < place && i < text_.size(); ++i)
      if (text_[i] == '\n') {
        ++line;
        begin = i + 1;
      }
    core::fail(error_cause::invalid_argument, std::string(subject_) + ", line " + std::to_string(line) + ", column " +
                                                  std::to_string(place - begin + 1) + ": " + why);
  }

  char here() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() noexcept {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  void value(std::size_t depth) {
    switch (here()) {
      case '{':
        object(depth + 1);
        return;
      case '[':
        array(depth + 1);
        return;
      case '"':
        text(nullptr);
        return;
      case 't':
        word("true");
        return;
      case 'f':
        word("false");
        return;
      case 'n':
        word("null");
        return;
      default:
        break;
    }
    if (here() == '-' || is_digit(here())) return number();
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("NaN") || rest.starts_with("Infinity"))
      refuse(std::string(rest.substr(0, rest[0] == 'N' ? 3 : 8)) + " is no number of JSON; write null, or a string");
    refuse("a value is expected: an object, an array, a string in double quotes, a number, true, false or null");
  }

  void word(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) refuse("a value is expected; did you mean " + std::string(expected) + "?");
    out_ += expected;
    at_ += expected.size();
  }

  void enter(std::size_t depth) {
    if (depth > deepest_canonical_json)
      refuse("arrays and objects lie in each other deeper than " + std::to_string(deepest_canonical_json) + "; make it flatter");
    ++at_;
    skip_space();
  }
  /// Behind a part: whether another follows.
  bool goes_on(char closing, std::string_view what) {
    skip_space();
    if (here() == closing) {
      ++at_;
      return false;
    }
    if (here() != ',' || at_ == text_.size()) refuse("a comma or the end of the " + std::string(what) + " is expected");
    ++at_;
    skip_space();
    if (here() == closing) refuse("nothing stands behind the last comma of the " + std::string(what) + "; take the comma out");
    return true;
  }

  void array(std::size_t depth) {
    enter(depth);
    out_ += '[';
    if (here() == ']') {
      ++at_;
    } else {
      for (;;) {
        value(depth);
        if (!goes_on(']', "array")) break;
        out_ += ", ";
      }
    }
    out_ += ']';
  }

  void object(std::size_t depth) {
    enter(depth);
    out_ += '{';
    std::vector<member> members;
    bool sorted = true;
    if (here() == '}') {
      ++at_;
    } else {
      for (;;) {
        member next;
        next.begin = out_.size();
        if (here() != '"') refuse("the name of a member is expected, in double quotes");
        text(&next.name);
        skip_space();
        if (here() != ':') refuse("a colon is expected behind the name of a member");
        ++at_;
        skip_space();
        out_ += ": ";
        value(depth);
        next.end = out_.size();
        sorted = sorted && (members.empty() || members.back().name < next.name);
        members.push_back(std::move(next));
        if (!goes_on('}', "object")) break;
        out_ += ", ";
      }
    }
    if (!sorted) sort(members);
    out_ += '}';
  }

  void sort(std::vector<member>& members) {
    const std::size_t begin = members.front().begin;
    std::sort(members.begin(), members.end(), [](const member& a, const member& b) { return a.name < b.name; });
    const auto twice =
        std::adjacent_find(members.begin(), members.end(), [](const member& a, const member& b) { return a.name == b.name; });
    if (twice != members.end()) {
      std::string name = "\"";
      for (std::string_view rest = std::string_view(twice->name).substr(0, 200); const auto c = take_code_point(rest);)
        append_character(name, *c);
      refuse("the object that ends here has the name " + name + "\" twice; take one out");
    }
    std::string anew;
    anew.reserve(out_.size() - begin);
    for (const member& m : members) {
      if (!anew.empty()) anew += ", ";
      anew.append(out_, m.begin, m.end - m.begin);
    }
    out_.replace(begin, std::string::npos, anew);
  }

  /// A string; its characters go to `decoded`, too, where one is given.
  void text(std::string* decoded) {
    const std::size_t begin = at_++;
    out_ += '"';
    for (;;) {
      if (at_ == text_.size()) refuse_at(begin, "the string has no end; close it with a double quote");
      const char c = text_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) refuse("a control character stands in a string; write it as \\u00XX");
      char32_t point = 0;
      if (c == '\\') {
        point = escaped();
      } else {
        std::string_view rest = text_.substr(at_);
        const std::optional<char32_t> taken = take_code_point(rest);
        if (!taken) refuse("the bytes are not UTF-8; save the text as UTF-8");
        point = *taken;
        at_ = text_.size() - rest.size();
      }
      append_character(out_, point);
      if (decoded != nullptr) append_utf8(*decoded, point);
    }
    ++at_;
    out_ += '"';
  }

  char32_t escaped() {
    const std::size_t begin = at_++;
    switch (const char c = here(); c) {
      case '"':
      case '\\':
      case '/':
        ++at_;
        return static_cast<char32_t>(c);
      case 'b':
        ++at_;
        return U'\b';
      case 'f':
        ++at_;
        return U'\f';
      case 'n':
        ++at_;
        return U'\n';
      case 'r':
        ++at_;
        return U'\r';
      case 't':
        ++at_;
        return U'\t';
      case 'u':
        ++at_;
        break;
      default:
        refuse_at(begin, "this escape is none of JSON's; a backslash itself is written twice");
    }
    const char32_t first = unit(begin);
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      at_ += 2;
      const char32_t second = unit(begin);
      if (second >= 0xDC00 && second <= 0xDFFF) return 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
    }
    refuse_at(begin, "half a pair of surrogates stands alone: it is no character; write the whole pair");
  }
  char32_t unit(std::size_t begin) {
    std::uint32_t number = 0;
    const char* const from = text_.data() + at_;
    const std::size_t size = std::min<std::size_t>(4, text_.size() - at_);
    const auto [end, failed] = std::from_chars(from, from + size, number, 16);
    if (failed != std::errc{} || end != from + 4 || *from == '-')
      refuse_at(begin, "four hexadecimal digits are expected behind \\u");
    at_ += 4;
    return number;
  }

  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  std::size_t skip_digits() noexcept {
    const std::size_t begin = at_;
    while (is_digit(here())) ++at_;
    return at_ - begin;
  }

  void number() {
    const std::size_t begin = at_;
    if (here() == '-') ++at_;
    if (text_.substr(at_).starts_with("Infinity")) refuse_at(begin, "-Infinity is no number of JSON; write null, or a string");
    const bool zero = here() == '0';
    const std::size_t before_point = skip_digits();
    if (before_point == 0) refuse_at(begin, "a number needs a digit here");
    if (zero && before_point > 1) refuse_at(begin, "a number begins with 0; take the zeros out, or make it a string");
    const std::string_view whole = text_.substr(begin, at_ - begin);
    bool fractional = false;
    if (here() == '.') {
      fractional = true;
      ++at_;
      if (skip_digits() == 0) refuse_at(begin, "a number needs a digit behind its point");
    }
    if (here() == 'e' || here() == 'E') {
      fractional = true;
      ++at_;
      if (here() == '+' || here() == '-') ++at_;
      if (skip_digits() == 0) refuse_at(begin, "a number needs a digit in its exponent");
    }
    if (!fractional) {
      out_ += whole == "-0" ? "0" : whole;  // Python has one whole zero
      return;
    }
    append_float(out_, read_float(begin));
  }

  double read_float(std::size_t begin) const {
    const std::string_view shown = text_.substr(begin, at_ - begin);
    double read = 0;
    const auto [end, failed] = std::from_chars(shown.data(), shown.data() + shown.size(), read);
    if (failed == std::errc{} && end == shown.data() + shown.size() && std::isfinite(read)) return read;
    if (!is_tiny(shown)) refuse_at(begin, "the number is beyond what a double holds (1.8e308); make it a string");
    return shown.front() == '-' ? -0.0 : 0.0;
  }

  /// Whether a number that a double does not hold is below 1.
  static bool is_tiny(std::string_view shown) noexcept {
    const std::size_t e = shown.find_first_of("eE");
    const std::string_view digits = shown.substr(0, e);
    const std::size_t first = digits.find_first_of("123456789");
    if (first == std::string_view::npos) return true;
    const std::size_t point = std::min(digits.find('.'), digits.size());
    const auto power =
        static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) - (first < point ? 1 : 0);  // of the first digit
    std::int64_t exponent = 0;
    if (e != std::string_view::npos) {
      const std::string_view written = shown.substr(e + (shown[e + 1] == '+' ? 2 : 1));
      const auto read = std::from_chars(written.data(), written.data() + written.size(), exponent);
      if (read.ec != std::errc{}) return written.front() == '-';  // nobody writes that many digits before the point
    }
    return exponent < -power;
  }

  std::string_view text_;
  std::string_view subject_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace canonical

/// The JSON value that a whole text is, as Python's `json.dumps(json.loads(text), sort_keys=True)` prints it. Throws `larder::error`
/// (invalid_argument): `subject` first ("the configuration of the pass"), then line and column in bytes.
inline std::string canonical_json(std::string_view text, std::string_view subject) {
  return canonical::writer(text, subject).whole();
}

}  // namespace larder::format
