#include <larder/sync/write_epochs.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::sync::write_epochs;

TEST_CASE("a write is alone when no other of its stripe overlaps it") {
  write_epochs epochs;
  {
    const write_epochs::change one(epochs, 1);
    CHECK(one.alone());
    const write_epochs::change elsewhere(epochs, 2);
    CHECK(one.alone());
    CHECK(elsewhere.alone());
  }
  const write_epochs::change next(epochs, 1);
  CHECK(next.alone());
}

TEST_CASE("of two writes that overlap at least the one that ends last knows it, whichever began first") {
  for (const bool first_ends_first : {true, false}) {
    write_epochs epochs;
    std::optional<write_epochs::change> a(std::in_place, epochs, 5);
    std::optional<write_epochs::change> b(std::in_place, epochs, 5);
    CHECK(!a->alone());
    CHECK(!b->alone());
    (first_ends_first ? a : b).reset();
    CHECK(!(first_ends_first ? b : a)->alone());
    a.reset();
    b.reset();
    CHECK(write_epochs::change(epochs, 5).alone());
  }
}

TEST_CASE("a write knows of one that began and ended within it") {
  write_epochs epochs;
  const write_epochs::change outer(epochs, 9);
  { const write_epochs::change inner(epochs, 9); }
  CHECK(!outer.alone());
}

TEST_CASE("a write of everything overlaps every stripe") {
  write_epochs epochs;
  std::vector<std::optional<write_epochs::change>> writes(200);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    writes[i].emplace(epochs, i);
    { const auto all = epochs.change_all(); }
    CHECK(!writes[i]->alone());
    writes[i].reset();
  }
  const write_epochs::read before(epochs, 77);
  CHECK(before.undisturbed());
  const auto all = epochs.change_all();
  CHECK(!before.undisturbed());
  CHECK(!write_epochs::read(epochs, 3).undisturbed());
}

TEST_CASE("a read is undisturbed when no write of its stripe was under way or began") {
  write_epochs epochs;
  {
    const write_epochs::read read(epochs, 4);
    CHECK(read.undisturbed());
    { const write_epochs::change elsewhere(epochs, 5); }
    CHECK(read.undisturbed());
    { const write_epochs::change here(epochs, 4); }
    CHECK(!read.undisturbed());  // though it has ended
  }
  std::optional<write_epochs::change> under_way(std::in_place, epochs, 4);
  const write_epochs::read read(epochs, 4);
  CHECK(!read.undisturbed());
  under_way.reset();
  CHECK(!read.undisturbed());
  CHECK(write_epochs::read(epochs, 4).undisturbed());
}

TEST_CASE("a read is settled once the writes that it met have ended, whatever began since") {
  write_epochs epochs;
  {
    const write_epochs::read read(epochs, 4);
    CHECK(read.settled());
    const write_epochs::change later(epochs, 4);
    CHECK(read.settled());
  }
  std::optional<write_epochs::change> met(std::in_place, epochs, 4);
  const write_epochs::read read(epochs, 4);
  CHECK(!read.settled());
  { const write_epochs::change other(epochs, 4); }
  CHECK(!read.settled());
  met.reset();
  CHECK(read.settled());
}

TEST_CASE("landings and changes know of each other, whichever came first; landings and reads of changes alone") {
  for (const bool landing_first : {true, false}) {
    write_epochs epochs;
    std::optional<write_epochs::landing> landing;
    std::optional<write_epochs::change> change;
    if (landing_first) CHECK(landing.emplace(epochs, 5).alone());
    CHECK(change.emplace(epochs, 5).alone() == !landing_first);
    if (!landing_first) CHECK(!landing.emplace(epochs, 5).alone());
    CHECK(!landing->alone());
    CHECK(!change->alone());
    landing_first ? landing.reset() : change.reset();
    CHECK((landing ? !landing->alone() : !change->alone()));
    landing.reset();
    change.reset();
    CHECK(write_epochs::landing(epochs, 5).alone());
    CHECK(write_epochs::change(epochs, 5).alone());
  }
  write_epochs epochs;
  const write_epochs::read before(epochs, 5);
  const write_epochs::landing one(epochs, 5);
  const write_epochs::landing another(epochs, 5);
  CHECK(one.alone());
  CHECK(another.alone());
  CHECK(before.undisturbed());
  CHECK(write_epochs::read(epochs, 5).undisturbed());
  CHECK(write_epochs::read(epochs, 5).settled());
  const auto all = epochs.change_all();
  CHECK(!one.alone());
}

TEST_CASE("a change and a landing on two threads: not both believe to have been alone when they overlapped") {
  write_epochs epochs;
  std::atomic<int> inside{0};
  std::atomic<int> wrong{0};
  const auto run = [&](auto&& begin) {
    for (int i = 0; i < 5000; ++i) {
      const auto mine = begin();
      const int others = inside.fetch_add(1);
      const int seen = inside.load() - 1;
      if ((others != 0 || seen != 0) && mine.alone()) ++wrong;
      inside.fetch_sub(1);
    }
  };
  std::thread landings([&] { run([&] { return write_epochs::landing(epochs, 1); }); });
  run([&] { return write_epochs::change(epochs, 1); });
  landings.join();
  CHECK(wrong == 0);
}

TEST_CASE("writes of many threads: no two that overlapped both believe to have been alone") {
  write_epochs epochs;
  std::atomic<int> inside{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3000; ++i) {
        const write_epochs::change mine(epochs, 1);
        const int others = inside.fetch_add(1);
        const int seen = inside.load() - 1;
        if ((others != 0 || seen != 0) && mine.alone()) ++wrong;
        inside.fetch_sub(1);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}
