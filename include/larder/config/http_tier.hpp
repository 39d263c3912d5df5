#pragma once

// Remote tiers in Azure, S3 and on WebDAV servers for settings. Including this in one file of a program is what makes `remote.type = "azure"`
// work in all of it.

#include <larder/config/cache_part.hpp>
#include <larder/config/object_place.hpp>
#include <larder/config/remote_part.hpp>
#include <larder/config/remote_parts.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/resilience.hpp>
#include <larder/remote/url.hpp>
#include <larder/storage/http_blob.hpp>

#include <memory>
#include <string>
#include <utility>

namespace larder::config {

/// The stores of `http_blob` as an order of settings says them. Each throws `larder::error` for an address that cannot be one.
class http_stores {
 public:
  explicit http_stores(const remote_order& order) : order_(order), said_(order.said) {}

  larder::azure azure() const {
    object_place place = azure_place(*said_.remote_url);
    larder::azure out;
    out.account = said_.remote_user.value_or(std::move(place.account));
    out.container = std::move(place.container);
    out.endpoint = std::move(place.endpoint);
    out.prefix = said_.remote_prefix.value_or("");
    out.create_container = said_.remote_create_container.value_or(false);
    if (order_.credential == "key") out.key = order_.shown;
    if (order_.credential == "sas") out.sas = order_.shown;
    if (order_.credential == "token") out.bearer_token = order_.shown;
    return with_usual(std::move(out));
  }
  larder::s3 s3() const {
    object_place place = s3_place(*said_.remote_url);
    larder::s3 out;
    out.bucket = std::move(place.container);
    out.endpoint = std::move(place.endpoint);
    out.region = said_.remote_region.value_or("");
    out.prefix = said_.remote_prefix.value_or("");
    out.anonymous = order_.credential == "none";
    if (order_.credential == "key") {
      out.access_key_id = said_.remote_user.value_or("");
      out.secret_access_key = order_.shown;
    }
    return with_usual(std::move(out));
  }
  larder::webdav webdav() const {
    const remote::url base = remote::parse_url(*said_.remote_url, "remote.url");
    larder::webdav out;
    out.url = (said_.remote_prefix ? base.child(*said_.remote_prefix) : base).text();
    if (order_.credential == "password") {
      out.user = said_.remote_user.value_or("");
      out.password = order_.shown;
    }
    if (order_.credential == "token") out.bearer_token = order_.shown;
    return with_usual(std::move(out));
  }
  larder::resilience resilience() const {
    larder::resilience out;
    if (said_.remote_lookup_budget) out.lookup_budget = milliseconds_of(*said_.remote_lookup_budget);
    return out;
  }

 private:
  template <class Protocol>
  Protocol with_usual(Protocol out) const {
    if (said_.remote_connect_timeout) out.timeouts.connect = milliseconds_of(*said_.remote_connect_timeout);
    if (said_.remote_answer_timeout) out.timeouts.first_byte = milliseconds_of(*said_.remote_answer_timeout);
    if (said_.remote_ca_file) out.ca_file = *said_.remote_ca_file;
    if (said_.remote_max_object) out.max_object = *said_.remote_max_object;
    out.allow_unencrypted_credentials = said_.remote_allow_unencrypted_credentials.value_or(false);
    return out;
  }

  const remote_order& order_;
  const cache_settings& said_;
};

/// See `remote_parts.hpp`.
[[gnu::weak]] std::unique_ptr<cache_part> make_http_tier(const remote_order& order) {
  const http_stores stores(order);
  if (*order.said.remote_type == "azure") return make_remote_part(order, http_blob{stores.azure(), stores.resilience()});
  if (*order.said.remote_type == "s3") return make_remote_part(order, http_blob{stores.s3(), stores.resilience()});
  return make_remote_part(order, http_blob{stores.webdav(), stores.resilience()});
}

}  // namespace larder::config
