#include <larder/remote/redis_listing.hpp>

#include <larder/remote/redis_objects.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/pattern.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/silent_sink.hpp"

namespace {

using namespace support;

std::map<std::string, std::uint64_t> listed(larder::remote::redis_client& client, std::string_view prefix) {
  std::map<std::string, std::uint64_t> out;
  larder::remote::redis_listing(client, "ours:").list(prefix, [&](std::string_view name, const larder::blob_info& info) {
    CHECK(out.emplace(std::string(name), info.size).second);
    CHECK_FALSE(info.etag.empty());
  });
  return out;
}

}  // namespace

TEST_CASE("a listing tells whole objects under its prefix once, and nothing of others") {
  if (redis_missing()) return;
  const redis_server server;
  silent_sink sink;
  larder::remote::redis_settings settings;
  settings.address.socket_path = server.socket_file();
  larder::remote::redis_client client(settings);
  larder::remote::redis_objects objects(client, sink, {.key_prefix = "ours:", .chunk_size = 4096, .max_object = 100'000});
  const larder::bytes large = larder::bytes::copy_of(pattern(10'000));
  const larder::bytes small = larder::bytes::copy_of("few");
  for (int i = 0; i < 2'000; ++i)  // more than a page
    objects.put("many/" + std::to_string(i), {&small, 1}, larder::put_mode::replace, larder::duration::max());
  objects.put("large", {&large, 1}, larder::put_mode::replace, larder::duration::max());
  objects.put("la", {&small, 1}, larder::put_mode::replace, larder::duration::max());
  server.ask({"SET", "ours:foreign", "somebody's"});
  server.ask({"SET", "theirs:large", "somebody's"});
  server.ask({"HSET", "ours:hash", "a", "b"});
  CHECK(listed(client, "la") == std::map<std::string, std::uint64_t>{{"la", 3}, {"large", 10'000}});
  CHECK(listed(client, "l*").empty());  // not a pattern
  CHECK(listed(client, "many/").size() == 2'000);
  CHECK(listed(client, "").size() == 2'002);
  CHECK(listed(client, "nothing").empty());
}
