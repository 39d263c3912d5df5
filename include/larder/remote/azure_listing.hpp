#pragma once

// The answer to List Blobs: one page of names.

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

/// One page of a container's objects as the service lists them; nothing in it is trusted.
struct azure_page {
  struct object {
    std::string name;
    std::optional<std::uint64_t> size;
    std::string etag;
  };
  std::vector<object> objects;
  std::string next;  ///< what asks for the next page; empty at the end
};

/// Reads a page. Throws `larder::error` (server) for anything else.
class azure_page_reader {
 public:
  static azure_page read(std::string_view text) {
    azure_page_reader reader;
    xml_reader<azure_page_reader>::read(text, reader, subject, advice);
    return std::move(reader.page_);
  }

 private:
  friend xml_reader<azure_page_reader>;
  static constexpr std::string_view subject = "the service's listing";
  static constexpr std::string_view advice = "is this endpoint a blob service?";

  // Elements count by where they stand: metadata may have any name.
  void start(std::string_view name) {
    if (path_.empty() && name != "EnumerationResults")
      core::fail(error_cause::server, std::string(subject) + " is XML, but no EnumerationResults; " + std::string(advice));
    path_ += '/';
    path_ += name;
    if (path_ != blob) return;
    current_ = {};
    is_folder_ = false;
  }
  void end(std::string_view name, const std::string& text) {
    if (path_ == "/EnumerationResults/Blobs/Blob/Name")
      current_.name = text;
    else if (path_ == "/EnumerationResults/Blobs/Blob/Properties/Content-Length")
      current_.size = parse_count(text);
    else if (path_ == "/EnumerationResults/Blobs/Blob/Properties/Etag")
      current_.etag = text;
    else if (path_ == "/EnumerationResults/Blobs/Blob/Properties/ResourceType")
      is_folder_ = text == "directory";  // of accounts with a hierarchical namespace, which list folders, too
    else if (path_ == "/EnumerationResults/NextMarker")
      page_.next = text;
    else if (path_ == blob && !is_folder_)
      page_.objects.push_back(std::move(current_));
    path_.resize(path_.size() - name.size() - 1);
  }

  static constexpr std::string_view blob = "/EnumerationResults/Blobs/Blob";

  azure_page page_;
  azure_page::object current_;  // of the Blob being read
  bool is_folder_ = false;
  std::string path_;  // of the element being read
};

}  // namespace larder::remote
