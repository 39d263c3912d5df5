#pragma once

// A server that speaks TLS with a certificate that nobody else knows, for tests of whom a client trusts: `openssl s_server`.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace support {

inline constexpr const char* openssl_path = "/usr/bin/openssl";

/// Whether there is an openssl; says that the test is skipped when there is none.
inline bool has_openssl() {
  if (std::filesystem::exists(openssl_path)) return true;
  MESSAGE("skipped: no openssl");
  return false;
}

/// A child with what it prints on a pipe; ended with this object.
class child_program {
 public:
  explicit child_program(std::vector<std::string> arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    started_ = ::posix_spawn(&process_, argv[0], &files, nullptr, argv.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&files);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  child_program(const child_program&) = delete;
  ~child_program() {
    ::close(input_);
    if (started_) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::close(output_);
  }
  /// What it printed up to a line break, with it; empty at the end.
  std::string line() {
    std::string text;
    for (char c = 0; c != '\n' && ::read(output_, &c, 1) == 1;) text += c;
    return text;
  }
  void write(std::string_view text) const {
    REQUIRE(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// It has nothing to read any more; its exit status.
  int wait() {
    ::close(std::exchange(input_, -1));
    while (!line().empty()) {
    }
    int status = -1;
    if (started_) ::waitpid(process_, &status, 0);
    started_ = false;
    return status;
  }

 private:
  pid_t process_ = -1;
  bool started_ = false;
  int input_ = -1;
  int output_ = -1;
};

/// A key and the certificate that it signed for itself, in files of a folder.
struct self_signed {
  explicit self_signed(const std::filesystem::path& folder) : key(folder / "key.pem"), certificate(folder / "cert.pem") {
    REQUIRE(child_program({openssl_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                           "-days", "2", "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:localhost"})
                .wait() == 0);
  }

  std::string key;
  std::string certificate;
};

/// `openssl s_server` for localhost, with these options more: `-www` answers any GET with a page; without it a connection's answer is
/// what was written to the program. No port where this openssl does not tell its own.
struct tls_server {
  tls_server(const self_signed& identity, const std::vector<std::string>& options) : program(arguments(identity, options)) {
    for (std::string text = program.line(); !text.empty(); text = program.line())
      if (text.starts_with("ACCEPT ")) {
        port = text.substr(text.rfind(':') + 1);
        while (!port.empty() && (port.back() == '\n' || port.back() == '\r')) port.pop_back();
        return;
      }
  }
  static std::vector<std::string> arguments(const self_signed& identity, const std::vector<std::string>& options) {
    std::vector<std::string> all{openssl_path, "s_server",   "-accept", "127.0.0.1:0",
                                 "-key",       identity.key, "-cert",   identity.certificate};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }
  std::string url(const std::string& host) const { return "https://" + host + ":" + port; }

  child_program program;
  std::string port;
};

}  // namespace support
