#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/azure.hpp>
#include <larder/remote/url.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace larder::artifacts {

/// Whether a text names a store on a network rather than a folder.
inline bool is_url(std::string_view text) noexcept {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  for (const char c : text.substr(0, colon))
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))
      return false;
  return true;
}

/// The account that an address names: `https://<account>.blob.core.windows.net`, or as emulators have it `http://host:port/<account>`; with
/// the container given apart. Throws `larder::error`, `subject` (a setting's name) first.
inline azure parse_account_url(std::string_view text, std::string container, std::string_view subject) {
  const auto refuse = [&](const std::string& why) {
    core::fail(error_cause::invalid_argument, std::string(subject) + ": \"" + remote::printable_url(text) + "\" " + why);
  };
  remote::url address = remote::parse_url(text, subject);
  if (!address.query.empty())
    refuse("was given with a query; a shared access signature goes to pass_settings::shared->sas, in code");
  azure out;
  out.container = std::move(container);
  if (const std::size_t service = address.host.find(".blob."); service != std::string::npos) {
    if (!address.path.empty()) refuse("has a path behind the account; write https://<account>.blob.core.windows.net");
    out.account = address.host.substr(0, service);
    if (address.host.substr(service) != ".blob.core.windows.net" || address.scheme != "https" || address.port != 443)
      out.endpoint = address.printable();
  } else {
    if (address.path.empty() || address.path.find('/', 1) != std::string::npos)
      refuse("names no account; write https://<account>.blob.core.windows.net");
    out.account = address.path.substr(1);
    out.endpoint = address.printable();
  }
  while (out.endpoint.ends_with('/')) out.endpoint.pop_back();
  return out;
}

/// The container that an address names: `https://<account>.blob.core.windows.net/<container>`. Throws `larder::error`, `subject` first.
inline azure parse_blob_url(std::string_view text, std::string_view subject) {
  std::string_view account = text;
  while (account.ends_with('/')) account.remove_suffix(1);
  const std::size_t authority = account.find("://") + 3;
  const std::size_t slash = account.rfind('/');
  if (slash == std::string_view::npos || slash < authority)
    core::fail(error_cause::invalid_argument,
               std::string(subject) + ": \"" + remote::printable_url(text) +
                   "\" names an account without a container; write https://<account>.blob.core.windows.net/<container>");
  std::string container(account.substr(slash + 1));
  if (container.find_first_of("?#") != std::string::npos)
    core::fail(error_cause::invalid_argument,
               std::string(subject) + ": \"" + remote::printable_url(text) +
                   "\" was given with a query; a shared access signature goes to pass_settings::shared->sas, in code");
  azure out = parse_account_url(account.substr(0, slash), std::move(container), subject);
  (void)out.address();  // throws for names that cannot be
  return out;
}

}  // namespace larder::artifacts
