#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Signs with a fixed `Authorization` header, or not at all.
class fixed_credentials {
 public:
  fixed_credentials() noexcept = default;

  static fixed_credentials basic(std::string_view user, const secret& password) {
    if (user.find(':') != std::string_view::npos)
      core::fail(error_cause::invalid_argument, "a user name for basic authentication cannot hold a colon");
    std::string pair(user);
    pair += ':';
    pair += password.reveal();
    std::string encoded = "Basic " + base64(pair);
    fixed_credentials out;
    out.authorization_ = secret(encoded);
    pair.assign(pair.size(), '\0');
    encoded.assign(encoded.size(), '\0');
    return out;
  }
  static fixed_credentials bearer(const secret& token) {
    std::string text = "Bearer ";
    text += token.reveal();
    fixed_credentials out;
    out.authorization_ = secret(text);
    text.assign(text.size(), '\0');
    return out;
  }

  bool empty() const noexcept { return authorization_.empty(); }
  void sign(http_request& request) const {
    if (!empty()) request.headers.push_back({"Authorization", authorization_});
  }

 private:
  secret authorization_;
};

/// A transport that signs each request before the inner one sends it. It stands inside any retry, so that a later try
/// is signed anew. `Signer` has `sign(http_request&) const`, safe from many threads. One whose credentials can end before their
/// time has `rejected(const http_request& sent) const`, too: told of a 401, it says whether signing anew may help; if so, the
/// request is sent once more, whatever its method: what was not authorized was not carried out. A 403 is final.
template <class Transport, class Signer>
class authorized {
 public:
  authorized(Signer signer, const transport_settings& settings) : signer_(std::move(signer)), inner_(settings) {}

  http_response send(const http_request& request) {
    http_request sent = request;
    signer_.sign(sent);
    http_response answer = inner_.send(sent);
    if constexpr (requires(const Signer& signer) { { signer.rejected(sent) } -> std::same_as<bool>; })
      if (answer.status == 401 && signer_.rejected(sent)) {
        sent = request;
        signer_.sign(sent);
        return inner_.send(sent);
      }
    return answer;
  }

 private:
  Signer signer_;
  Transport inner_;
};

}  // namespace larder::remote
