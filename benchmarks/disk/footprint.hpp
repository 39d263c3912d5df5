#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

/// Private memory of this process that no file stands behind. Counted page by page, unlike the kernel's running totals.
std::uint64_t anonymous_bytes();

/// What a folder and all in it take on the disk, in whole blocks, those included that are not written yet.
std::uint64_t disk_bytes(const std::filesystem::path& folder);

}  // namespace bench
