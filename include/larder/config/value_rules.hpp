#pragma once

// What the types of the table of keys let a value be. Files and variables are held to it when they are read, code when settings are checked.

#include <larder/config/address_text.hpp>
#include <larder/config/cache_settings.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/period_text.hpp>
#include <larder/config/setting.hpp>
#include <larder/config/setting_refusal.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/core/decimal_text.hpp>
#include <larder/core/time.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace larder::config {

/// What is wrong with a text for a key, as the end of a sentence; empty when nothing is.
inline std::string text_fault(const std::string& text, setting_type type, std::span<const std::string_view> choices) {
  if (type == setting_type::name && std::find(choices.begin(), choices.end(), text) == choices.end())
    return "cannot be " + format::printable_name(text) + format::known_names(text, choices);
  if (text.empty()) return "is empty; leave it out, or write " + std::string(type_text(type));
  if (text.find('\0') != std::string::npos) return "has a NUL in it; write " + std::string(type_text(type)) + " without one";
  if (type == setting_type::address) return std::string(address_fault(text));
  if (type == setting_type::variable && !is_variable_name(text)) return std::string(variable_fault);
  return {};
}

/// What is wrong with a value for a key, as the end of a sentence; empty when nothing is.
template <class T>
std::string value_fault(const T& value, setting_type type, std::span<const std::string_view> choices) {
  if constexpr (std::is_same_v<T, std::string>) {
    return text_fault(value, type, choices);
  } else if constexpr (std::is_same_v<T, duration>) {
    if (value > duration(0)) return {};
    return (value == duration(0) ? "is no time at all" : "is " + period_text(value) + ", which is negative") +
           "; give it a period above zero, or leave it out";
  } else if constexpr (std::is_same_v<T, memory_amount>) {
    if (value.share > 0 && value.share <= 1) return {};
    if (value.share != 0)
      return "is " + core::decimal_text(value.share) +
             "; it is to be bytes from 1 on, or memory_amount::of_memory with a share above 0 and up to 1";
    return value.bytes != 0 ? "" : "is 0, which is no room at all; leave it out, or give it a size, for example 512MB";
  } else if constexpr (std::is_same_v<T, double>) {
    if (value > 0 && value <= 1) return {};
    return "is " + core::decimal_text(value) + ", which is not a share; write a number above 0 and up to 1, for example 0.9";
  } else if constexpr (!std::is_same_v<T, bool>) {
    if (value != 0) return {};
    if (type == setting_type::size) return "is 0, which is no room at all; leave it out, or give it a size, for example 512MB";
    if (type == setting_type::count) return "is 0; it is to be " + std::string(type_text(type)) + ", or left out";
  }
  return {};
}

/// Throws `larder::error` for a value that its key cannot have, or that is for another cache alone. `owner` is the cache, or `manager`;
/// `shown` is how messages call it.
template <class Settings>
void check_values(std::string_view owner, const std::string& shown, const Settings& of) {
  for (const setting_key<Settings>& key : keys_of<Settings>())
    with_member(key, of, [&](const auto& said) {
      if (!said) return;
      std::string fault = value_fault(*said, key.type, key.choices);
      if (said.misfit())
        fault =
            "is " + core::decimal_text(*said.misfit()) + "; it is to be " + std::string(type_text(key.type)) + ", or left out";
      if (!key.only_for.empty() && key.only_for != owner) fault = "changes nothing; it is for " + std::string(key.only_for);
      if (!fault.empty()) refuse_setting(said, key.name, shown, fault);
    });
}

}  // namespace larder::config
