// What a store of a file per entry promises: `directory`, and whoever comes beside it.

#include <larder/storage/directory.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <thread>

using namespace store_driver;
using larder::fetch_status;

static_assert(larder::storage_policy<larder::directory>);
static_assert(larder::indexed_store<larder::directory::store>);

namespace {

struct shared_mount {
  using store = larder::directory::store;
  static larder::directory policy(const fs::path& path, larder::verify verify = larder::verify::always) {
    return {path, {.verify = verify}};
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a file store gives back what was put", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  auto handle = put(store, "a", "one");
  larder::fetched first = fetch(store, "a", handle);
  CHECK(first.status == fetch_status::hit);
  CHECK(first.payload.text() == "one");
  CHECK_FALSE(first.changed.has_value());  // the one that the index knows

  put(store, "a", "second", larder::instant{2000});
  larder::fetched second = fetch(store, "a", handle);
  CHECK(second.payload.text() == "second");
  REQUIRE(second.changed.has_value());
  CHECK(second.changed->weight == 6);
  CHECK(second.changed->written == larder::instant{2000});
  CHECK_FALSE(fetch(store, "a", handle).changed.has_value());
  CHECK(first.payload.text() == "one");  // what was handed out stays

  CHECK_FALSE(get(store, "b").has_value());
  const std::optional<larder::stored_info> found = store.find(id_of("a"), larder::bytes::copy_of("a"));
  REQUIRE(found.has_value());
  CHECK(found->weight == 6);
  CHECK_FALSE(store.find(id_of("b"), larder::bytes::copy_of("b")).has_value());

  erase(store, "a");
  CHECK(fetch(store, "a", handle).status == fetch_status::absent);
  CHECK_FALSE(store.find(id_of("a"), larder::bytes::copy_of("a")).has_value());
  CHECK(second.payload.text() == "second");
  erase(store, "a");  // once more is no error
  CHECK(errors.corruptions() == 0);
}

TEST_CASE_TEMPLATE("D13 D14 any key and the empty value", Kind, shared_mount) {
  scratch dir;
  sink errors;
  const std::vector<std::string> keys{"a/b", "../x", "..", "/etc/passwd", "", std::string(5000, 'k'), "s\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
                                      std::string("nul\0in", 6), std::string("nul\0on", 6), "con", "a\nb"};
  {
    typename Kind::store store(Kind::policy(dir / "cache"), errors);
    for (const std::string& key : keys) put(store, key, "value of " + key);
    put(store, "empty value", "");
  }
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  for (const std::string& key : keys) CHECK(get(store, key) == "value of " + key);
  CHECK(get(store, "empty value") == "");
  std::vector<std::string> found = recovered_keys(store);
  CHECK(found.size() == keys.size() + 1);
  for (const std::string& key : keys) CHECK(std::count(found.begin(), found.end(), key) == 1);
  CHECK(files_in(dir / "cache" / "entries") == keys.size() + 1);
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);  // nothing outside
}

TEST_CASE_TEMPLATE("payloads are aligned for use in place", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  for (const std::size_t size : {1U, 63U, 4016U, 4096U, 70000U, 262143U, 262144U, 3000001U}) {
    const std::string key = "size " + std::to_string(size);
    const std::string value = text_of(size);
    auto handle = put(store, key, value);
    const larder::fetched result = fetch(store, key, handle);
    REQUIRE(result.status == fetch_status::hit);
    CHECK(result.payload.text() == value);
    CHECK(reinterpret_cast<std::uintptr_t>(result.payload.data()) % 64 == 0);
  }
}

TEST_CASE_TEMPLATE("recover lists what is there, in order, and clear leaves no payload", Kind, shared_mount) {
  scratch dir;
  sink errors;
  {
    typename Kind::store store(Kind::policy(dir / "cache"), errors);
    put(store, "late", "3", larder::instant{3'000'000'000});
    put(store, "early", "1", larder::instant{1'000'000'000});
    put(store, "middle", "2", larder::instant{2'000'000'000});
    put(store, "gone", "4");
    erase(store, "gone");
  }
  write_file(dir / "cache" / "entries" / "notes.txt", "somebody's");
  fs::create_directories(dir / "cache" / "entries" / "ab");
  write_file(dir / "cache" / "entries" / "ab" / "0123", "not an entry");
  {
    typename Kind::store store(Kind::policy(dir / "cache"), errors);
    CHECK(recovered_keys(store) == std::vector<std::string>{"early", "middle", "late"});
    clear(store);
    CHECK_FALSE(get(store, "late").has_value());
  }
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  CHECK(recovered_keys(store).empty());
  CHECK(files_in(dir / "cache" / "entries") == 2);  // files of others are left alone
  CHECK(read_file(dir / "cache" / "entries" / "notes.txt") == "somebody's");
  CHECK(errors.corruptions() == 0);
}

TEST_CASE_TEMPLATE("every flipped byte and every truncation is noticed", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  const std::string value = text_of(100);
  put(store, "key", value);
  put(store, "other", "unharmed");
  const fs::path file = file_of(dir / "cache", "key");
  const std::string whole = read_file(file);
  int damaged = 0;
  const auto look = [&](const std::string& content, std::string_view what, std::size_t where) {
    write_file(file, content);
    CAPTURE(what);
    CAPTURE(where);
    typename Kind::store::handle handle;
    const larder::fetched result = fetch(store, "key", handle);
    if (result.status == fetch_status::hit) {
      CHECK(result.payload.text() == value);
    } else {
      CHECK(result.status == fetch_status::damaged);
      CHECK_FALSE(fs::exists(file));
      ++damaged;
    }
    CHECK(result.status != fetch_status::absent);
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    look(changed, "flip", i);
    look(whole.substr(0, i), "cut", i);
  }
  look(whole + "x", "grown", whole.size());
  look(std::string(whole.size(), '\0'), "zeros", 0);
  // Between the key (83 bytes) and the payload at 128 there are zeros that nothing depends on.
  CHECK(damaged >= static_cast<int>(2 * whole.size() + 2 - 64));
  CHECK(errors.corruptions() == damaged);
  CHECK(files_in(dir / "cache" / "quarantine") == 16);
  CHECK(get(store, "other") == "unharmed");
  put(store, "key", "new");
  CHECK(get(store, "key") == "new");
}

TEST_CASE_TEMPLATE("a damaged head is put aside by recover and find", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  for (const char* key : {"a", "b", "c"}) put(store, key, "value");
  write_file(file_of(dir / "cache", "a"), "short");
  write_file(file_of(dir / "cache", "b"), "");
  CHECK_FALSE(store.find(id_of("b"), larder::bytes::copy_of("b")).has_value());
  CHECK(recovered_keys(store) == std::vector<std::string>{"c"});
  CHECK(errors.corruptions() == 2);
  CHECK(files_in(dir / "cache" / "quarantine") == 2);
  CHECK(files_in(dir / "cache" / "entries") == 1);
}

TEST_CASE_TEMPLATE("files that change their names are noticed", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  put(store, "a", "value a");
  put(store, "b", "value b");
  const fs::path a = file_of(dir / "cache", "a");
  const fs::path b = file_of(dir / "cache", "b");
  const std::string content = read_file(a);
  write_file(a, read_file(b));
  write_file(b, content);
  typename Kind::store::handle handle;
  CHECK(fetch(store, "a", handle).status == fetch_status::damaged);
  CHECK(fetch(store, "b", handle).status == fetch_status::damaged);
  CHECK(errors.corruptions() == 2);
}

TEST_CASE_TEMPLATE("another key with the same digest is a miss and harms nobody", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  put(store, "a", "value a");
  typename Kind::store::handle handle;
  CHECK(store.fetch(id_of("a"), larder::bytes::copy_of("its twin"), handle).status == fetch_status::absent);
  CHECK_FALSE(store.find(id_of("a"), larder::bytes::copy_of("its twin")).has_value());
  CHECK(get(store, "a") == "value a");
  CHECK(errors.corruptions() == 0);
}

TEST_CASE_TEMPLATE("a symbolic link or another thing in an entry's place is refused", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  put(store, "a", "value a");
  const fs::path a = file_of(dir / "cache", "a");
  fs::rename(a, dir / "target");
  fs::create_symlink(dir / "target", a);
  const std::string target = read_file(dir / "target");
  typename Kind::store::handle handle;
  CHECK(fetch(store, "a", handle).status == fetch_status::damaged);
  CHECK_FALSE(fs::is_symlink(a));
  put(store, "a", "new value");
  CHECK(read_file(dir / "target") == target);
  CHECK(get(store, "a") == "new value");

  erase(store, "a");
  REQUIRE(::mkfifo(a.c_str(), 0600) == 0);
  CHECK(fetch(store, "a", handle).status == fetch_status::damaged);  // and does not wait for a writer
}

TEST_CASE_TEMPLATE("verify::always sees what changes after the first read, never does not look", Kind, shared_mount) {
  scratch dir;
  sink errors;
  const std::string value = text_of(1000);
  typename Kind::store always(Kind::policy(dir / "cache", larder::verify::always), errors);
  auto handle = put(always, "a", value);
  REQUIRE(fetch(always, "a", handle).status == fetch_status::hit);
  {
    std::fstream file(file_of(dir / "cache", "a"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(value.back() ^ 1));
  }
  typename Kind::store never(Kind::policy(dir / "cache", larder::verify::never), errors);
  CHECK(get(never, "a").has_value());
  CHECK(errors.corruptions() == 0);
  CHECK(fetch(always, "a", handle).status == fetch_status::damaged);
  CHECK(errors.corruptions() == 1);
}

TEST_CASE_TEMPLATE("what is dropped before it is published leaves nothing", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  {
    auto staged = store.stage(entry_of("a", "value"));
    CHECK(files_in(dir / "cache" / "staging") == 1);
    CHECK_FALSE(get(store, "a").has_value());
    auto moved = std::move(staged);
    CHECK(files_in(dir / "cache" / "staging") == 1);
  }
  CHECK(files_in(dir / "cache" / "staging") == 0);
  CHECK_FALSE(get(store, "a").has_value());
}

TEST_CASE_TEMPLATE("a directory of something else is refused and left as it was", Kind, shared_mount) {
  scratch dir;
  sink errors;
  using store = typename Kind::store;
  fs::create_directory(dir / "photos");
  write_file(dir / "photos" / "holiday.jpg", "jpeg");
  CHECK_THROWS_AS(store(Kind::policy(dir / "photos"), errors), larder::error);
  CHECK(files_in(dir / "photos") == 1);

  write_file(dir / "file", "text");
  CHECK_THROWS_AS(store(Kind::policy(dir / "file"), errors), larder::error);
  CHECK_THROWS_AS(store(Kind::policy(""), errors), larder::error);

  { store made(Kind::policy(dir / "cache"), errors); }
  const std::string marker = read_file(dir / "cache" / "format");
  std::string body = marker.substr(0, marker.size() - 33);
  body.replace(body.find(" 1\n"), 3, " 2\n");
  write_file(dir / "cache" / "format", body + larder::digest_of(body).hex() + "\n");
  const std::string newer = read_file(dir / "cache" / "format");
  try {
    store refused(Kind::policy(dir / "cache"), errors);
    FAIL("a newer version was opened");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    CHECK(std::string(e.what()).find("version 2") != std::string::npos);
  }
  CHECK(read_file(dir / "cache" / "format") == newer);
}

TEST_CASE_TEMPLATE("D9 a marker that is damaged or gone is made again", Kind, shared_mount) {
  scratch dir;
  sink errors;
  using store = typename Kind::store;
  {
    store first(Kind::policy(dir / "cache"), errors);
    put(first, "a", "value");
  }
  for (const std::string& content : {std::string(), std::string("larder storage, version 7\ngarbled"), std::string(300, 'x')}) {
    write_file(dir / "cache" / "format", content);
    store again(Kind::policy(dir / "cache"), errors);
    CHECK(get(again, "a") == "value");
    CHECK(recovered_keys(again).size() == 1);
  }
  CHECK(errors.corruptions() == 3);
  fs::remove(dir / "cache" / "format");
  store again(Kind::policy(dir / "cache"), errors);
  CHECK(get(again, "a") == "value");
}

TEST_CASE_TEMPLATE("a directory that is removed while it is in use is made again", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  auto handle = put(store, "a", text_of(300000));
  const larder::fetched held = fetch(store, "a", handle);
  fs::remove_all(dir / "cache");
  CHECK(fetch(store, "a", handle).status == fetch_status::absent);
  CHECK(held.payload.text() == text_of(300000));
  put(store, "b", "new");
  CHECK(get(store, "b") == "new");
}

TEST_CASE_TEMPLATE("threads that put, fetch and erase see whole values", Kind, shared_mount) {
  scratch dir;
  sink errors;
  typename Kind::store store(Kind::policy(dir / "cache"), errors);
  const auto value_of = [](int version) { return text_of(200 + static_cast<std::size_t>(version) * 7, static_cast<unsigned>(version)); };
  std::atomic<int> wrong{0};
  std::mutex index;
  typename Kind::store::handle known;  // as the cache keeps it: copied and stored back under a lock
  const auto work = [&](unsigned seed) {
    for (int i = 0; i < 150; ++i) {
      const unsigned choice = (seed * 31U + static_cast<unsigned>(i) * 17U) % 8;
      if (choice < 2) {
        auto fresh = put(store, "key", value_of(i % 20));
        const std::lock_guard guard(index);
        known = fresh;
      } else if (choice == 2) {
        erase(store, "key");
      } else {
        typename Kind::store::handle mine;
        {
          const std::lock_guard guard(index);
          mine = known;
        }
        const larder::fetched result = fetch(store, "key", mine);
        if (result.status == fetch_status::damaged) ++wrong;
        if (result.status == fetch_status::hit) {
          const int version = static_cast<int>(result.payload.size() - 200) / 7;
          if (result.payload.text() != value_of(version)) ++wrong;
        }
        const std::lock_guard guard(index);
        known = mine;
      }
    }
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
  CHECK(wrong == 0);
  CHECK(errors.corruptions() == 0);
  CHECK(files_in(dir / "cache" / "staging") == 0);
}
