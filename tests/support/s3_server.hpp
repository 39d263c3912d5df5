#pragma once

// Runs s3_server.js, which holds a client to the letter of S3, for as long as a test needs it. Needs node and the packages
// that `scripts/servers install` puts in place; without them `start` gives nothing and says so.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/folders.hpp"

namespace larder::tests {

struct s3_server_options {
  std::string key_id = "AKIDTEST";
  std::string secret = "s3cr3t+/planted";
  std::string token{};
  std::string region = "us-east-1";
  std::string conditions = "honoured";  ///< or "ignored", "refused": what becomes of If-None-Match
  std::string dialect = "aws";          ///< or "google"
  std::string cert{};                   ///< PEM files: https
  std::string key{};
  std::size_t page = 1000;
  std::size_t min_part = std::size_t{5} << 20U;
  long clock_offset = 0;  ///< seconds
};

class s3_server {
 public:
  /// Has the bucket `models`, and `public` whose objects anybody may read. Nothing, with a MESSAGE, where node or its packages are absent.
  static std::unique_ptr<s3_server> start(const s3_server_options& options = {}) {
    const std::string node = program("node");
    if (node.empty()) {
      MESSAGE("skipped: node is not installed");
      return nullptr;
    }
    const std::string packages = servers_folder() + "/node_modules";
    if (!std::filesystem::exists(packages + "/@smithy/signature-v4") ||
        !std::filesystem::exists(packages + "/@aws-crypto/sha256-js")) {
      MESSAGE("skipped: AWS's signer for node is not installed; scripts/servers install does it");
      return nullptr;
    }
    std::unique_ptr<s3_server> server(new s3_server(node, packages, options));
    REQUIRE_MESSAGE(server->port_ != 0, "the S3 server of the tests does not start");
    return server;
  }
  s3_server(const s3_server&) = delete;
  s3_server& operator=(const s3_server&) = delete;
  ~s3_server() {
    if (process_ > 0) {
      kill(process_, SIGKILL);  // it keeps nothing but memory
      waitpid(process_, nullptr, 0);
    }
    close(input_);
    close(output_);
  }

  std::string url() const { return (encrypted_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_); }
  std::uint16_t port() const noexcept { return port_; }

 private:
  s3_server(const std::string& node, const std::string& packages, const s3_server_options& options)
      : encrypted_(!options.cert.empty()) {
    const auto text = [](std::string_view name, const std::string& value) {
      return "\"" + std::string(name) + "\": \"" + value + "\", ";
    };
    const std::string settings =
        "{" + text("packages", packages) + text("keyId", options.key_id) + text("secret", options.secret) +
        text("token", options.token) + text("region", options.region) + text("conditions", options.conditions) +
        text("dialect", options.dialect) + text("cert", options.cert) + text("key", options.key) +
        text("publicBucket", "public") + "\"page\": " + std::to_string(options.page) +
        ", \"minPart\": " + std::to_string(options.min_part) + ", \"clockOffset\": " + std::to_string(options.clock_offset) + "}";
    const std::string script = support::script_folder() / "s3_server.js";
    const std::array<const char*, 4> arguments{node.c_str(), script.c_str(), settings.c_str(), nullptr};
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    REQUIRE(pipe2(to.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(from.data(), O_CLOEXEC) == 0);
    process_ = fork();
    if (process_ == 0) {
      dup2(to[0], STDIN_FILENO);  // its end is the sign to stop, should we die
      dup2(from[1], STDOUT_FILENO);
      execv(node.c_str(), const_cast<char* const*>(arguments.data()));
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    input_ = to[1];
    output_ = from[0];
    REQUIRE(process_ > 0);
    port_ = read_port();
  }

  /// 0 when the line does not come.
  std::uint16_t read_port() const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);  // node under load, sanitizers beside it
    std::string line;
    while (line.empty() || line.back() != '\n') {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      pollfd waited{output_, POLLIN, 0};
      char c = '\0';
      if (left <= 0 || poll(&waited, 1, static_cast<int>(left)) <= 0 || ::read(output_, &c, 1) != 1) return 0;
      line += c;
    }
    return line.starts_with("port ") ? static_cast<std::uint16_t>(std::atoi(line.c_str() + 5)) : std::uint16_t{0};
  }

  static std::string program(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
      const std::string_view folder = rest.substr(0, rest.find(':'));
      const std::string candidate = std::string(folder) + "/" + name;
      if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
      rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    }
    return {};
  }
  /// Where `scripts/servers` installs.
  static std::string servers_folder() {
    const auto variable = [](const char* name) {
      const char* const value = std::getenv(name);
      return std::string(value == nullptr ? "" : value);
    };
    if (const std::string named = variable("LARDER_SERVERS"); !named.empty()) return named;
    const std::string cache = variable("XDG_CACHE_HOME");
    return (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/larder-servers";
  }

  bool encrypted_;
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace larder::tests
