#include <larder/storage/mmap_disk.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <thread>

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

using namespace store_driver;
using larder::fetch_status;
using store = larder::mmap_disk::store;

namespace {

larder::mmap_disk policy(const fs::path& path, larder::mmap_disk_options options = {}) { return {path, options}; }

/// Whether the address lies in a mapping of a file below the directory.
bool lies_in_mapping(const void* pointer, const fs::path& directory) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    if (address >= begin && address < end) return line.find(directory.string()) != std::string::npos;
  }
  return false;
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

/// What `sync` reports: `+key weight` by digest, `-`, `clear`.
std::vector<std::string> changes(store& of) {
  std::vector<std::string> seen;
  const auto guard = of.lock();
  of.sync(
      [&](const larder::digest& id, const std::optional<larder::stored_info>& info) {
        seen.push_back((info ? "+" + std::to_string(info->weight) + " " : "- ") + id.hex());
      },
      [&] { seen.emplace_back("clear"); });
  return seen;
}

std::string plus(std::string_view key, std::size_t weight) { return "+" + std::to_string(weight) + " " + id_of(key).hex(); }
std::string minus(std::string_view key) { return "- " + id_of(key).hex(); }

/// Makes the file's time of change old, as it is for all but the newest entries.
void settle(const fs::path& file) { fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1)); }

}  // namespace

static_assert(sizeof(store::handle) <= 24);

TEST_CASE("a payload is handed out in its mapping, and warm ones share it") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  const std::string value = text_of(1'000'000);
  auto handle = put(disk, "a", value);
  const larder::fetched first = fetch(disk, "a", handle);
  CHECK(lies_in_mapping(first.payload.data(), dir.path()));
  CHECK(reinterpret_cast<std::uintptr_t>(first.payload.data()) % 4096 == 0);
  const larder::fetched second = fetch(disk, "a", handle);
  CHECK(second.payload.data() == first.payload.data());
  store::handle another;  // another index entry, the same file
  CHECK(fetch(disk, "a", another).payload.data() == first.payload.data());

  store copying(policy(dir / "cache", {.read = larder::read_mode::copy}), errors);
  store::handle unknown;
  const larder::fetched copy = fetch(copying, "a", unknown);
  CHECK(copy.payload == first.payload);
  CHECK_FALSE(lies_in_mapping(copy.payload.data(), dir.path()));
}

