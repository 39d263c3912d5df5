#pragma once

// The answer to ListObjectsV2.

#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/s3_answer.hpp>
#include <larder/remote/url.hpp>
#include <larder/remote/xml_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// One page of a listing; nothing in it is trusted.
struct s3_listing {
  struct object {
    std::string key;  ///< decoded
    std::optional<std::uint64_t> size;
    std::string etag;
  };
  std::vector<object> objects;
  bool truncated = false;
  std::string next;  ///< the token of the page after this one
};

/// Reads a listing. Throws `larder::error` (server) for anything else.
class s3_listing_reader {
 public:
  static s3_listing read(std::string_view text) {
    s3_listing_reader reader;
    xml_reader<s3_listing_reader>::read(text, reader, subject, advice);
    if (reader.encoded_)  // the element that says so may come after the keys
      for (s3_listing::object& object : reader.page_.objects) {
        std::replace(object.key.begin(), object.key.end(), '+', ' ');  // as forms are encoded
        std::optional<std::string> key = percent_decoded(object.key);
        object.key = key ? std::move(*key) : std::string{};
      }
    return std::move(reader.page_);
  }

 private:
  friend xml_reader<s3_listing_reader>;
  static constexpr std::string_view subject = "the service's listing";
  static constexpr std::string_view advice = "is there an S3 service at this address?";

  void start(std::string_view full) {
    const std::string_view name = s3_document::local_name(full);
    if (depth_++ == 0 && name != "ListBucketResult")
      core::fail(error_cause::server, std::string(subject) + " is XML, but no ListBucketResult; " + std::string(advice));
    if (depth_ == 2 && name == "Contents") {
      page_.objects.emplace_back();
      inside_ = true;
    }
  }

  void end(std::string_view full, std::string text) {
    const std::string_view name = s3_document::local_name(full);
    --depth_;
    if (inside_ && depth_ == 2) {
      s3_listing::object& object = page_.objects.back();
      if (name == "Key")
        object.key = std::move(text);
      else if (name == "Size")
        object.size = parse_count(text);
      else if (name == "ETag")
        object.etag = std::move(text);
    } else if (depth_ == 1) {
      if (name == "Contents")
        inside_ = false;
      else if (name == "IsTruncated")
        page_.truncated = text == "true";
      else if (name == "NextContinuationToken")
        page_.next = std::move(text);
      else if (name == "EncodingType")
        encoded_ = text == "url";
    }
  }

  s3_listing page_;
  bool encoded_ = false;
  bool inside_ = false;
  int depth_ = 0;
};

}  // namespace larder::remote
