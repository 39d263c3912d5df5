#pragma once

// Objects in a container of Azure Blob Storage (or of Azurite, its emulator), as block blobs.
//   http_blob{azure{.account = "acct", .container = "models"}}                   as who the program is where it runs: on Azure, in a pod, by `az login`
//   http_blob{azure{.account = "acct", .container = "models", .key = key}}
//   http_blob{azure::from_connection_string(text, "models")}
// Costs: get, head, erase 1 request; put 1 up to block_size, else one per block and one; a create_only that finds an object 2.
// The container must exist, unless `create_container` says that a put makes it: that it does not is a failure, never a miss.

#include <larder/core/error.hpp>
#include <larder/remote/azure_client.hpp>
#include <larder/remote/azure_connection_string.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/azure_default_credential.hpp>
#include <larder/remote/azure_signer.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_source.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// Which container, and how to reach it. Credentials are one of `key`, `sas`, `bearer_token` and `credential`, or, when none is named,
/// those that `remote::azure_default_credential` finds; they go over https, or over http to this machine itself.
struct azure {
  std::string account{};  ///< the storage account's name
  std::string container{};
  secret key{};  ///< the account's key, in base64 as the portal shows it
  secret sas{};  ///< a shared access signature: its query string, with or without `?`; needs r and l, w and c to put, d to erase
  secret bearer_token{};  ///< one token of Microsoft Entra; it ends after an hour or so: see `credential`
  std::shared_ptr<remote::token_source> credential{};  ///< gives a token for each try
  std::string
      endpoint{};  ///< empty: `https://<account>.blob.core.windows.net`; of an emulator, with the account: `http://127.0.0.1:10000/devstoreaccount1`
  std::string prefix{};  ///< a folder in the container, below which all names go
  remote_timeouts timeouts{};
  std::string ca_file{};  ///< PEM file of the authorities to trust instead of the system's, by the default credentials as well
  std::uint64_t max_object = std::uint64_t{16} << 30U;  ///< bytes; a longer answer is an error, never a short value
  std::uint64_t block_size = std::uint64_t{8} << 20U;   ///< bytes; larger objects are put in blocks of this size
  std::size_t page_size = 5'000;                        ///< names that are asked for in one page of a listing
  bool create_container = false;               ///< a put that finds no container makes it; what is looked for in none is absent
  bool allow_unencrypted_credentials = false;  ///< send credentials over http to other machines, too

  using signer = remote::azure_signer;
  template <class Transport>
  class client;

  /// What the account's connection string says: its names, its key or shared access signature, its endpoint; the emulator's for
  /// `UseDevelopmentStorage=true`. Throws `larder::error`, which repeats nothing of it.
  static azure from_connection_string(const secret& text, std::string container) {
    remote::azure_connection read = remote::parse_azure_connection(text);
    azure out;
    out.account = std::move(read.account);
    out.container = std::move(container);
    out.key = std::move(read.key);
    out.sas = std::move(read.sas);
    out.endpoint = std::move(read.endpoint);
    return out;
  }

  /// The emulator on this machine (Azurite), with its published account and key; the container is made when it is missing.
  static azure emulator(std::string container, std::string endpoint = std::string(remote::azure_emulator::endpoint)) {
    azure out;
    out.account = remote::azure_emulator::account;
    out.container = std::move(container);
    out.key = secret(remote::azure_emulator::key);
    out.endpoint = std::move(endpoint);
    out.create_container = true;
    return out;
  }

