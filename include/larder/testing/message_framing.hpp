#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::testing {

/// Finds in the raw bytes of an HTTP/1.1 message where its head ends, which bytes are content, and where it ends, so that whoever
/// passes the message on need not change what it does not mean to. One object per message. Not safe from many threads.
template <bool IsRequest>
class message_framing final : public boost::beast::http::basic_parser<IsRequest> {
  using base = boost::beast::http::basic_parser<IsRequest>;
  using code = boost::system::error_code;

 public:
  message_framing() {
    this->body_limit(boost::none);
    this->header_limit(64 * 1024);
  }

  /// Reads what it can of `bytes`, which follow the bytes that it took before, and stops at the end of the head, and of the message.
  /// How many it took: they are passed on; the others are shown to it again, with more behind them. `failed` says that this is no HTTP.
  std::size_t take(std::span<char> bytes, bool& failed) {
    pieces_.clear();
    code error;
    const std::size_t taken = this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    failed = error && error != boost::beast::http::error::need_more;
    return taken;
  }
  /// The connection has ended: true when that ends the message, too.
  bool ended() {
    code error;
    this->put_eof(error);
    return !error && this->is_done();
  }

  /// Of the bytes that were taken last, those that are content (of a chunked body, without its framing).
  const std::vector<std::string_view>& content() const noexcept { return pieces_; }

  // Valid once the head is done (`is_header_done()`).
  const std::string& method() const noexcept { return method_; }
  int status() const noexcept { return status_; }
  bool expects_continue() const noexcept { return expects_continue_; }

 private:
  void on_request_impl(boost::beast::http::verb, boost::beast::string_view method, boost::beast::string_view, int,
                       code&) override {
    method_.assign(method.data(), method.size());
  }
  void on_response_impl(int status, boost::beast::string_view, int, code&) override { status_ = status; }
  void on_field_impl(boost::beast::http::field name, boost::beast::string_view, boost::beast::string_view value, code&) override {
    if (name == boost::beast::http::field::expect && boost::beast::iequals(value, "100-continue")) expects_continue_ = true;
  }
  void on_header_impl(code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, code&) override { return keep(body); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, code&) override { return keep(body); }
  void on_finish_impl(code&) override {}

  std::size_t keep(boost::beast::string_view body) {
    if (!body.empty()) pieces_.emplace_back(body.data(), body.size());
    return body.size();
  }

  std::vector<std::string_view> pieces_;
  std::string method_;
  int status_ = 0;
  bool expects_continue_ = false;
};

}  // namespace larder::testing
