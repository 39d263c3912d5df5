// A connection, and the client over it, against servers that are silent, cut, lie or log in oddly.

#include <larder/core/remote_report.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_connection.hpp>
#include <support/redis_script.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/patient_timeouts.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::error_cause;
using larder::remote::redis_address;
using larder::remote::redis_client;
using larder::remote::redis_command;
using larder::remote::redis_connection;
using larder::remote::redis_login;
using larder::remote::redis_reply;
using larder::remote::redis_settings;

constexpr larder::remote_timeouts quick{.connect = 5'000ms, .first_byte = 200ms, .stall = 200ms, .slowest = 1, .total = 20'000ms};

redis_settings at(std::uint16_t port, const larder::remote_timeouts& timeouts = patient) {
  redis_settings out;
  out.address = {"127.0.0.1", port, {}};
  out.login.timeouts = timeouts;
  return out;
}

/// The cause and message of the failure of one `GET k` that wants a value of at most `most` bytes.
struct outcome {
  std::string value;
  std::string message;
  error_cause cause{};
};
outcome get(redis_client& client, std::uint64_t most = 1000, const std::stop_token& stop = {}) {
  outcome out;
  const redis_command command{"GET", "k"};
  try {
    client.run("k", {&command, 1},
               [&](std::size_t, redis_connection& connection) {
                 const auto size = connection.begin_bulk(most);
                 if (!size) return;
                 out.value.resize(static_cast<std::size_t>(*size));
                 connection.read(std::as_writable_bytes(std::span(out.value)));
                 connection.end_bulk();
               },
               {.stop = stop});
  } catch (const larder::error& failure) {
    out.message = failure.what();
    out.cause = failure.cause();
  }
  return out;
}
outcome get_from(std::string answer, std::uint64_t most = 1000) {
  redis_script server([&](redis_script::peer& peer) {
    if (!peer.command().empty()) peer.say(answer);
  });
  redis_client client(at(server.port()));
  return get(client, most);
}

