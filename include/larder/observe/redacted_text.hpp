#pragma once

#include <larder/observe/escaped_text.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::observe {

namespace redaction {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_letter_or_digit(char c) noexcept { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }
/// What names are made of: `sas.token`, `X-Api-Key`, `secret_access_key`.
constexpr bool is_of_name(char c) noexcept { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; }
constexpr bool ends_value(char c) noexcept {
  return static_cast<unsigned char>(c) <= 0x20 || std::string_view("&;,\"'<>)]}").find(c) != std::string_view::npos;
}
constexpr bool is_between(char c) noexcept { return c == '"' || c == '\'' || c == ' ' || c == '\\'; }

/// How names end whose value is never shown, in whatever way their words are joined: `refresh_token`, `X-Amz-Security-Token`, `accessToken`.
/// (Not `tokens`: programs that train models count those.)
inline constexpr std::array<std::string_view, 17> endings{
    "token",     "secret", "password",   "passwd",    "passphrase", "signature",  "credential", "credentials",  "authorization",
    "accesskey", "apikey", "accountkey", "sharedkey", "secretkey",  "privatekey", "signingkey", "encryptionkey"};
/// Names that say it only as a word of their own: `sig`, `sas_sig`, and not `config`.
inline constexpr std::array<std::string_view, 3> words{"sig", "pwd", "pass"};
/// What is never shown behind a space.
inline constexpr std::array<std::string_view, 3> schemes{"bearer", "basic", "sharedkey"};
/// What may stand before the value of an `Authorization`, besides those.
inline constexpr std::array<std::string_view, 4> more_schemes{"token", "digest", "negotiate", "aws4-hmac-sha256"};

/// Whether a name ends with a lower-case word, whatever joins the name's own words.
constexpr bool ends_with(std::string_view name, std::string_view word) noexcept {
  while (!word.empty()) {
    while (!name.empty() && !is_letter_or_digit(name.back())) name.remove_suffix(1);
    if (name.empty() || lower(name.back()) != word.back()) return false;
    name.remove_suffix(1);
    word.remove_suffix(1);
  }
  return true;
}
constexpr bool is(std::string_view name, std::string_view word) noexcept {
  return name.size() == word.size() && ends_with(name, word);
}
template <std::size_t N>
constexpr bool is_one_of(std::string_view name, const std::array<std::string_view, N>& all) noexcept {
  for (const std::string_view each : all)
    if (is(name, each)) return true;
  return false;
}
constexpr bool names_a_secret(std::string_view name) noexcept {
  for (const std::string_view ending : endings)
    if (ends_with(name, ending)) return true;
  const std::size_t joint = name.find_last_of("_-.");
  return is_one_of(joint == std::string_view::npos ? name : name.substr(joint + 1), words);
}

/// What is to be shown of a text at whose front a name begins, and of the secret behind it that is not.
struct named_secret {
  std::size_t shown = 0;  ///< the name, and what stands between it and its value; 0: there is no secret
  std::size_t hidden = 0;
};
constexpr std::size_t length_of_name(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_of_name(text[size])) ++size;
  return size;
}
constexpr std::size_t behind_blanks(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_between(text[at])) ++at;
  return at;
}
constexpr named_secret secret_at_front(std::string_view text) noexcept {
  const std::string_view name = text.substr(0, length_of_name(text));
  named_secret found;
  const std::size_t sign = behind_blanks(text, name.size());
  const bool is_named = sign < text.size() && (text[sign] == '=' || text[sign] == ':') && names_a_secret(name);
  bool to_the_end = false;
  if (is_named) {
    found.shown = behind_blanks(text, sign + 1);
    if (ends_with(name, "authorization")) {  // a scheme comes first; behind one that is not known nothing is
      const std::string_view scheme = text.substr(found.shown, length_of_name(text.substr(found.shown)));
      const std::size_t behind = found.shown + scheme.size();
      const bool has_more = behind < text.size() && text[behind] == ' ';
      if (has_more && (is_one_of(scheme, schemes) || is_one_of(scheme, more_schemes)))
        found.shown = behind_blanks(text, behind);
      else
        to_the_end = true;
    }
  } else if (is_one_of(name, schemes) && name.size() < text.size() && (text[name.size()] == ' ' || text[name.size()] == '=')) {
    found.shown = name.size();
    while (found.shown < text.size() && (text[found.shown] == ' ' || text[found.shown] == '=')) ++found.shown;
  } else {
    return found;
  }
  const char last = text[found.shown - 1];
  const bool is_quoted = last == '"' || last == '\'';
  const bool is_escaped = is_quoted && found.shown >= 2 && text[found.shown - 2] == '\\';  // a text within a text
  std::size_t end = found.shown;
  while (end < text.size()) {
    if (is_quoted    ? text[end] == last || (is_escaped && text[end] == '\\')
        : to_the_end ? text[end] == ',' || text[end] == '\n' || text[end] == '\r'
                     : ends_value(text[end]))
      break;
    end += is_quoted && text[end] == '\\' && end + 1 < text.size() ? 2 : 1;
  }
  found.hidden = end - found.shown;
  return found;
}

}  // namespace redaction

/// A text as one line for a log: what follows the names of signatures, tokens and passwords, and what an address has before its `@`, is `***`;
/// control characters and bytes that are no UTF-8 are replaced. Larder's own messages have nothing of that kind; users' exceptions may.
inline std::string redacted_text(std::string_view text) {
  using namespace redaction;
  std::string out;
  for (bool in_name = false; !text.empty();) {
    if (const named_secret found = in_name ? named_secret{} : secret_at_front(text); found.shown != 0) {
      (out += text.substr(0, found.shown)) += found.hidden == 0 ? "" : "***";
      text.remove_prefix(found.shown + found.hidden);
      continue;
    }
    if (text.starts_with("://")) {  // user:password@host
      std::size_t at = std::string_view::npos;
      for (std::size_t i = 3; i < text.size() && text[i] != '/' && text[i] != '?' && !ends_value(text[i]); ++i)
        if (text[i] == '@') at = i;
      if (at != std::string_view::npos) {
        out += "://***";
        text.remove_prefix(at);
        in_name = false;
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
    in_name = is_of_name(text.front());
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace larder::observe
