#pragma once

// Where the container or bucket of an address is: `https://account.blob.core.windows.net/container`,
// `http://127.0.0.1:10000/account/container`, `s3://bucket`, `https://host/bucket`.

#include <larder/core/error.hpp>
#include <larder/remote/url.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace larder::config {

/// An address in parts.
struct object_place {
  std::string endpoint{};   ///< empty: the service's own
  std::string account{};    ///< of Azure, where the address names one
  std::string container{};  ///< or bucket
};

/// An http(s) address as an endpoint and the last segment of its path. Throws `larder::error` where there is none.
inline object_place split_place(const std::string& address, std::string_view what) {
  remote::url base = remote::parse_url(address, "remote.url");
  const std::size_t slash = base.path.rfind('/');
  if (slash == std::string::npos)
    core::fail(error_cause::invalid_argument, "remote.url: \"" + base.printable() + "\" names no " + std::string(what) +
                                                  "; write it behind the host, as in https://host/" + std::string(what));
  object_place out;
  out.container = base.path.substr(slash + 1);
  base.path.resize(slash);
  out.endpoint = base.scheme + "://" + base.authority() + base.path;
  return out;
}

/// Throws `larder::error` for an address that names no container, or more than one.
inline object_place azure_place(const std::string& address) {
  object_place out = split_place(address, "container");
  const remote::url endpoint = remote::parse_url(out.endpoint, "remote.url");
  if (endpoint.host.find(".blob.") != std::string::npos) {
    if (!endpoint.path.empty())
      core::fail(error_cause::invalid_argument,
                 "remote.url: \"" + address + "\" goes on behind the container; what is behind it is remote.prefix");
    out.account = endpoint.host.substr(0, endpoint.host.find('.'));
  } else if (!endpoint.path.empty()) {
    out.account = endpoint.path.substr(endpoint.path.rfind('/') + 1);  // of an emulator, which has one host for all
  }
  return out;
}

/// Throws `larder::error` for an address that names no bucket, and for what should be said otherwise.
inline object_place s3_place(const std::string& address) {
  constexpr std::string_view scheme = "s3://";
  if (!address.starts_with(scheme)) {
    object_place out = split_place(address, "bucket");
    if (out.endpoint.find(".amazonaws.com") != std::string::npos)
      core::fail(error_cause::invalid_argument,
                 "remote.url: \"" + address + "\" is a host of AWS; write s3://bucket, and remote.region");
    return out;
  }
  object_place out;
  out.container = address.substr(scheme.size());
  while (out.container.ends_with('/')) out.container.pop_back();
  if (out.container.find('/') != std::string::npos)
    core::fail(error_cause::invalid_argument,
               "remote.url: \"" + address + "\" goes on behind the bucket; what is behind it is remote.prefix");
  return out;
}

}  // namespace larder::config
