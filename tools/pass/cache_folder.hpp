#pragma once

#include <larder/artifact/pass_cache.hpp>

#include <memory>
#include <string>

namespace passes {

/// The pass cache in a folder, which has to be there. `shared` names what it shares: a container's URL, or a file of settings; empty: nothing. Of
/// the account the key or shared access signature is AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN; without them the credentials of `az login` and
/// of machines in Azure are looked for. Throws `larder::error`.
std::unique_ptr<larder::pass_cache> open_cache(const std::string& folder, const std::string& shared = {});

}  // namespace passes
