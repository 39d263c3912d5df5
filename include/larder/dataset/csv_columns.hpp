#pragma once

// What all records of a CSV data set have in common: the columns, and how a record is told from a comment.

#include <larder/core/error.hpp>
#include <larder/format/csv_fields.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::datasets {

/// The columns of a CSV file: how many, and their names where they have some.
class csv_columns {
 public:
  csv_columns() = default;
  explicit csv_columns(std::size_t count) noexcept : count_(count) {}
  explicit csv_columns(std::vector<std::string> names) : names_(std::move(names)), count_(names_.size()) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto [at, is_new] = numbers_.emplace(names_[i], i);
      if (!is_new) at->second = several;
    }
  }

  std::size_t size() const noexcept { return count_; }
  /// Empty where they have none.
  const std::vector<std::string>& names() const noexcept { return names_; }
  std::optional<std::size_t> find(std::string_view name) const noexcept {
    const auto found = numbers_.find(name);
    return found == numbers_.end() || found->second == several ? std::nullopt : std::optional<std::size_t>(found->second);
  }
  /// What an error calls a column: `column 2 ("age")`.
  std::string describe(std::size_t column) const {
    std::string text = "column " + std::to_string(column);
    if (column < names_.size()) text += " (" + format::printable_name(names_[column]) + ")";
    return text;
  }
  /// Why `find` finds nothing.
  std::string why_not(std::string_view name) const {
    if (names_.empty()) return "the columns have no names; ask by number, or give names in the option columns";
    if (numbers_.find(name) != numbers_.end())
      return "there are several columns " + format::printable_name(name) + "; ask by number";
    const std::vector<std::string_view> names(names_.begin(), names_.end());
    return "there is no column " + format::printable_name(name) + format::known_names(name, names);
  }

 private:
  static constexpr std::size_t several = static_cast<std::size_t>(-1);
  std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> numbers_;
  std::size_t count_ = 0;
};

/// How the records of a CSV data set are read.
struct csv_reading {
  format::csv_syntax syntax;
  char comment = '\0';  ///< none
  bool multiline = false;
  csv_columns columns;

  /// Whether a line that is not within a record begins one.
  bool is_record(std::string_view line) const noexcept { return !line.empty() && (comment == '\0' || line.front() != comment); }
};

/// What is wrong with a record, in words; `where` is what it is called.
[[noreturn, gnu::noinline, gnu::cold]] inline void fail_csv(const std::string& where, const csv_reading& reading,
                                                            const format::csv_fields& bad) {
  const std::string quote = std::string("quote (") + reading.syntax.quote + ")";
  std::string why;
  switch (bad.fault) {
    case format::csv_fault::none:
      break;
    case format::csv_fault::open_quote:
      why = "a " + quote + " is not closed";
      why += reading.multiline ? " before the file ends" : " in its line; if fields have line feeds, set the option multiline";
      break;
    case format::csv_fault::behind_quote:
      why = "something follows a closing " + quote + "; within a field quotes are doubled";
      break;
    case format::csv_fault::quote_in_field:
      why = "a " + quote + " is within a field that does not begin with one";
      break;
  }
  core::fail(error_cause::corruption, where + ": at its byte " + std::to_string(bad.fault_at) + " " + why +
                                          "; if quotes mean nothing in this file, set the option quote to '\\0'");
}

}  // namespace larder::datasets
