#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/azure_signing.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_source.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Shows Azure Storage who asks, in one of its three ways: the account's key, a shared access signature, or a bearer token. Of
/// these, each request carries one. Safe from many threads.
class azure_signer {
 public:
  /// By the account's key in base64, as the portal shows it: each request is signed with the time of that try.
  static azure_signer shared_key(std::string account, const secret& key) {
    std::optional<std::string> decoded = base64_decoded(key.reveal());
    if (!decoded || decoded->empty())
      core::fail(error_cause::invalid_argument,
                 "azure: the key of account " + account + " is not base64; copy it whole, with the = at its end");
    azure_signer out;
    out.account_ = std::move(account);
    out.key_ = secret(*decoded);
    std::fill(decoded->begin(), decoded->end(), '\0');
    return out;
  }

  /// By a shared access signature: the query string that was issued, with or without its `?`; it is sent as it is.
  static azure_signer sas(const secret& query) {
    std::string_view text = query.reveal();
    if (text.starts_with('?')) text.remove_prefix(1);
    constexpr std::string_view foreign = "#?\"<>\\";
    const bool clean = std::all_of(text.begin(), text.end(),
                                   [&](char c) { return c > 0x20 && c < 0x7f && foreign.find(c) == std::string_view::npos; });
    if (!clean || ("&" + std::string(text)).find("&sig=") == std::string::npos)
      core::fail(error_cause::invalid_argument,
                 "azure: sas is not a shared access signature; give its query string (sv=...&sig=...), percent-encoded as it was "
                 "issued");
    azure_signer out;
    out.sas_ = secret(text);
    return out;
  }

  /// By one token that does not change. When the service refuses it, that is final.
  static azure_signer bearer(const secret& token) {
    azure_signer out;
    out.token_ = token;
    return out;
  }

  /// By the tokens of a credential, which is asked at each try, and once more when the service says that a token is no longer good.
  static azure_signer tokens(std::shared_ptr<token_source> source) {
    azure_signer out;
    out.source_ = std::move(source);
    return out;
  }

  void sign(http_request& request) const { sign(request, std::chrono::system_clock::now()); }
  /// As at that time.
  void sign(http_request& request, std::chrono::system_clock::time_point now) const {
    if (!sas_.empty()) {
      std::string& query = request.target.query;
      if (!query.empty()) query += '&';
      query += sas_.reveal();
      return;
    }
    request.headers.push_back({"x-ms-date", azure_date(now)});
    if (!key_.empty()) {
      request.headers.push_back(
          {"Authorization", "SharedKey " + account_ + ":" + azure_signature(key_, azure_string_to_sign(request, account_))});
      return;
    }
    const secret token = source_ ? source_->token_by(request.stop, request.answer_by) : token_;
    std::string text(scheme);
    text += token.reveal();
    request.headers.push_back({"Authorization", text});
    std::fill(text.begin(), text.end(), '\0');
  }

  /// The service answered 401 to a request that was signed here: whether signing it anew may help.
  bool rejected(const http_request& sent) const {
    if (!source_) return false;
    for (const http_header& h : sent.headers)
      if (h.name == "Authorization" && h.value.reveal().starts_with(scheme))
        source_->reject(secret(h.value.reveal().substr(scheme.size())));
    return true;
  }

 private:
  static constexpr std::string_view scheme = "Bearer ";

  azure_signer() noexcept = default;

  std::string account_;
  secret key_;  // decoded
  secret sas_;
  secret token_;
  std::shared_ptr<token_source> source_;
};

}  // namespace larder::remote
