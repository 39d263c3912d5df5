#pragma once

#include <larder/config/setting.hpp>
#include <larder/config/settings_error.hpp>
#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace larder::config {

/// What a text of settings says, whatever its format: tables of scalars, each with the place where it stands.
struct settings_node {
  enum class kind : std::uint8_t {
    table,
    list,
    nothing,  ///< null
    flag,     ///< `text` is true or false
    number,   ///< `text` is a decimal number
    text,
    untyped,  ///< a text whose format does not tell types apart: plain scalars of YAML, variables
  };

  std::string name{};  ///< its key; empty for the root
  kind what = kind::table;
  std::string text{};
  std::vector<settings_node> members{};
  setting_origin name_at{};   ///< where the key stands
  setting_origin value_at{};  ///< where the value begins

  const settings_node* find(std::string_view key) const noexcept {
    for (const settings_node& member : members)
      if (member.name == key) return &member;
    return nullptr;
  }
};

constexpr std::string_view kind_text(settings_node::kind kind) noexcept {
  switch (kind) {
    case settings_node::kind::table:
      return "a table";
    case settings_node::kind::list:
      return "a list";
    case settings_node::kind::nothing:
      return "nothing";
    case settings_node::kind::flag:
      return "true or false";
    case settings_node::kind::number:
      return "a number";
    default:
      return "a text";
  }
}

inline constexpr std::size_t largest_settings = std::size_t{1} << 20U;  ///< bytes of a text
inline constexpr std::size_t deepest_settings = 8;                      ///< tables in one another
inline constexpr std::size_t most_settings = 10'000;                    ///< nodes

inline void check_settings_size(std::string_view text, const std::string& name) {
  if (text.size() > largest_settings)
    core::fail(error_cause::invalid_argument,
               name + " has " + std::to_string(text.size()) + " bytes; settings have at most 1 MiB");
}

/// Line and column of an offset, both from 1.
inline setting_origin place_in(std::string_view text, std::size_t offset, const std::string& name) {
  setting_origin at{setting_origin::kind::file, name, 1, 1};
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    ++at.column;
    if (text[i] == '\n') {
      ++at.line;
      at.column = 1;
    }
  }
  return at;
}

}  // namespace larder::config
