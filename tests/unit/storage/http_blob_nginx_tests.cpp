// http_blob against a real nginx, which is started here on sockets that are bound here: no port is guessed and no
// readiness is waited for. Skipped, with a word, where nginx or its WebDAV modules are not installed.

#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/http_blob.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/silent_sink.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using larder::error_cause;
using larder::put_mode;
using support::get;
using support::listed;
using support::pattern;
using support::put;
using store = larder::http_blob<larder::webdav>::store;

constexpr const char* nginx_path = "/usr/sbin/nginx";
constexpr const char* module_path = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";

support::silent_sink sink;

/// For a child between fork and exec: what it prints is thrown away.
void silence() {
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
}

/// Runs a program with its output thrown away; its exit status.
int run(std::initializer_list<std::string> arguments) {
  std::vector<char*> argv;
  std::vector<std::string> copies(arguments);
  for (std::string& a : copies) argv.push_back(a.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    silence();
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

class nginx {
 public:
  nginx() {
    fs::create_directories(directory_ / "files/dav/base");
    fs::create_directories(directory_ / "files/put");
    fs::create_directories(directory_ / "files/secret");
    std::ofstream(directory_ / "users") << "me:{PLAIN}hunter2\n";
    with_tls_ = fs::exists("/usr/bin/openssl") &&
                run({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", directory_ / "key.pem", "-out", ca_file(), "-days", "2", "-subj",
                     "/CN=larder-test", "-addext", "subjectAltName=IP:127.0.0.1"}) == 0;
    const int plain = listen_on(port_);
    const int tls = listen_on(tls_port_);
    write_settings();
    usable_ = run({nginx_path, "-t", "-c", directory_ / "nginx.conf", "-p", directory_.path()}) == 0;
    if (usable_) start(plain, tls);
    close(plain);
    close(tls);
  }
  nginx(const nginx&) = delete;
  ~nginx() {
    if (process_ > 0) {
      kill(process_, SIGTERM);
      waitpid(process_, nullptr, 0);
    }
  }

  bool usable() const { return usable_; }
  bool with_tls() const { return with_tls_; }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  std::string tls_url(const std::string& host, const std::string& path) const { return "https://" + host + ":" + std::to_string(tls_port_) + path; }
  std::string ca_file() const { return directory_ / "cert.pem"; }
  fs::path files() const { return directory_ / "files"; }

 private:
  static int listen_on(int& port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd, 64) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    return fd;
  }

  void write_settings() {
    const std::string d = directory_.path().string();
    const std::string locations = "root " + d + "/files; client_max_body_size 64m;"
                                  " location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND; }"
                                  " location /put/ { dav_methods PUT DELETE; create_full_put_path on; }"
                                  " location /secret/ { auth_basic larder; auth_basic_user_file " + d + "/users; dav_methods PUT DELETE MKCOL MOVE; }";
    std::ofstream conf(directory_ / "nginx.conf");
    conf << "load_module " << module_path << ";\n"
         << "daemon off; worker_processes 1; " << (geteuid() == 0 ? "user root; " : "") << "pid " << d << "/pid; error_log " << d << "/error.log;\n"
         << "events { worker_connections 128; }\n"
         << "http { access_log off;";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) conf << " " << kind << "_temp_path " << d << "/" << kind << ";";
    conf << "\nserver { listen 127.0.0.1:" << port_ << "; " << locations << " }\n";
    if (with_tls_)
      conf << "server { listen 127.0.0.1:" << tls_port_ << " ssl; ssl_certificate " << ca_file() << "; ssl_certificate_key " << d << "/key.pem; " << locations << " }\n";
    conf << "}\n";
  }

  void start(int plain, int tls) {
    const std::string conf = directory_ / "nginx.conf";
    const std::string prefix = directory_.path();
    const std::string inherited = "NGINX=" + std::to_string(plain) + ";" + (with_tls_ ? std::to_string(tls) + ";" : "");
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // a test that dies leaves no server
    silence();
    if (getppid() != parent) _exit(1);
    std::array<char*, 2> environment{const_cast<char*>(inherited.c_str()), nullptr};
    execle(nginx_path, "nginx", "-c", conf.c_str(), "-p", prefix.c_str(), static_cast<char*>(nullptr), environment.data());
    _exit(127);
  }

  support::temporary_folder directory_;
  int port_ = 0;
  int tls_port_ = 0;
  bool with_tls_ = false;
  bool usable_ = false;
  pid_t process_ = -1;
};

