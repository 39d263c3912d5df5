#include <larder/layer/path_choice.hpp>

#include <chrono>

#include <doctest/doctest.h>

using larder::read_path;
using larder::layers::path_choice;
using namespace std::chrono_literals;

TEST_CASE("a path that was named is taken, whatever is measured") {
  for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
    path_choice choice(kind);
    for (int i = 0; i < 4; ++i) {
      CHECK(choice.next() == kind);
      choice.measured(kind, 4 * path_choice::enough, 10s);
      choice.measured(kind == read_path::direct ? read_path::buffered : read_path::direct, 4 * path_choice::enough, 1ms);
    }
    CHECK(choice.may_be_direct() == (kind == read_path::direct));
  }
}

TEST_CASE("automatic takes both in turn until each is measured, then the faster, past the page cache up to half as long again") {
  struct row {
    larder::duration direct;
    larder::duration buffered;
    read_path::kind chosen;
  };
  for (const row& r :
       {row{100ms, 100ms, read_path::direct}, row{149ms, 100ms, read_path::direct}, row{151ms, 100ms, read_path::buffered},
        row{400ms, 100ms, read_path::buffered}, row{50ms, 100ms, read_path::direct}}) {
    path_choice choice(read_path::automatic);
    CHECK(choice.next() == read_path::direct);
    choice.measured(read_path::direct, path_choice::enough / 2, r.direct);
    CHECK(choice.next() == read_path::buffered);
    choice.measured(read_path::buffered, path_choice::enough, 2 * r.buffered);
    CHECK(choice.chosen() == read_path::automatic);
    CHECK(choice.may_be_direct());
    CHECK(choice.next() == read_path::direct);
    choice.measured(read_path::direct, path_choice::enough / 2, r.direct);
    CHECK(choice.chosen() == r.chosen);
    CHECK(choice.next() == r.chosen);
    CHECK(choice.next() == r.chosen);
  }
}

TEST_CASE("a path that turns out to be impossible is not asked for again") {
  path_choice choice(read_path::automatic);
  CHECK(choice.next() == read_path::direct);
  choice.settle(read_path::buffered);
  CHECK(choice.next() == read_path::buffered);
  CHECK(!choice.may_be_direct());
}
