#include "server_fixture.hpp"

#include "support/eventually.hpp"

#include <larder/core/units.hpp>
#include <larder/larder.hpp>
#include <larder/serve/chunk_cache.hpp>
#include <larder/serve/served_chunks.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace serve = larder::serve;
using namespace larder::literals;
using serve::fill_state;

namespace {

using memory_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes>;

serve::chunk_address address_of(const std::string& key) {
  return {key, key.starts_with("m/"), key.starts_with("m/") ? std::nullopt : larder::digest::parse(key.substr(2))};
}

/// What a client gets in the end, or how the fill failed.
struct result {
  std::shared_ptr<const serve::chunk> content;
  serve::fill_failure failure = serve::fill_failure::none;
};
result ask(serve::served_chunks& chunks, const std::string& key) {
  const serve::served_chunks::found found = chunks.find(address_of(key));
  if (found.content) return {found.content};
  REQUIRE(support::eventually([&] {
    const fill_state now = found.fill->look().state;
    return now == fill_state::whole || now == fill_state::failed;
  }));
  const auto end = found.fill->look();
  return {end.state == fill_state::whole ? end.content : nullptr, end.failure};
}
std::string text_of(const std::shared_ptr<const serve::chunk>& content) {
  REQUIRE(content);
  if (!content->file) return {reinterpret_cast<const char*>(content->content().data()), content->content().size()};
  std::string text(content->size, '\0');
  REQUIRE(larder::storage::read_at(content->file, text.data(), text.size(), 0, "x") == text.size());
  return text;
}
std::string keys_of(serve::served_chunks& chunks) {
  std::vector<std::string> keys;
  for (const auto& e : chunks.most_used(100)) keys.push_back(e.key.substr(2));
  std::sort(keys.begin(), keys.end());
  std::string all;
  for (const std::string& key : keys) all += key + " ";
  return all;
}

}  // namespace

TEST_CASE("a chunk is read once and then lies in memory") {
  const serving::chunk_folder folder;
  const std::string content = serving::content_of(1_MiB + 3);
  const std::string name = folder.add(content);
  folder.write("manifests/m.json", "{}");
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 10_MB});
  const auto first = ask(chunks, "c/" + name);
  CHECK(text_of(first.content) == content);
  CHECK(first.content->etag == '"' + name + '"');
  const auto second = chunks.find(address_of("c/" + name));
  CHECK(second.content == first.content);
  CHECK_FALSE(second.joined);
  CHECK(text_of(ask(chunks, "m/m").content) == "{}");
  const larder::cache_stats stats = chunks.stats();
  CHECK(stats.hits == 1);
  CHECK(stats.misses == 2);
  CHECK(stats.loads == 2);
  CHECK(stats.load_failures == 0);
  CHECK(stats.stored_bytes == content.size() + 2);
  CHECK(chunks.memory_in_use() == content.size() + 2);
  CHECK(chunks.entries() == 2);
  CHECK(chunks.counts().store_reads == 2);
}

