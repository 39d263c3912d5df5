#pragma once

// Azurite, the emulator of Azure Storage, for the conformance tests: started on a port of the system's choice with its data in a
// temporary directory, stopped by its process id. scripts/servers installs it; without it `start` gives nothing and says so.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"

namespace larder_tests {

class azurite {
 public:
  enum class kind { plain, tls_with_tokens };  ///< http with keys; https with keys and bearer tokens

  /// The one instance of a kind in this program, up when this returns; nothing where it cannot run. It ends with the program.
  static const azurite* shared(kind which) {
    if (which == kind::plain) {
      static const std::unique_ptr<azurite> plain = start(kind::plain);
      return plain.get();
    }
    static const std::unique_ptr<azurite> secured = start(kind::tls_with_tokens);
    return secured.get();
  }

  azurite(const azurite&) = delete;
  azurite& operator=(const azurite&) = delete;
  ~azurite() {
    if (getpid() != owner_) return;  // a fork of the tests
    if (process_ > 0) {
      kill(process_, SIGTERM);
      waitpid(process_, nullptr, 0);
    }
    if (output_ >= 0) close(output_);
  }

  /// `http(s)://127.0.0.1:port/devstoreaccount1`.
  std::string endpoint() const { return address_ + "/devstoreaccount1"; }
  std::string ca_file() const { return directory_ / "cert.pem"; }

 private:
  static constexpr std::chrono::seconds patience{60};  // it is up within four on a machine that does nothing else

  azurite() = default;

  static std::filesystem::path program() {
    const auto variable = [](const char* name) { return std::string(std::getenv(name) == nullptr ? "" : std::getenv(name)); };
    std::filesystem::path folder = variable("LARDER_SERVERS");
    if (folder.empty())
      folder = (variable("XDG_CACHE_HOME").empty() ? std::filesystem::path(variable("HOME")) / ".cache"
                                                   : std::filesystem::path(variable("XDG_CACHE_HOME"))) /
               "larder-servers";
    return folder / "node_modules/.bin/azurite-blob";
  }

  static std::unique_ptr<azurite> start(kind which) {
    if (!std::filesystem::exists(program())) {
      MESSAGE("skipped: Azurite is not installed; scripts/servers install does it");
      return nullptr;
    }
    std::unique_ptr<azurite> made(new azurite);
    std::vector<std::string> arguments{program(),
                                       "--blobHost",
                                       "127.0.0.1",
                                       "--blobPort",
                                       "0",
                                       "--location",
                                       made->directory_ / "data",
                                       "--silent",
                                       "--disableTelemetry",
                                       "--skipApiVersionCheck"};
    if (which == kind::tls_with_tokens) {
      if (!made->make_certificate()) {
        MESSAGE("skipped: no openssl to make a certificate with");
        return nullptr;
      }
      arguments.insert(arguments.end(), {"--cert", made->ca_file(), "--key", made->directory_ / "key.pem", "--oauth", "basic"});
    }
    made->run(arguments, true);
    if (!made->read_address()) {
      MESSAGE("skipped: Azurite does not start here; does node run?");
      return nullptr;
    }
    return made;
  }

  bool make_certificate() {
    run({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", directory_ / "key.pem", "-out",
         ca_file(), "-days", "2", "-subj", "/CN=larder-test", "-addext", "subjectAltName=IP:127.0.0.1"},
        false);
    int status = -1;
    waitpid(std::exchange(process_, -1), &status, 0);
    return status == 0;
  }

  /// Starts a program; what it prints is read from `output_`, or thrown away.
  void run(std::vector<std::string> arguments, bool heard) {
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    std::array<int, 2> ends{-1, -1};
    if (heard) REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);  // a test that dies leaves no server
      if (getppid() != parent) _exit(1);
      const int nowhere = open("/dev/null", O_RDWR);
      dup2(nowhere, STDIN_FILENO);
      dup2(heard ? ends[1] : nowhere, STDOUT_FILENO);
      dup2(nowhere, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    if (!heard) return;
    close(ends[1]);
    output_ = ends[0];
  }

  /// It says where it listens, once it does.
  bool read_address() {
    using clock = std::chrono::steady_clock;
    const clock::time_point until = clock::now() + patience;
    constexpr std::string_view words = "listens on ";
    for (std::string said;;) {
      const std::size_t at = said.find(words);
      const std::size_t end = at == std::string::npos ? at : said.find('\n', at);
      if (end != std::string::npos) {
        address_ = said.substr(at + words.size(), end - at - words.size());
        return true;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
      pollfd wanted{output_, POLLIN, 0};
      std::array<char, 1024> piece{};
      if (left <= 0 || poll(&wanted, 1, static_cast<int>(left)) <= 0) return false;
      const ssize_t n = read(output_, piece.data(), piece.size());
      if (n <= 0) return false;
      said.append(piece.data(), static_cast<std::size_t>(n));
    }
  }

  support::temporary_folder directory_;
  std::string address_;
  int output_ = -1;
  pid_t process_ = -1;
  pid_t owner_ = getpid();
};

}  // namespace larder_tests
