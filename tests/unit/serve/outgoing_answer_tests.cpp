#include <larder/serve/outgoing_answer.hpp>

#include "support/broken_pipes_blocked.hpp"
#include "support/temporary_folder.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace serve = larder::serve;

namespace {

struct socket_pair {
  socket_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0); }
  socket_pair(const socket_pair&) = delete;
  socket_pair& operator=(const socket_pair&) = delete;
  ~socket_pair() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  std::string hear() const {
    std::string all;
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = ::recv(ends[1], part.data(), part.size(), 0)) > 0;)
      all.append(part.data(), static_cast<std::size_t>(n));
    return all;
  }
  std::array<int, 2> ends{};
};

std::shared_ptr<serve::chunk> in_memory(const std::string& text) {
  auto made = std::make_shared<serve::chunk>();
  made->size = text.size();
  made->memory = serve::chunk_memory(text.size());
  std::memcpy(made->memory.span().data(), text.data(), text.size());
  return made;
}

}  // namespace

TEST_CASE("text and content go out together, as far as they are ready") {
  const socket_pair pair;
  serve::outgoing_answer out;
  CHECK(out.is_sent());
  out.begin() += "head ";
  CHECK(out.nothing_is_sent());
  const auto content = in_memory("0123456789");
  out.add(content, 2, 6);
  CHECK(out.at() == 2);
  CHECK(out.end() == 8);
  CHECK(content.use_count() == 2);
  const auto first = out.send(pair.ends[0], 4);
  CHECK(first.all == 7);
  CHECK(first.of_content == 2);
  CHECK(out.text_is_sent());
  CHECK_FALSE(out.is_sent());
  CHECK(pair.hear() == "head 23");
  CHECK(out.send(pair.ends[0], 8).of_content == 4);
  CHECK(out.is_sent());
  CHECK(pair.hear() == "4567");
  out.clear();
  CHECK(content.use_count() == 1);
}

TEST_CASE("content goes out from its file, and an end that comes early is seen") {
  const support::temporary_folder folder;
  std::ofstream(folder / "f") << "0123456789";
  auto content = std::make_shared<serve::chunk>();
  content->size = 20;
  content->file = larder::storage::open_file((folder / "f").string(), O_RDONLY);
  REQUIRE(content->file);
  const socket_pair pair;
  serve::outgoing_answer out;
  out.begin() += "head ";
  out.add(content, 3, 17);
  CHECK(out.send(pair.ends[0], 20).of_content == 0);  // the text first
  CHECK(out.send(pair.ends[0], 20).of_content == 7);
  CHECK(pair.hear() == "head 3456789");
  CHECK(out.at() == 10);
  CHECK(out.send(pair.ends[0], 20).all == 0);
}

TEST_CASE("a client that does not read stops it, one that is gone ends it") {
  const support::broken_pipes_blocked guard;
  socket_pair pair;
  serve::outgoing_answer out;
  out.begin() += "head";
  out.add(in_memory(std::string(5'000'000, 'x')), 0, 5'000'000);
  serve::outgoing_answer::taken last;
  for (int i = 0; i < 1000 && (last = out.send(pair.ends[0], 5'000'000)).all > 0;) ++i;
  CHECK(last.all == -1);
  CHECK(errno == EAGAIN);
  CHECK(last.of_content == 0);
  ::close(std::exchange(pair.ends[1], -1));
  CHECK(out.send(pair.ends[0], 5'000'000).all == -1);
  CHECK(errno == EPIPE);
}
