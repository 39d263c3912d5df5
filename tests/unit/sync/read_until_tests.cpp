#include <larder/sync/read_until.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace {

using larder::sync::find_until;
using larder::sync::read_until;

enum class look { use, peek };

/// One entry in memory: its `read` takes no time, and nothing to end it by.
struct near_engine {
  using address = int;
  look last = look::use;

  template <class F>
  bool read(const address& at, look how, F&& f) {
    last = how;
    if (at != 1) return false;
    f(std::string("one"), larder::instant{7});
    return true;
  }
};

/// The same far away.
struct far_engine {
  using address = int;
  near_engine entry{};
  bool follows = false;

  template <class F>
  bool read(const address& at, look how, F&& f, const larder::transfer_control& control = {}) {
    follows = control.stop.stop_possible();
    return !control.stop.stop_requested() && entry.read(at, how, f);
  }
};

}  // namespace

TEST_CASE("a look-up hands over the value and when it was written, in the way that was asked for") {
  near_engine engine;
  std::pair<std::string, larder::instant> found;
  const auto keep = [&](const std::string& value, larder::instant written) { found = {value, written}; };
  CHECK(read_until({}, engine, 1, look::peek, keep));
  CHECK(found.first == "one");
  CHECK(found.second == larder::instant{7});
  CHECK(engine.last == look::peek);
  CHECK_FALSE(read_until({}, engine, 2, look::use, keep));
  CHECK(engine.last == look::use);
  CHECK(find_until<std::string>({}, engine, 1, look::use) == "one");
  CHECK(find_until<std::string>({}, engine, 2, look::use) == std::nullopt);
}

TEST_CASE("a stop ends a look-up that takes time, and no other") {
  near_engine near;
  far_engine far;
  std::stop_source source;
  CHECK(find_until<std::string>(source.get_token(), far, 1, look::peek) == "one");
  CHECK(far.follows);
  CHECK(far.entry.last == look::peek);
  source.request_stop();
  CHECK(find_until<std::string>(source.get_token(), far, 1, look::use) == std::nullopt);
  CHECK(find_until<std::string>(source.get_token(), near, 1, look::use) == "one");
}