TEST_CASE("the chunk that was used longest ago leaves, whatever the sizes") {
  const serving::chunk_folder folder;
  for (const char* name : {"0", "1", "2"}) folder.write(name, serving::content_of(400'000));
  folder.write("small", serving::content_of(100));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  for (const char* name : {"c/0", "c/1", "c/0", "c/2"}) REQUIRE(ask(chunks, name).content);
  CHECK(keys_of(chunks) == "0 2 ");
  REQUIRE(ask(chunks, "c/small").content);
  CHECK(keys_of(chunks) == "0 2 small ");
  REQUIRE(ask(chunks, "c/1").content);
  CHECK(keys_of(chunks) == "1 2 small ");
  CHECK(chunks.stats().evictions == 2);
  CHECK(chunks.stats().stored_bytes == 800'100);
}

TEST_CASE("chunks that fill the cache to the byte all stay") {
  const serving::chunk_folder folder;
  for (const char* name : {"0", "1", "2"}) folder.write(name, serving::content_of(300'000));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 600'000});
  for (const char* name : {"c/0", "c/1"}) REQUIRE(ask(chunks, name).content);
  CHECK(keys_of(chunks) == "0 1 ");
  REQUIRE(ask(chunks, "c/2").content);
  CHECK(keys_of(chunks) == "1 2 ");
}

TEST_CASE("a chunk that is larger than the cache is sent from its file and evicts nothing") {
  const serving::chunk_folder folder;
  const std::string content = serving::content_of(1'000'001);
  const std::string name = folder.add(content);
  folder.write("0", serving::content_of(400'000));
  folder.write("named", content);
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  REQUIRE(ask(chunks, "c/0").content);
  for (int i = 0; i < 2; ++i) {
    const auto got = ask(chunks, "c/" + name);
    CHECK(text_of(got.content) == content);
    CHECK(got.content->file);
    CHECK(text_of(ask(chunks, "c/named").content) == content);
  }
  CHECK(keys_of(chunks) == "0 ");
  CHECK(chunks.stats().evictions == 0);
  CHECK(chunks.counts().bypassed == 4);
  CHECK(chunks.memory_in_use() == 400'000);
}

TEST_CASE("a cache of nothing serves all the same") {
  const serving::chunk_folder folder;
  folder.write("0", "content");
  folder.write("empty", "");
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 0});
  CHECK(text_of(ask(chunks, "c/0").content) == "content");
  CHECK(text_of(ask(chunks, "c/empty").content).empty());
  CHECK(chunks.memory_in_use() == 0);
}

TEST_CASE("who asks while a fill runs shares it") {
  const serving::chunk_folder folder;
  const std::string content = serving::content_of(3_MiB);
  const std::string name = folder.add(content);
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 10_MB});
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      const serve::served_chunks::found found = chunks.find(address_of("c/" + name));
      const bool ended = found.content || support::eventually([&] { return found.fill->look().state == fill_state::whole; });
      const auto got = found.content ? found.content : found.fill->look().content;
      if (ended && got->content().size() == content.size() &&
          std::memcmp(got->content().data(), content.data(), content.size()) == 0)
        ++right;
    });
  for (std::thread& t : threads) t.join();
  CHECK(right == 16);
  const larder::cache_stats stats = chunks.stats();
  CHECK(stats.loads == 1);
  CHECK(stats.hits + stats.misses == 16);
  CHECK(stats.joined == stats.misses - 1);
  CHECK(stats.stored_bytes == content.size());
  CHECK(chunks.memory_in_use() == content.size());
}

TEST_CASE("what is not what its name says is damaged, and is not kept") {
  const serving::chunk_folder folder;
  for (const std::size_t size : {std::size_t{10}, std::size_t{1} << 20U}) {
    std::string content = serving::content_of(size);
    const std::string name = larder::digest_of(content).hex();
    content.back() = static_cast<char>(content.back() ^ 1);
    folder.write(name, content);
    for (const std::uint64_t capacity : {std::uint64_t{10'000'000}, std::uint64_t{5}}) {
      serve::served_chunks chunks({.directory = folder.path(), .capacity = capacity});
      CHECK(ask(chunks, "c/" + name).failure == serve::fill_failure::damaged);
      CHECK(chunks.entries() == 0);
      CHECK(chunks.stats().load_failures == 1);
      CHECK(chunks.stats().errors[larder::error_cause::corruption] == 1);
      CHECK(chunks.memory_in_use() == 0);
    }
  }
}

