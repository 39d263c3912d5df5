#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string_view>
#include <utility>

namespace larder::testing {

/// False when the connection is over.
inline bool send_text(boost::asio::ip::tcp::socket& client, std::string_view text) {
  boost::system::error_code failed;
  boost::asio::write(client, boost::asio::buffer(text.data(), text.size()), failed);
  return !failed;
}

/// Reads requests whole, with leave for a client that waits for it, and hands them to `respond(request) -> bool`, until that gives
/// false or the connection is over.
template <class Respond>
void serve_requests(boost::asio::ip::tcp::socket& client, Respond&& respond) {
  namespace http = boost::beast::http;
  boost::beast::flat_buffer buffer;
  boost::system::error_code failed;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    http::read_header(client, buffer, parser, failed);
    if (failed) return;
    if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue") && !send_text(client, "HTTP/1.1 100 Continue\r\n\r\n")) return;
    http::read(client, buffer, parser, failed);
    if (failed || !respond(parser.release())) return;
  }
}

}  // namespace larder::testing
