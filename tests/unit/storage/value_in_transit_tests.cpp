#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/storage/value_in_transit.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using larder::storage::value_in_transit;

constexpr std::uint64_t size = 10'000;
constexpr std::size_t chunks = 5;
const larder::digest id = larder::digest_of(std::string_view("key"));
const larder::digest content{7, 8};

/// A `staging` of its own.
struct staging : support::temporary_folder {
  value_in_transit landing(bool fits = true) {
    return {path().string(), id, own().string(), [fits](std::uint64_t) { return fits; }};
  }
  fs::path own() const { return *this / "own"; }
  fs::path partial() const { return *this / (id.hex() + ".partial"); }
  fs::path journal() const { return *this / (id.hex() + ".chunks"); }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& each : fs::directory_iterator(path())) all.push_back(each.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }
  /// What a killed process leaves: all of it filled with a letter, chunks 0, 2 and 4 said to be there.
  void leave(char letter, std::uint64_t of_size = size, const larder::digest& of_content = content) {
    value_in_transit landing = this->landing();
    const std::span<std::byte> room = landing.room(of_size, of_content, chunks);
    REQUIRE(room.size() == of_size);
    std::memset(room.data(), letter, room.size());
    for (const std::size_t chunk : {4U, 0U, 2U}) landing.keep(chunk);
  }
};

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
void write_at(const fs::path& path, std::streamoff at, std::string_view text) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  REQUIRE(file.is_open());
  file.seekp(at);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
}
std::string known_of(const value_in_transit& landing) {
  std::string known;
  for (std::size_t i = 0; i < chunks + 3; ++i) known += landing.may_have(i) ? '1' : '0';
  return known;
}
std::string letters(std::span<const std::byte> room) {
  std::string all(reinterpret_cast<const char*>(room.data()), room.size());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}
constexpr const char* none = "00000000";

}  // namespace

TEST_CASE("what is not whole stays, and the next one knows what is there") {
  staging folder;
  folder.leave('a');
  CHECK(folder.names() == std::vector<std::string>{id.hex() + ".chunks", id.hex() + ".partial"});
  CHECK(text_of(folder.journal()).substr(0, 8) == "LARDERC1");
  CHECK(text_of(folder.journal()).substr(32) == std::string("\1\0\1\0\1", 5));
  {
    value_in_transit next = folder.landing();
    const std::span<std::byte> room = next.room(size, content, chunks);
    CHECK(letters(room) == "a");
    CHECK(known_of(next) == "10101000");
    next.keep(1);
  }
  value_in_transit third = folder.landing();
  third.room(size, content, chunks);
  CHECK(known_of(third) == "11101000");
}

TEST_CASE("nothing is known of another value, whatever makes it one, and its bytes are gone") {
  staging folder;
  const auto finds_nothing = [&](std::uint64_t of_size, const larder::digest& of_content) {
    value_in_transit next = folder.landing();
    const std::span<std::byte> room = next.room(of_size, of_content, chunks);
    REQUIRE(room.size() == of_size);
    CHECK(known_of(next) == none);
    CHECK(letters(room) == std::string(1, '\0'));
    CHECK(text_of(folder.journal()).substr(32) == std::string(chunks, '\0'));
    next.keep(3);
    CHECK(text_of(folder.journal()).substr(32) == std::string("\0\0\0\1\0", 5));
  };
  SUBCASE("other content") {
    folder.leave('a');
    finds_nothing(size, {7, 9});
    folder.leave('a', size, {6, 8});
    finds_nothing(size, content);
  }
  SUBCASE("another size") {
    folder.leave('a', size + 1);
    finds_nothing(size, content);
    folder.leave('a');
    finds_nothing(size - 1, content);
  }
  SUBCASE("a file as long as it should be beside a journal of a longer one") {
    folder.leave('a', size + 1);
    fs::resize_file(folder.partial(), size);
    finds_nothing(size, content);
  }
  SUBCASE("a journal that is none") {
    folder.leave('a');
    write_at(folder.journal(), 7, "2");
    finds_nothing(size, content);
  }
  SUBCASE("a journal that was cut in its head") {
    folder.leave('a');
    fs::resize_file(folder.journal(), 31);
    finds_nothing(size, content);
  }
  SUBCASE("no journal") {
    folder.leave('a');
    fs::remove(folder.journal());
    finds_nothing(size, content);
  }
  SUBCASE("a file that was cut") {
    folder.leave('a');
    fs::resize_file(folder.partial(), size - 1);
    finds_nothing(size, content);
  }
  SUBCASE("a file without bytes beside a journal that says much") {
    folder.leave('a');
    fs::resize_file(folder.partial(), 0);
    finds_nothing(size, content);
  }
  SUBCASE("something that is no file") {
    REQUIRE(::mkfifo(folder.partial().c_str(), 0600) == 0);
    finds_nothing(size, content);
  }
}

