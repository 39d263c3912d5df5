#include "pass/cache_folder.hpp"

#include <larder/artifact/atomic_file.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/environment.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace passes {

std::unique_ptr<larder::pass_cache> open_cache(const std::string& folder, const std::string& shared) {
  if (!std::filesystem::is_directory(std::filesystem::path(folder) / "runs"))
    larder::core::fail(larder::error_cause::io,
                       "\"" + folder + "\" is no folder of a pass cache; give the cache_dir of the settings");
  larder::pass_settings settings;
  if (larder::artifacts::is_url(shared)) {
    settings.shared = larder::artifacts::parse_blob_url(shared, "--shared");
  } else if (!shared.empty()) {
    const std::optional<std::string> text = larder::artifacts::read_small_file(shared);
    if (!text) larder::core::fail(larder::error_cause::io, "there is no file of settings \"" + shared + "\"");
    settings = larder::pass_settings::from_json(*text);
    if (!settings.shared)
      larder::core::fail(larder::error_cause::invalid_argument, "the settings in \"" + shared + "\" share nothing");
  }
  settings.cache_dir = folder;
  settings.clean_cache = settings.clean_evaluation_cache = false;
  if (settings.shared) {
    if (const auto key = larder::remote::process_environment("AZURE_STORAGE_KEY"))
      settings.shared->key = larder::secret(*key);
    else if (const auto sas = larder::remote::process_environment("AZURE_STORAGE_SAS_TOKEN"))
      settings.shared->sas = larder::secret(*sas);
    if (const auto key = larder::remote::process_environment("LARDER_RECORD_KEY")) settings.record_key = larder::secret(*key);
  }
  return std::make_unique<larder::pass_cache>(std::move(settings));
}

}  // namespace passes
