#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_reply.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::remote {

/// Before the first put: a server that is full one day and may not evict refuses every put from then on. Safe from many threads. Borrows the
/// client and the sink.
class redis_memory_check {
 public:
  redis_memory_check(redis_client& client, error_sink& errors) noexcept : client_(client), errors_(errors) {}

  /// Asks the server that has this key, the first time, and reports one that cannot evict. `expires`: keys are put with a time to live.
  void look_once(const std::string& key, bool expires) {
    if (looked_.exchange(true)) return;
    std::string text;
    try {
      text = client_.ask(key, {"INFO", "memory"}).text;
    } catch (const error&) {
      return;  // not allowed, or the put will fail for the same reason
    }
    const auto field = [&](const std::string& name) {
      const std::size_t at = text.find('\n' + name + ':');
      if (at == std::string::npos) return std::string_view{};
      const std::size_t begin = at + name.size() + 2;
      return std::string_view(text).substr(begin, text.find_first_of("\r\n", begin) - begin);
    };
    const std::string_view most = field("maxmemory");
    const std::string_view policy = field("maxmemory_policy");
    const bool stuck = policy == "noeviction" || (policy.starts_with("volatile-") && !expires);
    if (most.empty() || most == "0" || !stuck) return;
    errors_.report(error_cause::no_space,
                   client_.settings().address.printable() + " will refuse puts when it is full: its maxmemory-policy evicts " +
                       "nothing of this cache; set it to allkeys-lru" + (policy == "noeviction" ? "" : ", or give time_to_live"));
  }

 private:
  redis_client& client_;
  error_sink& errors_;
  std::atomic<bool> looked_{false};
};

}  // namespace larder::remote
