#pragma once

// What S3 says in XML: small documents, and the failures that its codes name.

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/xml_reader.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// A document of one level: the root's name and the texts of its children, the first of each name. Namespaces are dropped:
/// AWS, Google and the compatible services use three and none.
class s3_document {
 public:
  /// Throws `larder::error` (server) for what is no XML.
  static s3_document read(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\r' || text.front() == '\t'))
      text.remove_prefix(1);  // written to keep the connection open while the answer is being made
    s3_document out;
    xml_reader<s3_document>::read(text, out, "the service's answer", "is there an S3 service at this address?");
    return out;
  }
  static std::string_view local_name(std::string_view name) noexcept {
    return name.substr(name.find('|') == std::string_view::npos ? 0 : name.find('|') + 1);
  }

  const std::string& root() const noexcept { return root_; }
  std::string field(const std::string& name) const {
    const auto at = fields_.find(name);
    return at == fields_.end() ? "" : at->second;
  }

 private:
  friend xml_reader<s3_document>;
  void start(std::string_view name) {
    if (depth_++ == 0) root_ = local_name(name);
  }
  void end(std::string_view name, std::string text) {
    if (--depth_ == 1) fields_.emplace(local_name(name), std::move(text));
  }

  std::string root_;
  std::map<std::string, std::string> fields_;
  std::size_t depth_ = 0;
};

/// Only what the predicate takes, at most so much of it: text of a server's must not reach a message otherwise.
template <class Allowed>
std::string cleaned(std::string_view text, std::size_t most, Allowed&& allowed) {
  std::string out;
  for (const char c : text)
    if (out.size() < most && allowed(c)) out += c;
  return out;
}

/// The code that an answer names as its failure: letters and digits; empty for a success and where there is none (HEAD).
inline std::string s3_code(const http_response& answer) {
  if (answer.body.empty()) return {};
  try {
    const s3_document document = s3_document::read(answer.body.text());
    if (document.root() != "Error") return {};
    return cleaned(document.field("Code"), 64,
                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
  } catch (const error&) {
    return {};  // a proxy's page, or an answer that was cut: the status must do
  }
}

/// Which failure it is; the status decides where the code is not known better.
inline error_cause s3_cause(int status, std::string_view code) noexcept {
  for (const std::string_view refused :
       {"AccessDenied", "AllAccessDisabled", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidAccessKeyId",
        "InvalidSecurity", "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired"})
    if (code == refused) return error_cause::unauthorized;
  for (const std::string_view full : {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})
    if (code == full) return error_cause::no_space;
  if (code == "RequestTimeout") return error_cause::timeout;
  return cause_of_status(status);
}

inline std::string_view s3_advice(int status, std::string_view code) noexcept {
  if (code == "NoSuchBucket") return "there is no such bucket; create it, or check bucket, region and endpoint";
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch") return "check access_key_id and secret_access_key";
  if (code == "RequestTimeTooSkewed") return "this machine's clock is wrong; set it";
  if (code == "ExpiredToken" || code == "InvalidToken" || code == "TokenRefreshRequired")
    return "the session token is no longer taken; get new credentials";
  if (code == "NoSuchUpload") return "the upload is gone: given up, or finished by somebody else";
  if (status == 301 || status == 307 || code == "AuthorizationHeaderMalformed")
    return "the bucket seems to be in another region; set region";
  if (code == "AccessDenied" || status == 403)
    return "check what the key may do; without leave to list the bucket (s3:ListBucket), absent objects are answered so, too";
  if (status == 404) return "that is not how S3 says that an object is absent; check the endpoint";
  if (const std::string_view known = advice_for_status(status); !known.empty()) return known;
  return "check bucket, region and endpoint";
}

/// Throws for an answer that is not what was needed, with the service's code, its id of the request and, where it names
/// one, the bucket's region. Nothing else that the service wrote is repeated.
[[noreturn]] inline void fail_s3(const http_request& request, const http_response& answer, std::string_view code,
                                 std::string_view advice = {}) {
  const auto of_region = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  const auto of_id = [&](char c) { return of_region(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  std::string id = cleaned(answer.header("x-amz-request-id").value_or(""), 64, of_id);
  if (id.empty()) id = cleaned(answer.header("x-guploader-uploadid").value_or(""), 128, of_id);
  const std::string region = cleaned(answer.header("x-amz-bucket-region").value_or(""), 32, of_region);
  std::string help(advice.empty() ? s3_advice(answer.status, code) : advice);
  if (!region.empty() && (answer.status == 301 || answer.status == 307 || answer.status == 400))
    help += "; the bucket is in " + region;
  fail_status(request, answer.status, s3_cause(answer.status, code), failure_name(code, id), help);
}

}  // namespace larder::remote
