#pragma once

// What Azure Storage says in an answer beside its status. The service's words are untrusted: only what has the shape of a code
// or of an id is read, and nothing else of them reaches a message.

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::remote {

namespace azure_answer {

/// Hexadecimal digits and dashes, as the service's request and lease ids are.
inline bool is_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
  });
}

/// The service's code for what went wrong (`BlobNotFound`); empty when the answer has none, as of a proxy.
inline std::string_view code(const http_response& answer) noexcept {
  const std::string_view text = answer.header("x-ms-error-code").value_or("");
  const bool plain = text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                     });
  return plain ? text : std::string_view{};
}

/// The object is absent and the service says so; a missing container or a wrong address is something else.
inline bool says_absent(const http_response& answer) noexcept { return answer.status == 404 && code(answer) == "BlobNotFound"; }

inline std::string_view advice(int status, std::string_view code) noexcept {
  if (code == "ContainerNotFound") return "the container is missing, create it";
  if (code == "ContainerBeingDeleted") return "the container is being deleted, which takes half a minute or more; try later";
  if (code == "AuthenticationFailed") return "check the key or token, and this machine's clock: the service allows 15 minutes";
  if (code == "AuthorizationPermissionMismatch" || code == "InsufficientAccountPermissions")
    return "the credentials are known but do not permit this operation";
  if (code == "KeyBasedAuthenticationNotPermitted") return "this account takes no key; use a token";
  if (code == "LeaseIdMissing") return "somebody holds a lease on the object";
  if (code == "RequestBodyTooLarge") return "the service takes no body of this size; lower block_size";
  if (code == "BlobArchived") return "the object is in the archive tier and must be brought back first";
  if (code == "InvalidBlockList") return "blocks of this upload are gone; put it again";
  if (status == 404) return "check the endpoint and the container's name";
  return advice_for_status(status);
}

/// Throws for an answer that is not what is needed: with the service's code and the id by which its log knows the request.
[[noreturn]] inline void fail(const http_request& request, const http_response& answer, std::string_view words = {}) {
  const std::string_view what = code(answer);
  const std::string_view id = answer.header("x-ms-request-id").value_or("");
  std::string more = failure_name(what, is_id(id) ? id : std::string_view{});
  const std::string_view help = words.empty() ? advice(answer.status, what) : words;
  if (!help.empty()) more += (more.empty() ? "" : "; ") + std::string(help);
  fail_status(request, answer.status, more);
}

}  // namespace azure_answer

}  // namespace larder::remote
