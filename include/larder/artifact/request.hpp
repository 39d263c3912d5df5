#pragma once

#include <larder/core/error.hpp>
#include <larder/format/canonical_json.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/remote/secret.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

namespace artifacts {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> || std::same_as<T, char16_t> ||
    std::same_as<T, char32_t>;

template <class T>
concept text_like = std::convertible_to<const T&, std::string_view>;

/// Why `T` can be the value of a field: one of JSON's.
template <class T>
constexpr bool is_field_value() {
  if constexpr (is_optional<T>)
    return is_field_value<typename T::value_type>();
  else
    return text_like<T> || std::is_null_pointer_v<T> || std::same_as<T, std::nullopt_t> ||
           (std::is_arithmetic_v<T> && !character<T>);
}

/// As canonical JSON has it.
template <class T>
void append_field_value(std::string& out, const T& value, std::string_view name) {
  if constexpr (is_optional<T>) {
    if (value)
      append_field_value(out, *value, name);
    else
      out += "null";
  } else if constexpr (std::is_null_pointer_v<T> || std::same_as<T, std::nullopt_t>) {
    out += "null";
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (text_like<T>) {
    format::append_canonical_text(out, value);
  } else if constexpr (std::integral<T>) {
    out += std::to_string(value);
  } else {
    const auto number = static_cast<double>(value);
    if (!std::isfinite(number))
      core::fail(error_cause::invalid_argument,
                 "the field " + format::printable_name(name) +
                     " of a request is no finite number; leave it out, or give nothing (std::nullopt)");
    format::canonical::append_float(out, number);
  }
}

/// How a part of a request counts.
enum class request_part : std::uint8_t { field, set, secret };

}  // namespace artifacts

/// What is asked of a provider: named parts, all of which are the key that the answer is kept under. The order in which they are named does not matter,
/// a name is there once, and numbers, texts and nothing (`std::nullopt`) are different values.
class request {
 public:
  /// A text, a number, true or false, or nothing.
  template <class T>
  request& field(std::string_view name, const T& value) & {
    static_assert(artifacts::is_field_value<T>(),
                  "larder: a field of a request is a text, a number, a bool, nullptr or std::nullopt, or an optional of these; "
                  "for others there is json()");
    std::string text;
    artifacts::append_field_value(text, value, name);
    return put(name, {artifacts::request_part::field, std::move(text), {}});
  }
  template <class T>
  request&& field(std::string_view name, const T& value) && {
    return std::move(field(name, value));
  }

  /// Any value, as a text of JSON. Throws `larder::error` when it is none.
  request& json(std::string_view name, std::string_view text) & {
    return put(name, {artifacts::request_part::field,
                      format::canonical_json(text, "the field " + format::printable_name(name) + " of a request"),
                      {}});
  }
  request&& json(std::string_view name, std::string_view text) && { return std::move(json(name, text)); }

  /// Texts whose order counts, and their case.
  request& ordered(std::string_view name, std::initializer_list<std::string_view> texts) & {
    return put(name, {artifacts::request_part::field, list_of(texts), {}});
  }
  request&& ordered(std::string_view name, std::initializer_list<std::string_view> texts) && {
    return std::move(ordered(name, texts));
  }
  template <class Texts>
  request& ordered(std::string_view name, const Texts& texts) & {
    return put(name, {artifacts::request_part::field, list_of(texts), {}});
  }
  template <class Texts>
  request&& ordered(std::string_view name, const Texts& texts) && {
    return std::move(ordered(name, texts));
  }

  /// A set of texts: neither order, nor repetition, nor the case of ASCII letters counts.
  request& unordered(std::string_view name, std::initializer_list<std::string_view> texts) & {
    return put(name, {artifacts::request_part::set, set_of(texts), {}});
  }
  request&& unordered(std::string_view name, std::initializer_list<std::string_view> texts) && {
    return std::move(unordered(name, texts));
  }
  template <class Texts>
  request& unordered(std::string_view name, const Texts& texts) & {
    return put(name, {artifacts::request_part::set, set_of(texts), {}});
  }
  template <class Texts>
  request&& unordered(std::string_view name, const Texts& texts) && {
    return std::move(unordered(name, texts));
  }

