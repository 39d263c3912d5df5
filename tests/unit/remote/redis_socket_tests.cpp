// The socket alone: its limits, its stop, and what arrives of what is sent.

#include <larder/remote/redis_socket.hpp>
#include <support/redis_script.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::error_cause;
using larder::remote_timeouts;
using larder::remote::redis_address;
using larder::remote::redis_socket;
using larder::remote::stop_signal;

constexpr std::string_view ask = "*1\r\n$1\r\nx\r\n";
constexpr remote_timeouts endless{.connect = 0ms, .first_byte = 0ms, .stall = 0ms, .slowest = 0, .total = 0ms};

redis_address at(const redis_script& server) { return {"127.0.0.1", server.port(), {}}; }

/// To each command.
void answer_x(redis_script::peer& peer) {
  while (!peer.command().empty()) peer.say("x");
}

void send(redis_socket& socket, std::string_view text) { socket.send({&text, 1}); }
/// The next bytes, at most so many.
std::string receive(redis_socket& socket, std::size_t most = 1000) {
  std::string text(most, '\0');
  text.resize(socket.receive(std::as_writable_bytes(std::span(text)), {}));
  return text;
}

/// A listening socket whose queue is full of those who were never accepted.
class full_listener {
 public:
  full_listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fill(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(sockets_.front(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  explicit full_listener(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the path is too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    fill(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  full_listener(const full_listener&) = delete;
  full_listener& operator=(const full_listener&) = delete;
  ~full_listener() {
    for (const int each : sockets_) ::close(each);
  }
  std::uint16_t port() const noexcept { return port_; }

 private:
  void fill(int family, sockaddr* address, socklen_t size) {
    const int listener = open(family);
    if (::bind(listener, address, size) != 0 || ::listen(listener, 0) != 0 || ::getsockname(listener, address, &size) != 0)
      throw std::runtime_error("cannot listen");
    for (int i = 0; i < 8; ++i) static_cast<void>(::connect(open(family), address, size));  // those beyond the queue hang or fail
  }
  int open(int family) { return sockets_.emplace_back(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("all of the pieces arrive in their order, however many and large, also where they go in parts") {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < 200; ++i) {
    std::string piece(i % 3 == 0 ? 0 : i % 5 == 0 ? 1'000'003 : i, '\0');
    for (std::size_t k = 0; k < piece.size(); ++k) piece[k] = static_cast<char>((i * 31 + k * 7 + k / 251) & 0xffU);
    pieces.push_back(std::move(piece));
  }
  std::string whole;
  for (const std::string& each : pieces) whole += each;
  CHECK(whole.size() > 20'000'000);  // more than the system keeps for a socket
  std::atomic<bool> same{false};
  redis_script server([&](redis_script::peer& peer) {
    const std::vector<std::string> words = peer.command();
    same = words.size() == 1 && words[0] == whole;
    peer.say("!");
  });
  redis_socket socket(at(server), patient, {});
  socket.begin({});
  const std::string head = "*1\r\n$" + std::to_string(whole.size()) + "\r\n";
  std::vector<std::string_view> sent{head};
  sent.insert(sent.end(), pieces.begin(), pieces.end());
  sent.push_back("\r\n");
  socket.send(sent);
  CHECK(receive(socket) == "!");
  CHECK(same);
}

TEST_CASE("nothing to send is nothing sent") {
  redis_script server([](redis_script::peer& peer) { peer.linger_on(); });
  redis_socket socket(at(server), patient, {});
  socket.begin({});
  socket.send({});
  const std::array<std::string_view, 3> empty{};
  socket.send(empty);
  CHECK_FALSE(socket.is_stale());
}

TEST_CASE("what comes fills the first room and then the second, and what is more waits") {
  redis_script server([](redis_script::peer& peer) {
    peer.say("0123456789");
    peer.linger_on();
  });
  redis_socket socket(at(server), patient, {});
  socket.begin({});
  CHECK(eventually([&] { return socket.is_stale(); }));  // it has come
  std::string into(3, '\0');
  std::string beyond(4, '\0');
  const auto writable = [](std::string& text) { return std::as_writable_bytes(std::span(text)); };
  CHECK(socket.receive(writable(into), writable(beyond)) == 7);
  CHECK(into == "012");
  CHECK(beyond == "3456");
  CHECK(socket.receive(writable(into), writable(beyond)) == 3);
  CHECK(into == "789");
  CHECK(beyond == "3456");
  CHECK_FALSE(socket.is_stale());
}

TEST_CASE("a connection is stale when its server closed it, or said something unasked") {
  std::atomic<bool> go{false};
  for (const bool close : {true, false}) {
    CAPTURE(close);
    go = false;
    redis_script server([&](redis_script::peer& peer) {
      eventually([&] { return go.load(); });
      if (close) return;
      peer.say("-ERR unasked\r\n");
      peer.linger_on();
    });
    const redis_socket socket(at(server), patient, {});
    CHECK_FALSE(socket.is_stale());
    go = true;
    CHECK(eventually([&] { return socket.is_stale(); }));
  }
}

TEST_CASE("an end of the connection, in order or not, is a network failure that names the server") {
  for (const bool reset : {false, true})
    for (const std::string_view begun : {"", "$1000\r\nxx"}) {
      CAPTURE(reset);
      CAPTURE(begun);
      redis_script server([&](redis_script::peer& peer) {
        peer.command();
        peer.say(begun);
        if (reset) peer.reset();
      });
      redis_socket socket(at(server), patient, {});
      socket.begin({});
      send(socket, ask);
      std::string got;
      const refusal failure = refusal_of([&] {
        for (;;) got += receive(socket);
      });
      CHECK(failure.cause == error_cause::network);
      CHECK(says(failure, socket.name()));
      CHECK(says(failure, reset ? "receiving from" : "closed the connection before its answer was whole"));
      if (!reset) CHECK(got == begun);
    }
}

TEST_CASE("sending to a server that has gone is a network failure, and no signal") {
  std::atomic<bool> connected{false};  // a reset that comes sooner is a failure to connect
  redis_script server([&](redis_script::peer& peer) {
    eventually([&] { return connected.load(); });
    peer.reset();
  });
  redis_socket socket(at(server), patient, {});
  connected = true;
  socket.begin({});
  CHECK(eventually([&] { return socket.is_stale(); }));
  for (int i = 0; i < 2; ++i) {  // the first is told of the reset, the second would raise SIGPIPE
    const refusal failure = refusal_of([&] { send(socket, "x"); });
    CHECK(failure.cause == error_cause::network);
    CHECK(says(failure, "sending to " + socket.name() + " failed"));
  }
}

TEST_CASE("an answer that does not begin ends with its limit, anew in each exchange and after more was asked for") {
  remote_timeouts limits = endless;
  limits.first_byte = 60ms;
  limits.total = 20'000ms;
  for (const bool more : {false, true}) {
    CAPTURE(more);
    redis_script server([](redis_script::peer& peer) {
      peer.command();
      peer.say("x");
      peer.linger_on();
    });
    redis_socket socket(at(server), limits, {});
    socket.begin({});
    send(socket, ask);
    CHECK(eventually([&] { return socket.is_stale(); }));  // the first comes at its leisure
    CHECK(receive(socket) == "x");
    if (more)
      socket.expect_answer();
    else
      socket.begin({});
    send(socket, ask);
    const refusal failure = refusal_of([&] { receive(socket); });
    CHECK(failure.cause == error_cause::timeout);
    CHECK(says(failure, "receiving from " + socket.name() + " was given up: no answer began within 60 ms"));
  }
}

TEST_CASE("an answer that stands still ends with its limit, and so does what nobody takes") {
  remote_timeouts limits = endless;
  limits.stall = 60ms;
  limits.total = 20'000ms;
  redis_script begins([](redis_script::peer& peer) {
    peer.say("x");
    peer.linger_on();
  });
  redis_socket stands(at(begins), limits, {});
  stands.begin({});
  CHECK(receive(stands) == "x");
  const refusal received = refusal_of([&] { receive(stands); });
  CHECK(received.cause == error_cause::timeout);
  CHECK(says(received, "receiving from " + stands.name() + " was given up: no byte moved for 60 ms"));

  std::atomic<bool> enough{false};
  redis_script reads_nothing([&](redis_script::peer&) { eventually([&] { return enough.load(); }); });
  redis_socket full(at(reads_nothing), limits, {});
  full.begin({});
  const std::string much(64'000'000, 'x');
  const refusal sent = refusal_of([&] { send(full, much); });
  enough = true;
  CHECK(sent.cause == error_cause::timeout);
  CHECK(says(sent, "sending to " + full.name() + " was given up: no byte moved for 60 ms"));
}

TEST_CASE("an exchange that takes too long in all ends with its limit, though bytes keep coming") {
  redis_script server(answer_x);
  remote_timeouts limits = patient;
  limits.total = 80ms;
  redis_socket socket(at(server), limits, {});
  socket.begin({});
  const refusal failure = refusal_of([&] {
    for (;;) {
      send(socket, ask);
      receive(socket);
    }
  });
  CHECK(failure.cause == error_cause::timeout);
  CHECK(says(failure, "the whole request took longer than 80 ms"));
}

TEST_CASE("each exchange has its own stop") {
  redis_script server(answer_x);
  std::stop_source stop;
  redis_socket socket(at(server), patient, stop.get_token());
  socket.begin(stop.get_token());
  stop.request_stop();
  const refusal failure = refusal_of([&] { receive(socket); });
  CHECK(failure.cause == error_cause::cancelled);
  CHECK(says(failure, "a request to " + socket.name() + " was given up because a stop was requested"));
  socket.begin({});
  send(socket, ask);
  CHECK(receive(socket) == "x");
}

TEST_CASE("a stop ends the wait of who receives, sends or connects without a limit") {
  std::stop_source while_receiving;
  std::stop_source while_sending;
  std::atomic<bool> enough{false};
  redis_script silent([&](redis_script::peer& peer) {
    peer.command();
    while_receiving.request_stop();
    peer.linger_on();
  });
  redis_socket receiving(at(silent), endless, {});
  receiving.begin(while_receiving.get_token());
  send(receiving, ask);
  CHECK(refusal_of([&] { receive(receiving); }).cause == error_cause::cancelled);

  redis_script deaf([&](redis_script::peer& peer) {
    peer.command();
    while_sending.request_stop();
    eventually([&] { return enough.load(); });
  });
  redis_socket sending(at(deaf), endless, {});
  sending.begin(while_sending.get_token());
  const std::string much = std::string(ask) + std::string(64'000'000, 'x');
  CHECK(refusal_of([&] { send(sending, much); }).cause == error_cause::cancelled);
  enough = true;

  const full_listener full;
  std::stop_source while_connecting;
  std::atomic<bool> begun{false};
  std::thread stops([&] {
    eventually([&] { return begun.load(); });
    while_connecting.request_stop();
  });
  begun = true;
  const refusal connecting = refusal_of([&] {
    redis_socket({"127.0.0.1", full.port(), {}}, endless, while_connecting.get_token());
  });
  stops.join();
  CHECK(connecting.cause == error_cause::cancelled);
}

TEST_CASE("a connection that does not come to stand ends with its limit") {
  const full_listener full;
  remote_timeouts limits = endless;
  limits.connect = 80ms;
  const refusal failure = refusal_of([&] { redis_socket({"127.0.0.1", full.port(), {}}, limits, {}); });
  CHECK(failure.cause == error_cause::timeout);
  CHECK(says(failure,
             "redis at 127.0.0.1:" + std::to_string(full.port()) + " cannot be reached: no connection stood within 80 ms"));
}

TEST_CASE("a connection that does not come to stand ends with the time that a look-up has, when that is shorter") {
  const full_listener full;
  const refusal failure = refusal_of([&] {
    redis_socket({"127.0.0.1", full.port(), {}}, endless, {}, redis_socket::clock::now() + 80ms);
  });
  CHECK(failure.cause == error_cause::timeout);
  CHECK(says(failure, "redis at 127.0.0.1:" + std::to_string(full.port()) +
                          " cannot be reached: no connection stood within the time that the look-up had"));
}

TEST_CASE("a socket file is connected to, and one that is too long, not there or too much in demand is a failure that says so") {
  const temporary_folder here;
  const auto failure_at = [](const std::string& path) { return refusal_of([&] { redis_socket({{}, 0, path}, patient, {}); }); };
  const std::string path = here / "s";
  CHECK(failure_at(path).cause == error_cause::network);
  CHECK(says(failure_at(path), "redis at " + path + " cannot be reached: No such file"));
  const refusal long_path = failure_at(here / std::string(200, 'x'));
  CHECK(long_path.cause == error_cause::invalid_argument);
  CHECK(says(long_path, "at most 107 bytes"));

  const full_listener full(path);
  CHECK(failure_at(path).cause == error_cause::network);
  CHECK(says(failure_at(path), "too many wait to be accepted there"));
}

TEST_CASE("a name that is not known is a network failure, and of a name's addresses one that listens is found") {
  const refusal failure = refusal_of([] { redis_socket({"a..b", 1, {}}, patient, {}); });
  CHECK(failure.cause == error_cause::network);
  CHECK(says(failure, "the name is not known"));
  redis_script server([](redis_script::peer& peer) { peer.say("x"); });
  redis_socket socket({"localhost", server.port(), {}}, patient, {});
  socket.begin({});
  CHECK(receive(socket) == "x");
  CHECK(socket.name() == "redis at localhost:" + std::to_string(server.port()));
}

TEST_CASE("a signal is readable from the stop on, and there is none where nothing can be stopped") {
  const auto readable = [](const stop_signal& signal) {
    pollfd one{signal.number(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  };
  const stop_signal never{std::stop_token{}};
  CHECK(never.number() == -1);
  CHECK_FALSE(never.requested());
  std::stop_source stop;
  const stop_signal before(stop.get_token());
  CHECK_FALSE(readable(before));
  CHECK_FALSE(before.requested());
  stop.request_stop();
  CHECK(readable(before));
  CHECK(before.requested());
  const stop_signal after(stop.get_token());
  CHECK(readable(after));
}
