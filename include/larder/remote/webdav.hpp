#pragma once

// Objects on a WebDAV server (RFC 4918: nginx, Apache, Caddy, rclone ...) or on a plain HTTP server that takes PUT.
// A put writes beside the object and moves it into place, so that readers meet the old object or the new one whole.
// On a server without MOVE (405 or 501 once; remembered) it is one PUT, as atomic as that server makes it, and
// create_only relies on If-None-Match; after a 412 to a repeated one the object is read, to tell one's own from another's. Costs: get, head, erase 1 request; replace 2; create_only 3.
// A writer that dies between the two leaves a `name~<random>` object behind, which no listing shows.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/blob_name.hpp>
#include <larder/remote/credentials.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/multistatus.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/url.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// Where a WebDAV or plain HTTP server keeps the objects, and how to reach it. Give a user with a password, or a bearer
/// token, or neither. Credentials go over https, or over http to this machine itself.
struct webdav {
  std::string url{};  ///< `http(s)://host[:port]/path`, without credentials; the path is made when it is missing
  std::string user{};
  secret password{};
  secret bearer_token{};
  remote_timeouts timeouts{};
  std::string ca_file{};  ///< PEM file of the authorities to trust instead of the system's
  std::uint64_t max_object = std::uint64_t{16} << 30U;  ///< bytes; a longer answer is an error, never a short value
  bool allow_unencrypted_credentials = false;           ///< send credentials over http to other machines, too

  using signer = remote::fixed_credentials;
  template <class Transport>
  class client;

  /// Throws `larder::error` for settings that cannot work.
  remote::url address() const {
    remote::url base = remote::parse_url(url, "webdav url");
    if (!base.query.empty())
      core::fail(error_cause::invalid_argument,
                 "webdav url: \"" + base.printable() + "\" was given with a query; WebDAV addresses have none");
    return base;
  }
  signer credentials() const {
    const remote::url base = address();
    if (!bearer_token.empty() && !(user.empty() && password.empty()))
      core::fail(error_cause::invalid_argument, "webdav: a bearer token and a user or password exclude each other; give one of them");
    if (user.empty() && !password.empty()) core::fail(error_cause::invalid_argument, "webdav: a password without a user; set user");
    if (user.empty() && bearer_token.empty()) return {};
    if (!base.encrypted() && !base.is_loopback() && !allow_unencrypted_credentials)
      core::fail(error_cause::invalid_argument, "webdav: credentials for " + base.printable() +
                                                    " would travel unencrypted; use https, or set allow_unencrypted_credentials");
    return user.empty() ? signer::bearer(bearer_token) : signer::basic(user, password);
  }
  remote::transport_settings transport() const { return {timeouts, ca_file}; }
};

/// The five operations of a `blob_store` over a transport, which it shares. Safe from many threads.
template <class Transport>
class webdav::client {
  static_assert(remote::http_transport<Transport>, "larder: webdav::client needs a transport with send(http_request) -> http_response");

 public:
  client(const webdav& settings, Transport& transport)
      : base_(settings.address()), max_object_(settings.max_object), transport_(&transport) {}

  std::optional<bytes> get(std::string_view name, const byte_range& range) {
    remote::check_blob_name(name);
    // A part is taken of an object however large: it is all that the caller gets.
    std::optional<remote::part_read> part = read(name, {.range = range}, std::numeric_limits<std::uint64_t>::max());
    return part ? std::optional<bytes>(std::move(part->body)) : std::nullopt;
  }

  /// A part of an object, for large ones that come in several. A range beyond the end is cut to the object. The name may be one
  /// that others have made.
  std::optional<remote::part_read> read_part(std::string_view name, const remote::part_wanted& wanted) {
    return read(name, wanted, max_object_);
  }

