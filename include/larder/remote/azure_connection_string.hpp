#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace larder::remote {

/// Azurite and its predecessors listen here, with an account and a key that are published and no secret.
namespace azure_emulator {
inline constexpr std::string_view account = "devstoreaccount1";
inline constexpr std::string_view key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
inline constexpr std::string_view endpoint = "http://127.0.0.1:10000/devstoreaccount1";
}  // namespace azure_emulator

/// What an Azure Storage connection string says about blobs. Fields that it does not have are empty.
struct azure_connection {
  std::string account;
  std::string endpoint;
  secret key;
  secret sas;
};

/// Reads `Name=value;Name=value`: AccountName, AccountKey, SharedAccessSignature, BlobEndpoint, DefaultEndpointsProtocol,
/// EndpointSuffix, UseDevelopmentStorage; names in any case, those for other services are passed over. Throws `larder::error`,
/// which never repeats a value.
inline azure_connection parse_azure_connection(const secret& text) {
  const auto refuse = [](const std::string& why) {
    core::fail(error_cause::invalid_argument, "azure: the connection string " + why +
                                                  "; copy it whole from the account's access keys (Name=value;Name=value;...)");
  };
  azure_connection out;
  std::string protocol = "https";
  std::string suffix = "core.windows.net";
  bool emulated = false;
  std::string_view rest = text.reveal();
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    if (field.empty()) continue;
    const std::size_t mark = field.find('=');
    if (mark == std::string_view::npos || mark == 0) refuse("has a part without a name");
    std::string name;
    for (const char c : field.substr(0, mark)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::string_view value = field.substr(mark + 1);
    if (name == "accountname")
      out.account = value;
    else if (name == "accountkey")
      out.key = secret(value);
    else if (name == "sharedaccesssignature")
      out.sas = secret(value);
    else if (name == "blobendpoint")
      out.endpoint = value;
    else if (name == "endpointsuffix")
      suffix = value;
    else if (name == "defaultendpointsprotocol") {
      if (value != "http" && value != "https") refuse("has a DefaultEndpointsProtocol that is neither http nor https");
      protocol = value;
    } else if (name == "usedevelopmentstorage") {
      if (value != "true" && value != "True") refuse("has a UseDevelopmentStorage that is not true");
      emulated = true;
    } else if (name == "developmentstorageproxyuri")
      refuse("has a DevelopmentStorageProxyUri, which is not supported: give the emulator's address as BlobEndpoint");
  }
  if (emulated) {
    if (out.account.empty()) out.account = azure_emulator::account;
    if (out.key.empty() && out.sas.empty()) out.key = secret(azure_emulator::key);
    if (out.endpoint.empty()) out.endpoint = azure_emulator::endpoint;
  }
  if (out.account.empty() && out.endpoint.empty()) refuse("names neither AccountName nor BlobEndpoint");
  if (!out.sas.empty() && !out.key.empty()) refuse("has an AccountKey and a SharedAccessSignature, of which it may have one");
  if (out.key.empty() && out.sas.empty()) refuse("has neither AccountKey nor SharedAccessSignature");
  if (out.endpoint.empty()) out.endpoint = protocol + "://" + out.account + ".blob." + suffix;
  return out;
}

}  // namespace larder::remote
