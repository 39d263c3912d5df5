#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>

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
/// is signed anew. `Signer` has `sign(http_request&) const`, safe from many threads.
template <class Transport, class Signer>
class authorized {
 public:
  authorized(Signer signer, const transport_settings& settings) : signer_(std::move(signer)), inner_(settings) {}

  http_response send(http_request request) {
    signer_.sign(request);
    return inner_.send(request);
  }

 private:
  Signer signer_;
  Transport inner_;
};

}  // namespace larder::remote
