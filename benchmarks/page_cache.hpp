#pragma once

#include <filesystem>

namespace bench {

/// Takes a file out of the kernel's page cache, and nothing else; false when part of it stays. It takes no right to do so.
bool make_cold(const std::filesystem::path& path);
/// Reads it into the page cache.
void make_warm(const std::filesystem::path& path);

}  // namespace bench
