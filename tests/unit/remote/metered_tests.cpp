#include <larder/remote/metered.hpp>

#include "scripted_transport.hpp"

#include <cstddef>
#include <string_view>

#include <doctest/doctest.h>

TEST_CASE("requests and the bytes of whole bodies are counted") {
  namespace remote = larder::remote;
  larder::test::transport_script script;
  remote::metered<larder::test::scripted_transport> m(script);
  const larder::bytes body = larder::bytes::copy_of(std::string_view("seven b"));
  script.answer([](const remote::http_request& request, std::size_t n) {
    if (n == 2) larder::core::fail(larder::error_cause::network, "broke off");
    remote::http_response out = larder::test::answer_of(200, {}, n == 0 ? "abc" : "");
    if (request.method == "GET" && n == 3) out.landed = 100;
    return out;
  });
  m.send(larder::test::request_for());
  remote::http_request put = larder::test::request_for("PUT");
  put.body = {&body, 1};
  put.has_body = true;
  m.send(put);
  CHECK_THROWS_AS(m.send(put), larder::error);
  m.send(larder::test::request_for());
  larder::remote_report report;
  m.add_to(report);
  CHECK(report.requests == 4);
  CHECK(report.bytes_sent == 7);
  CHECK(report.bytes_received == 103);
}
