#pragma once

// A child whose system calls are counted, and of which one is not what it seems: the child dies on entering it, it fails
// with an error that the test chose, or it moves fewer bytes than asked. By ptrace: no library, no wrapper, every call.
// The registers are x86-64's; elsewhere `can_trace` says no and the tests skip.

#include "processes.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

namespace faults {

/// A system call that is about to happen.
struct system_call {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};

  bool is(std::initializer_list<long> numbers) const {
    return std::find(numbers.begin(), numbers.end(), static_cast<long>(number)) != numbers.end();
  }
};

/// What becomes of it.
struct verdict {
  enum kind : std::uint8_t { pass, die, fail, shorten };
  kind what = pass;
  int error = 0;  ///< for `fail`
};

#if defined(__x86_64__)
/// Calls that move bytes into a file; `shorten` halves what they move.
inline bool writes(const system_call& call) { return call.is({SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_pwritev2}); }
inline bool syncs(const system_call& call) {
  return call.is({SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_sync_file_range, SYS_msync});
}
inline bool maps_memory(const system_call& call) { return call.is({SYS_mmap, SYS_mremap}); }
inline bool reads(const system_call& call) {
  return call.is({SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_preadv2, SYS_getdents64});
}
inline bool opens(const system_call& call) { return call.is({SYS_open, SYS_openat, SYS_openat2, SYS_creat}); }
inline bool looks(const system_call& call) {
  return call.is({SYS_stat, SYS_lstat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_access, SYS_faccessat, SYS_readlink});
}
inline bool locks(const system_call& call) { return call.is({SYS_flock, SYS_fcntl}); }
/// Calls that change what is in a directory or a file.
inline bool changes(const system_call& call) {
  if (opens(call)) return ((call.number == SYS_open ? call.arguments[1] : call.arguments[2]) & O_CREAT) != 0;
  return writes(call) || syncs(call) ||
         call.is({SYS_rename, SYS_renameat, SYS_renameat2, SYS_unlink, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_rmdir,
                  SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_link, SYS_linkat, SYS_symlink, SYS_utimensat, SYS_ioctl,
                  SYS_copy_file_range, SYS_sendfile, SYS_flock});
}

class traced_child {
 public:
  /// The child stops before `body` until `run` lets it go.
  explicit traced_child(const std::function<std::string()>& body)
      : child_(body, 60, [] {
          if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
          ::raise(SIGSTOP);
        }) {}

  /// Asks decide(system_call) about each call; returns what `child::join` would.
  std::string run(const std::function<verdict(const system_call&)>& decide) {
    const pid_t id = child_.id();
    int status = 0;
    int signal = 0;
    bool first = true;
    int forced = 0;
    for (;;) {
      while (::waitpid(id, &status, 0) < 0 && errno == EINTR) {
      }
      if (WIFEXITED(status) || WIFSIGNALED(status)) return child_.ended(status);
      signal = 0;
      if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        __ptrace_syscall_info info{};
        ::ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, &info);
        user_regs_struct registers{};
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
          system_call call{info.entry.nr, {}};
          std::copy(std::begin(info.entry.args), std::end(info.entry.args), call.arguments.begin());
          const verdict v = decide(call);
          if (v.what == verdict::die) ::kill(id, SIGKILL);
          if (v.what == verdict::fail || v.what == verdict::shorten) {
            ::ptrace(PTRACE_GETREGS, id, nullptr, &registers);
            if (v.what == verdict::fail) {
              forced = v.error;
              registers.orig_rax = static_cast<unsigned long long>(-1);  // no such call: it does nothing
            } else {
              registers.rdx -= registers.rdx / 2;  // the bytes of write and pwrite, the pieces of writev
            }
            ::ptrace(PTRACE_SETREGS, id, nullptr, &registers);
          }
        } else if (forced != 0) {
          ::ptrace(PTRACE_GETREGS, id, nullptr, &registers);
          registers.rax = static_cast<unsigned long long>(-std::int64_t{forced});
          ::ptrace(PTRACE_SETREGS, id, nullptr, &registers);
          forced = 0;
        }
      } else if (first) {  // its own SIGSTOP
        ::ptrace(PTRACE_SETOPTIONS, id, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
        first = false;
      } else {
        signal = WSTOPSIG(status);
      }
      ::ptrace(PTRACE_SYSCALL, id, nullptr, signal);
    }
  }

 private:
  child child_;
};

/// Whether this machine lets a process trace its child; containers may not.
inline bool can_trace() {
  static const bool works = [] {
    int seen = 0;
    const std::string end = traced_child([] { return ::getppid() > 0 ? "" : "no parent"; }).run([&](const system_call&) {
      ++seen;
      return verdict{};
    });
    return end.empty() && seen > 0;
  }();
  return works;
}
#endif

}  // namespace faults
