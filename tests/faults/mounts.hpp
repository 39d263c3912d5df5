#pragma once

// Small file systems of a test's own, in a mount namespace that ends with the child that uses it: nothing stays mounted
// whatever happens. Root only.

#include "processes.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace faults {

inline bool runs(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }
inline bool is_installed(const std::string& program) { return runs("command -v " + program); }

[[noreturn]] inline void fail_setup(const std::string& what) {
  throw std::runtime_error("the test could not " + what + ": " + std::strerror(errno));
}

/// In a child: what it mounts from now on is its own.
inline void enter_private_mounts() {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    fail_setup("make a mount namespace");
}

/// `options` as for `mount -o`: "size=8m,nr_inodes=40".
inline void mount_tmpfs(const fs::path& at, const std::string& options) {
  fs::create_directories(at);
  if (::mount("tmpfs", at.c_str(), "tmpfs", 0, options.c_str()) != 0) fail_setup("mount a tmpfs");
}

/// Whether this process may do that here; a container's root often may not.
inline bool can_mount() {
  static const bool works = is_root() && [] {
    const scratch dir;
    return in_child([&] {
             enter_private_mounts();
             mount_tmpfs(dir / "probe", "size=1m");
             return std::string();
           })
        .empty();
  }();
  return works;
}

inline std::uint64_t free_bytes(const fs::path& directory) {
  struct statvfs answer {};
  if (::statvfs(directory.c_str(), &answer) != 0) fail_setup("look at a file system");
  return std::uint64_t{answer.f_bavail} * answer.f_frsize;
}

/// A file system in a file, whose power can be cut.
class loop_mount {
 public:
  loop_mount(const std::string& type, fs::path image, fs::path at) : image_(std::move(image)), at_(std::move(at)) {
    fs::create_directories(at_);
    if (!runs("truncate -s 400M " + image_.string()) || !runs("mkfs." + type + " -q " + image_.string()))
      fail_setup("make a file system of type " + type);
    mount();
  }

  /// Everything that has not reached the device is lost, and every later call fails, until `remount`.
  void cut_power() const {
    const int fd = ::open(at_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::uint32_t without_flushing_the_log = 2;
    if (fd < 0 || ::ioctl(fd, _IOR('X', 125, std::uint32_t), &without_flushing_the_log) != 0)
      fail_setup("shut the file system down");
    ::close(fd);
  }
  void remount() const {
    if (::umount2(at_.c_str(), 0) != 0) fail_setup("unmount");
    mount();
  }

 private:
  void mount() const {
    if (!runs("mount -o loop " + image_.string() + " " + at_.string())) fail_setup("mount " + image_.string());
  }

  fs::path image_;
  fs::path at_;
};

}  // namespace faults