bool nginx_is_installed() {
  if (fs::exists(nginx_path) && fs::exists(module_path)) return true;
  MESSAGE("skipped: nginx with libnginx-mod-http-dav-ext is not installed");
  return false;
}

constexpr larder::remote_timeouts patience{.connect = 5'000ms, .first_byte = 20'000ms, .stall = 20'000ms, .slowest = 1, .total = 60'000ms};

larder::http_blob<larder::webdav> at(const std::string& url) { return larder::http_blob{larder::webdav{.url = url, .timeouts = patience}}; }

template <class F>
std::optional<error_cause> cause_of(F&& f) {
  return support::cause_of(f, {"hunter2"});
}

}  // namespace

TEST_CASE("nginx keeps objects, with WebDAV and with PUT alone") {
  if (!nginx_is_installed()) return;
  const nginx server;
  if (!server.usable()) {
    MESSAGE("skipped: this nginx does not take the test's settings");
    return;
  }
  for (const char* path : {"/dav/base/not/there/yet", "/put/models"}) {
    CAPTURE(path);
    store s(at(server.url(path)), sink);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20U, std::size_t{20} << 20U}) {
      CAPTURE(size);
      const std::string text = pattern(size);
      const std::string name = "a/b/" + std::to_string(size);
      CHECK_FALSE(s.head(name));
      CHECK_FALSE(s.get(name, {}));
      CHECK(put(s, name, text));
      CHECK(get(s, name) == text);
      REQUIRE(s.head(name));
      CHECK(s.head(name)->size == size);
      CHECK(put(s, name, pattern(size, 9)));
      CHECK(get(s, name) == pattern(size, 9));
      for (const larder::byte_range r : {larder::byte_range{0, 1}, {10, 100}, {size / 2, ~std::uint64_t{0}}, {size, 1}, {size + 5, 5}, {0, size + 1}}) {
        const std::uint64_t from = std::min<std::uint64_t>(r.offset, size);
        CHECK(get(s, name, r) == pattern(size, 9).substr(from, std::min<std::uint64_t>(r.size, size - from)));
      }
      CHECK(s.erase(name));
      CHECK_FALSE(s.erase(name));
    }
  }
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(server.files())) CHECK_FALSE(e.is_regular_file());  // nothing is left over

  store s(at(server.url("/dav/base/m")), sink);
  CHECK(put(s, "once", "first", put_mode::create_only));
  CHECK_FALSE(put(s, "once", "second", put_mode::create_only));
  CHECK(get(s, "once") == "first");
  CHECK(put(s, "d/e/f", "12345"));
  CHECK(put(s, "d/g", "1"));
  using names = std::map<std::string, std::uint64_t>;
  CHECK(listed(s, "") == names{{"once", 5}, {"d/e/f", 5}, {"d/g", 1}});
  CHECK(listed(s, "d/e") == names{{"d/e/f", 5}});
  CHECK(listed(s, "x/y").empty());

  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 10; ++i) {
        const std::string text = pattern(5000 * i, t);
        if (!put(s, "many/" + std::to_string(t), text) || get(s, "many/" + std::to_string(t)) != text) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);

  store p(at(server.url("/put/models")), sink);
  CHECK(cause_of([&] { listed(p, ""); }) == error_cause::server);
  CHECK(put(p, "o", "first", put_mode::create_only));
  CHECK_FALSE(put(p, "o", "second", put_mode::create_only));
  CHECK(cause_of([&] { put(s, "big", pattern(std::size_t{65} << 20U)); }) == error_cause::server);  // 413
  CHECK_FALSE(s.head("big"));

  store anonymous(at(server.url("/secret")), sink);
  CHECK(cause_of([&] { get(anonymous, "o"); }) == error_cause::unauthorized);
  CHECK(cause_of([&] { put(anonymous, "o", "x"); }) == error_cause::unauthorized);
  store known(larder::http_blob{larder::webdav{.url = server.url("/secret"), .user = "me", .password = "hunter2", .timeouts = patience}}, sink);
  CHECK(put(known, "o", "x"));
  CHECK(get(known, "o") == "x");

  if (!server.with_tls()) {
    MESSAGE("skipped: no openssl to make a certificate with");
    return;
  }
  const auto over_tls = [&](const std::string& host, const std::string& ca_file) {
    store made(larder::http_blob{larder::webdav{.url = server.tls_url(host, "/secret"), .user = "me", .password = "hunter2", .timeouts = patience, .ca_file = ca_file}}, sink);
    return get(made, "o");
  };
  CHECK(over_tls("127.0.0.1", server.ca_file()) == "x");
  CHECK(cause_of([&] { over_tls("127.0.0.1", ""); }) == error_cause::network);                        // self-signed
  CHECK(cause_of([&] { over_tls("localhost", server.ca_file()); }) == error_cause::network);          // another name
  CHECK(cause_of([&] { over_tls("127.0.0.1", "/nonexistent/ca.pem"); }) == error_cause::invalid_argument);
  store mismatched(at("https://" + server.url("/dav").substr(7)), sink);  // TLS to a port without
  CHECK(cause_of([&] { get(mismatched, "o"); }) == error_cause::network);
}

