// A shared mount whose locks of files say yes to everybody, as some network file systems' do: `directory` needs none of them. The kernel
// is asked by a seccomp filter to do nothing for flock and the locks of fcntl, and to say that it went well.

#include "processes.hpp"

#include <larder/cache.hpp>
#include <larder/core/error.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/directory.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace faults;

namespace {

/// From here on, in this process: locks of files are granted to whoever asks.
void grant_every_lock() {
  constexpr std::uint32_t granted = SECCOMP_RET_ERRNO;  // with the error 0: the call returns 0 and does nothing
  constexpr auto number = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
  constexpr auto command = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + sizeof(std::uint64_t));
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_flock, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, granted),           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, command),
  };
  for (const std::uint32_t lock : {F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW}) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, lock, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, granted));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw std::system_error(errno, std::generic_category(), "no filter of system calls");
}

/// Asked of a process of its own, since there is no way back.
bool filters_work() {
  child probe([] {
    grant_every_lock();
    return std::string();
  });
  return probe.join().empty();
}

using shared_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes, larder::directory>;
shared_cache open_mount(const std::filesystem::path& mount) {
  return shared_cache(larder::lru{}, larder::max_bytes{std::uint64_t{1} << 30U}, larder::directory{mount});
}

constexpr unsigned keys = 8;
std::string key_of(unsigned key) { return "key " + std::to_string(key); }
/// Some bytes, then so many of one letter that a mixture of two values cannot look like one.
larder::bytes value_of(unsigned key, char writer) {
  return larder::bytes::copy_of(std::to_string(key) + std::string(5'000 + 40'000 * (key % 2), writer));
}
bool is_whole(unsigned key, const larder::bytes& value) {
  for (const char writer : {'a', 'b'})
    if (value == value_of(key, writer)) return true;
  return false;
}

/// What is wrong when a writer puts and reads all keys so often, while another does the same.
std::string write_and_read(const std::filesystem::path& mount, char writer, int rounds) {
  grant_every_lock();
  shared_cache cache = open_mount(mount);
  for (int round = 0; round < rounds; ++round)
    for (unsigned key = 0; key < keys; ++key) {
      if (!cache.put(key_of(key), value_of(key, writer))) return "a put was refused";
      const std::optional<larder::bytes> found = cache.get(key_of(key));
      if (!found) return key_of(key) + " is gone, although nobody erases";
      if (!is_whole(key, *found)) return key_of(key) + " is a mixture";
    }
  const larder::cache_stats stats = cache.stats();
  return stats.errors.total() == 0 ? "" : std::to_string(stats.errors.total()) + " errors were reported";
}

}  // namespace

TEST_CASE("two processes write one shared directory whose mount grants every lock, and no value is torn or lost") {
  if (!filters_work()) return skip("this kernel takes no filter of system calls");
  const scratch folder;
  const std::filesystem::path mount = folder / "mount";
  child first([&] { return write_and_read(mount, 'a', scaled(30)); });
  child second([&] { return write_and_read(mount, 'b', scaled(30)); });
  CHECK(first.join() == "");
  CHECK(second.join() == "");
  shared_cache cache = open_mount(mount);
  for (unsigned key = 0; key < keys; ++key) {
    const std::optional<larder::bytes> found = cache.get(key_of(key));
    REQUIRE(found);
    CHECK(is_whole(key, *found));
  }
}

TEST_CASE("the filter does what it says: two locks that exclude each other are both granted") {
  if (!filters_work()) return skip("this kernel takes no filter of system calls");
  const scratch folder;
  child both([&] {
    const int one = ::open((folder / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    const int other = ::open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC);
    if (::flock(one, LOCK_EX | LOCK_NB) != 0) return std::string("not even the first is granted");
    if (::flock(other, LOCK_EX | LOCK_NB) == 0) return std::string("locks did not exclude each other before");
    grant_every_lock();
    return ::flock(other, LOCK_EX | LOCK_NB) == 0 ? std::string() : std::string("the lock was refused");
  });
  CHECK(both.join() == "");
}
