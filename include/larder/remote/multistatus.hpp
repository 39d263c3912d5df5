#pragma once

// The answer to PROPFIND (RFC 4918, section 14.16).

#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/xml_reader.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// One resource as a server describes it; nothing in it is trusted.
struct dav_resource {
  std::string href;  ///< percent-encoded, a path or a whole URL
  std::optional<std::uint64_t> size;
  std::string etag;
  bool collection = false;
};

/// Reads a multistatus document. Throws `larder::error` (server) for anything else.
class multistatus_reader {
 public:
  static std::vector<dav_resource> read(std::string_view text) {
    multistatus_reader reader;
    xml_reader<multistatus_reader>::read(text, reader, subject, advice);
    return std::move(reader.resources_);
  }

 private:
  friend xml_reader<multistatus_reader>;
  static constexpr std::string_view subject = "the server's listing";
  static constexpr std::string_view advice = "is there a WebDAV server at this address?";

  void start(std::string_view name) {
    if (!found_ && name != "DAV:|multistatus")
      core::fail(error_cause::server, std::string(subject) + " is XML, but no multistatus; " + std::string(advice));
    found_ = true;
    if (name == "DAV:|response") {
      current_ = {};
      alive_ = true;
    } else if (name == "DAV:|propstat") {
      offered_ = {};
      found_props_ = true;
      in_propstat_ = true;
    } else if (name == "DAV:|collection")
      offered_.collection = true;
  }

  void end(std::string_view name, const std::string& text) {
    if (name == "DAV:|href") {
      if (current_.href.empty()) current_.href = text;
    } else if (name == "DAV:|getcontentlength") {
      offered_.size = parse_count(text);
    } else if (name == "DAV:|getetag") {
      offered_.etag = text;
    } else if (name == "DAV:|status") {
      (in_propstat_ ? found_props_ : alive_) = text.find(" 200") != std::string::npos;
    } else if (name == "DAV:|propstat") {
      in_propstat_ = false;
      if (!found_props_) return;
      current_.collection = current_.collection || offered_.collection;
      if (offered_.size) current_.size = offered_.size;
      if (!offered_.etag.empty()) current_.etag = offered_.etag;
    } else if (name == "DAV:|response") {
      if (alive_ && !current_.href.empty()) resources_.push_back(std::move(current_));
      current_ = {};
    }
  }

  std::vector<dav_resource> resources_;
  dav_resource current_;  // of the response being read
  dav_resource offered_;  // of the propstat being read: counts only when its status is 200
  bool in_propstat_ = false;
  bool found_ = false;  // the root element is the right one
  bool alive_ = false;
  bool found_props_ = false;
};

}  // namespace larder::remote
