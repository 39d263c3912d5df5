#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// Where a setting was said.
struct setting_origin {
  enum class kind : std::uint8_t {
    nowhere,   ///< it was not: the default holds
    code,      ///< by the program
    variable,  ///< by a variable of the environment
    file,
  };

  kind where = kind::nowhere;
  std::string name{};      ///< of the file or the variable
  std::size_t line = 0;    ///< from 1, of a file
  std::size_t column = 0;  ///< from 1, in bytes

  /// For people: `larder.toml:3:8`, `CACHE_POLICY`, `code`, `default`.
  std::string text() const {
    switch (where) {
      case kind::code:
        return "code";
      case kind::variable:
        return name;
      case kind::file:
        return name + ":" + std::to_string(line) + ":" + std::to_string(column);
      default:
        return "default";
    }
  }
};

/// Whether `a` is nearer to the program than `b`: code, then variables, then files, then what is not said.
constexpr bool is_nearer(const setting_origin& a, const setting_origin& b) noexcept {
  const auto distance = [](const setting_origin& of) {
    return of.where == setting_origin::kind::nowhere ? 4 : static_cast<int>(of.where);
  };
  return distance(a) < distance(b);
}
/// Whether both are said by code, by variables, or in one file.
inline bool is_same_source(const setting_origin& a, const setting_origin& b) noexcept {
  return a.where == b.where && (a.where != setting_origin::kind::file || a.name == b.name);
}

/// A setting that may be said or not, and where it was. Assigning to one says it by code.
template <class T>
class setting {
 public:
  using value_type = T;

  setting() = default;
  template <class Given>
    requires(std::is_convertible_v<Given, T> && !std::is_same_v<std::remove_cvref_t<Given>, setting> &&
             (!std::is_same_v<T, bool> || std::is_same_v<std::remove_cvref_t<Given>, bool>))  // no text is a bool
  setting(Given&& given) : origin_{setting_origin::kind::code, {}, 0, 0} {
    using number = std::remove_cvref_t<Given>;
    if constexpr (std::is_unsigned_v<T> && std::is_arithmetic_v<number> && std::is_signed_v<number>) {
      constexpr auto end = 2 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
      if (!(static_cast<double>(given) >= 0 && static_cast<double>(given) < end)) {
        misfit_ = static_cast<double>(given);
        value_.emplace();
        return;
      }
    }
    value_.emplace(std::forward<Given>(given));
  }

  void set(T value, setting_origin origin) {
    value_ = std::move(value);
    misfit_.reset();
    origin_ = std::move(origin);
  }
  void reset() { *this = setting(); }

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  const T& operator*() const { return value_.value(); }
  const T* operator->() const { return &value_.value(); }
  T value_or(T otherwise) const { return value_.value_or(std::move(otherwise)); }
  const setting_origin& origin() const noexcept { return origin_; }
  /// The number that code gave and that `T` has not, such as -1 for a size; it is kept, as `check` refuses it with the setting's name.
  const std::optional<double>& misfit() const noexcept { return misfit_; }

  /// Settings are equal when they say the same, wherever.
  friend bool operator==(const setting& a, const setting& b) { return a.value_ == b.value_ && a.misfit_ == b.misfit_; }

 private:
  std::optional<T> value_;
  std::optional<double> misfit_;
  setting_origin origin_;
};

}  // namespace larder
