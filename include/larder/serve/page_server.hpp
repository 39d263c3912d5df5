#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>
#include <larder/serve/access_check.hpp>
#include <larder/serve/http_date.hpp>
#include <larder/serve/listening_socket.hpp>
#include <larder/serve/page_connection.hpp>
#include <larder/serve/signal_mask.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace larder::serve {

/// How a server of pages is reached, and what it does not put up with.
struct page_server_settings {
  std::string who;  ///< in messages
  std::string host;
  int port = 0;
  secret token{};
  std::size_t max_connections = 64;
  std::chrono::milliseconds request_timeout{10'000};
};

/// Answers with texts over HTTP/1.1, one request per connection, on a thread of its own, from its construction to its destruction. For few
/// clients that ask now and then; `worker` is for many. Not encrypted. It does not survive a fork.
class page_server {
 public:
  /// `find(target)` gives the page of a target, on the server's thread. Throws `larder::error` when the port cannot be had, or when another
  /// interface than this machine's own is to be served without a token.
  page_server(const page_server_settings& settings, std::function<page(std::string_view target)> find)
      : settings_(settings), access_(settings.token), find_(std::move(find)), bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const bind_address at(settings.host, settings.port, settings.who);
    at.refuse_strangers(!settings.token.empty(), settings.host, settings.who);
    if (!bell_)
      core::fail(error_cause::io, settings.who + ": no descriptor is left: " + std::generic_category().message(errno) +
                                      "; raise the limit of open files");
    listening_ = listening_socket::open(at, settings.host, settings.port, settings.who);
    thread_ = std::thread([this] { run(); });
  }
  page_server(const page_server&) = delete;
  page_server& operator=(const page_server&) = delete;
  /// Ends answers that are on their way.
  ~page_server() {
    const std::uint64_t one = 1;
    storage::uninterrupted([&] { return ::write(bell_.get(), &one, sizeof one); });
    thread_.join();
  }

  int port() const noexcept { return listening_.port; }
  /// `http://<host>:<port>`
  std::string url() const { return url_of(settings_.host, port()); }

 private:
  using clock = page_connection::clock;

  void run() {
    leave_signals_to_others();
    http_date date;
    const page_source source{access_, find_, date};
    std::vector<page_connection> open;
    std::vector<pollfd> watched;
    auto accepts_from = clock::now();  // later when the system had no descriptor left
    for (;;) {
      const auto before = clock::now();
      const bool accepts = open.size() < settings_.max_connections && before >= accepts_from;
      watched.assign({{bell_.get(), POLLIN, 0}, {accepts ? listening_.socket.get() : -1, POLLIN, 0}});
      auto until = accepts || before >= accepts_from ? clock::time_point::max() : accepts_from;
      for (const page_connection& each : open) {
        watched.push_back({each.socket(), each.waits_for(), 0});
        until = std::min(until, each.ends());
      }
      ::poll(watched.data(), watched.size(), patience(before, until));
      if (watched[0].revents != 0) return;
      const auto now = clock::now();
      for (std::size_t i = open.size(); i-- > 0;)
        if ((watched[i + 2].revents != 0 && !advance(open[i], source)) || now >= open[i].ends())
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
      if (watched[1].revents != 0 && !accept(open, now)) accepts_from = now + std::chrono::milliseconds(100);
    }
  }

  static int patience(clock::time_point now, clock::time_point until) noexcept {
    if (until == clock::time_point::max()) return -1;
    if (until <= now) return 0;
    return static_cast<int>(std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count(), 60'000));
  }
  static bool advance(page_connection& client, const page_source& source) noexcept {
    try {
      return client.advance(source);
    } catch (...) {  // no memory, say: the others go on
      return false;
    }
  }
  /// False when the system has no descriptors or no memory left.
  bool accept(std::vector<page_connection>& open, clock::time_point now) noexcept {
    while (open.size() < settings_.max_connections) {
      storage::file_descriptor fresh(::accept4(listening_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fresh) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK;
      }
      try {
        open.emplace_back(std::move(fresh), now + settings_.request_timeout);
      } catch (...) {
        return false;
      }
    }
    return true;
  }

  const page_server_settings settings_;
  const access_check access_;
  const std::function<page(std::string_view target)> find_;
  storage::file_descriptor bell_;
  listening_socket listening_;
  std::thread thread_;
};

}  // namespace larder::serve
