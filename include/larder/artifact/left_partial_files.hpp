#pragma once

#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

/// Removes what fetches of dead processes left, if nothing was written to it for so long. Returns how much room that gave.
inline std::uint64_t remove_left_partial_files(const store_layout& layout, std::chrono::seconds older_than) {
  std::uint64_t freed = 0;
  const auto latest = std::filesystem::file_time_type::clock::now() - older_than;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(layout.partial(), failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code ignored;
    std::string name = at->path().filename().string();
    if (!std::filesystem::is_regular_file(at->symlink_status(ignored))) continue;
    if (at->last_write_time(ignored) > latest || ignored) continue;
    constexpr std::string_view journal = ".journal";
    if (name.ends_with(journal)) name.resize(name.size() - journal.size());
    const std::filesystem::path data = layout.partial() / name;
    if (data != at->path() && storage::identify(data.string())) continue;  // it goes with its data
    if (name.starts_with("own-") && older_than.count() == 0) continue;
    // A partial file is a blob's: its lock says whether somebody is at it, and keeps him away meanwhile. Others are as old as they look.
    std::optional<locked_file> lock;
    try {
      lock = locked_file::try_lock(layout.blob_lock(name));
    } catch (const error&) {
    }
    if (!lock) continue;
    for (const std::string& path : {data.string(), data.string() + std::string(journal)}) {
      struct stat there {};
      if (::lstat(path.c_str(), &there) == 0 && ::unlink(path.c_str()) == 0)
        freed += static_cast<std::uint64_t>(there.st_blocks) * 512U;
    }
    lock->discard();
  }
  return freed;
}

}  // namespace larder::artifacts
