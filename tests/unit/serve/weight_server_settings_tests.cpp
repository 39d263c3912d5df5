#include "support/refusal.hpp"

#include <larder/core/units.hpp>
#include <larder/serve/weight_server_settings.hpp>

#include <chrono>
#include <string_view>

using namespace larder::literals;
using larder::weight_server_settings;

TEST_CASE("settings that cannot be meant are refused with their name") {
  weight_server_settings{.chunks_dir = "x", .cache_size = 0, .port = 0}.check();
  weight_server_settings{.chunks_dir = "x", .cache_size = 200_MB, .workers = 256, .fill_threads = 256, .drain_on_stop = 0ms}
      .check();
  const auto refused = [](const weight_server_settings& settings, std::string_view name) {
    const auto said = support::refusal_of([&] { settings.check(); });
    return said.cause == larder::error_cause::invalid_argument && support::says(said, name);
  };
  CHECK(refused({}, "chunks_dir"));
  CHECK(refused({.chunks_dir = "x", .workers = 257}, "workers"));
  CHECK(refused({.chunks_dir = "x", .fill_threads = 0}, "fill_threads"));
  CHECK(refused({.chunks_dir = "x", .fill_threads = 257}, "fill_threads"));
  CHECK(refused({.chunks_dir = "x", .max_connections = 0}, "max_connections"));
  CHECK(refused({.chunks_dir = "x", .request = {.line = 63}}, "request"));
  CHECK(refused({.chunks_dir = "x", .request = {.line = 100, .head = 99}}, "request"));
  CHECK(refused({.chunks_dir = "x", .request = {.fields = 0}}, "request"));
  CHECK(refused({.chunks_dir = "x", .header_timeout = 0ms}, "time limit"));
  CHECK(refused({.chunks_dir = "x", .idle_timeout = 0ms}, "time limit"));
  CHECK(refused({.chunks_dir = "x", .drain_window = -1ms}, "time limit"));
  CHECK(refused({.chunks_dir = "x", .drain_on_stop = -1ms}, "drain_on_stop"));
}
