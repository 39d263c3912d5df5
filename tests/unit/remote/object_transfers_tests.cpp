// How a store's objects move by the clients of its protocols. What moves in parts, and how, is for parallel_upload_tests.cpp and
// parallel_download_tests.cpp to say.

#include <larder/remote/object_transfers.hpp>

#include <larder/remote/azure.hpp>
#include <larder/remote/s3_client.hpp>
#include <larder/remote/url.hpp>
#include <larder/remote/webdav.hpp>

#include "scripted_transport.hpp"

#include <cstddef>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

namespace remote = larder::remote;
using larder::bytes;
using larder::put_mode;
using larder::test::answer_of;
using transport = larder::test::scripted_transport;

/// Requests the stop when the first request of the method comes; a transport gives up what it is told to.
remote::http_response answer_until(std::stop_source& stop, std::string_view method, const remote::http_request& asked) {
  if (asked.method == method) stop.request_stop();
  if (asked.stop.stop_requested()) larder::core::fail(larder::error_cause::cancelled, "given up");
  if (asked.method == "POST")
    return answer_of(200, {}, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  if (asked.method == "HEAD") return answer_of(404, {{"x-ms-error-code", "BlobNotFound"}});
  return answer_of(201, {{"etag", "\"a\""}});
}

/// Puts objects of these sizes until a request of the method is under way: it is told of the stop, and no other is sent.
template <class Client, class Settings>
void check_giving_up(const Settings& settings, std::string_view method, put_mode mode, std::initializer_list<std::size_t> sizes) {
  for (const std::size_t size : sizes)
    for (const bool side_by_side : {false, true}) {
      CAPTURE(size);
      CAPTURE(side_by_side);
      larder::test::transport_script script;
      transport sending(script);
      Client client(settings, sending);
      std::stop_source stop;
      script.answer([&](const remote::http_request& asked, std::size_t) { return answer_until(stop, method, asked); });
      remote::object_transfers transfers({.streams = 1, .part_size = 4096});
      const bytes object = bytes::copy_of(std::string(size, 'x'));
      CHECK(support::cause_of([&] {
              if (side_by_side)
                transfers.put(client, "o", {&object, 1}, mode, {.stop = stop.get_token()});
              else
                client.put("o", {&object, 1}, mode, stop.get_token());
            }) == larder::error_cause::cancelled);
      std::size_t met = 0;
      for (const remote::http_request& asked : script.seen())
        if (asked.method == method) {
          ++met;
          CHECK(asked.stop.stop_requested());
        }
      CHECK(met == 1);
    }
}

// One goes in one request, the other in parts where the client takes them.
constexpr std::size_t small = 100;
constexpr std::size_t large = 5000;

}  // namespace

TEST_CASE("a put can be given up while any of its requests is under way, whatever the protocol") {
  constexpr put_mode replace = put_mode::replace;
  constexpr put_mode create_only = put_mode::create_only;
  SUBCASE("S3") {
    const remote::s3_bucket bucket{.address = remote::parse_url("http://h/bucket"), .part_size = 4096};
    check_giving_up<remote::s3_client<transport>>(bucket, "PUT", replace, {small, large});
    check_giving_up<remote::s3_client<transport>>(bucket, "HEAD", create_only, {small, large});
  }
  SUBCASE("Azure") {
    larder::azure container = larder::azure::emulator("cache");
    container.block_size = 4096;
    check_giving_up<larder::azure::client<transport>>(container, "PUT", replace, {small, large});
    check_giving_up<larder::azure::client<transport>>(container, "HEAD", create_only, {large});
  }
  SUBCASE("WebDAV") {
    const larder::webdav folder{.url = "http://h/d"};
    check_giving_up<larder::webdav::client<transport>>(folder, "PUT", replace, {small, large});
    check_giving_up<larder::webdav::client<transport>>(folder, "HEAD", create_only, {small, large});
  }
}
