#pragma once

// Texts that stand beside secrets: addresses, which may not hold one, and names of variables, which are not one. Their faults are said without
// the text, and nothing that may be a secret is written or explained.

#include <larder/remote/url.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::config {

/// Why a text cannot be the address of a store; empty when it can.
inline std::string_view address_fault(std::string_view text) noexcept {
  if (text.find('@') != std::string_view::npos)
    return "has an @, as if it carried a user or a password; a user goes to remote.user, and remote.secret_variable names the "
           "variable that has "
           "the secret";
  if (text.find_first_of("?#") != std::string_view::npos)
    return "has a query or a fragment; a signature goes to the variable that remote.secret_variable names, with "
           "remote.credential = sas";
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  const std::size_t scheme = text.find("://");
  if (!is_plain || scheme == std::string_view::npos || scheme == 0 || scheme + 3 == text.size())
    return "is no address; write it as in https://host/path";
  return {};
}

/// Whether a text is the name of a variable: capitals, digits and _. Few secrets are.
inline bool is_variable_name(std::string_view text) noexcept {
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}
inline constexpr std::string_view variable_fault =
    "is not the name of a variable of the environment (capitals, digits and _); the secret itself does not belong here";

/// What is written of an address: all of it, when it can be one.
inline std::string shown_address(std::string_view text) {
  return address_fault(text).empty() ? std::string(text) : remote::printable_url(text);
}
/// What is written of a variable's name: a text that is none may be the secret itself.
inline std::string shown_variable(std::string_view text) {
  return std::string(is_variable_name(text) ? text : "(no name of a variable)");
}

}  // namespace larder::config