  std::optional<blob_info> head(std::string_view name, std::stop_token stop = {}) {
    remote::check_blob_name(name);
    return find(name, std::move(stop));
  }
  /// `head` of an object whose name others may have made.
  std::optional<blob_info> find(std::string_view name, std::stop_token stop = {}) {
    remote::http_request request = reading("HEAD", name);
    request.stop = std::move(stop);
    const remote::http_response answer = transport_->send(request);
    if (remote::is_absent(answer.status)) return std::nullopt;
    if (answer.status != 200) remote::fail_status(request, answer);
    const auto length = answer.header("content-length");
    const auto size = length ? remote::parse_count(*length) : std::nullopt;
    if (!size) remote::fail_status(request, answer.status, "it does not say how large the object is");
    return blob_info{*size, std::string(answer.header("etag").value_or(""))};
  }

  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, const std::stop_token& stop = {}) {
    remote::check_blob_name(name);
    remote::check_can_be_read_back(total_size(parts), max_object_);
    if (mode == put_mode::create_only && head(name, stop)) return false;  // spares the upload; MOVE is what decides
    if (!plain_.load(std::memory_order_relaxed)) {
      // Nobody else writes there: `~` is in no object's name.
      const std::string beside = std::string(name) + "~" + remote::random_mark();
      write(beside, parts, false, stop);
      if (const std::optional<bool> moved = move(beside, name, parts, mode)) return *moved;
      plain_.store(true, std::memory_order_relaxed);
      erase_quietly(beside);
    }
    return write(name, parts, mode == put_mode::create_only, stop);
  }

  bool erase(std::string_view name) {
    remote::check_blob_name(name);
    return erase_any(name);
  }

  /// Calls f(name, blob_info) for each object whose name starts so, a collection at a time and in no order. One request
  /// per collection; an object that comes or goes meanwhile may or may not be seen.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    for (const char c : prefix)
      if (!remote::is_blob_character(c)) core::fail(error_cause::invalid_argument, "a prefix to list by has a character that no name has");
    const std::size_t slash = prefix.rfind('/');
    const std::string first(slash == std::string_view::npos ? std::string_view{} : prefix.substr(0, slash));
    if (!first.empty() && !remote::is_blob_name(first)) return;  // no name starts so
    std::vector<std::string> ahead{first};
    for (std::size_t visited = 0; !ahead.empty(); ++visited) {
      if (visited == max_collections) core::fail(error_cause::server, base_.printable() + " lists more collections than any cache makes");
      const std::string collection = std::move(ahead.back());
      ahead.pop_back();
      for (const remote::dav_resource& found : children(collection)) {
        const std::optional<std::string> name = name_of(found, collection);
        if (!name) continue;
        if (found.collection) {
          const std::string inside = *name + "/";
          if (inside.starts_with(prefix) || prefix.starts_with(inside)) ahead.push_back(*name);
        } else if (name->starts_with(prefix)) {
          if (found.size)
            f(std::string_view(*name), blob_info{*found.size, found.etag});
          else if (const std::optional<blob_info> info = head(*name))
            f(std::string_view(*name), *info);
        }
      }
    }
  }

 private:
  static constexpr std::uint64_t max_listing = std::uint64_t{8} << 20U;  // bytes of XML for one collection
  static constexpr std::size_t max_collections = 1'000'000;

  remote::http_request request_to(std::string method, remote::url target) const {
    remote::http_request request;
    request.method = std::move(method);
    request.target = std::move(target);
    return request;
  }
  /// A request that changes no object.
  remote::http_request reading(std::string method, std::string_view name) const {
    remote::check_foreign_name(name);
    return request_to(std::move(method), base_.child(name));
  }
  remote::url collection_url(std::string_view name) const {
    remote::url target = name.empty() ? base_ : base_.child(name);
    target.path += '/';  // nginx insists
    return target;
  }

  std::optional<remote::part_read> read(std::string_view name, const remote::part_wanted& wanted,
                                        std::uint64_t largest_object) {
    remote::http_request request = reading("GET", name);
    request.max_body = max_object_;
    return remote::read_part(
        std::move(request), wanted, {largest_object}, [&] { return find(name, wanted.stop); },
        [&](const remote::http_request& asked) { return transport_->send(asked); },
        [](const remote::http_response& answer) { return remote::is_absent(answer.status); },
        [](const remote::http_request& asked, const remote::http_response& answer) { remote::fail_status(asked, answer); });
  }

  /// PUT, making the collections above when they are missing; false when `only_new` met an object.
  bool write(std::string_view name, std::span<const bytes> parts, bool only_new, const std::stop_token& stop) {
    remote::http_request request = request_to("PUT", base_.child(name));
    request.body = parts;
    request.has_body = true;
    request.stop = stop;
    request.headers.push_back({"Content-Type", "application/octet-stream"});
    if (only_new) request.headers.push_back({"If-None-Match", "*"});
    if (may_lack_collection(500)) request.handled_status = 500;
    remote::http_response answer = transport_->send(request);
    if (may_lack_collection(answer.status) && make_collection(parent_of(request.target))) {
      request.handled_status = 0;  // the collection is there now: from here on a 500 is the server's failure
      answer = transport_->send(request);
    }
    if (only_new && answer.status == 412) return answer.tries > 1 && holds(name, parts);
    if (answer.status != 200 && answer.status != 201 && answer.status != 204) remote::fail_status(request, answer, put_advice(answer.status));
    return true;
  }
  /// Whether the object is what was to be written: then an earlier try, whose answer was lost, has written it.
  bool holds(std::string_view name, std::span<const bytes> parts) {
    const std::optional<bytes> there = get(name, {});
    if (!there || there->size() != total_size(parts)) return false;
    std::size_t at = 0;
    for (const bytes& part : parts) {
      if (there->slice(at, part.size()) != part) return false;
      at += part.size();
    }
    return true;
  }
  /// RFC 4918 says 409; nginx says 500 (seen with 1.22), which then costs one MKCOL and one PUT more.
  bool may_lack_collection(int status) const noexcept {
    return status == 409 || remote::is_absent(status) || (status == 500 && !plain_.load(std::memory_order_relaxed));
  }
  static std::string_view put_advice(int status) noexcept {
    if (status == 409) return "the collection above is missing and cannot be made; create it on the server";
    if (status == 413) return "the object is larger than the server takes; raise its limit on bodies";
    if (status == 405 || status == 501) return "this server does not take PUT at this address; allow it in the server's settings";
    return {};
  }

  /// MKCOL from the deepest upward: what exists above may not permit it. The server's own root is never asked for.
  /// Whether it is there now; if not, the status of the PUT says more than that of the MKCOL.
  bool make_collection(const remote::url& collection) {
    if (collection.path.empty()) return false;
    remote::http_request request = request_to("MKCOL", collection);
    request.target.path += '/';
    request.repeatable = true;  // the second meets what the first made: 405
    int status = transport_->send(request).status;
    if ((status == 409 || remote::is_absent(status)) && make_collection(parent_of(collection))) status = transport_->send(request).status;
    return status == 200 || status == 201 || status == 405;  // 405: it exists
  }
  static remote::url parent_of(remote::url target) {
    target.path.erase(target.path.rfind('/'));
    return target;
  }

  /// True: in place. False: create_only met an object. Nothing: this server cannot move.
  std::optional<bool> move(std::string_view from, std::string_view to, std::span<const bytes> parts, put_mode mode) {
    remote::http_request request = request_to("MOVE", base_.child(from));
    request.headers.push_back({"Destination", base_.child(to).text()});
    request.headers.push_back({"Overwrite", mode == put_mode::create_only ? "F" : "T"});
    request.repeatable = true;  // a second one is told apart below
    const remote::http_response answer = transport_->send(request);
    const int status = answer.status;
    if (status == 200 || status == 201 || status == 204) return true;
    if (status == 405 || status == 501) return std::nullopt;
    // The transport may have sent the request again because the answer to the first was lost on an old connection. Then
    // the second finds the object in place (412) and nothing beside it (404): gone from there means moved by us.
    if (status == 412 && mode == put_mode::create_only) return erase_quietly(from) == false;
    if (remote::is_absent(status)) {
      const std::optional<blob_info> there = head(to);
      if (there && there->size == total_size(parts)) return true;
    }
    erase_quietly(from);
    remote::fail_status(request, answer);
  }

  bool erase_any(std::string_view name) {
    const remote::http_request request = request_to("DELETE", base_.child(name));
    const remote::http_response answer = transport_->send(request);
    if (remote::is_absent(answer.status)) return answer.tries > 1;  // then an earlier try has erased it, as far as anybody knows
    if (answer.status != 200 && answer.status != 202 && answer.status != 204) remote::fail_status(request, answer);
    return true;
  }
  /// As `erase_any`; nothing when it fails. Then something is left beside the object: it costs room on the server and
  /// shows nowhere.
  std::optional<bool> erase_quietly(std::string_view name) noexcept {
    try {
      return erase_any(name);
    } catch (...) {
      return std::nullopt;
    }
  }

  std::vector<remote::dav_resource> children(std::string_view collection) {
    static constexpr std::string_view question =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/><getetag/></prop></propfind>";
    const bytes body(nullptr, question.data(), question.size());
    remote::http_request request = request_to("PROPFIND", collection_url(collection));
    request.headers.push_back({"Depth", "1"});
    request.headers.push_back({"Content-Type", "application/xml"});
    request.body = {&body, 1};
    request.has_body = true;
    request.max_body = max_listing;
    const remote::http_response answer = transport_->send(request);
    if (remote::is_absent(answer.status)) return {};
    if (answer.status == 405 || answer.status == 501)
      remote::fail_status(request, answer, "this server cannot list; enable WebDAV's PROPFIND or do without listing");
    if (answer.status != 207) remote::fail_status(request, answer, "a listing was expected");
    return remote::multistatus_reader::read(answer.body.text());
  }

  /// The name of a direct child of `collection`, or nothing for itself and for whatever is not ours.
  std::optional<std::string> name_of(const remote::dav_resource& found, const std::string& collection) const {
    std::string_view path = found.href;
    if (const std::size_t scheme = path.find("://"); !path.starts_with('/') && scheme != std::string_view::npos) {
      const std::size_t slash = path.find('/', scheme + 3);
      path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
    }
    const std::optional<std::string> decoded = remote::percent_decoded(path);
    const std::optional<std::string> above = remote::percent_decoded(collection_url(collection).path);
    if (!decoded || !above || !decoded->starts_with(*above)) return std::nullopt;
    std::string_view rest = std::string_view(*decoded).substr(above->size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find('/') != std::string_view::npos) return std::nullopt;
    std::string name = collection.empty() ? std::string(rest) : collection + "/" + std::string(rest);
    if (rest.empty() || !remote::is_blob_name(name)) return std::nullopt;
    return name;
  }

  remote::url base_;
  std::uint64_t max_object_;
  Transport* transport_;
  std::atomic<bool> plain_{false};  // the server has no MOVE
};

}  // namespace larder
