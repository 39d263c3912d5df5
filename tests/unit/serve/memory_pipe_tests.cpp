#include <larder/serve/chunk_memory.hpp>
#include <larder/serve/memory_pipe.hpp>
#include <larder/serve/outgoing_answer.hpp>

#include "support/broken_pipes_blocked.hpp"
#include "support/in_child.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace serve = larder::serve;

namespace {

/// Two ends of one TCP connection on this machine; the first does not block.
struct connected {
  connected() {
    const larder::storage::file_descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    client = larder::storage::file_descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&at), size) == 0);
    server = larder::storage::file_descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(server);
  }
  /// What is there, at most so many bytes.
  std::size_t hear(std::vector<std::byte>& all, std::size_t most) const {
    const std::size_t before = all.size();
    all.resize(before + most);
    const ssize_t n = ::recv(client.get(), all.data() + before, most, MSG_DONTWAIT);
    all.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return all.size() - before;
  }
  larder::storage::file_descriptor server;
  larder::storage::file_descriptor client;
};

std::vector<std::byte> numbers(std::size_t size) {
  std::vector<std::byte> all(size);
  std::uint32_t state = 1;
  for (std::byte& b : all) b = static_cast<std::byte>((state = state * 1664525U + 1013904223U) >> 24U);
  return all;
}

std::shared_ptr<serve::chunk> in_memory(const std::vector<std::byte>& content) {
  auto made = std::make_shared<serve::chunk>();
  made->size = content.size();
  made->memory = serve::chunk_memory(content.size());
  std::memcpy(made->memory.span().data(), content.data(), content.size());
  return made;
}

/// All of an answer, whatever the socket takes at a time. How often it took nothing.
std::size_t send_all(serve::outgoing_answer& out, const connected& pair, std::vector<std::byte>& got) {
  std::size_t full = 0;
  while (!out.is_sent()) {
    if (const auto taken = out.send(pair.server.get(), out.end()); taken.all < 0) {
      REQUIRE(errno == EAGAIN);
      ++full;
      pair.hear(got, 300'000);
    } else {
      REQUIRE(taken.all > 0);
    }
  }
  return full;
}

}  // namespace

