#pragma once

#include <larder/observe/escaped_text.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::observe {

namespace redaction {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_word(char c) noexcept { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; }
constexpr bool starts_with(std::string_view text, std::string_view lower_case) noexcept {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i)
    if (lower(text[i]) != lower_case[i]) return false;
  return true;
}
constexpr bool ends_value(char c) noexcept {
  return static_cast<unsigned char>(c) <= 0x20 || std::string_view("&;,\"'<>)]}").find(c) != std::string_view::npos;
}

/// What is never shown behind `=` or `:`.
inline constexpr std::array<std::string_view, 14> names{
    "sig",      "signature", "x-amz-signature", "x-amz-security-token", "accountkey", "sharedaccesssignature",
    "password", "passwd",    "secret",          "client_secret",        "token",      "access_token",
    "api_key",  "apikey"};
/// What is never shown behind a space.
inline constexpr std::array<std::string_view, 3> schemes{"bearer", "basic", "sharedkey"};

/// How long a name at the front is, together with what stands between it and its value; 0 when there is none.
constexpr std::size_t name_at_front(std::string_view text) noexcept {
  for (const std::string_view name : names) {
    if (!starts_with(text, name)) continue;
    std::size_t at = name.size();
    while (at < text.size() && (text[at] == '"' || text[at] == '\'' || text[at] == ' ')) ++at;
    if (at == text.size() || (text[at] != '=' && text[at] != ':')) continue;
    ++at;
    while (at < text.size() && (text[at] == '"' || text[at] == '\'' || text[at] == ' ')) ++at;
    return at;
  }
  for (const std::string_view scheme : schemes) {
    if (!starts_with(text, scheme)) continue;
    std::size_t at = scheme.size();
    if (at == text.size() || (text[at] != ' ' && text[at] != '=')) continue;
    while (at < text.size() && (text[at] == ' ' || text[at] == '=')) ++at;
    return at;
  }
  return 0;
}

}  // namespace redaction

/// A text as one line for a log: what follows the names of signatures, tokens and passwords, and what an address has before its `@`, is `***`;
/// control characters and bytes that are no UTF-8 are replaced. Larder's own messages have nothing of that kind; users' exceptions may.
inline std::string redacted_text(std::string_view text) {
  using namespace redaction;
  std::string out;
  for (bool in_word = false; !text.empty();) {
    if (const std::size_t named = in_word ? 0 : name_at_front(text); named != 0) {
      const char last = text[named - 1];
      const bool is_quoted = last == '"' || last == '\'';
      std::size_t end = named;
      while (end < text.size() && (is_quoted ? text[end] != last : !ends_value(text[end]))) ++end;
      (out += text.substr(0, named)) += end == named ? "" : "***";
      text.remove_prefix(end);
      continue;
    }
    if (text.starts_with("://")) {  // user:password@host
      std::size_t at = std::string_view::npos;
      for (std::size_t i = 3; i < text.size() && text[i] != '/' && text[i] != '?' && !ends_value(text[i]); ++i)
        if (text[i] == '@') at = i;
      if (at != std::string_view::npos) {
        out += "://***";
        text.remove_prefix(at);
        in_word = false;
        continue;
      }
    }
    const std::size_t size = character_at_front(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (first < 0x20 || first == 0x7f)
      out += ' ';
    else
      out += text.substr(0, size);
    in_word = is_word(text.front());
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace larder::observe
