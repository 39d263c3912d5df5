// A program that links larder::config alone has no stores: settings that name one say what is missing.
#include <larder/config/remote_parts.hpp>
#include <larder/config/settings.hpp>
#include <larder/expiry/any_time_source.hpp>
#include <larder/expiry/time_source.hpp>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

#include <string>

using larder::settings;
using support::refusal_of;
using support::says;

TEST_CASE("a store that the program has nothing for is a sentence: what to include, what to link") {
  const larder::config::run_time_clock clock{larder::any_time_source(larder::time_source<larder::wall_time>{})};
  const auto refused = [&](const std::string& remote) {
    const settings all = settings::from_json(R"({"cache": {"size": 5, "remote": {)" + remote + "}}}", "a.json");
    all.check();  // it is right where other programs are concerned
    return refusal_of([&] {
      larder::config::make_remote_tier("cache", all.caches.at("cache"), clock, {},
                                       [](const std::string&) { return std::nullopt; });
    });
  };
  const auto http = refused(R"("type": "webdav", "url": "https://host/models")");
  CHECK(http.cause == larder::error_cause::invalid_argument);
  CHECK(says(http,
             "a.json:1:42: remote.type of \"cache\" is webdav, which this program has no stores of; include "
             "<larder/config/http_tier.hpp> in one of its files and link larder::httptier"));
  CHECK(says(refused(R"("type": "redis", "url": "redis://host")"),
             "include <larder/config/redis_tier.hpp> in one of its files and link larder::redistier"));
}
