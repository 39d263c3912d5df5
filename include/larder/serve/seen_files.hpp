#pragma once

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/serve/served_directory.hpp>

#include <string>
#include <string_view>

namespace larder::serve {

/// Files of which something is known that holds until they change; the last few thousand that were asked for. Any number of threads.
class seen_files {
 public:
  /// Whether it was noted of the file as it is now.
  bool has(std::string_view key, const file_stamp& stamp) { return stamps_.get(key) == stamp; }
  void note(std::string_view key, const file_stamp& stamp) { stamps_.put(std::string(key), stamp); }

 private:
  cache<std::string, file_stamp, lru, max_entries> stamps_{lru{}, max_entries{4096}};
};

}  // namespace larder::serve