TEST_CASE("a value comes whole, of any size and with anything in it") {
  CHECK(get_from("$5\r\nhello\r\n").value == "hello");
  CHECK(get_from("$0\r\n\r\n").message.empty());
  CHECK(get_from("$4\r\n\r\n\r\n\r\n").value == "\r\n\r\n");
  const std::string large(300'000, 'x');
  CHECK(get_from("$300000\r\n" + large + "\r\n", 300'000).value == large);
}

TEST_CASE("an answer that is cut, too long, or of another kind is a failure, never a value") {
  for (const auto& each : {std::pair<std::string, error_cause>{"", error_cause::network},
                           {"$5\r\nhel", error_cause::network},
                           {"$5\r\nhello\r", error_cause::network},
                           {"$5", error_cause::network},
                           {"$5\r\nhelloXY", error_cause::server},
                           {"$1001\r\n", error_cause::server},
                           {"$18446744073709551615\r\n", error_cause::server},
                           {"$18446744073709551616\r\n", error_cause::server},
                           {"$-2\r\n", error_cause::server},
                           {"$\r\n", error_cause::server},
                           {"$5 \r\nhello\r\n", error_cause::server},
                           {"$00000000000000000000000000000000000000000000000005\r\nhello\r\n", error_cause::server},
                           {"+OK\r\n", error_cause::server},
                           {":1\r\n", error_cause::server},
                           {"*1\r\n$1\r\na\r\n", error_cause::server},
                           {"HTTP/1.1 400 Bad Request\r\n\r\n", error_cause::server},
                           {"\r\n", error_cause::server},
                           {"-NOAUTH Authentication required.\r\n", error_cause::unauthorized},
                           {"-OOM no\r\n", error_cause::no_space}}) {
    const outcome got = get_from(each.first);
    CHECK_MESSAGE(got.cause == each.second, each.first << " gave " << got.message);
    CHECK(got.message.find("redis at 127.0.0.1") != std::string::npos);
  }
}

TEST_CASE("a reset in the middle of a value is a network failure") {
  redis_script server([](redis_script::peer& peer) {
    peer.command();
    peer.say("$1000\r\nxx");
    peer.reset();
  });
  redis_client client(at(server.port()));
  CHECK(get(client).cause == error_cause::network);
}

TEST_CASE("silence before an answer or inside one ends with the limit that it broke") {
  for (const std::string_view begun : {"", "$5\r\nhe"}) {
    redis_script server([&](redis_script::peer& peer) {
      peer.command();
      peer.say(begun);
      peer.linger_on();
    });
    redis_client client(at(server.port(), quick));
    const outcome got = get(client);
    CHECK(got.cause == error_cause::timeout);
    CHECK(got.message.find("200 ms") != std::string::npos);
  }
}

TEST_CASE("a stop that is requested while an answer is waited for ends the wait") {
  std::stop_source stop;
  redis_script server([&](redis_script::peer& peer) {
    peer.command();
    stop.request_stop();
    peer.linger_on();
  });
  redis_client client(at(server.port()));
  CHECK(get(client, 1000, stop.get_token()).cause == error_cause::cancelled);
}

TEST_CASE("a refused command leaves the connection of use, and the others of its pipeline are answered") {
  redis_script server([](redis_script::peer& peer) {
    while (true) {
      const auto words = peer.command();
      if (words.empty()) return;
      peer.say(words[1] == "bad" ? "-OOM no\r\n" : ":1\r\n");
    }
  });
  redis_client client(at(server.port()));
  const std::vector<redis_command> commands{{"X", "good"}, {"X", "bad"}, {"X", "good"}, {"X", "bad"}, {"X", "good"}};
  std::vector<std::size_t> taken;
  const auto take = [&](std::size_t i, redis_connection& connection) {
    taken.push_back(i);
    connection.reply();
  };
  CHECK_THROWS_WITH_AS(client.run("k", commands, take), doctest::Contains("maxmemory"), larder::error);
  CHECK(taken == std::vector<std::size_t>{0, 2, 4});
  client.run("k", commands, take, {.tolerant = true});
  CHECK(taken == std::vector<std::size_t>{0, 2, 4, 0, 2, 4});
  CHECK(server.connections() == 1);
}

TEST_CASE("a connection with answers left unread is not used again") {
  redis_script server([](redis_script::peer& peer) {
    while (!peer.command().empty()) peer.say("$5\r\nhello\r\n");
  });
  redis_client client(at(server.port()));
  CHECK(get(client, 2).cause == error_cause::server);  // more than is taken
  CHECK(get(client).value == "hello");
  CHECK(get(client).value == "hello");
  CHECK(server.connections() == 2);
}

TEST_CASE("an idle connection that the server closed is replaced without a failure") {
  std::atomic<int> served{0};
  redis_script server([&](redis_script::peer& peer) {
    if (!peer.command().empty()) peer.say("$5\r\nhello\r\n");
    ++served;
  });
  redis_client client(at(server.port()));
  for (int i = 0; i < 5; ++i) CHECK(get(client).value == "hello");
  CHECK(server.connections() == 5);
}

TEST_CASE("what a connection lost that others had used is asked for again, and reported so") {
  std::atomic<int> served{0};
  redis_script server([&](redis_script::peer& peer) {
    const bool first = ++served == 1;
    peer.command();
    peer.say("$5\r\nhello\r\n");
    if (first) peer.command();  // and not a word
  });
  redis_client client(at(server.port()));
  larder::remote_report report;
  for (int i = 0; i < 2; ++i) CHECK(get(client).value == "hello");
  client.add_to(report);
  CHECK(report.requests == 3);
  CHECK(report.retries == 1);
}

TEST_CASE("what was asked for ahead is bounded by bytes") {
  std::atomic<int> asked{0};
  redis_script server([&](redis_script::peer& peer) {
    for (int i = 0; i < 8; ++i) {
      peer.command();
      ++asked;
      peer.say("$5\r\nhello\r\n");
    }
  });
  redis_settings settings = at(server.port());
  settings.pipeline = 2500;
  redis_client client(settings);
  std::vector<redis_command> commands(8, redis_command{"GET", "k"});
  for (redis_command& each : commands) each.expects(1000);
  int taken = 0;
  client.run("k", commands, [&](std::size_t, redis_connection& connection) {
    connection.reply();
    CHECK(asked.load() <= taken + 2);
    ++taken;
  });
  CHECK(taken == 8);
}

TEST_CASE("logging in sends the user, the password and the database, in this order, and a refusal hides them") {
  std::promise<std::vector<std::string>> heard;
  redis_script server([&](redis_script::peer& peer) {
    std::vector<std::string> all = peer.command();
    for (std::string& word : peer.command()) all.push_back(std::move(word));
    heard.set_value(all);
    peer.say("+OK\r\n+OK\r\n");
    peer.command();
    peer.say("$1\r\nx\r\n");
  });
  redis_settings settings = at(server.port());
  settings.login.user = "cache";
  settings.login.password = larder::secret("hunter2");
  settings.login.database = 3;
  redis_client client(settings);
  CHECK(get(client).value == "x");
  CHECK(heard.get_future().get() == std::vector<std::string>{"AUTH", "cache", "hunter2", "SELECT", "3"});

  redis_script refusing([&](redis_script::peer& peer) {
    peer.command();
    peer.say("-WRONGPASS hunter2 is not it\r\n-NOAUTH hunter2\r\n");
    peer.linger_on();
  });
  settings.address.port = refusing.port();
  redis_client refused(settings);
  const outcome got = get(refused);
  CHECK(got.cause == error_cause::unauthorized);
  CHECK(got.message.find("hunter2") == std::string::npos);
}

TEST_CASE("a password is not sent unencrypted to another machine unless that is allowed") {
  redis_login login;
  login.password = larder::secret("hunter2");
  login.timeouts = quick;
  try {
    redis_connection connection({"192.0.2.1", 6379, {}}, login, {});
    FAIL("it was sent");
  } catch (const larder::error& refused) {
    CHECK(refused.cause() == error_cause::invalid_argument);
    CHECK(std::string(refused.what()).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("a redirection is followed, five in a row at most, and one that goes to nowhere fails") {
  redis_script target([](redis_script::peer& peer) {
    while (true) {
      const auto words = peer.command();
      if (words.empty()) return;
      peer.say(words[0] == "CLUSTER" ? "-ERR no\r\n" : words[0] == "ASKING" ? "+OK\r\n" : "$5\r\nthere\r\n");
    }
  });
  for (const std::string_view kind : {"MOVED", "ASK"}) {
    redis_script first([&](redis_script::peer& peer) {
      while (!peer.command().empty())
        peer.say("-" + std::string(kind) + " 7629 127.0.0.1:" + std::to_string(target.port()) + "\r\n");
    });
    redis_client client(at(first.port()));
    CHECK(get(client).value == "there");
    CHECK(get(client).value == "there");
  }
  std::atomic<int> asked{0};
  redis_script circle([&](redis_script::peer& peer) {
    while (true) {
      const auto words = peer.command();
      if (words.empty()) return;
      if (words[0] == "GET") ++asked;
      peer.say("-MOVED 7629 127.0.0.1:" + std::to_string(circle.port()) + "\r\n");
    }
  });
  redis_client lost(at(circle.port()));
  CHECK(get(lost).message.find("redirected") != std::string::npos);
  CHECK(asked == 6);
  CHECK(get_from("-MOVED 7629 nowhere\r\n").cause == error_cause::server);
}

TEST_CASE("nobody who listens is a network failure, also for a socket file") {
  redis_settings settings = at(1);
  redis_client client(settings);
  CHECK(get(client).cause == error_cause::network);
  settings.address = {{}, 1, "/nonexistent/socket"};
  redis_client file(settings);
  CHECK(get(file).cause == error_cause::network);
  settings.address.socket_path.assign(500, 'x');
  redis_client longer(settings);
  CHECK(get(longer).cause == error_cause::invalid_argument);
}

TEST_CASE("threads that find all connections busy wait for one") {
  redis_script server([](redis_script::peer& peer) {
    while (!peer.command().empty()) peer.say("$5\r\nhello\r\n");
  });
  redis_settings settings = at(server.port());
  settings.connections = 2;
  redis_client client(settings);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) right += get(client).value == "hello" ? 1 : 0;
    });
  for (std::thread& each : threads) each.join();
  CHECK(right == 400);
  CHECK(server.connections() <= 2);
}

}  // namespace