  /// A password, key or token. What is kept of it is a mark under a random key, and no message shows it.
  request& secret(std::string_view name, const larder::secret& value) & {
    return put(name, {artifacts::request_part::secret, {}, value});
  }
  request&& secret(std::string_view name, const larder::secret& value) && { return std::move(secret(name, value)); }

  /// For people: every part but the secrets, of which only the names are there.
  std::string text() const {
    std::string out = "{";
    for (const auto& [name, one] : parts_) {
      if (out.size() > 1) out += ", ";
      format::append_canonical_text(out, name);
      out += ": ";
      out += one.kind == artifacts::request_part::secret ? "(secret)" : std::string_view(one.text);
    }
    return out + '}';
  }

  /// What the answer is kept under, in canonical JSON. `mark_of(name, secret)` says what stands for a secret.
  template <class MarkOf>
  std::string key(std::string_view version, MarkOf&& mark_of) const {
    std::string out = "{";
    append_parts(out, "fields", artifacts::request_part::field, mark_of);
    append_parts(out, "secrets", artifacts::request_part::secret, mark_of);
    append_parts(out, "sets", artifacts::request_part::set, mark_of);
    out += "\"version\": ";
    format::append_canonical_text(out, version);
    return out + '}';
  }

  /// Whether a text holds one of the secrets, of those that are too long to be in it by chance.
  bool is_secret_in(std::string_view text) const noexcept {
    constexpr std::size_t shortest = 6;
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto& row) {
      const std::string_view hidden = row.second.hidden.reveal();
      return hidden.size() >= shortest && text.find(hidden) != std::string_view::npos;
    });
  }

  bool empty() const noexcept { return parts_.empty(); }

 private:
  struct part {
    artifacts::request_part kind;
    std::string text;  // canonical JSON; of a secret nothing
    larder::secret hidden;
  };

  request& put(std::string_view name, part made) {
    if (name.empty() || !format::is_utf8(name))
      core::fail(error_cause::invalid_argument,
                 "a part of a request is called " + format::printable_name(name) + "; its name is a text in UTF-8");
    if (!parts_.try_emplace(std::string(name), std::move(made)).second)
      core::fail(error_cause::invalid_argument,
                 "a request has the part " + format::printable_name(name) + " twice; name it once");
    return *this;
  }

  static std::string list_of(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) {
      if (out.size() > 1) out += ", ";
      format::append_canonical_text(out, text);
    }
    return out + ']';
  }
  template <class Texts>
  static std::vector<std::string> copies_of(const Texts& texts) {
    std::vector<std::string> copies;
    for (const auto& text : texts) {
      static_assert(artifacts::text_like<std::remove_cvref_t<decltype(text)>>,
                    "larder: a list or set of a request is a range of texts");
      copies.emplace_back(std::string_view(text));
    }
    return copies;
  }
  template <class Texts>
  static std::string list_of(const Texts& texts) {
    return list_of(copies_of(texts));
  }
  template <class Texts>
  static std::string set_of(const Texts& texts) {
    std::vector<std::string> copies = copies_of(texts);
    for (std::string& text : copies)
      for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    std::sort(copies.begin(), copies.end());
    copies.erase(std::unique(copies.begin(), copies.end()), copies.end());
    return list_of(copies);
  }

  template <class MarkOf>
  void append_parts(std::string& out, std::string_view title, artifacts::request_part kind, MarkOf& mark_of) const {
    format::append_canonical_text(out, title);
    out += ": {";
    bool first = true;
    for (const auto& [name, one] : parts_) {
      if (one.kind != kind) continue;
      if (!std::exchange(first, false)) out += ", ";
      format::append_canonical_text(out, name);
      out += ": ";
      if (kind == artifacts::request_part::secret)
        format::append_canonical_text(out, mark_of(name, one.hidden.reveal()));
      else
        out += one.text;
    }
    out += "}, ";
  }

  std::map<std::string, part, std::less<>> parts_;
};

}  // namespace larder
