#pragma once

// Where the objects are in S3 or in a service that speaks its language, and who asks; s3_client.hpp makes the requests. By
// example:
//
//   AWS            s3{.bucket = "models", .region = "eu-west-1"}                       keys from the environment or ~/.aws
//   Google Cloud   s3{.bucket = "models", .endpoint = "https://storage.googleapis.com"}  with the HMAC keys of an account (XML interface)
//   MinIO, Ceph    s3{.bucket = "models", .endpoint = "https://minio.example.org:9000"}  region us-east-1 unless named
//   R2             s3{.bucket = "models", .region = "auto", .endpoint = "https://<account>.r2.cloudflarestorage.com"}
//   public bucket  s3{.bucket = "models", .region = "us-east-1", .anonymous = true}
//
// Needed permissions: s3:GetObject, and s3:ListBucket, without which AWS answers 403 for what is absent; to write also
// s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload.

#include <larder/core/error.hpp>
#include <larder/remote/aws_credentials.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/s3_bucket.hpp>
#include <larder/remote/s3_client.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/sigv4.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// Where the bucket stands in addresses. `automatic`: before the host at AWS, unless the bucket's name has what host names
/// (or their certificates) cannot have; in the path elsewhere.
enum class s3_addressing : std::uint8_t { automatic, virtual_hosted, path };

/// How requests are signed and conditions said; `automatic`: by the host of the endpoint.
enum class s3_dialect : std::uint8_t { automatic, aws, google };

/// The settings of a bucket. Keys that are not given are looked for where AWS's own tools have them (AWS_ACCESS_KEY_ID and so
/// on, then the profile in ~/.aws), once, when the storage is made: temporary keys must outlive it. Objects above `part_size`
/// are written in parts, each of that size.
struct s3 {
  std::string bucket{};
  std::string region{};    ///< empty: AWS_REGION, AWS_DEFAULT_REGION, the profile's; with an endpoint, us-east-1 (at Google auto)
  std::string endpoint{};  ///< empty: AWS; else `http(s)://host[:port][/path]` without the bucket
  std::string prefix{};    ///< a folder of the bucket: objects are named below it
  std::string access_key_id{};
  secret secret_access_key{};
  secret session_token{};
  std::string profile{};   ///< take the keys from this profile, whatever the environment holds
  bool anonymous = false;  ///< sign nothing: for public buckets
  s3_addressing addressing = s3_addressing::automatic;
  s3_conditional_put conditional_put = s3_conditional_put::automatic;
  s3_dialect dialect = s3_dialect::automatic;
  bool hash_bodies =
      true;  ///< sign the SHA-256 of what is put, so that the service notices a changed byte; false: over https trust TLS
  std::uint64_t part_size = std::uint64_t{8}
                            << 20U;  ///< bytes, 5 MiB to 5 GiB; more where an object would have over 10,000 parts
  remote_timeouts timeouts{};
  std::string ca_file{};                                ///< PEM file of the authorities to trust instead of the system's
  std::uint64_t max_object = std::uint64_t{16} << 30U;  ///< bytes; a longer answer is an error, never a short value
  bool allow_unencrypted_credentials = false;           ///< send signed requests over http to other machines, too

  using signer = remote::sigv4;
  template <class Transport>
  class client : public remote::s3_client<Transport> {
   public:
    client(const s3& settings, Transport& transport) : remote::s3_client<Transport>(settings.where(), transport) {}
  };

  static constexpr std::uint64_t min_part_size = std::uint64_t{5} << 20U;
  static constexpr std::uint64_t max_part_size = std::uint64_t{5} << 30U;