TEST_CASE("bytes outlive erase, overwrite, clear, the store and its directory") {
  sink errors;
  const std::string value = text_of(300'000);
  larder::bytes erased, replaced, cleared, last;
  {
    scratch dir;
    auto disk = std::make_unique<store>(policy(dir / "cache"), errors);
    const auto take = [&](std::string_view key) {
      put(*disk, key, value);
      store::handle handle;
      return fetch(*disk, key, handle).payload;
    };
    erased = take("a");
    erase(*disk, "a");
    replaced = take("b");
    put(*disk, "b", text_of(300'000, 9));
    cleared = take("c");
    clear(*disk);
    last = take("d");
    disk.reset();
    CHECK(last.text() == value);
  }
  for (const larder::bytes& held : {erased, replaced, cleared, last}) CHECK(held.text() == value);
}

TEST_CASE("pinned bytes are those of entries that have left while somebody holds them") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  auto a = put(disk, "a", text_of(5000));
  auto b = put(disk, "b", text_of(700));
  larder::bytes held_a = fetch(disk, "a", a).payload;
  larder::bytes held_b = fetch(disk, "b", b).payload;
  auto copy = a;
  CHECK(disk.pinned_bytes() == 0);
  erase(disk, "a");
  a = {};
  CHECK(disk.pinned_bytes() == 0);  // another handle is left
  copy = {};
  CHECK(disk.pinned_bytes() == 5000);
  b = put(disk, "b", "new");  // the index drops the old handle
  CHECK(disk.pinned_bytes() == 5700);
  larder::bytes part = held_a.slice(10, 20);
  held_a = {};
  CHECK(disk.pinned_bytes() == 5700);  // a part holds all of it
  part = {};
  CHECK(disk.pinned_bytes() == 700);
  held_b = {};
  CHECK(disk.pinned_bytes() == 0);
  fetch(disk, "b", b);
  b = {};
  CHECK(disk.pinned_bytes() == 0);  // nobody holds it
}

TEST_CASE("threads that open one entry at once share one mapping") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  put(disk, "a", text_of(100'000));
  std::array<store::handle, 4> handles;
  std::array<larder::bytes, 4> payloads;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < handles.size(); ++i)
    threads.emplace_back([&, i] { payloads[i] = fetch(disk, "a", handles[i]).payload; });
  for (std::thread& thread : threads) thread.join();
  for (const larder::bytes& payload : payloads) CHECK(payload.data() == payloads[0].data());
  for (std::size_t i = 1; i < handles.size(); ++i) handles[i] = {};
  CHECK(disk.pinned_bytes() == 0);
  handles[0] = {};
  CHECK(disk.pinned_bytes() == 100'000);
}

TEST_CASE("beyond max_mappings small values are copied") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache", {.max_mappings = 2}), errors);
  std::array<store::handle, 4> handles;
  std::vector<larder::bytes> held;
  for (std::size_t i = 0; i < handles.size(); ++i) {
    const std::string key(1, static_cast<char>('a' + i));
    handles[i] = put(disk, key, text_of(5000, static_cast<unsigned>(i)));
    held.push_back(fetch(disk, key, handles[i]).payload);
    CHECK(held[i].text() == text_of(5000, static_cast<unsigned>(i)));
    CHECK(lies_in_mapping(held[i].data(), dir.path()) == (i < 2));
  }
}

TEST_CASE("D8 a flip after the first read is noticed by the file's time of change") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  auto handle = put(disk, "a", text_of(5000));
  const fs::path file = file_of(dir / "cache", "a");
  settle(file);
  REQUIRE(fetch(disk, "a", handle).status == fetch_status::hit);
  {
    std::fstream change(file, std::ios::in | std::ios::out | std::ios::binary);
    change.seekp(-1, std::ios::end);
    change.put(static_cast<char>(text_of(5000).back() ^ 1));
  }
  CHECK(fetch(disk, "a", handle).status == fetch_status::damaged);
  CHECK(errors.corruptions() == 1);
}

TEST_CASE("a file that others cut short under its mapping is damaged, not a crash") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  auto handle = put(disk, "a", text_of(50'000));
  fetch(disk, "a", handle);
  fs::resize_file(file_of(dir / "cache", "a"), 4096);
  CHECK(fetch(disk, "a", handle).status == fetch_status::damaged);
  CHECK(fetch(disk, "a", handle).status == fetch_status::absent);
}

TEST_CASE("two stores on one directory follow each other") {
  scratch dir;
  sink errors;
  store one(policy(dir / "cache"), errors);
  store two(policy(dir / "cache"), errors);
  auto mine = put(one, "a", "first");
  CHECK(get(two, "a") == "first");
  CHECK(changes(two) == std::vector<std::string>{plus("a", 5)});
  CHECK(changes(two).empty());
  CHECK(changes(one).empty());  // its own
  CHECK(two.find(id_of("a"), larder::bytes::copy_of("a")).has_value());

  larder::bytes held = fetch(one, "a", mine).payload;
  put(two, "a", "replaced");
  const larder::fetched seen = fetch(one, "a", mine);
  CHECK(seen.payload.text() == "replaced");
  REQUIRE(seen.changed.has_value());
  CHECK(seen.changed->weight == 8);
  CHECK(held.text() == "first");
  CHECK(changes(one) == std::vector<std::string>{plus("a", 8)});

  put(two, "b", "");
  erase(two, "a");
  CHECK(fetch(one, "a", mine).status == fetch_status::absent);
  CHECK(changes(one) == std::vector<std::string>{plus("b", 0), minus("a")});
  clear(two);
  put(two, "c", "after");
  CHECK(changes(one) == std::vector<std::string>{"clear", plus("c", 5)});
  CHECK(changes(two).empty());
}

TEST_CASE("a child process and its parent follow each other") {
  scratch dir;
  sink errors;
  store parent(policy(dir / "cache"), errors);
  put(parent, "before", "1");
  put(parent, "old", "1");
  CHECK(in_child([&] {  // with a store of its own
          store child(policy(dir / "cache"), errors);
          if (recovered_keys(child).size() != 2) return 1;
          put(child, "own", "22");
          put(child, "before", "333");
          erase(child, "old");
          return 0;
        }) == 0);
  CHECK(changes(parent) == std::vector<std::string>{plus("own", 2), plus("before", 3), minus("old")});
  CHECK(get(parent, "before") == "333");

  CHECK(in_child([&] {  // with the one it was forked with
          put(parent, "inherited", "4444");
          return get(parent, "inherited") == "4444" ? 0 : 1;
        }) == 0);
  CHECK(changes(parent) == std::vector<std::string>{plus("inherited", 4)});
  CHECK(get(parent, "inherited") == "4444");
}

TEST_CASE("a journal that is cut, garbled, removed or replaced loses no entry") {
  scratch dir;
  sink errors;
  store one(policy(dir / "cache"), errors);
  store two(policy(dir / "cache"), errors);
  const fs::path journal = dir / "cache" / "journal";
  put(two, "a", "1");
  CHECK(changes(one) == std::vector<std::string>{plus("a", 1)});

  std::string content = read_file(journal);
  SUBCASE("a torn record at its end") {
    write_file(journal, content + std::string(40, 'x'));
    put(two, "b", "22");
    CHECK(changes(one) == std::vector<std::string>{plus("b", 2)});
    return;
  }
  SUBCASE("a record that is garbled is passed over") {
    put(two, "b", "22");
    put(two, "c", "333");
    content = read_file(journal);
    content[content.size() - 64 - 20] ^= 1;
    write_file(journal, content);
    CHECK(changes(one) == std::vector<std::string>{plus("c", 3)});
    CHECK(get(one, "b") == "22");
    return;
  }
  SUBCASE("removed") {
    fs::remove(journal);
    put(two, "b", "22");
  }
  SUBCASE("cut") {
    write_file(journal, content.substr(0, 64));
    put(two, "b", "22");
    fs::resize_file(journal, 64);
  }
  SUBCASE("replaced by something else") {
    fs::remove(journal);
    write_file(journal, std::string(1000, 'j'));
    put(two, "b", "22");
  }
  std::vector<std::string> seen = changes(one);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == "clear");
  std::sort(seen.begin(), seen.end());
  CHECK(std::count(seen.begin(), seen.end(), plus("a", 1)) == 1);
  CHECK(std::count(seen.begin(), seen.end(), plus("b", 2)) == 1);
  put(two, "c", "333");
  CHECK(changes(one) == std::vector<std::string>{plus("c", 3)});  // and it goes on as before
}

TEST_CASE("a journal that is full hands over to the next without a gap") {
  scratch dir;
  sink errors;
  larder::storage::entry_directory directory(dir / "cache", "test", errors);
  larder::storage::change_journal writer(directory);
  larder::storage::change_journal reader(directory);
  writer.open(true);
  reader.open(false);
  const std::uint64_t records = larder::storage::change_journal::size_limit / 64 + 100;
  for (std::uint64_t i = 0; i < records; ++i) writer.append({larder::storage::change_kind::put, {i, 0}, {}});
  CHECK(fs::file_size(dir / "cache" / "journal") < 200 * 64);
  std::uint64_t next = 0;
  CHECK(reader.read([&](const larder::storage::change& seen) { next = seen.id.low == next ? next + 1 : UINT64_MAX; }));
  CHECK(next == records);
}

TEST_CASE("uses are remembered across restarts") {
  scratch dir;
  sink errors;
  {
    store disk(policy(dir / "cache"), errors);
    auto a = put(disk, "a", "1", larder::instant{1'000'000'000});
    auto b = put(disk, "b", "2", larder::instant{2'000'000'000});
    put(disk, "c", "3", larder::instant{3'000'000'000});
    fetch(disk, "b", b);  // a read alone is the cache's to report
    disk.touch(id_of("a"), a, larder::instant{9'000'000'000});
    disk.touch(id_of("none"), a, larder::instant{9'000'000'000});
  }
  store disk(policy(dir / "cache"), errors);
  CHECK(recovered_keys(disk) == std::vector<std::string>{"b", "c", "a"});
  store::handle handle;
  CHECK(fetch(disk, "a", handle).changed->accessed == larder::instant{9'000'000'000});
}

TEST_CASE("opening and closing leaks no descriptor, and reads hold none") {
  scratch dir;
  sink errors;
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    store disk(policy(dir / "cache"), errors);
    auto handle = put(disk, "key " + std::to_string(i % 5), "value");
    fetch(disk, "key " + std::to_string(i % 5), handle);
    disk.flush();
  }
  CHECK(open_descriptors() == before);
  fs::remove_all(dir / "cache" / "entries");
  write_file(dir / "cache" / "entries", "a file");
  for (int i = 0; i < 5; ++i) CHECK_THROWS_AS(store(policy(dir / "cache"), errors), larder::error);
  CHECK(open_descriptors() == before);

  store disk(policy(dir / "other"), errors);
  const std::size_t open = open_descriptors();
  std::vector<store::handle> handles;
  for (int i = 0; i < 50; ++i) {
    handles.push_back(put(disk, std::to_string(i), "value"));
    fetch(disk, std::to_string(i), handles.back());
  }
  CHECK(open_descriptors() <= open + 1);  // the journal
}

TEST_CASE("a process without descriptors gets an error, and keeps its entries") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  put(disk, "a", "value");
  CHECK(in_child([&] {
          rlimit few{};
          few.rlim_cur = few.rlim_max = 3;
          if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
          try {
            get(disk, "a");
            return 2;
          } catch (const larder::error& e) {
            if (e.cause() != larder::error_cause::io) return 3;
          }
          try {
            disk.stage(entry_of("b", "value"));
            return 4;
          } catch (const larder::error&) {
          }
          return 0;
        }) == 0);
  CHECK(get(disk, "a") == "value");
  CHECK(errors.corruptions() == 0);
}

TEST_CASE("a device without room refuses and keeps nothing") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  put(disk, "a", "value");
  CHECK(in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes stands for the full device
          rlimit small{};
          small.rlim_cur = small.rlim_max = 100'000;
          if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 1;
          for (const std::size_t size : {200'000U, 3'000'000U}) {
            try {
              put(disk, "a", text_of(size));
              return 2;
            } catch (const larder::error& e) {
              if (e.cause() != larder::error_cause::no_space) return 3;
            }
          }
          return get(disk, "a") == "value" ? 0 : 4;
        }) == 0);
  CHECK(files_in(dir / "cache" / "staging") == 0);
  CHECK(files_in(dir / "cache" / "entries") == 1);
}

TEST_CASE("flush takes what was put, replaced and erased") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  for (int i = 0; i < 20; ++i) put(disk, std::to_string(i), text_of(1000));
  put(disk, "3", "new");
  erase(disk, "4");
  disk.flush();
  {
    const auto guard = disk.lock();
    disk.flush();  // also by whoever holds the lock
  }
  for (int i = 0; i < 4200; ++i) put(disk, std::to_string(i % 10), "many");
  disk.flush();
  CHECK(get(disk, "3") == "many");
}

TEST_CASE("remains of writers that died are removed, those of living ones stay") {
  scratch dir;
  sink errors;
  const fs::path staging = dir / "cache" / "staging";
  store disk(policy(dir / "cache"), errors);
  auto alive = disk.stage(entry_of("alive", "value"));
  CHECK(in_child([&] {
          auto* left = new store::staged(disk.stage(entry_of("left", "value")));
          return left == nullptr ? 1 : 0;  // ends without a destructor, as killed
        }) == 0);
  write_file(staging / "readme", "somebody's");
  CHECK(files_in(staging) == 3);
  store second(policy(dir / "cache"), errors);
  CHECK(files_in(staging) == 2);
  {
    const auto guard = disk.lock();
    disk.publish(std::move(alive));
  }
  CHECK(get(second, "alive") == "value");
  CHECK(fs::exists(staging / "readme"));
}

TEST_CASE("the lock excludes threads and processes") {
  scratch dir;
  sink errors;
  store disk(policy(dir / "cache"), errors);
  const auto locked_by_others = [&] {  // asked with a descriptor of its own, as another process would
    const larder::storage::file_descriptor file = larder::storage::open_file((dir / "cache" / "LOCK").string(), O_RDWR);
    return ::flock(file.get(), LOCK_EX | LOCK_NB) != 0;
  };
  CHECK_FALSE(locked_by_others());
  {
    const auto guard = disk.lock();
    CHECK(locked_by_others());
    CHECK(in_child([&] { return locked_by_others() ? 0 : 1; }) == 0);
  }
  CHECK_FALSE(locked_by_others());
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        const auto guard = disk.lock();
        ++counter;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(counter == 800);
}

TEST_CASE("a forked child that uses or destroys the store leaves the parent's alone") {
  scratch dir;
  sink errors;
  auto disk = std::make_unique<store>(policy(dir / "cache"), errors);
  auto handle = put(*disk, "a", text_of(5000));
  const larder::bytes held = fetch(*disk, "a", handle).payload;
  const auto locked_by_others = [&] {
    const larder::storage::file_descriptor file = larder::storage::open_file((dir / "cache" / "LOCK").string(), O_RDWR);
    return ::flock(file.get(), LOCK_EX | LOCK_NB) != 0;
  };
  auto staged = disk->stage(entry_of("staged", "value"));
  {
    auto guard = disk->lock();
    CHECK(in_child([&] {
            store::guard ended = std::move(guard);  // the child's copy of the parent's guard
            { store::guard gone = std::move(ended); }
            { auto dropped = std::move(staged); }
            disk.reset();
            return locked_by_others() ? 0 : 1;
          }) == 0);
    CHECK(locked_by_others());
    CHECK(in_child([&] {  // a child does not wait for the copy of its parent's mutex, only for the parent's lock
            const larder::bytes again = get(*disk, "a") ? held : larder::bytes();
            return again.text() == text_of(5000) ? 0 : 1;
          }) == 0);
  }
  CHECK_FALSE(locked_by_others());
  {
    const auto guard = disk->lock();
    disk->publish(std::move(staged));
  }
  CHECK(get(*disk, "staged") == "value");
  CHECK(fetch(*disk, "a", handle).payload.data() == held.data());
  CHECK(in_child([&] {
          put(*disk, "child's", "value");
          disk.reset();
          return 0;
        }) == 0);
  CHECK(get(*disk, "child's") == "value");
  put(*disk, "b", "still works");
  CHECK(get(*disk, "b") == "still works");
}
