#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace bench {

/// What a server's processes have used so far.
struct server_use {
  double cpu;                ///< seconds, of all of them, in the kernel too
  std::uint64_t memory = 0;  ///< bytes that are resident, those of anonymous files that are not mapped included
};

/// Of a process and its children.
server_use use_of(pid_t process);

/// A server in a process of its own, which ends with this object, and with the program.
class server_process {
 public:
  /// `serve(ready)` runs there, calls ready(port) once it listens, and does not return. Throws std::runtime_error when it ends before that.
  explicit server_process(const std::function<void(const std::function<void(int)>&)>& serve);
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  ~server_process();

  int port() const { return port_; }
  pid_t id() const { return process_; }

 private:
  pid_t process_ = -1;
  int port_ = 0;
};

}  // namespace bench