TEST_CASE("256 MiB come from nginx in ranges, whole and of one version") {
  if (!nginx_is_installed()) return;
  nginx server;
  if (!server.usable()) {
    MESSAGE("skipped: this nginx does not take the test's settings");
    return;
  }
  constexpr std::size_t size = (std::size_t{256} << 20U) + 12345;
  const std::string content = pattern(size);
  std::ofstream(server.files() / "dav/base/large", std::ios::binary) << content;
  larder::http_blob<larder::webdav> policy = at(server.url("/dav/base"));
  policy.transfers.budget = std::make_shared<larder::remote::byte_budget>();
  store s(policy, sink);
  larder::memory_download target;
  std::uint64_t most = 0;
  CHECK(s.fetch("large", target, {.progress = [&](std::uint64_t landed, std::uint64_t total) {
    CHECK(total == size);
    most = std::max(most, landed);
  }}));
  CHECK(most == size);
  const larder::bytes whole = std::move(target).result();
  CHECK(whole.text() == content);
  CHECK(policy.transfers.budget->in_flight() == 0);

  larder::memory_download none;
  CHECK_FALSE(s.fetch("absent", none, {}));
  std::ofstream(server.files() / "dav/base/empty", std::ios::binary);
  larder::memory_download empty;
  CHECK(s.fetch("empty", empty, {}));
  CHECK(std::move(empty).result().empty());

  // Replaced in the middle: the new one comes, all of it.
  const std::string next = pattern(size / 2, 3);
  bool replaced = false;
  larder::memory_download changed;
  CHECK(s.fetch("large", changed, {.progress = [&](std::uint64_t landed, std::uint64_t) {
    if (landed < (std::uint64_t{64} << 20U) || std::exchange(replaced, true)) return;
    std::ofstream(server.files() / "dav/base/next", std::ios::binary) << next;
    fs::rename(server.files() / "dav/base/next", server.files() / "dav/base/large");
  }}));
  CHECK(std::move(changed).result().text() == next);
}
