#pragma once

// A record of `json_lines`.

#include <larder/core/error.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/format/json_field.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder {
namespace datasets {

/// Parsers that wait for a line: making one costs more than parsing a short line. Any number of threads take and give at once.
class json_parsers {
 public:
  json_parsers() { waiting_.reserve(most); }

  std::unique_ptr<simdjson::dom::parser> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!waiting_.empty()) {
        std::unique_ptr<simdjson::dom::parser> parser = std::move(waiting_.back());
        waiting_.pop_back();
        return parser;
      }
    }
    return std::make_unique<simdjson::dom::parser>();
  }
  void give(std::unique_ptr<simdjson::dom::parser> parser) noexcept {
    if (parser->capacity() > largest) return;  // it has about 14 bytes for each byte of the longest line that it met
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < most) waiting_.push_back(std::move(parser));
  }

 private:
  static constexpr std::size_t most = 64;
  static constexpr std::size_t largest = std::size_t{256} << 10U;

  std::mutex mutex_;
  std::vector<std::unique_ptr<simdjson::dom::parser>> waiting_;
};

/// Gives a parser back.
struct json_parser_return {
  json_parsers* parsers = nullptr;
  void operator()(simdjson::dom::parser* parser) const noexcept { parsers->give(std::unique_ptr<simdjson::dom::parser>(parser)); }
};

/// The document that a line is, nested as deep as the parser allows (1024). Throws `larder::error` (corruption) that names the place.
inline simdjson::dom::element parse_json_line(simdjson::dom::parser& parser, const record_starts& lines, std::uint64_t number) {
  static_assert(simdjson::SIMDJSON_PADDING <= text_padding);
  const std::string_view text = lines.line(number);
  simdjson::dom::element root;
  // In place: the block has padding behind it, and what follows a line is only looked at, not understood.
  const auto failed = parser.parse(text.data(), text.size(), false).get(root);
  if (failed == simdjson::MEMALLOC)
    core::fail(error_cause::io, lines.where(number) + ": no memory to parse " + std::to_string(text.size()) + " bytes of JSON");
  if (failed == simdjson::CAPACITY)
    core::fail(error_cause::invalid_argument,
               lines.where(number) + ": the parser takes no document of " + std::to_string(text.size()) + " bytes");
  if (failed != simdjson::SUCCESS)
    core::fail(error_cause::corruption, lines.where(number) + ": the line is not JSON: " + simdjson::error_message(failed));
  return root;
}

}  // namespace datasets

/// A line of `json_lines`, parsed and found to be JSON. It refers to the shard, which is to be held as long; what it gives refers to the
/// line's own parser, so that string views end with the line. Any number of threads read one at once; it moves, but does not copy.
class json_line {
 public:
  /// For `json_lines`. Throws `larder::error` (corruption) when the line is not JSON.
  json_line(const datasets::record_starts& lines, std::uint64_t number, datasets::json_parsers& parsers)
      : lines_(&lines), number_(number), parser_(parsers.take().release(), datasets::json_parser_return{&parsers}) {
    root_ = datasets::parse_json_line(*parser_, lines, number);
  }

  /// The line as it is in the file, without its end.
  std::string_view text() const { return lines_->line(number_); }
  const std::string& file() const noexcept { return lines_->text().file().name(); }
  /// Where in the file it begins.
  std::uint64_t offset() const { return lines_->offset(number_); }
  /// The document, of any kind.
  simdjson::dom::element root() const noexcept { return root_; }
  /// The document once more, in another parser, where it outlives this line and the shard.
  simdjson::dom::element parse(simdjson::dom::parser& parser) const {
    return datasets::parse_json_line(parser, *lines_, number_);
  }

  /// The value at a path such as "id", "user.name" or "tags.0" (`format::find_json_field`): `std::string_view`, `std::string`, `bool`, a
  /// number type. Throws `larder::error` (corruption) when there is none, or one of another kind or one that the type does not hold.
  template <format::json_value T>
  T get(std::string_view path) const {
    const std::optional<simdjson::dom::element> value = format::find_json_field(root_, path);
    if (!value) fail_missing(path);
    return as<T>(*value, path);
  }
  /// The same; nothing where there is no such field or it is null.
  template <format::json_value T>
  std::optional<T> find(std::string_view path) const {
    const std::optional<simdjson::dom::element> value = format::find_json_field(root_, path);
    if (!value || value->is_null()) return std::nullopt;
    return as<T>(*value, path);
  }

 private:
  template <class T>
  T as(const simdjson::dom::element& value, std::string_view path) const {
    std::optional<T> result = format::json_value_as<T>(value);
    if (!result) fail_kind(value, path, format::json_kind_of<T>());
    return *std::move(result);
  }
  [[noreturn, gnu::noinline, gnu::cold]] void fail_missing(std::string_view path) const {
    std::string text = lines_->where(number_);
    simdjson::dom::object object;
    if (root_.get(object) != simdjson::SUCCESS)
      core::fail(error_cause::corruption, text + ": there is no field " + format::printable_name(path) + ": the line is " +
                                              std::string(format::json_kind(root_)) + ", not an object");
    std::vector<std::string_view> names;
    for (const auto member : object) names.push_back(member.key);
    core::fail(error_cause::corruption,
               text + ": there is no field " + format::printable_name(path) + format::known_names(path, names));
  }
  [[noreturn, gnu::noinline, gnu::cold]] void fail_kind(const simdjson::dom::element& value, std::string_view path,
                                                        const std::string& wanted) const {
    std::string text =
        lines_->where(number_) + ": the field " + format::printable_name(path) + " is " + std::string(format::json_kind(value));
    std::int64_t number = 0;
    std::uint64_t large = 0;
    if (value.get(number) == simdjson::SUCCESS)
      text += " (" + std::to_string(number) + ")";
    else if (value.get(large) == simdjson::SUCCESS)
      text += " (" + std::to_string(large) + ")";
    core::fail(error_cause::corruption, text + ", and was asked for as " + wanted);
  }

  const datasets::record_starts* lines_;
  std::uint64_t number_;
  std::unique_ptr<simdjson::dom::parser, datasets::json_parser_return> parser_;
  simdjson::dom::element root_;
};

}  // namespace larder
