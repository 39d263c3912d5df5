#pragma once

// A record of `csv`.

#include <larder/core/error.hpp>
#include <larder/dataset/csv_columns.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/format/csv_fields.hpp>
#include <larder/format/tensor_name.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {
namespace datasets {

template <class T>
concept csv_number = std::floating_point<T> ||
    (std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
     !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>);

/// The number of a column, or its name.
template <class T>
concept csv_column = (std::integral<T> && !std::same_as<T, bool>) || std::convertible_to<const T&, std::string_view>;

template <class T>
struct is_optional_number : std::false_type {};
template <csv_number T>
struct is_optional_number<std::optional<T>> : std::true_type {
  using number = T;
};

inline bool is_blank(std::string_view text) noexcept { return text.find_first_not_of(" \t") == std::string_view::npos; }

/// A number that is all of a text, but for blanks around it and a plus sign; nothing when it is none or does not fit.
template <csv_number T>
std::optional<T> number_in(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t") + 1 - first);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T number{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc{} && end == text.data() + text.size() ? std::optional<T>(number) : std::nullopt;
}

}  // namespace datasets

/// A record of `csv`: its fields, without quotes. They refer to the shard, which is to be held as long. Any number of threads read one at
/// once.
class csv_record {
 public:
  /// For `csv`. Throws `larder::error` (corruption) when the record is not as the others are.
  csv_record(const datasets::record_starts& records, std::uint64_t number, const datasets::csv_reading& reading)
      : records_(&records), number_(number), reading_(&reading) {
    fields_ = format::parse_csv_record(text(), reading.syntax, reading.columns.size());
    if (fields_.fault != format::csv_fault::none) datasets::fail_csv(records.where(number), reading, fields_);
    if (fields_.count != reading.columns.size())
      core::fail(error_cause::corruption, records.where(number) + ": it has " + std::to_string(fields_.count) +
                                              " fields, where " + std::to_string(reading.columns.size()) + " are expected");
  }

  /// How many fields there are: in each record as many as there are columns.
  std::size_t size() const noexcept { return fields_.fields.size(); }
  /// A field by the number of its column, from 0, or by its name. Throws `larder::error` (invalid_argument) when there is none.
  template <datasets::csv_column Column>
  std::string_view operator[](const Column& column) const {
    return fields_.fields[number_of(column)];
  }

  /// A field as a number type, which all of it has to be (blanks around it and a plus sign aside), as `std::string` or
  /// `std::string_view`; as an `std::optional` of a number, which is nothing where the field is empty or blank. Decimal; "inf" and "nan" are
  /// floating point numbers. Throws `larder::error`: (corruption) when it is no such number, (invalid_argument) when there is no such column.
  template <class T, datasets::csv_column Column>
  T as(const Column& column) const {
    static_assert(
        datasets::csv_number<T> || datasets::is_optional_number<T>::value || std::same_as<T, std::string> ||
            std::same_as<T, std::string_view>,
        "larder: a field of a CSV file is had as a number type, as std::optional of one, std::string or std::string_view");
    const std::size_t at = number_of(column);
    const std::string_view text = fields_.fields[at];
    if constexpr (datasets::csv_number<T>) {
      return number_at<T>(at, text);
    } else if constexpr (datasets::is_optional_number<T>::value) {
      if (datasets::is_blank(text)) return std::nullopt;
      return number_at<typename datasets::is_optional_number<T>::number>(at, text);
    } else {
      return T(text);
    }
  }

  /// The columns' names; empty where they have none.
  const std::vector<std::string>& columns() const noexcept { return reading_->columns.names(); }
  const std::string& file() const noexcept { return records_->text().file().name(); }
  /// Where in the file the record begins.
  std::uint64_t offset() const { return records_->offset(number_); }

 private:
  std::string_view text() const {
    const std::string_view rest = records_->from(number_);
    return reading_->multiline ? rest : datasets::first_line_and_end_of(rest);
  }
  template <std::integral Number>
  std::size_t number_of(Number column) const {
    if (!std::in_range<std::size_t>(column) || static_cast<std::size_t>(column) >= size())
      core::fail(error_cause::invalid_argument,
                 '"' + file() + "\": there is no column " + std::to_string(column) + ", there are " + std::to_string(size()));
    return static_cast<std::size_t>(column);
  }
  std::size_t number_of(std::string_view column) const {
    const std::optional<std::size_t> found = reading_->columns.find(column);
    if (!found) core::fail(error_cause::invalid_argument, '"' + file() + "\": " + reading_->columns.why_not(column));
    return *found;
  }
  template <class T>
  T number_at(std::size_t column, std::string_view text) const {
    const std::optional<T> number = datasets::number_in<T>(text);
    if (number) return *number;
    std::string kind = "a number";
    if constexpr (std::integral<T>)
      kind = "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
             std::to_string(std::numeric_limits<T>::max());
    fail_number(column, text, kind);
  }
  [[noreturn, gnu::noinline, gnu::cold]] void fail_number(std::size_t column, std::string_view text,
                                                          const std::string& kind) const {
    const std::string why = datasets::is_blank(text) ? "it is empty, not " + kind + "; as<std::optional<...>> takes empty fields"
                                                     : format::printable_name(text) + " is not " + kind;
    core::fail(error_cause::corruption, records_->where(number_) + ", " + reading_->columns.describe(column) + ": " + why);
  }

  const datasets::record_starts* records_;
  std::uint64_t number_;
  const datasets::csv_reading* reading_;
  format::csv_fields fields_;
};

}  // namespace larder
