#include <larder/storage/directory.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace store_driver;
using larder::fetch_status;
using store = larder::directory::store;

static_assert(sizeof(store::handle) <= 16);

TEST_CASE("machines that share a directory find each other's entries by name") {
  scratch dir;
  sink errors;
  store here(larder::directory{dir / "mount"}, errors);
  store there(larder::directory{dir / "mount"}, errors);
  auto known = put(here, "a", "first");
  CHECK(get(there, "a") == "first");
  REQUIRE(there.find(id_of("a"), larder::bytes::copy_of("a")).has_value());

  put(there, "a", "replaced", larder::instant{5000});
  const larder::fetched seen = fetch(here, "a", known);
  CHECK(seen.payload.text() == "replaced");
  REQUIRE(seen.changed.has_value());
  CHECK(seen.changed->written == larder::instant{5000});
  CHECK(seen.changed->accessed == larder::instant{5000});

  erase(there, "a");
  CHECK(fetch(here, "a", known).status == fetch_status::absent);
  put(there, "b", "1");
  clear(here);
  CHECK_FALSE(get(there, "b").has_value());
}

TEST_CASE("a reader that has a file open keeps its bytes when it is replaced") {
  scratch dir;
  sink errors;
  store here(larder::directory{dir / "mount"}, errors);
  put(here, "a", text_of(100'000, 1));
  const std::string path = file_of(dir / "mount", "a").string();
  const std::optional<larder::storage::opened_entry> open = larder::storage::open_entry(path);
  REQUIRE(open.has_value());
  put(here, "a", text_of(100'000, 2));
  larder::storage::entry_memory memory;
  const larder::storage::copied_entry copy =
      larder::storage::copy_entry(*open, id_of("a"), larder::bytes::copy_of("a"), memory, larder::verify::always, path);
  CHECK(copy.damage.empty());
  CHECK(copy.payload.text() == text_of(100'000, 1));
  CHECK(get(here, "a") == text_of(100'000, 2));
}

TEST_CASE("a new entry that came while a damaged one was looked at is not put aside") {
  scratch dir;
  sink errors;
  store here(larder::directory{dir / "mount"}, errors);
  put(here, "a", "old");
  const std::string path = file_of(dir / "mount", "a").string();
  const std::optional<larder::storage::opened_entry> old = larder::storage::open_entry(path);
  REQUIRE(old.has_value());
  put(here, "a", "new");
  const larder::storage::entry_directory directory(dir / "mount", "directory", errors);
  CHECK_FALSE(directory.put_aside(path, old->identity, "was damaged"));
  CHECK(get(here, "a") == "new");
  CHECK(errors.corruptions() == 0);
}

TEST_CASE("a shared mount gets no lock file and no journal") {
  scratch dir;
  sink errors;
  { store first(larder::directory{dir / "mount"}, errors); }
  CHECK_FALSE(fs::exists(dir / "mount" / "LOCK"));
  CHECK_FALSE(fs::exists(dir / "mount" / "journal"));
  CHECK(files_in(dir / "mount") == 1);  // the marker
}

TEST_CASE("what a writer left behind goes after a day, not before") {
  scratch dir;
  sink errors;
  { store first(larder::directory{dir / "mount"}, errors); }
  const fs::path fresh = dir / "mount" / "staging" / "12345-678-9";
  const fs::path stale = dir / "mount" / "staging" / "12345-678-10";
  const fs::path foreign = dir / "mount" / "staging" / "notes";
  for (const fs::path& file : {fresh, stale, foreign}) write_file(file, "part");
  for (const fs::path& file : {stale, foreign}) fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(25));
  store again(larder::directory{dir / "mount"}, errors);
  CHECK(fs::exists(fresh));
  CHECK_FALSE(fs::exists(stale));
  CHECK(fs::exists(foreign));
}
