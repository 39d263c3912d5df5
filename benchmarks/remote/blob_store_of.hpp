#pragma once

#include <larder/storage/http_blob.hpp>

#include <cstddef>
#include <string>

namespace bench {

struct silent_sink final : larder::error_sink {
  void report(larder::error_cause, const std::string&) noexcept override {}
};

/// A WebDAV store as users make it, with so many streams for large objects.
class blob_store_of {
 public:
  explicit blob_store_of(const std::string& url, std::size_t streams = 1)
      : store(larder::http_blob<larder::webdav>(larder::webdav{.url = url}, larder::transfer_settings{.streams = streams}),
              sink_) {}

 private:
  silent_sink sink_;

 public:
  larder::http_blob<larder::webdav>::store store;
};

}  // namespace bench