TEST_CASE("what a pipe takes comes out at the socket's end") {
  const connected pair;
  const std::vector<std::byte> content = numbers(3'000'001);
  const auto chunk = in_memory(content);
  serve::memory_pipe pipe;
  CHECK_FALSE(pipe.is_open());
  REQUIRE(pipe.open());
  CHECK(pipe.is_open());
  std::vector<std::byte> got;
  for (std::size_t at = 0; at < content.size();) {
    if (pipe.held() == 0) {
      REQUIRE(pipe.take(chunk->content().subspan(at)));
      CHECK(pipe.held() > 0);
      CHECK(pipe.held() <= content.size() - at);
    }
    const std::size_t held = pipe.held();
    if (const ssize_t n = pipe.send(pair.server.get(), at + held < content.size()); n > 0) {
      CHECK(pipe.held() == held - static_cast<std::size_t>(n));
      at += static_cast<std::size_t>(n);
    } else {
      REQUIRE(errno == EAGAIN);
      CHECK(pipe.held() == held);
    }
    pair.hear(got, 100'000);
  }
  while (got.size() < content.size()) pair.hear(got, 100'000);
  CHECK(got == content);
  pipe.close();
  CHECK_FALSE(pipe.is_open());
}

TEST_CASE("an answer goes out by a pipe from where it begins, in a socket that is full in between") {
  const connected pair;
  const std::vector<std::byte> content = numbers(40'000'000);  // more than a socket takes however large the system lets it grow
  for (const auto& [first, size] :
       {std::pair<std::size_t, std::size_t>{0, 40'000'000}, {1'234'567, 30'000'000}, {4097, 1U << 20U}}) {
    serve::outgoing_answer out;
    out.begin() += "head";
    out.add(in_memory(content), first, size);
    std::vector<std::byte> got;
    const std::size_t full = send_all(out, pair, got);
    if (size > 6'000'000) CHECK(full > 0);
    while (got.size() < 4 + size) pair.hear(got, size);
    CHECK(std::memcmp(got.data(), "head", 4) == 0);
    CHECK(std::equal(got.begin() + 4, got.end(), content.begin() + static_cast<std::ptrdiff_t>(first),
                     content.begin() + static_cast<std::ptrdiff_t>(first + size)));
  }
}

TEST_CASE("only what is ready goes out, also by a pipe") {
  const connected pair;
  const std::vector<std::byte> content = numbers(2'000'000);
  serve::outgoing_answer out;
  out.begin();
  out.add(in_memory(content), 0, content.size());
  std::vector<std::byte> got;
  for (const std::uint64_t ready : {std::uint64_t{10}, std::uint64_t{100'000}, std::uint64_t{1'999'999}})
    while (out.at() < ready) {
      if (out.send(pair.server.get(), ready).all < 0) REQUIRE(errno == EAGAIN);
      CHECK(out.at() <= ready);
      pair.hear(got, 500'000);
    }
  while (got.size() < 1'999'999) pair.hear(got, 500'000);
  CHECK(got.size() == 1'999'999);
  CHECK(std::equal(got.begin(), got.end(), content.begin()));
}

TEST_CASE("what is on its way stays as it was when its memory is gone and other memory was made") {
  const connected pair;
  const std::vector<std::byte> content = numbers(8'000'000);
  serve::outgoing_answer out;
  out.begin();
  out.add(in_memory(content), 0, content.size());
  std::uint64_t sent = 0;
  while (out.send(pair.server.get(), out.end()).all > 0) sent = out.at();
  REQUIRE(sent >= 100'000);
  out.clear();  // the only one who held it
  std::vector<serve::chunk_memory> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back(content.size());
    std::memset(others.back().span().data(), 0x55, content.size());
  }
  std::vector<std::byte> got;
  while (got.size() < sent) pair.hear(got, 1'000'000);
  CHECK(std::equal(got.begin(), got.end(), content.begin()));
}

TEST_CASE("without descriptors for a pipe an answer goes out all the same") {
  support::in_child([] {
    const connected pair;
    const std::vector<std::byte> content = numbers(4'000'000);
    serve::outgoing_answer out;
    out.begin();
    const auto chunk = in_memory(content);
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &few);
    serve::memory_pipe pipe;
    if (pipe.open()) return false;
    out.add(chunk, 0, content.size());
    std::vector<std::byte> got;
    while (!out.is_sent()) {
      if (out.send(pair.server.get(), out.end()).all < 0 && errno != EAGAIN) return false;
      pair.hear(got, 1'000'000);
    }
    while (got.size() < content.size()) pair.hear(got, 1'000'000);
    return got == content;
  });
}

TEST_CASE("pipes leave descriptors for clients and files") {
  support::in_child([] {
    const rlimit few{64, 64};
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::vector<serve::memory_pipe> pipes(64);
    std::size_t open = 0;
    for (serve::memory_pipe& pipe : pipes) open += pipe.open() ? 1 : 0;
    std::size_t others = 0;
    while (::dup(2) >= 0) ++others;
    return open > 0 && others >= 30;
  });
}

TEST_CASE("a pipe that takes little at a time is none") {
  support::in_child([] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;  // whom the system gives less to when he has many
    const auto chunk = in_memory(numbers(1'000'000));
    std::vector<serve::memory_pipe> pipes(400);
    for (serve::memory_pipe& pipe : pipes)
      if (pipe.open() && (!pipe.take(chunk->content()) || pipe.held() < 60'000)) return false;
    return true;
  });
}

TEST_CASE("a client that is gone ends an answer by a pipe") {
  const support::broken_pipes_blocked guard;
  connected pair;
  serve::outgoing_answer out;
  out.begin();
  out.add(in_memory(numbers(64'000'000)), 0, 64'000'000);
  while (out.send(pair.server.get(), out.end()).all > 0) {
  }
  REQUIRE(errno == EAGAIN);
  pair.client.reset();
  ssize_t n = 0;
  while ((n = out.send(pair.server.get(), out.end()).all) > 0 || (n < 0 && errno == EAGAIN)) {
  }
  CHECK(n < 0);
  CHECK((errno == EPIPE || errno == ECONNRESET));
}
