#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

namespace larder::test {

/// While it lives, the environment names a proxy for every address at which nobody listens. Made before there are threads that read it.
class closed_proxy {
 public:
  closed_proxy() {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (const char* const value = std::getenv(names[i])) before_[i] = value;
      if (i < exceptions)
        ::unsetenv(names[i]);
      else
        ::setenv(names[i], "http://127.0.0.1:1", 1);
    }
  }
  closed_proxy(const closed_proxy&) = delete;
  closed_proxy& operator=(const closed_proxy&) = delete;
  ~closed_proxy() {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (before_[i])
        ::setenv(names[i], before_[i]->c_str(), 1);
      else
        ::unsetenv(names[i]);
  }

  /// An address of this machine that is none of loopback's, which never goes through a proxy; what listens on 127.0.0.1 takes it.
  static std::string unlike_loopback(std::uint16_t port) { return "http://0.0.0.0:" + std::to_string(port); }

 private:
  static constexpr std::size_t exceptions = 2;
  static constexpr std::array names{"no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  std::array<std::optional<std::string>, names.size()> before_;
};

}  // namespace larder::test
