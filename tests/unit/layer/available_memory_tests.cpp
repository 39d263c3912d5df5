#include "written_model.hpp"

#include <larder/layer/available_memory.hpp>

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <doctest/doctest.h>

using namespace larder_tests;
using larder::layers::available_memory;

namespace {

class system_files {
 public:
  system_files& write(const std::filesystem::path& name, std::string_view content) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file(folder_ / name, content);
    return *this;
  }
  std::uint64_t available() const { return available_memory(folder_ / ""); }

 private:
  scratch_directory folder_;
};

constexpr std::string_view meminfo = "MemTotal:       1000 kB\nMemAvailable:    500 kB\n";

}  // namespace

TEST_CASE("what is available is what the machine says where no group limits it") {
  CHECK(system_files().write("proc/meminfo", meminfo).available() == 512'000);
  CHECK(system_files().write("proc/meminfo", meminfo).write("proc/self/cgroup", "0::/a\nrubbish\n").available() == 512'000);
  CHECK(system_files().available() == ~std::uint64_t{0});
  CHECK(available_memory() > 0);
}

TEST_CASE("a group's limit counts, and that of a group above it, less what is used and cannot be given up") {
  system_files files;
  files.write("proc/meminfo", meminfo).write("proc/self/cgroup", "0::/a/b\n");
  files.write("sys/fs/cgroup/a/memory.max", "100000\n").write("sys/fs/cgroup/a/memory.current", "40000\n");
  files.write("sys/fs/cgroup/a/b/memory.max", "max\n").write("sys/fs/cgroup/a/b/memory.current", "40000\n");
  CHECK(files.available() == 60'000);
  files.write("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 30000\ninactive_file_x 7\n");
  CHECK(files.available() == 90'000);
  files.write("sys/fs/cgroup/a/b/memory.max", "45000\n");
  CHECK(files.available() == 5'000);
  files.write("sys/fs/cgroup/a/b/memory.current", "46000\n");
  CHECK(files.available() == 0);
}

TEST_CASE("the older interface is read, too, also from inside a container, whose group has no folder there") {
  system_files files;
  files.write("proc/meminfo", meminfo).write("proc/self/cgroup", "5:cpu,memory:/outer/name\n3:memoryless:/x\n");
  files.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "300000\n")
      .write("sys/fs/cgroup/memory/memory.usage_in_bytes", "100000\n");
  CHECK(files.available() == 200'000);
  files.write("sys/fs/cgroup/memory/outer/name/memory.limit_in_bytes", "150000\n");
  files.write("sys/fs/cgroup/memory/outer/name/memory.usage_in_bytes", "100000\n");
  CHECK(files.available() == 50'000);
}