TEST_CASE("a journal that ends early says nothing of what is behind its end") {
  staging folder;
  folder.leave('a');
  fs::resize_file(folder.journal(), 32 + 3);
  {
    value_in_transit next = folder.landing();
    CHECK(letters(next.room(size, content, chunks)) == "a");
    CHECK(known_of(next) == "10100000");
    next.keep(4);
  }
  fs::resize_file(folder.journal(), 32);
  value_in_transit next = folder.landing();
  CHECK_FALSE(next.room(size, content, chunks).empty());
  CHECK(known_of(next) == none);
}

TEST_CASE("who comes second takes a file of his own, which nobody goes on with") {
  staging folder;
  folder.leave('a');
  value_in_transit holder = folder.landing();
  const std::span<std::byte> held = holder.room(size, content, chunks);
  const std::string before = text_of(folder.journal());
  {
    value_in_transit second = folder.landing();
    const std::span<std::byte> room = second.room(size, content, chunks);
    REQUIRE(room.size() == size);
    CHECK(known_of(second) == none);
    CHECK(second.path() == folder.own());
    std::memset(room.data(), 'b', room.size());
    second.keep(1);
    CHECK(letters(held) == "a");
    CHECK(text_of(folder.journal()) == before);
    CHECK(second.room(size, content, chunks).size() == size);  // anew, as the object changed
    CHECK(folder.names().size() == 3);
  }
  CHECK(folder.names().size() == 2);
  {
    value_in_transit second = folder.landing();
    second.room(size, content, chunks);
    second.whole(size);
    CHECK(fs::exists(folder.own()));
  }
  CHECK(folder.names().size() == 2);
  CHECK(fs::exists(folder.journal()));
  CHECK(letters(held) == "a");
}

TEST_CASE("a name of his own that is somebody's is not taken either") {
  staging folder;
  value_in_transit holder = folder.landing();
  CHECK_FALSE(holder.room(size, content, chunks).empty());
  std::ofstream(folder.own()) << "kept";
  {
    value_in_transit second = folder.landing();
    CHECK(second.room(size, content, chunks).empty());
  }
  CHECK(text_of(folder.own()) == "kept");
}

TEST_CASE("a file with a second name is left alone, and another one is begun") {
  staging folder;
  folder.leave('a');
  fs::create_hard_link(folder.partial(), folder / "published");
  value_in_transit next = folder.landing();
  const std::span<std::byte> room = next.room(size, content, chunks);
  REQUIRE(room.size() == size);
  std::memset(room.data(), 'b', room.size());
  CHECK(known_of(next) == none);
  CHECK(next.path() == folder.partial());
  CHECK(text_of(folder / "published") == std::string(size, 'a'));
  CHECK(fs::hard_link_count(folder / "published") == 1);
}

TEST_CASE("a symbolic link is not followed") {
  staging folder;
  std::ofstream(folder / "elsewhere") << "kept";
  fs::create_symlink(folder / "elsewhere", folder.partial());
  value_in_transit next = folder.landing();
  CHECK(next.room(size, content, chunks).empty());
  CHECK(text_of(folder / "elsewhere") == "kept");
}

