#pragma once

#include <larder/remote/base64.hpp>
#include <larder/remote/secret.hpp>
#include <larder/serve/request_head.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace larder::serve {

/// Whether two texts are equal, in a time that depends on the length of `given` alone.
inline bool is_same_secret(std::string_view given, std::string_view expected) noexcept {
  volatile unsigned char difference = given.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = expected.empty() ? '\0' : expected[i % expected.size()];
    difference = static_cast<unsigned char>(difference | static_cast<unsigned char>(given[i] ^ other));
  }
  return difference == 0;
}

/// Whether a `Host` is one that a server without a token answers to: none, localhost, or an address. A page of any site can have its own name
/// lead here after it was loaded, and would then read what is served to its reader (DNS rebinding).
inline bool may_be_asked_for_as(std::string_view host) {
  if (host.data() == nullptr) return true;  // browsers always say one
  const bool is_six = host.starts_with('[');
  const std::size_t end = is_six ? host.find(']') : host.find(':');
  if (is_six && end == std::string_view::npos) return false;
  const std::string name(is_six ? host.substr(1, end - 1) : host.substr(0, end));
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (is_six) return ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
  return request_rules::is_same_word(name, "localhost") || ::inet_pton(AF_INET, name.c_str(), address.data()) == 1;
}

/// Who may ask: everybody, or who knows the token. It comes as `Authorization: Bearer <token>`, or as the password of `Basic`, which browsers
/// ask people for.
class access_check {
 public:
  explicit access_check(secret token) : token_(std::move(token)) {}

  bool required() const noexcept { return !token_.empty(); }
  bool admits(std::string_view authorization) const {
    if (!required()) return true;
    const std::size_t space = authorization.find(' ');
    if (space == std::string_view::npos) return false;
    const std::string_view scheme = authorization.substr(0, space);
    const std::string_view given = request_rules::without_padding(authorization.substr(space));
    if (request_rules::is_same_word(scheme, "bearer")) return is_same_secret(given, token_.reveal());
    if (!request_rules::is_same_word(scheme, "basic")) return false;
    const std::optional<std::string> decoded = remote::base64_decoded(given);
    if (!decoded) return false;
    const std::size_t colon = decoded->find(':');
    return colon != std::string::npos && is_same_secret(std::string_view(*decoded).substr(colon + 1), token_.reveal());
  }

 private:
  secret token_;
};

}  // namespace larder::serve
