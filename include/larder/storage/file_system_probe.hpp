#pragma once

#include <larder/storage/disk_options.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include <sys/vfs.h>

namespace larder::storage {

/// Whether a file system, by the number that `statfs` gives it, keeps its files on another machine or in another program: a mapping
/// there is a SIGBUS when that goes away, and each fault a round trip.
constexpr bool is_network_file_system(std::uint32_t type) noexcept {
  constexpr std::array<std::uint32_t, 19> far{
      0x0000'6969,  // NFS
      0x0000'517B,  // SMB
      0xFF53'4D42,  // CIFS
      0xFE53'4D42,  // SMB 2 and 3
      0x6573'5546,  // FUSE (sshfs, s3fs, GlusterFS, virtiofs); local ones too, which cannot be told apart
      0x0102'1997,  // 9p
      0x0BD0'0BD0,  // Lustre
      0x4750'4653,  // GPFS
      0x00C3'6400,  // Ceph
      0x1983'0326,  // BeeGFS
      0x5346'414F,  // AFS
      0x6B41'4653,  // kAFS
      0x7375'7245,  // Coda
      0x0000'564C,  // NCP
      0x7461'636F,  // OCFS2
      0x0116'1970,  // GFS2
      0x2003'0528,  // OrangeFS
      0xAAD7'AAEA,  // Panasas
      0x786F'4256,  // folders shared with a VirtualBox host
  };
  return std::find(far.begin(), far.end(), type) != far.end();
}

/// How payloads are read in a directory that may not be there yet: `automatic` becomes `copy` on a network file system, else `mapping`.
inline read_mode resolved_read_mode(read_mode asked, const std::filesystem::path& directory) {
  if (asked != read_mode::automatic) return asked;
  std::error_code ignored;
  std::filesystem::path at = std::filesystem::absolute(directory, ignored);
  struct statfs answer {};
  while (::statfs(at.c_str(), &answer) != 0) {
    if ((errno != ENOENT && errno != ENOTDIR) || !at.has_relative_path()) return read_mode::mapping;  // what is wrong, opening it says
    at = at.parent_path();
  }
  return is_network_file_system(static_cast<std::uint32_t>(answer.f_type)) ? read_mode::copy : read_mode::mapping;
}

}  // namespace larder::storage
