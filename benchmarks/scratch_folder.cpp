#include "scratch_folder.hpp"

#include "open_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>

namespace bench {
namespace {

std::filesystem::path folder_in(const std::filesystem::path& parent) {
  std::string name = (parent / "bench_disk.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail_system("make a folder in \"" + parent.string() + "\"");
  return name;
}

// ext4 gives nobody the number of a file that was removed in the last minutes, and looks through all of those first: stores of many
// files would pay for the turns before theirs, ten times their own cost and more. Hence these two.

/// Has ext4 begin each folder made here in another region of the disk, which it chooses by the folder's name. Other file systems refuse
/// the flag and do not need it.
void spread_folders(const std::filesystem::path& folder) {
  const open_file opened(folder, O_RDONLY | O_DIRECTORY);
  int flags = 0;
  if (::ioctl(opened.descriptor(), FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_TOPDIR_FL;
  ::ioctl(opened.descriptor(), FS_IOC_SETFLAGS, &flags);
}

/// The processor time of making a few files. They stay: removed, they would be what the next ones have to look through.
double cost_of_files(const std::filesystem::path& folder) {
  constexpr int files = 16;
  std::filesystem::create_directory(folder);
  const std::clock_t begin = std::clock();
  for (int i = 0; i < files; ++i) open_file(folder / std::to_string(i), O_WRONLY | O_CREAT);
  return static_cast<double>(std::clock() - begin);
}

}  // namespace

scratch_folder::scratch_folder(const std::filesystem::path& parent, std::uint64_t needed) {
  std::filesystem::create_directories(parent);
  const std::uint64_t free = std::filesystem::space(parent).available;
  if (free < needed)
    throw std::runtime_error("\"" + parent.string() + "\" has " + std::to_string(free >> 20U) + " MiB free and " +
                             std::to_string(needed >> 20U) + " are needed: --dir names another place, --scale asks for less");
  path_ = folder_in(parent);
  spread_folders(path_);
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path scratch_folder::fresh() const {
  constexpr int tries = 4;
  std::filesystem::path best;
  double least = 0;
  for (int i = 0; i < tries; ++i) {
    const std::filesystem::path region = folder_in(path_);
    const double cost = cost_of_files(region / "probe");
    if (!best.empty() && cost >= least) continue;
    best = region;
    least = cost;
  }
  const std::filesystem::path folder = best / "store";
  std::filesystem::create_directory(folder);
  return folder;
}

}  // namespace bench
