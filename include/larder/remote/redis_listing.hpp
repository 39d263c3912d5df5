#pragma once

// The objects under a prefix, by SCAN over every server that has keys: it may tell a key twice, and tells keys of others.

#include <larder/core/concepts.hpp>
#include <larder/remote/blob_name.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_connection.hpp>
#include <larder/remote/redis_object.hpp>
#include <larder/remote/redis_reply.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace larder::remote {

/// One listing. Borrows the client; throws `larder::error`.
class redis_listing {
 public:
  redis_listing(redis_client& client, std::string_view key_prefix) : client_(client), key_prefix_(key_prefix) {}

  /// f(name, blob_info) for each object whose name starts so, once; f runs while no connection is held.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    const std::string pattern = redis_pattern_of(key_prefix_ + std::string(prefix)) + '*';
    client_.for_each_server([&](auto&& run) {
      std::string cursor = "0";
      do {
        const redis_command scan{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"};
        redis_reply page;
        run(
            std::span(&scan, 1), [&](std::size_t, redis_connection& connection) { page = connection.reply(); }, redis_exchange{});
        std::vector<std::string> keys;
        cursor = read_page(page, prefix, keys);
        std::vector<redis_command> asked;
        asked.reserve(keys.size());
        for (const std::string& key : keys) asked.push_back({"GETRANGE", key, "0", redis_object::last_of_head});
        std::vector<std::optional<redis_object>> found(keys.size());
        const auto take = [&](std::size_t i, redis_connection& connection) {
          found[i] = redis_object::decode(connection.reply().text);
        };
        if (!keys.empty()) run(std::span<const redis_command>(asked), take, redis_exchange{.tolerant = true});
        for (std::size_t i = 0; i < keys.size(); ++i)  // what has no head has gone, or is not ours
          if (found[i] && told_.insert(keys[i]).second)
            f(std::string_view(keys[i]).substr(key_prefix_.size()), blob_info{found[i]->size, found[i]->tag()});
      } while (cursor != "0");
    });
  }

 private:
  /// The keys of a page that can be objects under the prefix and were not told yet; returns the next cursor.
  std::string read_page(redis_reply& page, std::string_view prefix, std::vector<std::string>& keys) const {
    using type = redis_reply::type;
    if (!page.is(type::array) || page.elements.size() != 2 || !page.elements[0].is(type::text) ||
        !page.elements[1].is(type::array) || !parse_count(page.elements[0].text))
      client_.fail_unexpected();
    for (redis_reply& key : page.elements[1].elements) {
      if (!key.text.starts_with(key_prefix_) || told_.count(key.text) != 0) continue;
      const std::string_view name = std::string_view(key.text).substr(key_prefix_.size());
      if (is_blob_name(name) && name.starts_with(prefix)) keys.push_back(std::move(key.text));
    }
    return std::move(page.elements[0].text);
  }

  redis_client& client_;
  const std::string key_prefix_;
  std::unordered_set<std::string> told_;
};

}  // namespace larder::remote
