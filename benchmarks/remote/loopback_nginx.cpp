#include "loopback_nginx.hpp"

#include "../open_file.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

/// A socket that listens already, so that nobody has to wait until nginx does; it inherits it.
int listening_socket(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd, 128) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail_system("listen on a loopback port");
  port = ntohs(address.sin_port);
  return fd;
}

void write_settings(const std::string& folder, std::uint16_t port, const std::string& directives) {
  std::ofstream conf(folder + "/nginx.conf");
  conf << "daemon off; worker_processes 1; " << (::geteuid() == 0 ? "user root; " : "") << "pid " << folder << "/pid; error_log "
       << folder << "/error.log;\n"
       << "events { worker_connections 256; }\n"
       << "http { access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; " << directives;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    conf << " " << kind << "_temp_path " << folder << "/" << kind << ";";
  conf << "\nserver { listen 127.0.0.1:" << port << "; root " << folder << "/files; client_max_body_size 0;"
       << " dav_methods PUT DELETE MKCOL MOVE; create_full_put_path on; } }\n";
  if (!conf.flush()) throw std::runtime_error("the settings for nginx cannot be written to \"" + folder + "\"");
}

}  // namespace

bool loopback_nginx::installed() { return ::access(program, X_OK) == 0; }

loopback_nginx::loopback_nginx(const std::filesystem::path& folder, const std::string& directives) {
  std::filesystem::create_directories(folder / "files");
  const int socket = listening_socket(port_);
  write_settings(folder.string(), port_, directives);
  const std::string inherited = "NGINX=" + std::to_string(socket) + ";";
  const std::string conf = folder / "nginx.conf";
  const std::string log = folder / "output.log";
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a benchmark that dies leaves no server
    if (::getppid() != parent) ::_exit(1);
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    std::array<char*, 2> environment{const_cast<char*>(inherited.c_str()), nullptr};
    ::execle(program, "nginx", "-c", conf.c_str(), "-p", folder.c_str(), static_cast<char*>(nullptr), environment.data());
    ::_exit(127);
  }
  ::close(socket);
  if (process_ < 0) fail_system("start nginx");
}

loopback_nginx::~loopback_nginx() {
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

}  // namespace bench
