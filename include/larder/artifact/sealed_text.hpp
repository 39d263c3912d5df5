#pragma once

// A record as it is stored: `{"check":"<32 digits>","mac":"<64 digits>","record":{...}}`. `check` is XXH3-128 of the record's text, against
// accidents; `mac`, where there is a key, HMAC-SHA256 of the same text, against who can write in a shared store but has no key.

#include <larder/core/digest.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/remote/secret.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/crypto.h>

namespace larder::artifacts {

inline std::string mac_of(std::string_view body, const secret& key) {
  const std::string_view letters = key.reveal();
  return remote::hex_of(remote::hmac_sha256(std::as_bytes(std::span(letters)), body));
}

inline std::string seal_text(std::string_view body, const secret& key) {
  std::string out = "{\"check\":\"" + digest_of(body).hex() + '"';
  if (!key.empty()) out += ",\"mac\":\"" + mac_of(body, key) + '"';
  return out.append(",\"record\":").append(body).append("}\n");
}

enum class seal_state : std::uint8_t {
  whole,
  damaged,  ///< it is not what was stored
  forged,   ///< it is whole, but not by who has the key
};

struct unsealed_text {
  seal_state state = seal_state::damaged;
  std::string_view body{};  ///< of `text`; empty unless it is whole
};

/// What was sealed. With a key, what carries no such mac by it is forged.
inline unsealed_text unseal_text(std::string_view text, const secret& key) {
  constexpr std::string_view begin = "{\"check\":\"";
  constexpr std::string_view mac_begin = ",\"mac\":\"";
  constexpr std::string_view record_begin = ",\"record\":";
  if (!text.starts_with(begin) || !text.ends_with("}\n") || text.size() < begin.size() + 35) return {};
  text.remove_suffix(2);
  const std::optional<digest> check = digest::parse(text.substr(begin.size(), 32));
  if (!check || text[begin.size() + 32] != '"') return {};
  text.remove_prefix(begin.size() + 33);
  std::string_view mac;
  if (text.starts_with(mac_begin)) {
    if (text.size() < mac_begin.size() + 65 || text[mac_begin.size() + 64] != '"') return {};
    mac = text.substr(mac_begin.size(), 64);
    text.remove_prefix(mac_begin.size() + 65);
  }
  if (!text.starts_with(record_begin)) return {};
  text.remove_prefix(record_begin.size());
  if (digest_of(text) != *check) return {};
  if (!key.empty()) {
    const std::string wanted = mac_of(text, key);
    if (mac.size() != wanted.size() || CRYPTO_memcmp(mac.data(), wanted.data(), wanted.size()) != 0)
      return {seal_state::forged, {}};
  }
  return {seal_state::whole, text};
}

}  // namespace larder::artifacts
