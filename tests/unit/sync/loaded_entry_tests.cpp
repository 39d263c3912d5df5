#include <larder/sync/loaded_entry.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

// An engine that writes down what it is told to do.
struct engine {
  struct address {
    int key;
  };
  using departures = std::vector<std::string>;
  std::vector<std::string> log;
  bool stores = true;
  bool throws = false;

  bool write(const address& at, int value, int mode, departures& gone) {
    if (throws) throw std::runtime_error("the weigher");
    log.push_back("write " + std::to_string(at.key) + "=" + std::to_string(value) + " as " + std::to_string(mode));
    gone.push_back("written");
    return stores;
  }
  bool erase(const address& at, departures& gone) {
    if (throws) throw std::runtime_error("the store");
    log.push_back("erase " + std::to_string(at.key));
    gone.push_back("erased");
    return true;
  }
  void tell(const departures& gone) {
    for (const std::string& g : gone) log.push_back("tell " + g);
  }
};

struct errors {
  std::vector<larder::error_cause> causes;
  void report_current(larder::error_cause cause) { causes.push_back(cause); }
};

using entry = larder::sync::loaded_entry<engine, errors>;
using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a loaded value is stored at once, and listeners hear of it when the load is over") {
  engine into;
  errors told;
  const engine::address at{7};
  {
    entry loaded(into, told, at);
    loaded.store(42, 3);
    CHECK(into.log == lines{"write 7=42 as 3"});
  }
  CHECK(into.log == lines{"write 7=42 as 3", "tell written"});
  CHECK(told.causes.empty());
}

TEST_CASE("what was stored is taken back once, what was refused is not") {
  const engine::address at{7};
  for (const bool stores : {true, false}) {
    engine into;
    into.stores = stores;
    errors told;
    {
      entry loaded(into, told, at);
      loaded.take_back();  // nothing is there yet
      loaded.store(1, 0);
      loaded.take_back();
      loaded.take_back();
    }
    CHECK(into.log == (stores ? lines{"write 7=1 as 0", "erase 7", "tell written", "tell erased"} : lines{"write 7=1 as 0", "tell written"}));
  }
}

TEST_CASE("what storing throws is reported, and there is nothing to take back") {
  engine into;
  errors told;
  const engine::address at{7};
  {
    entry loaded(into, told, at);
    into.throws = true;
    loaded.store(1, 0);
    loaded.take_back();
    CHECK(told.causes == std::vector{larder::error_cause::load});
    into.throws = false;
    loaded.store(2, 0);
    into.throws = true;
    loaded.take_back();
  }
  CHECK(told.causes == std::vector{larder::error_cause::load, larder::error_cause::load});
  CHECK(into.log == lines{"write 7=2 as 0", "tell written"});
}
