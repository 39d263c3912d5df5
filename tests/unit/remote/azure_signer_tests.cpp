#include <larder/remote/azure_connection_string.hpp>
#include <larder/remote/azure_signer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using larder::remote::azure_signer;
using larder::remote::http_request;

namespace {

http_request at(const std::string& address) {
  http_request request;
  request.target = larder::remote::parse_url(address);
  request.headers = {{"x-ms-version", "2023-11-03"}};
  return request;
}
std::optional<std::string> header(const http_request& request, std::string_view name) {
  for (const larder::remote::http_header& h : request.headers)
    if (h.name == name) return std::string(h.value.reveal());
  return std::nullopt;
}

struct counted_tokens final : larder::remote::token_source {
  larder::secret token() override { return larder::secret("token" + std::to_string(rejected)); }
  larder::secret token_by(const std::stop_token& stop, std::chrono::steady_clock::time_point by) override {
    may_stop = stop.stop_possible();
    give_up = by;
    return token();
  }
  bool may_stop = false;
  std::chrono::steady_clock::time_point give_up{};
  void reject(const larder::secret& stale) override {
    last = std::string(stale.reveal());
    ++rejected;
  }
  int rejected = 0;
  std::string last;
};

}  // namespace

TEST_CASE("a key signs each try with the time of that try") {
  const azure_signer signer = azure_signer::shared_key("devstoreaccount1", larder::secret(larder::remote::azure_emulator::key));
  using clock = std::chrono::system_clock;
  http_request first = at("http://127.0.0.1:10000/devstoreaccount1/cache/o");
  signer.sign(first, clock::time_point(std::chrono::seconds(1795193157)));
  CHECK(header(first, "x-ms-date") == "Fri, 20 Nov 2026 16:45:57 GMT");
  const std::string text =
      "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 20 Nov 2026 16:45:57 "
      "GMT\nx-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/cache/o";
  const larder::secret key(*larder::remote::base64_decoded(larder::remote::azure_emulator::key));
  CHECK(header(first, "Authorization") == "SharedKey devstoreaccount1:" + larder::remote::azure_signature(key, text));
  http_request second = at("http://127.0.0.1:10000/devstoreaccount1/cache/o");
  signer.sign(second, clock::time_point(std::chrono::seconds(1795193158)));
  CHECK(header(first, "Authorization") != header(second, "Authorization"));
  CHECK_FALSE(signer.rejected(first));
}

TEST_CASE("a token is waited for no longer than the request may wait") {
  const auto tokens = std::make_shared<counted_tokens>();
  const azure_signer signer = azure_signer::tokens(tokens);
  http_request request = at("https://a.blob.core.windows.net/c/o");
  const std::stop_source stop;
  request.stop = stop.get_token();
  request.answer_by = std::chrono::steady_clock::time_point(std::chrono::hours(7));
  signer.sign(request);
  CHECK(tokens->may_stop);
  CHECK(tokens->give_up == request.answer_by);
  CHECK(header(request, "Authorization") == "Bearer token0");
}

TEST_CASE("a shared access signature is sent as it was issued, and nothing beside it") {
  for (const char* given : {"?sv=2023-11-03&sig=a%2Bb%3D", "sv=2023-11-03&sig=a%2Bb%3D"}) {
    const azure_signer signer = azure_signer::sas(given);
    http_request plain = at("https://a.blob.core.windows.net/c/o");
    signer.sign(plain);
    CHECK(plain.target.query == "sv=2023-11-03&sig=a%2Bb%3D");
    CHECK_FALSE(header(plain, "Authorization"));
    CHECK(plain.target.printable().find("sig") == std::string::npos);
    http_request list = at("https://a.blob.core.windows.net/c?comp=list");
    signer.sign(list);
    CHECK(list.target.query == "comp=list&sv=2023-11-03&sig=a%2Bb%3D");
    CHECK_FALSE(signer.rejected(list));
  }
}

TEST_CASE("tokens are asked for at each try, and told of when they are refused") {
  const auto source = std::make_shared<counted_tokens>();
  const azure_signer signer = azure_signer::tokens(source);
  http_request first = at("https://a.blob.core.windows.net/c/o");
  signer.sign(first);
  CHECK(header(first, "Authorization") == "Bearer token0");
  CHECK(header(first, "x-ms-date"));
  CHECK(first.target.query.empty());
  CHECK(signer.rejected(first));
  CHECK(source->last == "token0");
  http_request second = at("https://a.blob.core.windows.net/c/o");
  signer.sign(second);
  CHECK(header(second, "Authorization") == "Bearer token1");

  const azure_signer fixed = azure_signer::bearer("eyJ");
  http_request third = at("https://a.blob.core.windows.net/c/o");
  fixed.sign(third);
  CHECK(header(third, "Authorization") == "Bearer eyJ");
  CHECK_FALSE(fixed.rejected(third));
}

TEST_CASE("what is neither a key nor a signature is refused, and not repeated") {
  const auto refused = [](auto make) {
    try {
      make();
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
      CHECK(std::string(e.what()).find("hunter2") == std::string::npos);
      return true;
    }
    return false;
  };
  for (const char* key : {"hunter2", "hunter2=hunter2", "", "aHVudGVyMg=\n"})
    CHECK(refused([&] { azure_signer::shared_key("acct", key); }));
  for (const char* sas : {"hunter2", "?", "sv=1&sig=hunter2 x", "sv=1&sig=hunter2\r\nX: y", "sv=1&sig=hunter2#",
                          "https://a.blob.core.windows.net/c?sig=hunter2", "sv=1&nosig=hunter2"})
    CHECK(refused([&] { azure_signer::sas(sas); }));
}