  /// The address of the bucket. This and the members below throw `larder::error` for settings that cannot work.
  remote::url address(const remote::environment_reader& environment = &remote::process_environment) const {
    check_bucket();
    check_prefix();
    if (part_size < min_part_size || part_size > max_part_size)
      core::fail(error_cause::invalid_argument,
                 "s3: a part_size of " + std::to_string(part_size) + " bytes is not taken by S3; choose 5 MiB to 5 GiB");
    const bool dns_name = bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (endpoint.empty()) {
      const std::string where = region_in(environment);
      const std::string host = "s3." + where + (where.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
      return placed(remote::parse_url("https://" + host, "s3 region"),
                    addressing == s3_addressing::automatic ? dns_name : addressing == s3_addressing::virtual_hosted);
    }
    remote::url base = remote::parse_url(endpoint, "s3 endpoint");
    if (!base.query.empty())
      core::fail(error_cause::invalid_argument,
                 "s3 endpoint: \"" + base.printable() + "\" was given with a query; endpoints have none");
    return placed(std::move(base), addressing == s3_addressing::virtual_hosted);
  }

  signer credentials(const remote::environment_reader& environment = &remote::process_environment) const {
    const remote::url base = address(environment);
    const bool given = !access_key_id.empty() || !secret_access_key.empty() || !session_token.empty();
    if (anonymous && (given || !profile.empty()))
      core::fail(error_cause::invalid_argument, "s3: anonymous and credentials exclude each other; give one of them");
    if (anonymous) return {};
    if (given && (access_key_id.empty() || secret_access_key.empty()))
      core::fail(error_cause::invalid_argument,
                 "s3: access_key_id and secret_access_key belong together; give both, or neither to take them from the "
                 "environment or a profile");
    if (given && !profile.empty())
      core::fail(error_cause::invalid_argument, "s3: keys and a profile exclude each other; give one of them");
    remote::aws_credentials key = given ? remote::aws_credentials{access_key_id, secret_access_key, session_token}
                                        : remote::aws_environment(environment, profile).credentials();
    for (const char c : key.access_key_id)
      if (c <= 0x20 || c >= 0x7f || c == '/' || c == ',')
        core::fail(error_cause::invalid_argument,
                   "s3: the access key id has a space, slash, comma or foreign character; check it");
    if (speaks_google() && !key.session_token.empty())
      core::fail(error_cause::invalid_argument,
                 "s3: Google's HMAC keys have no session token; leave session_token (AWS_SESSION_TOKEN) out");
    if (!base.encrypted() && !endpoint_is_loopback() && !allow_unencrypted_credentials)
      core::fail(error_cause::invalid_argument, "s3: credentials for " + base.printable() +
                                                    " would travel unencrypted; use https, or set allow_unencrypted_credentials");
    return signer({std::move(key), region_in(environment), hash_bodies,
                   speaks_google() ? remote::google_dialect : remote::aws_dialect, &wall_time::now});
  }

  /// What the client is told of the bucket.
  remote::s3_bucket where(const remote::environment_reader& environment = &remote::process_environment) const {
    return {address(environment),
            prefix.empty() || prefix.ends_with('/') ? prefix : prefix + "/",
            speaks_google(),
            condition(),
            part_size,
            max_object};
  }
  remote::transport_settings transport() const { return {timeouts, ca_file}; }

  bool speaks_google() const {
    if (dialect != s3_dialect::automatic) return dialect == s3_dialect::google;
    if (endpoint.empty()) return false;
    const std::string host = remote::parse_url(endpoint, "s3 endpoint").host;
    return host == "storage.googleapis.com" || host.ends_with(".storage.googleapis.com");
  }
  s3_conditional_put condition() const {
    if (conditional_put != s3_conditional_put::automatic) return conditional_put;
    return endpoint.empty() || speaks_google() ? s3_conditional_put::yes : s3_conditional_put::automatic;
  }

 private:
  remote::url placed(remote::url base, bool before_host) const {
    if (!before_host) {
      base.path += "/" + bucket;
      return base;
    }
    if (base.host.front() == '[' || base.host.find_first_not_of("0123456789.") == std::string::npos)
      core::fail(error_cause::invalid_argument, "s3: a bucket cannot stand before the number " + base.host +
                                                    "; use s3_addressing::path, or an endpoint with a name");
    base.host = bucket + "." + base.host;
    return base;
  }

  bool endpoint_is_loopback() const { return !endpoint.empty() && remote::parse_url(endpoint, "s3 endpoint").is_loopback(); }

  std::string region_in(const remote::environment_reader& environment) const {
    std::string where = region.empty() ? remote::aws_environment(environment, profile).region() : region;
    if (region.empty() && speaks_google()) where = "auto";  // a region of AWS says nothing there
    if (where.empty() && endpoint.empty())
      core::fail(error_cause::invalid_argument,
                 "s3: the region of bucket \"" + bucket + "\" is not known; set region, AWS_REGION, or an endpoint");
    if (where.empty()) where = "us-east-1";
    if (where.size() > 64 || where.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      core::fail(error_cause::invalid_argument, "s3: the region has a character that no region has; write it as in eu-west-1");
    return where;
  }

  void check_bucket() const {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    if (bucket.size() < 3 || bucket.size() > 255 || bucket.find_first_not_of(allowed) != std::string::npos ||
        bucket.find("..") != std::string::npos || bucket.front() == '.' || bucket.back() == '.')
      core::fail(error_cause::invalid_argument,
                 "s3: the bucket's name must be 3 to 255 letters, digits and .-_ (services allow less); write the name alone, "
                 "without s3:// or a path");
    if (addressing == s3_addressing::virtual_hosted && bucket.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != std::string::npos)
      core::fail(error_cause::invalid_argument,
                 "s3: bucket \"" + bucket + "\" cannot stand in a host's name; use s3_addressing::path");
  }

  void check_prefix() const {
    if (prefix.empty()) return;
    const auto refuse = [] {
      core::fail(error_cause::invalid_argument,
                 "s3: the prefix has an empty or dot segment, a control character, or more than 512 bytes; write it as in "
                 "\"team/models\"");
    };
    if (prefix.size() > 512) refuse();
    for (const char c : prefix)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse();
    for (std::size_t at = 0; at <= prefix.size();) {
      const std::size_t next = std::min(prefix.find('/', at), prefix.size());
      const std::string_view segment = std::string_view(prefix).substr(at, next - at);
      const bool last = next == prefix.size() && at != 0;  // one slash at the end does no harm
      if ((segment.empty() && !last) || segment == "." || segment == "..") refuse();
      at = next + 1;
    }
  }
};

}  // namespace larder
