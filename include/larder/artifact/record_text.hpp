#pragma once

#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/json_field.hpp>
#include <larder/format/json_object.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder::artifacts {

/// Seconds as records have them, to the millisecond.
inline std::string seconds_text(double seconds) {
  return core::decimal_text(std::isfinite(seconds) && seconds > 0 && seconds < 1e12 ? seconds : 0, 3);
}

/// An object of a record that may be anybody's: what is missing or of another type goes to `refuse(why)`, which throws.
class record_object {
 public:
  using refusing = void (*)(const std::string& why);

  record_object(simdjson::dom::object object, refusing refuse) : object_(object), refuse_(refuse) {}

  bool has(std::string_view name) const noexcept {
    simdjson::dom::element found;
    return object_.at_key(name).get(found) == simdjson::SUCCESS;
  }
  std::string_view text(std::string_view name) const { return value<std::string_view>(name, "text"); }
  double real(std::string_view name) const { return value<double>(name, "number"); }
  simdjson::dom::object object(std::string_view name) const { return value<simdjson::dom::object>(name, "object"); }
  simdjson::dom::array array(std::string_view name) const { return value<simdjson::dom::array>(name, "list"); }
  std::uint64_t number(std::string_view name) const {
    return format::exact_json_integer(value<simdjson::dom::element>(name, "number"), "its " + std::string(name), refuse_);
  }
  /// Milliseconds since 1970.
  instant moment(std::string_view name) const {
    const std::uint64_t milliseconds = number(name);
    if (milliseconds > static_cast<std::uint64_t>(instant::max().count()) / 1'000'000)
      refuse_("its " + std::string(name) + " is too late");
    return std::chrono::milliseconds(milliseconds);
  }

 private:
  template <class T>
  T value(std::string_view name, const char* kind) const {
    T found{};
    if (object_.at_key(name).get(found) != simdjson::SUCCESS) refuse_("it has no " + std::string(name) + " that is a " + kind);
    return found;
  }

  simdjson::dom::object object_;
  refusing refuse_;
};

}  // namespace larder::artifacts
