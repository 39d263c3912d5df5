#pragma once

#include <filesystem>
#include <string_view>

namespace layers {

/// Puts a file in place at once and whole, for good: what was there before stays until then. Throws `larder::storage::file_error`, and
/// leaves nothing behind.
void publish_file(const std::filesystem::path& path, std::string_view content);

/// Puts a manifest in place likewise, once it was read back as a reader would: one that cannot be read is not written.
void publish_manifest(const std::filesystem::path& path, std::string_view text);

}  // namespace layers