TEST_CASE("a whole value is handed out for reading only, and its names in the folder go with the landing") {
  staging folder;
  larder::bytes value;
  {
    value_in_transit landing = folder.landing();
    const std::span<std::byte> room = landing.room(size, content, chunks);
    std::memset(room.data(), 'w', room.size());
    CHECK_FALSE(landing.is_whole());
    value = landing.whole(size);
    CHECK(landing.is_whole());
    CHECK(landing.path() == folder.partial());
    CHECK(value.data() == room.data());
    std::ifstream maps("/proc/self/maps");
    std::string rights;
    for (std::string line; std::getline(maps, line);)
      if (line.find(folder.partial().string()) != std::string::npos) rights = line.substr(line.find(' ') + 1, 4);
    CHECK(rights == "r--s");
  }
  CHECK(folder.names().empty());
  CHECK(value.text() == std::string(size, 'w'));  // as long as somebody has it
}

TEST_CASE("what is discarded goes with its journal, and the room may be asked for again") {
  staging folder;
  value_in_transit landing = folder.landing();
  CHECK_FALSE(landing.room(size, content, chunks).empty());
  landing.keep(2);
  landing.discard();
  CHECK(folder.names().empty());
  landing.discard();
  CHECK(landing.room(size, content, chunks).size() == size);
  CHECK(known_of(landing) == none);
  CHECK(folder.names().size() == 2);
  CHECK(landing.room(size + 5, {1, 2}, chunks).size() == size + 5);  // the object changed
  CHECK(fs::file_size(folder.partial()) == size + 5);
}

TEST_CASE("what does not fit, or is nothing, leaves nothing") {
  staging folder;
  value_in_transit narrow = folder.landing(false);
  CHECK(narrow.room(size, content, chunks).empty());
  value_in_transit landing = folder.landing();
  CHECK(landing.room(0, content, 0).empty());
  CHECK(folder.names().empty());
  value_in_transit nowhere((folder / "absent").string(), id, (folder / "absent" / "own").string(),
                           [](std::uint64_t) { return true; });
  CHECK(nowhere.room(size, content, chunks).empty());
}

TEST_CASE("whoever has taken the name keeps it when the one before lets go") {
  staging folder;
  value_in_transit landing = folder.landing();
  CHECK_FALSE(landing.room(size, content, chunks).empty());
  std::ofstream(folder / "newer") << "newer";
  fs::rename(folder / "newer", folder.partial());
  landing.discard();
  CHECK(text_of(folder.partial()) == "newer");
}

TEST_CASE("only what nobody has and nobody came for in a day is removed") {
  staging folder;
  const auto age = [&](const fs::path& path, int hours) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  const auto remove = [&] { value_in_transit::remove_stale(folder.path().string()); };
  folder.leave('a');
  age(folder.partial(), 23);
  age(folder.journal(), 23);
  for (const char* other : {"own", "note.partial"}) {
    std::ofstream(folder / other) << "x";
    age(folder / other, 100);
  }
  std::ofstream(folder / (id.hex() + ".other")) << "x";
  age(folder / (id.hex() + ".other"), 100);
  remove();
  CHECK(folder.names().size() == 5);
  {
    value_in_transit holder = folder.landing();
    holder.room(size, content, chunks);
    age(folder.partial(), 25);
    age(folder.journal(), 25);
    remove();
    CHECK(folder.names().size() == 5);
  }
  age(folder.partial(), 25);
  age(folder.journal(), 25);
  remove();
  CHECK(folder.names() == std::vector<std::string>{id.hex() + ".other", "note.partial", "own"});
  folder.leave('a');
  fs::remove(folder.partial());
  age(folder.journal(), 25);
  remove();
  CHECK(folder.names().size() == 3);
  REQUIRE(::mkfifo(folder.journal().c_str(), 0600) == 0);  // named as a journal, and none
  age(folder.journal(), 25);
  remove();
  CHECK(folder.names().size() == 4);
}
