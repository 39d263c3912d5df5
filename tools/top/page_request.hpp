#pragma once

#include <larder/remote/secret.hpp>

#include <string>

namespace top {

/// Where a page is asked for.
struct page_address {
  std::string host;
  std::string port;
};

/// Reads `http://host:port` with or without a path, which is not used. Throws `larder::error` for anything else.
page_address parse_page_address(const std::string& url);

/// The body of a page. Throws `larder::error` when there is no answer in 10 s, or another than 200.
std::string ask_for_page(const page_address& at, const std::string& path, const larder::secret& token);

}  // namespace top