TEST_CASE("a damaged file is not read again until it changes") {
  const serving::chunk_folder folder;
  const std::string content = serving::content_of(1000);
  const std::string name = larder::digest_of(content).hex();
  folder.write(name, serving::content_of(1000, 2));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  CHECK(support::eventually([&] {  // as soon as its stamp is old enough to be trusted
    const std::uint64_t before = chunks.counts().store_reads;
    CHECK(ask(chunks, "c/" + name).failure == serve::fill_failure::damaged);
    return chunks.counts().store_reads == before;
  }));
  CHECK_FALSE(chunks.look_at(address_of("c/" + name)));
  folder.write(name, content);
  CHECK(chunks.look_at(address_of("c/" + name)));
  CHECK(text_of(ask(chunks, "c/" + name).content) == content);
}

TEST_CASE("what is absent is asked for anew each time") {
  const serving::chunk_folder folder;
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  CHECK(ask(chunks, "c/0").failure == serve::fill_failure::absent);
  folder.write("0", "here");
  CHECK(text_of(ask(chunks, "c/0").content) == "here");
  CHECK(chunks.stats().load_failures == 0);
}

TEST_CASE("a name that says nothing of its content follows the file") {
  const serving::chunk_folder folder;
  folder.write("0", "first");
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  const auto first = ask(chunks, "c/0").content;
  CHECK(ask(chunks, "c/0").content == first);
  folder.write("new", "second");
  std::filesystem::rename(folder / "new", folder / "0");
  const auto second = ask(chunks, "c/0").content;
  CHECK(text_of(second) == "second");
  CHECK(second->etag != first->etag);
  CHECK(text_of(first) == "first");
  std::filesystem::remove(folder / "0");
  CHECK(ask(chunks, "c/0").failure == serve::fill_failure::absent);
}

TEST_CASE("a look tells size and tag without reading") {
  const serving::chunk_folder folder;
  folder.write("0", "first");
  const std::string name = folder.add("content");
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  CHECK(chunks.look_at(address_of("c/0"))->size == 5);
  CHECK(chunks.look_at(address_of("c/" + name))->etag == '"' + name + '"');
  CHECK_FALSE(chunks.look_at(address_of("c/1")));
  CHECK(chunks.counts().store_reads == 0);
  CHECK(chunks.stats().misses == 0);
  const auto content = ask(chunks, "c/0").content;
  CHECK(chunks.look_at(address_of("c/0"))->etag == content->etag);
  REQUIRE(ask(chunks, "c/" + name).content);
  std::filesystem::remove(folder / name);
  CHECK(chunks.look_at(address_of("c/" + name))->size == 7);  // from memory
}

