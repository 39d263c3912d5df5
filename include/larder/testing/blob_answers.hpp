#pragma once

// What each HTTP and WebDAV method means for the objects of a `blob_tree`, without a connection.

#include <larder/core/bytes.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/url.hpp>
#include <larder/testing/blob_tree.hpp>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

/// Answers requests from its own tree. Safe from many threads.
class blob_answers {
 public:
  using request = boost::beast::http::request<boost::beast::http::string_body>;
  struct rules {
    bool plain = false;            ///< 405 for MOVE, MKCOL and PROPFIND; collections come by themselves
    std::string authorization{};   ///< what each request must carry, else 401
  };
  struct answer {
    int status = 200;
    bytes body{};
    std::vector<std::pair<std::string, std::string>> headers{};
    std::optional<std::uint64_t> length{};  ///< announced; the body's own when not given
  };

  explicit blob_answers(rules r) : rules_(std::move(r)), tree_(rules_.plain) {}

  blob_tree& tree() noexcept { return tree_; }
  const blob_tree& tree() const noexcept { return tree_; }

  /// Carries the request out; takes its body. The answer to HEAD holds the body that GET would send.
  answer handle(const std::string& method, request& asked) {
    namespace http = boost::beast::http;
    if (!rules_.authorization.empty() && asked[http::field::authorization] != rules_.authorization)
      return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"larder\""}}};
    const std::optional<std::string> path = path_of(std::string_view(asked.target().data(), asked.target().size()));
    if (!path) return {.status = 400};
    if (method == "GET" || method == "HEAD") return read(*path, method == "HEAD", asked);
    if (method == "PUT") {
      auto body = std::make_shared<const std::string>(std::move(asked.body()));
      const bytes content = bytes::adopt(body, body->data(), body->size());
      return {.status = status_of(tree_.put(*path, content, condition_of(asked)))};
    }
    if (method == "DELETE") return {.status = tree_.erase(*path) ? 204 : 404};
    if (rules_.plain) return {.status = 405};
    if (method == "MKCOL") {
      const blob_tree::outcome made = tree_.make_collection(*path);
      return {.status = made == blob_tree::outcome::exists ? 405 : status_of(made)};
    }
    if (method == "MOVE") {
      std::string_view to(asked["Destination"].data(), asked["Destination"].size());
      if (const std::size_t scheme = to.find("://"); scheme != std::string_view::npos)
        to.remove_prefix(std::min(to.find('/', scheme + 3), to.size()));  // whatever name the client knows us by
      const std::optional<std::string> target = path_of(to);
      if (!target) return {.status = 400};
      return {.status = status_of(tree_.move(*path, *target, asked["Overwrite"] != "F"))};
    }
    if (method == "PROPFIND") return describe(*path, asked["Depth"]);
    return {.status = 405};
  }

 private:
  answer read(const std::string& path, bool head_only, const request& asked) const {
    namespace http = boost::beast::http;
    const std::optional<blob_tree::object> found = tree_.find(path);
    if (!found) return {.status = 404};
    answer out{.headers = {{"ETag", found->etag}, {"Accept-Ranges", "bytes"}, {"Content-Type", "application/octet-stream"}}};
    const blob_tree::condition wanted = condition_of(asked);
    if (!wanted.holds(&*found)) return {.status = wanted.if_none_match.empty() ? 412 : 304, .headers = std::move(out.headers)};
    const std::uint64_t size = found->content.size();
    out.body = found->content;
    out.length = size;
    if (head_only) return out;
    const std::optional<std::pair<std::uint64_t, std::uint64_t>> part = range_of(asked[http::field::range], size);
    if (!part) return out;
    if (part->first >= size || part->first > part->second) {
      out.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
      return {.status = 416, .headers = std::move(out.headers)};
    }
    const std::uint64_t last = std::min(part->second, size - 1);
    out.status = 206;
    out.headers.emplace_back("Content-Range", "bytes " + std::to_string(part->first) + "-" + std::to_string(last) + "/" + std::to_string(size));
    out.body = found->content.slice(part->first, last - part->first + 1);
    out.length = out.body.size();
    return out;
  }

  answer describe(const std::string& path, std::string_view depth) const {
    if (depth != "0" && depth != "1") return {.status = 403};
    const std::vector<blob_tree::entry> found = tree_.describe(path, depth == "1");
    if (found.empty()) return {.status = 404};
    std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n";
    for (const blob_tree::entry& e : found) {
      text += "<D:response><D:href>" + remote::percent_encoded_path(e.path) + (e.held || e.path == "/" ? "" : "/") + "</D:href><D:propstat><D:prop>";
      text += e.held ? "<D:resourcetype/><D:getcontentlength>" + std::to_string(e.held->content.size()) + "</D:getcontentlength><D:getetag>" +
                           e.held->etag + "</D:getetag>"
                     : "<D:resourcetype><D:collection/></D:resourcetype>";
      text += "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n";
    }
    text += "</D:multistatus>\n";
    return {.status = 207, .body = bytes::copy_of(text), .headers = {{"Content-Type", "application/xml; charset=utf-8"}}};
  }

  static std::optional<std::string> path_of(std::string_view target) {
    target = target.substr(0, target.find('?'));
    std::optional<std::string> path = remote::percent_decoded(target);
    if (!path || !path->starts_with('/') || (*path + "/").find("/../") != std::string::npos) return std::nullopt;
    while (path->size() > 1 && path->ends_with('/')) path->pop_back();
    return path;
  }
  static blob_tree::condition condition_of(const request& asked) {
    return {std::string(asked[boost::beast::http::field::if_match]), std::string(asked[boost::beast::http::field::if_none_match])};
  }
  /// First and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n`; nothing for anything else, which is then ignored.
  static std::optional<std::pair<std::uint64_t, std::uint64_t>> range_of(std::string_view text, std::uint64_t size) {
    if (!text.starts_with("bytes=")) return std::nullopt;
    text.remove_prefix(6);
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = remote::parse_count(text.substr(0, dash));
    const auto last = remote::parse_count(text.substr(dash + 1));
    if (first && (last || dash + 1 == text.size())) {
      if (last && *last < *first) return std::nullopt;
      return std::pair{*first, last.value_or(~std::uint64_t{0})};
    }
    if (dash == 0 && last) return *last == 0 ? std::pair{size, size} : std::pair{size - std::min(size, *last), ~std::uint64_t{0}};
    return std::nullopt;
  }
  static int status_of(blob_tree::outcome outcome) noexcept {
    switch (outcome) {
      case blob_tree::outcome::created:
        return 201;
      case blob_tree::outcome::replaced:
        return 204;
      case blob_tree::outcome::no_parent:
        return 409;
      case blob_tree::outcome::absent:
        return 404;
      case blob_tree::outcome::is_collection:
        return 405;
      case blob_tree::outcome::exists:
      case blob_tree::outcome::failed_match:
        return 412;
    }
    return 500;
  }

  rules rules_;
  blob_tree tree_;
};

}  // namespace larder::testing
