#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace bench {

/// nginx with one worker on a loopback port of the system's choice, over the files of a folder: GET for all of them, WebDAV besides.
/// Ends with this object, and with the program.
class loopback_nginx {
 public:
  static constexpr const char* program = "/usr/sbin/nginx";
  static bool installed();

  /// Its files are those of `folder`/files; `directives` are further ones of its block `http`. Throws std::runtime_error when it does not start.
  explicit loopback_nginx(const std::filesystem::path& folder, const std::string& directives = {});
  loopback_nginx(const loopback_nginx&) = delete;
  loopback_nginx& operator=(const loopback_nginx&) = delete;
  ~loopback_nginx();

  std::uint16_t port() const { return port_; }
  /// The master, whose child is the worker.
  pid_t process() const { return process_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace bench
