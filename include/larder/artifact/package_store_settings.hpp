#pragma once

#include <larder/artifact/file_link.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace larder {

/// What a guard is asked.
struct access_request {
  std::string_view model_id;
  std::string_view package_id;
  const package_manifest& manifest;
};

struct package_store_settings {
  /// Bytes of content (each blob once, and files that packages have for themselves), holes counted. Passed for as long as what is in use needs
  /// more. Not given: nothing is ever removed unasked.
  std::optional<std::uint64_t> quota{};
  bool offline = false;         ///< no provider is called; what is not there is an error that names it
  bool require_digest = false;  ///< files without one are refused before anything is fetched
  link_mode links = link_mode::automatic;
  std::size_t streams = 4;                          ///< ranges and files that are fetched side by side
  std::vector<std::filesystem::path> hub_caches{};  ///< of Hugging Face's library, to take files from; they are only read
  /// Whether a package may be handed out of which not every file was just fetched by the same call. Called from several threads.
  std::function<bool(const access_request&)> guard{};
  std::function<instant()> clock = [] { return wall_time::now(); };  ///< time of day
};

}  // namespace larder