TEST_CASE("bytes that readers hold after an eviction are counted, and taken from the room") {
  const serving::chunk_folder folder;
  for (const char* name : {"0", "1", "2", "3"}) folder.write(name, serving::content_of(300'000));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  std::vector<std::shared_ptr<const serve::chunk>> readers;
  for (const char* name : {"c/0", "c/1", "c/2"}) readers.push_back(ask(chunks, name).content);
  CHECK(chunks.stats().pinned_bytes == 0);
  const auto last = ask(chunks, "c/3").content;  // all that could leave is held: no room, and nothing is gained by more
  REQUIRE(last);
  CHECK(last->file);
  CHECK(chunks.memory_in_use() <= 1_MB);
  CHECK(chunks.stats().pinned_bytes + chunks.stats().stored_bytes == 900'000);
  const std::uint64_t pinned = chunks.stats().pinned_bytes;
  CHECK(pinned > 0);
  readers.clear();
  CHECK(chunks.stats().pinned_bytes == 0);
  const auto again = ask(chunks, "c/3").content;
  CHECK_FALSE(again->file);
}

TEST_CASE("what slow readers hold does not leave for nothing") {
  const serving::chunk_folder folder;
  for (int i = 0; i < 20; ++i) folder.write(std::to_string(i), serving::content_of(50'000));
  folder.write("next", serving::content_of(500'000));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  std::vector<std::shared_ptr<const serve::chunk>> readers;
  for (int i = 0; i < 20; ++i) readers.push_back(ask(chunks, "c/" + std::to_string(i)).content);
  REQUIRE(chunks.entries() == 20);
  CHECK(ask(chunks, "c/next").content->file);
  CHECK(chunks.entries() == 19);
  readers.clear();
  CHECK_FALSE(ask(chunks, "c/next").content->file);
}

TEST_CASE("when not even an empty cache would have the room, nothing leaves") {
  const serving::chunk_folder folder;
  folder.write("large", serving::content_of(600'000));
  folder.write("next", serving::content_of(500'000));
  folder.write("small", serving::content_of(100'000));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  const auto reader = ask(chunks, "c/large").content;
  CHECK(ask(chunks, "c/next").content->file);  // the reader keeps what left for it
  REQUIRE(ask(chunks, "c/small").content);
  CHECK(ask(chunks, "c/next").content->file);
  CHECK(keys_of(chunks) == "small ");
  CHECK(chunks.stats().pinned_bytes == 600'000);
}

TEST_CASE("the shared tier is asked first and filled from the directory") {
  const serving::chunk_folder folder;
  const serving::chunk_folder empty;
  const std::string content = serving::content_of(500'000);
  const std::string name = folder.add(content);
  folder.write("named", "x");
  memory_cache shared{larder::max_bytes{10_MB}};
  {
    serve::served_chunks first({.directory = folder.path(), .capacity = 1_MB, .tier = shared});
    REQUIRE(ask(first, "c/" + name).content);
    REQUIRE(ask(first, "c/named").content);
    CHECK(support::eventually([&] { return shared.contains(name); }));
    CHECK(shared.size() == 1);
    CHECK(first.counts().tier_hits == 0);
  }  // what the tier keeps of its memory stays

  serve::served_chunks second({.directory = empty.path(), .capacity = 1_MB, .tier = shared});
  CHECK(text_of(ask(second, "c/" + name).content) == content);
  CHECK(second.counts().tier_hits == 1);
  CHECK(second.counts().store_reads == 0);
  CHECK(second.memory_in_use() == 500'000);
  CHECK(ask(second, "c/named").failure == serve::fill_failure::absent);

  serve::served_chunks tiny({.directory = empty.path(), .capacity = 10, .tier = shared});
  CHECK(ask(tiny, "c/" + name).failure == serve::fill_failure::no_room);
  CHECK(tiny.memory_in_use() == 0);
  CHECK(tiny.stats().load_failures == 1);
}

TEST_CASE("what the tier has is sent from its file when there is no room for it") {
  const serving::chunk_folder folder;
  memory_cache shared{larder::max_bytes{10_MB}};
  std::vector<std::string> names;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const std::string content = serving::content_of(300'000, seed + 1);
    names.push_back(folder.add(content));
    shared.put(names.back(), larder::bytes::copy_of(content));
  }
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 500'000, .tier = shared});
  std::vector<std::shared_ptr<const serve::chunk>> readers;  // slow ones
  for (const std::string& name : names) {
    readers.push_back(ask(chunks, "c/" + name).content);
    REQUIRE(readers.back());
    CHECK(chunks.memory_in_use() <= chunks.capacity());
  }
  CHECK(text_of(readers.back()) == serving::content_of(300'000, 4));
  CHECK(readers.back()->file);
  CHECK(chunks.counts().tier_hits == 1);

  folder.write(names[3], serving::content_of(300'000, 9));  // damaged there, and for want of room the tier cannot help
  CHECK(support::eventually([&] { return ask(chunks, "c/" + names[3]).failure == serve::fill_failure::no_room; }));
}

TEST_CASE("a tier that gives something else is not believed") {
  const serving::chunk_folder folder;
  const std::string content = serving::content_of(1000);
  const std::string name = folder.add(content);
  memory_cache shared{larder::max_bytes{10_MB}};
  shared.put(name, larder::bytes::copy_of("something else"));
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB, .tier = shared});
  CHECK(text_of(ask(chunks, "c/" + name).content) == content);
  CHECK(chunks.counts().tier_hits == 0);
  CHECK(chunks.counts().damaged == 1);
  CHECK(support::eventually([&] { return shared.peek(name)->text() == content; }));
}

TEST_CASE("what is larger than a tier is given is not put there") {
  const serving::chunk_folder folder;
  const std::string large = folder.add(serving::content_of(1001));
  const std::string fits = folder.add(serving::content_of(1000));
  memory_cache shared{larder::max_bytes{10_MB}};
  {
    serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB, .tier = shared, .largest_for_tier = 1000});
    REQUIRE(ask(chunks, "c/" + large).content);
    REQUIRE(ask(chunks, "c/" + fits).content);
  }
  CHECK_FALSE(shared.contains(large));
  CHECK(shared.contains(fits));
}

TEST_CASE("the most used chunks come first") {
  const serving::chunk_folder folder;
  for (const char* name : {"a", "b", "c"}) folder.write(name, name);
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  for (const char* name : {"c/a", "c/b", "c/c"}) {
    const auto got = ask(chunks, name).content;
    got->uses += name[2] == 'b' ? 5 : 1;
  }
  const auto two = chunks.most_used(2);
  REQUIRE(two.size() == 2);
  CHECK(two[0].key == "c/b");
  CHECK(two[0].uses == 5);
  CHECK(two[0].size == 1);
  CHECK(two[1].key == "c/a");
  CHECK(chunks.most_used(10).size() == 3);
}

TEST_CASE("fills that have not begun when the server stops fail") {
  const serving::chunk_folder folder;
  folder.write("a", "x");
  serve::served_chunks chunks({.directory = folder.path(), .capacity = 1_MB});
  chunks.stop();
  CHECK(ask(chunks, "c/a").failure == serve::fill_failure::unreadable);
}

TEST_CASE("a listener hears once of each file that is damaged or cannot be read") {
  const serving::chunk_folder folder;
  const std::string name = larder::digest_of(std::string("content")).hex();
  folder.write(name, "Content");
  std::mutex mutex;
  std::vector<larder::error_event> heard;
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return heard.size();
  };
  serve::served_chunks chunks({.directory = folder.path(),
                               .capacity = 1_MB,
                               .fill_threads = 1,  // a fill that begins says that the one before has told
                               .error_listener = [&](const larder::error_event& event) {
                                 const std::lock_guard lock(mutex);
                                 heard.push_back(event);
                                 throw 1;
                               }});
  for (int i = 0; i < 3; ++i) ask(chunks, "c/" + name);
  ask(chunks, "c/absent");
  REQUIRE(count() == 1);
  CHECK(heard[0].cause == larder::error_cause::corruption);
  CHECK(heard[0].message.find(name) != std::string::npos);
  folder.write(name, "other");
  ask(chunks, "c/" + name);
  ask(chunks, "c/absent");
  CHECK(count() == 2);
}

TEST_CASE("a fill that nobody waits for any more does not begin") {
  const serving::chunk_folder folder;
  folder.write("wanted", "x");
  folder.write("unwanted", "y");
  folder.write(larder::digest_of(std::string("first")).hex(), "First");  // damaged: the listener holds the only thread
  std::promise<void> begun;
  std::promise<void> goes_on;
  serve::served_chunks chunks(
      {.directory = folder.path(), .capacity = 1_MB, .fill_threads = 1, .error_listener = [&](const larder::error_event&) {
         begun.set_value();
         goes_on.get_future().wait();
       }});
  ask(chunks, "c/" + larder::digest_of(std::string("first")).hex());
  begun.get_future().wait();
  chunks.find(address_of("c/unwanted"));  // and is gone
  const auto wanted = chunks.find(address_of("c/wanted"));
  goes_on.set_value();
  CHECK(support::eventually([&] { return wanted.fill->look().state == fill_state::whole; }));
  CHECK(chunks.counts().store_reads == 2);
  CHECK(text_of(ask(chunks, "c/unwanted").content) == "y");
}