  /// Throws `larder::error` for settings that cannot work.
  remote::azure_container address() const {
    if (!account.empty() && !is_label(account, 3, 24, false))
      core::fail(error_cause::invalid_argument,
                 "azure: \"" + shown(account) + "\" is no account's name: those are 3 to 24 lower-case letters and digits");
    if (!is_label(container, 3, 63, true))
      core::fail(error_cause::invalid_argument,
                 "azure: \"" + shown(container) +
                     "\" is no container's name: those are 3 to 63 lower-case letters, digits and single dashes");
    if (endpoint.empty() && account.empty())
      core::fail(error_cause::invalid_argument, "azure: neither account nor endpoint is given; set one of them");
    remote::url base =
        remote::parse_url(endpoint.empty() ? "https://" + account + ".blob.core.windows.net" : endpoint, "azure endpoint");
    if (!base.query.empty())
      core::fail(error_cause::invalid_argument,
                 "azure endpoint: \"" + base.printable() + "\" was given with a query; a shared access signature goes to sas");
    if (!is_folder(prefix))
      core::fail(error_cause::invalid_argument, "azure: the prefix \"" + shown(prefix) +
                                                    "\" cannot be a folder: it has up to 500 characters, " +
                                                    "no empty or dot segments, no \\ and no control characters");
    if (block_size == 0 || block_size > remote::azure_container::largest_block)
      core::fail(error_cause::invalid_argument, "azure: a block_size of " + std::to_string(block_size) +
                                                    " bytes is outside what the service takes; give 1 byte to 4000 MiB");
    if (page_size == 0 || page_size > 5'000)
      core::fail(error_cause::invalid_argument,
                 "azure: a page_size of " + std::to_string(page_size) + " is outside what the service takes; give 1 to 5000");
    return {base.child(container), prefix, max_object, block_size, page_size, create_container};
  }

  signer credentials() const {
    const remote::url base = address().address;
    const int given = (key.empty() ? 0 : 1) + (sas.empty() ? 0 : 1) + (bearer_token.empty() ? 0 : 1) + (credential ? 1 : 0);
    if (given > 1)
      core::fail(error_cause::invalid_argument,
                 "azure: key, sas, bearer_token and credential exclude each other; give one of them");
    if (!base.encrypted() && !base.is_loopback() && !allow_unencrypted_credentials)
      core::fail(error_cause::invalid_argument, "azure: credentials for " + base.printable() +
                                                    " would travel unencrypted; use https, or set allow_unencrypted_credentials");
    if (!key.empty() && account.empty())
      core::fail(error_cause::invalid_argument, "azure: a key without the account that it belongs to; set account");
    if (!key.empty()) return signer::shared_key(account, key);
    if (!sas.empty()) return signer::sas(sas);
    if (!bearer_token.empty()) return signer::bearer(bearer_token);
    if (credential) return signer::tokens(credential);
    remote::azure_credential_settings chain;
    chain.transport.ca_file = ca_file;
    return signer::tokens(std::make_shared<remote::azure_default_credential>(chain));
  }

  remote::transport_settings transport() const { return {timeouts, ca_file}; }

 private:
  static bool is_label(std::string_view text, std::size_t least, std::size_t most, bool dashes) noexcept {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (text.size() < least || text.size() > most || !plain(text.front()) || !plain(text.back())) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || (dashes && c == '-'); }) &&
           text.find("--") == std::string_view::npos;
  }
  static bool is_folder(std::string_view text) noexcept {
    if (text.size() > 500) return false;
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; }))
      return false;
    while (!text.empty()) {
      const std::size_t slash = text.find('/');
      const std::string_view segment = text.substr(0, slash);
      if (segment.empty() || segment == "." || segment == ".." || slash == text.size() - 1) return false;
      text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
    }
    return true;
  }
  static std::string shown(std::string_view text) {
    if (text.size() > 63) return std::to_string(text.size()) + " characters";  // may be a key that stands in the wrong place
    std::string out(text);
    for (char& c : out)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
  }
};

/// What `http_blob` and others talk through: see `remote::azure_client`.
template <class Transport>
class azure::client : public remote::azure_client<Transport> {
 public:
  client(const azure& settings, Transport& transport) : remote::azure_client<Transport>(settings.address(), transport) {}
};

}  // namespace larder
