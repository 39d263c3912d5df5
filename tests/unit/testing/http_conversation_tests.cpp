#include <larder/testing/http_conversation.hpp>
#include <larder/testing/loopback_server.hpp>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/talk.hpp"

namespace {

using larder::testing::loopback_server;
using larder::testing::send_text;
using request = boost::beast::http::request<boost::beast::http::string_body>;

/// Notes each request, answers it with its number, and ends after `most`.
class noting_server {
 public:
  explicit noting_server(std::size_t most = 100)
      : server_([this, most](loopback_server::socket& client) {
          larder::testing::serve_requests(client, [&](const request& asked) {
            const std::lock_guard guard(mutex_);
            came_.push_back(std::string(asked.method_string()) + " " + std::string(asked.target()) + " " + asked.body());
            return send_text(client, std::to_string(came_.size())) && came_.size() < most;
          });
        }) {}
  std::uint16_t port() const { return server_.port(); }
  std::vector<std::string> came() const {
    const std::lock_guard guard(mutex_);
    return came_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> came_;
  loopback_server server_;  // last: what it uses is there before it and after it
};

std::string put(const std::string& body, const std::string& more = {}) {
  return "PUT /o HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("requests are handed over whole, in their order, also those that came at once") {
  noting_server server;
  support::talk client(server.port());
  client.say(put("one") + "GET /p HTTP/1.1\r\nHost: x\r\n\r\n" + put("three"));
  CHECK(client.hear(3) == "123");
  const std::string last = put("four");
  for (const char& c : last) client.say({&c, 1});
  CHECK(client.hear(1) == "4");
  client.end();
  CHECK(client.hear().empty());
  CHECK(client.error == 0);
  CHECK(server.came() == lines{"PUT /o one", "GET /p ", "PUT /o three", "PUT /o four"});
}

TEST_CASE("a client that waits for leave to send its body gets it, and nobody else does") {
  noting_server server;
  support::talk client(server.port());
  const std::string whole = put("body", "Expect: 100-Continue\r\n");  // names of expectations have no case
  const std::string leave = "HTTP/1.1 100 Continue\r\n\r\n";
  client.say(whole.substr(0, whole.size() - 4));
  CHECK(client.hear(leave.size()) == leave);
  CHECK(server.came().empty());
  client.say("body");
  CHECK(client.hear(1) == "1");
  CHECK(server.came() == lines{"PUT /o body"});
  client.say(put("x", "Expect: a miracle\r\n"));
  CHECK(client.hear(1) == "2");
}

TEST_CASE("a body may have any size") {
  noting_server server;
  support::talk client(server.port());
  const std::string body(std::size_t{9} << 20U, 'x');  // Beast takes 1 MiB, unless it is told otherwise
  client.say(put(body));
  CHECK(client.hear(1) == "1");
  CHECK(server.came().at(0).size() == body.size() + std::string("PUT /o ").size());
}

TEST_CASE("a conversation is over when the answer to a request says so") {
  noting_server server(1);
  CHECK(support::talk_to(server.port(), put("one") + put("two")) == "1");
  CHECK(server.came() == lines{"PUT /o one"});
}

TEST_CASE("of a request that breaks off, or that is none, nothing is handed over") {
  noting_server server;
  const std::string whole = put("body");
  for (const std::string& broken : {whole.substr(0, 9), whole.substr(0, whole.size() - 1), std::string("nonsense\r\n\r\n")}) {
    CAPTURE(broken);
    support::talk client(server.port());
    client.say(broken);
    client.end();
    CHECK(client.hear().empty());
  }
  CHECK(server.came().empty());
}

TEST_CASE("whoever sends is told that the connection is over") {
  std::vector<bool> sent;
  {
    loopback_server server([&](loopback_server::socket& client) {
      sent.push_back(send_text(client, "text"));
      boost::system::error_code ignored;
      client.shutdown(loopback_server::socket::shutdown_send, ignored);
      sent.push_back(send_text(client, "text"));
    });
    CHECK(support::talk_to(server.port(), "") == "text");
  }
  CHECK(sent == std::vector<bool>{true, false});
}
