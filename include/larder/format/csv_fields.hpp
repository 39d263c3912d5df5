#pragma once

// A record of a CSV file (RFC 4180). Every text is taken for hostile: no more fields are kept than were asked for, and what is not the
// format is refused instead of being taken for something.

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::format {

struct csv_syntax {
  char delimiter = ',';
  char quote = '"';  ///< '\0': there are no quotes, a field is all there is between two delimiters
};

enum class csv_fault : unsigned char {
  none,
  open_quote,      ///< a quoted field has no end
  behind_quote,    ///< there is something between a closing quote and the delimiter
  quote_in_field,  ///< a quote within a field that does not begin with one
};

/// The fields of a record, without their quotes. They refer to the parsed text, or, where quotes were doubled in it, to memory that
/// copies of this share.
struct csv_fields {
  std::vector<std::string_view> fields;  ///< the first `most` of them
  std::size_t count = 0;                 ///< how many there are
  std::size_t size = 0;                  ///< how much of the text the record is, its line end included
  csv_fault fault = csv_fault::none;
  std::size_t fault_at = 0;  ///< where in the text: the quote in question
  std::shared_ptr<const char[]> unquoted;
};

namespace csv {

/// Reads one field after another.
class reader {
 public:
  reader(std::string_view text, const csv_syntax& syntax) noexcept : text_(text), syntax_(syntax) {}

  struct field {
    std::string_view raw;  // between the quotes
    bool has_doubled = false;
  };
  std::size_t at() const noexcept { return at_; }
  csv_fault fault() const noexcept { return fault_; }

  /// The next field; `at()` is then behind it, on a delimiter, a line end or the text's end, or on the fault.
  field next() noexcept {
    if (syntax_.quote != '\0' && at_ < text_.size() && text_[at_] == syntax_.quote) return quoted();
    const std::size_t begin = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == syntax_.delimiter || is_line_end()) break;
      if (c == syntax_.quote && c != '\0') {
        fault_ = csv_fault::quote_in_field;
        break;
      }
    }
    return {text_.substr(begin, at_ - begin)};
  }
  /// Whether there is a further field; goes to where it begins, or behind the line end.
  bool more() noexcept {
    if (at_ == text_.size()) return false;
    if (text_[at_] == syntax_.delimiter) {
      ++at_;
      return true;
    }
    at_ += text_[at_] == '\n' || at_ + 1 == text_.size() ? 1 : 2;
    return false;
  }

 private:
  bool is_line_end() const noexcept {
    return text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }
  field quoted() noexcept {
    const std::size_t open = at_;
    field found;
    for (++at_;;) {
      const std::size_t close = text_.find(syntax_.quote, at_);
      if (close == std::string_view::npos) {
        at_ = open;
        fault_ = csv_fault::open_quote;
        return {};
      }
      at_ = close + 1;
      if (at_ == text_.size() || text_[at_] != syntax_.quote) break;
      found.has_doubled = true;
      ++at_;
    }
    found.raw = text_.substr(open + 1, at_ - open - 2);
    if (at_ < text_.size() && text_[at_] != syntax_.delimiter && !is_line_end()) {
      --at_;
      fault_ = csv_fault::behind_quote;
    }
    return found;
  }

  std::string_view text_;
  csv_syntax syntax_;
  std::size_t at_ = 0;
  csv_fault fault_ = csv_fault::none;
};

/// Copies a quoted field with one quote for each two; returns the end.
inline char* undouble(std::string_view raw, char quote, char* to) noexcept {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    *to++ = raw[i];
    if (raw[i] == quote) ++i;
  }
  return to;
}

}  // namespace csv

/// The record that a text begins with; what is left of the text is not looked at. It ends with a line feed outside of quotes, which a
/// carriage return may precede, or with the text (of whose last line the line feed may be missing); an empty text has one empty field.
/// `most` fields are kept, 16 bytes each; all are counted. Linear in the record.
inline csv_fields parse_csv_record(std::string_view text, const csv_syntax& syntax, std::size_t most) {
  csv_fields result;
  std::vector<std::pair<std::size_t, std::string_view>> doubled;  // number of the field, raw text
  std::size_t doubled_size = 0;
  csv::reader reader(text, syntax);
  result.fields.reserve(most < 256 ? most : 0);
  do {
    const csv::reader::field field = reader.next();
    if (reader.fault() != csv_fault::none) {
      result.fault = reader.fault();
      result.fault_at = reader.at();
      return result;
    }
    if (result.count++ >= most) continue;
    result.fields.push_back(field.raw);
    if (!field.has_doubled) continue;
    doubled.emplace_back(result.fields.size() - 1, field.raw);
    doubled_size += field.raw.size();
  } while (reader.more());
  result.size = reader.at();
  if (doubled.empty()) return result;
  const std::shared_ptr<char[]> memory(new char[doubled_size]);
  char* end = memory.get();
  for (const auto& [number, raw] : doubled) {
    char* const begin = end;
    end = csv::undouble(raw, syntax.quote, begin);
    result.fields[number] = std::string_view(begin, static_cast<std::size_t>(end - begin));
  }
  result.unquoted = memory;
  return result;
}

}  // namespace larder::format
