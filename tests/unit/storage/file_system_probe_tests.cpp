// How mmap_disk reads by default: mapped on file systems of this machine, copied elsewhere.

#include <larder/cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/file_system_probe.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include <linux/magic.h>
#include <sys/vfs.h>

using namespace larder::literals;
using namespace store_driver;
using larder::read_mode;
using larder::storage::is_network_file_system;
using larder::storage::resolved_read_mode;

TEST_CASE("the file systems of other machines are told from those of this one") {
  for (const std::uint32_t far : {std::uint32_t{NFS_SUPER_MAGIC}, std::uint32_t{SMB_SUPER_MAGIC}, std::uint32_t{CIFS_SUPER_MAGIC}, std::uint32_t{SMB2_SUPER_MAGIC},
                                  std::uint32_t{FUSE_SUPER_MAGIC}, std::uint32_t{V9FS_MAGIC}, std::uint32_t{CEPH_SUPER_MAGIC}, std::uint32_t{AFS_SUPER_MAGIC},
                                  std::uint32_t{AFS_FS_MAGIC}, std::uint32_t{CODA_SUPER_MAGIC}, std::uint32_t{NCP_SUPER_MAGIC}, std::uint32_t{OCFS2_SUPER_MAGIC},
                                  0x0BD0'0BD0U, 0x4750'4653U})
    CHECK(is_network_file_system(far));
  for (const std::uint32_t near : {std::uint32_t{EXT4_SUPER_MAGIC}, std::uint32_t{XFS_SUPER_MAGIC}, std::uint32_t{BTRFS_SUPER_MAGIC}, std::uint32_t{TMPFS_MAGIC},
                                   std::uint32_t{OVERLAYFS_SUPER_MAGIC}, std::uint32_t{F2FS_SUPER_MAGIC}, std::uint32_t{RAMFS_MAGIC}, 0x2FC1'2FC1U, 0U})
    CHECK_FALSE(is_network_file_system(near));
}

TEST_CASE("a directory is judged by what it lies on, there or not; what is said explicitly stays") {
  scratch dir;
  struct statfs answer {};
  REQUIRE(::statfs(dir.path().c_str(), &answer) == 0);
  const read_mode expected = is_network_file_system(static_cast<std::uint32_t>(answer.f_type)) ? read_mode::copy : read_mode::mapping;
  CHECK(resolved_read_mode(read_mode::automatic, dir.path()) == expected);
  CHECK(resolved_read_mode(read_mode::automatic, dir / "not" / "there" / "yet") == expected);
  write_file(dir / "file", "x");
  CHECK(resolved_read_mode(read_mode::automatic, dir / "file" / "below") == expected);
  fs::create_directory_symlink(dir.path(), dir / "link");
  CHECK(resolved_read_mode(read_mode::automatic, dir / "link" / "more") == expected);
  CHECK(resolved_read_mode(read_mode::automatic, "") != read_mode::automatic);
  CHECK(resolved_read_mode(read_mode::automatic, "relative/and/not/there") != read_mode::automatic);
  CHECK(resolved_read_mode(read_mode::automatic, "/") != read_mode::automatic);
  for (const read_mode said : {read_mode::mapping, read_mode::copy}) CHECK(resolved_read_mode(said, dir.path()) == said);
}

TEST_CASE("by default a cache reads as its directory's file system allows") {
  scratch dir;
  const bool mapped = resolved_read_mode(read_mode::automatic, dir.path()) == read_mode::mapping;
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{64_MiB}, larder::mmap_disk{dir / "cache"});
  for (const std::size_t size : {1000U, 2'000'000U}) {
    REQUIRE(cache.put("a", larder::bytes::copy_of(text_of(size))));
    CHECK(cache.get("a")->where() == (mapped ? larder::residence::mapping : larder::residence::heap));
    CHECK(cache.get_range("a", 10, 800)->where() == (mapped ? larder::residence::mapping : larder::residence::heap));
  }
}
