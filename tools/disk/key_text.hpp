#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace disk {

/// A key as it can be read, copied and typed again: text as it is, anything else (and text that begins so itself) as `hex:` and the
/// digits of its bytes. Nothing in it moves a terminal's cursor or turns a line around.
std::string key_text(std::string_view key);
/// The key that such a text means; throws `larder::error`, which names `option`, when what follows `hex:` is no bytes.
std::string key_of_text(std::string_view text, std::string_view option);

/// Two lower-case digits for each byte.
std::string hexadecimal(std::string_view bytes);

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace disk
