#include <larder/dataset/known_notes.hpp>

#include <atomic>
#include <string>
#include <thread>

#include <doctest/doctest.h>

using larder::datasets::known_notes;

TEST_CASE("each note counts once, by its last size") {
  known_notes notes;
  CHECK(notes.size() == 0);
  notes.meet("a", 8);
  notes.meet("a", 8);
  notes.meet("b", 100);
  CHECK(notes.size() == 108);
  CHECK(notes.count() == 2);
  notes.meet("b", 10);
  CHECK(notes.size() == 18);
  notes.leave("c");
  notes.leave("a");
  CHECK(notes.size() == 10);
  CHECK(notes.count() == 1);
  notes.clear();
  CHECK(notes.size() == 0);
  CHECK(notes.count() == 0);
}

TEST_CASE("the notes of a shard leave together, and no others") {
  known_notes notes;
  for (const char* key : {"sha", "shard", "shard1", "shard2", "shar", "sharf", "t"}) notes.meet(key, 1);
  notes.leave_shard("shard");
  CHECK(notes.size() == 4);
  notes.leave_shard("x");
  CHECK(notes.size() == 4);
}

TEST_CASE("a note that is met again is counted all the while") {
  known_notes notes;
  notes.meet("a", 8);
  std::atomic<bool> over{false};
  std::thread again([&] {
    for (int i = 0; i < 100'000; ++i) notes.meet("a", 8);
    over = true;
  });
  bool always = true;
  while (!over) always = always && notes.size() == 8;
  again.join();
  CHECK(always);
}

TEST_CASE("notes that others erased are forgotten") {
  known_notes notes;
  notes.meet("here", 5);
  notes.meet("gone", 7);
  notes.keep_those([](const std::string& key) { return key == "here"; });
  CHECK(notes.size() == 5);
  CHECK(notes.count() == 1);
}
