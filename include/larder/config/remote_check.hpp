#pragma once

// What the keys of a remote tier mean together.

#include <larder/config/cache_settings.hpp>
#include <larder/config/setting.hpp>
#include <larder/config/setting_refusal.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/tensor_name.hpp>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

namespace larder::config {

inline bool has_remote(const cache_settings& of) noexcept { return of.remote_url.has_value(); }

/// The credential that is meant: one of `credential_names`.
inline std::string credential_meant(const cache_settings& of) {
  if (of.remote_credential) return *of.remote_credential;
  const bool in_cloud = of.remote_type && (*of.remote_type == "azure" || *of.remote_type == "s3");
  if (of.remote_secret_variable) return in_cloud ? "key" : "password";
  return in_cloud ? "chain" : "none";
}

/// Whether a credential is one of those that `remote.secret_variable` has.
inline bool is_secret(std::string_view credential) noexcept { return credential != "none" && credential != "chain"; }

/// Checks the remote tier of one cache, whose values were checked each for itself; `check` throws `larder::error` for what cannot work, or changes nothing.
class remote_check {
 public:
  remote_check(std::string_view cache, const cache_settings& of) : cache_(cache), of_(of) {}

  void check() const {
    if (!has_remote(of_)) return check_absent();
    if (!of_.remote_type) refuse(of_.remote_url, "remote.url", "is not enough; say remote.type: azure, s3, webdav or redis");
    check_scheme();
    check_writes();
    check_kind();
    check_credential();
    for (const auto& [said, key] :
         {named(of_.remote_lookup_budget, "remote.lookup_budget"), named(of_.remote_connect_timeout, "remote.connect_timeout"),
          named(of_.remote_answer_timeout, "remote.answer_timeout")})
      if (*said && **said > std::chrono::hours(24)) refuse(*said, key, "is longer than a day; write seconds, or with a unit");
  }

 private:
  template <class T>
  struct named_setting {
    const setting<T>* said;
    std::string_view key;
  };
  template <class T>
  static named_setting<T> named(const setting<T>& said, std::string_view key) {
    return {&said, key};
  }

  template <class T>
  [[noreturn]] void refuse(const setting<T>& said, std::string_view key, const std::string& why) const {
    refuse_setting(said, key, format::printable_name(cache_), why);
  }
  /// The setting changes nothing where `why` says.
  template <class T>
  void idle(const setting<T>& said, std::string_view key, std::string_view why) const {
    if (said) refuse(said, key, "changes nothing " + std::string(why));
  }
  /// The same because of another setting: unless that is said nearer to the program, which then wins without a word.
  template <class T>
  void idle(const setting<T>& said, std::string_view key, std::string_view why, const setting<std::string>& because) const {
    if (!is_nearer(because.origin(), said.origin())) idle(said, key, why);
  }
  bool is(std::string_view type) const { return *of_.remote_type == type; }

  void check_absent() const {
    constexpr std::string_view why = "without a remote tier; give it remote.url and remote.type, or leave it out";
    idle(of_.remote_type, "remote.type", why);
    idle(of_.remote_prefix, "remote.prefix", why);
    idle(of_.remote_mode, "remote.mode", why);
    idle(of_.remote_queue_size, "remote.queue_size", why);
    idle(of_.remote_credential, "remote.credential", why);
    idle(of_.remote_user, "remote.user", why);
    idle(of_.remote_secret_variable, "remote.secret_variable", why);
    idle(of_.remote_region, "remote.region", why);
    idle(of_.remote_ca_file, "remote.ca_file", why);
    idle(of_.remote_lookup_budget, "remote.lookup_budget", why);
    idle(of_.remote_connect_timeout, "remote.connect_timeout", why);
    idle(of_.remote_answer_timeout, "remote.answer_timeout", why);
    idle(of_.remote_max_object, "remote.max_object", why);
    idle(of_.remote_create_container, "remote.create_container", why);
    idle(of_.remote_allow_unencrypted_credentials, "remote.allow_unencrypted_credentials", why);
  }

  void check_scheme() const {
    const std::string& url = *of_.remote_url;
    const bool by_http = url.starts_with("http://") || url.starts_with("https://");
    if (is("redis") && !url.starts_with("redis://") && !url.starts_with("unix:///"))
      refuse(of_.remote_url, "remote.url", "is no address of redis; write redis://host[:port][/database] or unix:///path");
    if (is("s3") && !by_http && !url.starts_with("s3://"))
      refuse(of_.remote_url, "remote.url",
             "is no address of s3; write s3://bucket, or https://host/bucket for another service than AWS");
    if ((is("azure") || is("webdav")) && !by_http)
      refuse(of_.remote_url, "remote.url", "is no address of " + *of_.remote_type + "; write one that begins with https://");
  }
  void check_writes() const {
    const std::string mode = of_.remote_mode.value_or("write_through");
    if (mode != "write_back")
      idle(of_.remote_queue_size, "remote.queue_size", "unless remote.mode is write_back", of_.remote_mode);
    if (mode == "read_only")
      idle(of_.remote_create_container, "remote.create_container", "where remote.mode is read_only", of_.remote_mode);
  }
  void check_kind() const {
    const std::string here = "for " + *of_.remote_type + "; leave it out";
    if (!is("s3")) idle(of_.remote_region, "remote.region", here, of_.remote_type);
    if (is("redis")) idle(of_.remote_ca_file, "remote.ca_file", here, of_.remote_type);
    if (!is("azure")) idle(of_.remote_create_container, "remote.create_container", here, of_.remote_type);
  }
  void check_credential() const {
    const std::string credential = credential_meant(of_);
    const auto one_of = [&](std::initializer_list<std::string_view> taken) {
      for (const std::string_view name : taken)
        if (credential == name) return;
      std::string names;
      for (const std::string_view name : taken) names += (names.empty() ? "" : ", ") + std::string(name);
      refuse(of_.remote_credential, "remote.credential",
             "cannot be " + credential + " for " + *of_.remote_type + "; it is one of " + names);
    };
    if (is("azure")) one_of({"chain", "key", "sas", "token"});
    if (is("s3")) one_of({"chain", "key", "none"});
    if (is("webdav")) one_of({"none", "password", "token"});
    if (is("redis")) one_of({"none", "password"});

    if (!is_secret(credential)) {
      idle(of_.remote_secret_variable, "remote.secret_variable", "with remote.credential = " + credential, of_.remote_credential);
      idle(of_.remote_user, "remote.user", "without a secret; say remote.secret_variable, or leave it out",
           of_.remote_credential);
      if (credential == "none")
        idle(of_.remote_allow_unencrypted_credentials, "remote.allow_unencrypted_credentials", "without credentials",
             of_.remote_credential);
      return;
    }
    if (!of_.remote_secret_variable)
      refuse(of_.remote_credential, "remote.credential",
             "is " + credential + "; say in remote.secret_variable which variable has it");
    if (credential == "sas" || credential == "token")
      idle(of_.remote_user, "remote.user", "with remote.credential = " + credential, of_.remote_credential);
    if (!of_.remote_user && (is("s3") || is("webdav")) && credential != "token")
      refuse(of_.remote_secret_variable, "remote.secret_variable",
             std::string("is not enough; say remote.user, ") + (is("s3") ? "the access key id" : "whose password it is"));
  }

  std::string_view cache_;
  const cache_settings& of_;
};

}  // namespace larder::config
