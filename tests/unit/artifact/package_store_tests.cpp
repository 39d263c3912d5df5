#include <larder/artifact/blob_supply.hpp>
#include <larder/artifact/left_partial_files.hpp>
#include <larder/artifact/package.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_index.hpp>
#include <larder/artifact/package_maker.hpp>
#include <larder/artifact/package_memo.hpp>
#include <larder/artifact/package_report.hpp>
#include <larder/artifact/package_store.hpp>
#include <larder/artifact/package_store_settings.hpp>
#include <larder/artifact/package_store_stats.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/store_room.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/file_provider.hpp"
#include "support/flip_bit.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::file_fault;
using larder::package_file;
using larder::package_store;
using larder::verify_depth;
using larder::artifacts::chunk_size;
using support::flip_bit;

const larder::fetch_function nobody = [](std::string_view, const larder::byte_range&, larder::fetch_sink&) {
  FAIL("the provider was called");
};
const std::size_t chunk = static_cast<std::size_t>(chunk_size);

}  // namespace

TEST_CASE("home is what the environment says, else a folder of the system's") {
  CHECK(package_store::default_home([](const std::string& name) {
          return name == "INFERENCE_HOME" ? std::optional<std::string>("/x/y") : std::nullopt;
        }) == "/x/y");
  CHECK(package_store::default_home([](const std::string&) { return std::optional<std::string>(); }) == "/tmp/cache");
  const support::temporary_folder home;
  support::write_file(home / "file", "");
  CHECK(support::cause_of([&] { package_store{home / "file"}; }) == larder::error_cause::io);
}

TEST_CASE("a package says what it has, and what was meant by a name that it has not") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  const larder::package p =
      store.get("org/m", "fp32", {provider.file("model.onnx", "12345"), provider.file("a/labels.txt", "678")}, provider.fetch());
  CHECK(p.model_id() == "org/m");
  CHECK(p.package_id() == "fp32");
  CHECK(p.size() == 8);
  CHECK(p.files().size() == 2);
  CHECK(p.path("model.onnx") == p.folder() / "model.onnx");
  const support::refusal refused = support::refusal_of([&] { p.path("model.onx"); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(support::says(refused, "did you mean \"model.onnx\""));
}

TEST_CASE("what is asked for is checked before anything happens") {
  const support::temporary_folder home;
  package_store store{home.path()};
  for (const std::vector<package_file>& files : {std::vector<package_file>{},
                                                 {{"../x", "u"}},
                                                 {{"a", "u"}, {"a", "u"}},
                                                 {{"a", "u"}, {"a/b", "u"}},
                                                 {{".larder.json", "u"}}})
    CHECK(support::cause_of([&] { store.get("m", "p", files, nobody); }) == larder::error_cause::invalid_argument);
  CHECK(support::files_below(home.path()) == 0);
}

TEST_CASE("a package whose files are others now is made anew: what is the same is not fetched, what is gone goes") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  const package_file a = provider.file("a", "aaa"), old_b = provider.file("b", "old"), c = provider.file("x/c", "ccc");
  store.get("m", "p", {a, old_b, c}, provider.fetch());
  const package_file new_b = provider.file("b", "new");
  const std::uint64_t calls = provider.calls();
  const larder::package p = store.get("m", "p", {new_b, a}, provider.fetch());
  CHECK(provider.calls() == calls + 1);
  CHECK(support::content_of(p.path("b")) == "new");
  CHECK(p.files().size() == 2);
  CHECK_FALSE(fs::exists(p.folder() / "x"));
  CHECK(store.usage().unreferenced_blobs == 2);
  // A size that does not fit the digest is said.
  CHECK(support::cause_of([&] {
          store.get("m", "q", {{"a", a.url, a.digest, 4}}, provider.fetch());
        }) == larder::error_cause::corruption);
  // Files of others in the folder stay.
  support::write_file(p.folder() / "notes.txt", "mine");
  const fs::path folder = p.folder();
  store.purge(larder::purge_scope::packages);  // in use
  CHECK(fs::exists(folder / "b"));
}

TEST_CASE("removing a package leaves what others put there") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  const std::vector<package_file> files{provider.file("a/b", "x")};
  std::optional<larder::package> p = store.get("m", "p", files, provider.fetch());
  const fs::path folder = p->folder();
  support::write_file(folder / "notes.txt", "mine");
  CHECK(support::cause_of([&] { store.erase("m", "p"); }) == larder::error_cause::invalid_argument);  // in use
  p.reset();
  CHECK(store.erase("m", "p"));
  CHECK_FALSE(store.erase("m", "p"));
  CHECK(support::files_below(folder) == 1);
  CHECK(support::content_of(store.get("m", "p", files, nobody).path("a/b")) == "x");
}

TEST_CASE("hard links and copies, when those are asked for") {
  for (const larder::link_mode mode : {larder::link_mode::hard, larder::link_mode::copy}) {
    const support::temporary_folder home;
    support::file_provider provider;
    const std::vector<package_file> files{provider.file("a", support::pattern(10'000))};
    package_store store{home.path(), {.links = mode}};
    const larder::package p = store.get("m", "p", files, provider.fetch());
    CHECK(fs::is_regular_file(fs::symlink_status(p.path("a"))));
    CHECK(fs::hard_link_count(p.path("a")) == (mode == larder::link_mode::hard ? 2 : 1));
    CHECK(store.usage().bytes() == (mode == larder::link_mode::hard ? 10'000 : 20'000));
    store.get("m", "p", files, nobody);
    package_store again{home.path()};
    again.get("m", "p", files, nobody);
    CHECK(again.verify("m", "p").is_whole());
    flip_bit(p.path("a"), 500);
    CHECK(again.verify("m", "p").files[0].fault == file_fault::damaged);
    CHECK(again.repair("m", "p", files, provider.fetch()).fetched_bytes == (mode == larder::link_mode::hard ? 10'000 : 0));
    CHECK(again.verify("m", "p").is_whole());
    CHECK(support::content_of(p.path("a")) == support::pattern(10'000));
  }
}

TEST_CASE("flipped bits: deep verification names the chunks, and repair fetches those alone") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::string content = support::pattern(5 * chunk + 1234);
  const std::vector<package_file> files{provider.file("model.bin", content), provider.file("small", "small"),
                                        provider.file_without_digest("own", "own")};
  package_store store{home.path()};
  store.get("m", "p", files, provider.fetch());
  const fs::path blob = home / "shared-blobs" / files[0].digest->hex();
  const auto read = [&] { return support::content_of(store.find("m", "p")->path("model.bin")) == content; };
  CHECK(store.verify("m", "p").is_whole());
  const std::uint64_t before = provider.bytes();

  SUBCASE("two chunks") {
    flip_bit(blob, chunk + 5);
    flip_bit(blob, 5 * chunk + 1000);
    CHECK(store.verify("m", "p", verify_depth::quick).is_whole());
    const larder::package_report report = store.verify("m", "p");
    CHECK(report.files[0].fault == file_fault::damaged);
    CHECK(report.files[0].damaged_chunks == std::vector<std::size_t>{1, 5});
    CHECK(report.files[1].fault == file_fault::none);
    const larder::repair_report repaired = store.repair("m", "p", files, provider.fetch());
    CHECK(repaired.mended_files == 1);
    CHECK(repaired.fetched_bytes == chunk + 1234);
    CHECK(provider.bytes() == before + chunk + 1234);
  }
  SUBCASE("cut off") {
    fs::resize_file(blob, 2 * chunk + 1);
    CHECK(store.verify("m", "p", verify_depth::quick).files[0].fault == file_fault::damaged);
    CHECK(store.repair("m", "p", files, provider.fetch()).fetched_bytes == 3 * chunk + 1234);
  }
  SUBCASE("damaged, and its list of chunks gone: all of it") {
    flip_bit(blob, 5);
    fs::remove_all(home / "blob-state" / "chunks");
    CHECK(store.repair("m", "p", files, provider.fetch()).fetched_bytes == content.size() + 0);
  }
  SUBCASE("gone: all of it") {
    fs::remove(blob);
    CHECK(store.verify("m", "p").files[0].fault == file_fault::missing);
    CHECK(store.repair("m", "p", files, provider.fetch()).fetched_bytes == content.size());
  }
  SUBCASE("a link that leads elsewhere: nothing is fetched") {
    const fs::path link = store.find("m", "p")->path("model.bin");
    fs::remove(link);
    fs::create_symlink("small", link);
    CHECK(store.verify("m", "p").files[0].fault == file_fault::misplaced);
    const larder::repair_report repaired = store.repair("m", "p", files, nobody);
    CHECK(repaired.relinked_files == 1);
    CHECK(repaired.fetched_bytes == 0);
  }
  SUBCASE("a file of its own") {
    const fs::path own = store.find("m", "p")->path("own");
    flip_bit(own, 1);
    CHECK(store.verify("m", "p", verify_depth::quick).is_whole());
    CHECK(store.verify("m", "p").files[2].fault == file_fault::damaged);
    CHECK(store.repair("m", "p", files, provider.fetch()).fetched_bytes == 3);
    fs::remove(own);
    CHECK(store.verify("m", "p", verify_depth::quick).files[2].fault == file_fault::missing);
    CHECK(store.repair("m", "p", files, provider.fetch()).fetched_bytes == 3);
  }
  SUBCASE("written to while nobody looked: the next get notices and fetches the damaged chunk") {
    flip_bit(blob, 3 * chunk);
    CHECK(support::content_of(store.get("m", "p", files, provider.fetch()).path("model.bin")) == content);
    CHECK(provider.bytes() == before + chunk);
    CHECK(store.stats().mended_files == 1);
  }
  SUBCASE("the provider has other bytes now: the repair fails, and the damaged file is not taken for right") {
    flip_bit(blob, 0);
    provider.put(files[0].url, support::pattern(content.size(), 99));
    CHECK(support::cause_of([&] { store.repair("m", "p", files, provider.fetch()); }) == larder::error_cause::corruption);
    CHECK_FALSE(store.verify("m", "p").is_whole());
    provider.put(files[0].url, content);
    store.repair("m", "p", files, provider.fetch());
  }
  CHECK(store.verify("m", "p").is_whole());
  CHECK(read());
  CHECK(support::files_below(home / "blob-state" / "partial") == 0);
}

TEST_CASE("packages are listed with sizes, times of use and pins; what is damaged is no package") {
  const support::temporary_folder home;
  support::file_provider provider;
  larder::manual_clock clock(std::chrono::seconds(1'700'000'000));
  package_store store{home.path(), {.clock = [&] { return clock.now(); }}};
  for (const char* const model : {"b", "a"})
    for (const char* const id : {"2", "1"}) {
      clock += std::chrono::seconds(1);
      store.get(model, id, {provider.file(std::string(model) + id, std::string(model) + id)}, provider.fetch());
    }
  store.pin("a", "2");
  std::vector<larder::package_info> all = store.list();
  REQUIRE(all.size() == 4);
  CHECK(all[0].manifest.model_id == "a");
  CHECK(all[0].manifest.package_id == "1");
  CHECK(all[0].last_use == std::chrono::seconds(1'700'000'004));
  CHECK(all[0].size() == 2);
  CHECK_FALSE(all[0].pinned);
  CHECK(all[1].pinned);
  CHECK(all[1].last_use == std::chrono::seconds(1'700'000'003));  // pinning is no use
  CHECK(all[3].manifest.model_id == "b");
  store.unpin("a", "2");
  CHECK_FALSE(store.list()[1].pinned);
  CHECK(support::cause_of([&] { store.pin("a", "3"); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { store.verify("a", "3"); }) == larder::error_cause::invalid_argument);

  support::write_file(all[0].folder / ".larder.json", "{}");
  support::write_file(home / "models-cache" / "a file", "");
  fs::create_directories(home / "models-cache" / "x" / "empty");
  CHECK(store.list().size() == 3);
  // The manifest of another package, moved there by hand, is none.
  fs::copy_file(all[1].folder / ".larder.json", all[0].folder / ".larder.json", fs::copy_options::overwrite_existing);
  CHECK(store.list().size() == 3);
  CHECK(support::content_of(store.get("a", "1", {provider.file("a1", "a1")}, nobody).path("a1")) == "a1");
  CHECK(store.list().size() == 4);
}

TEST_CASE("100 GB of sparse files: sizes count as content has them, and what the file system keeps is said apart") {
  const support::temporary_folder home;
  larder::manual_clock clock(larder::wall_time::now());
  larder::package_store_settings settings;
  settings.clock = [&] { return clock.now(); };
  package_store store{home.path(), settings};
  constexpr std::uint64_t each = 20'000'000'000;
  for (int i = 0; i < 5; ++i) {  // as packages whose blobs were fetched: their content is never read here
    const larder::content_digest digest = larder::digest_of(std::to_string(i), larder::digest_algorithm::sha256);
    const fs::path blob = home / "shared-blobs" / digest.hex();
    support::write_file(blob, "");
    fs::resize_file(blob, each);
    const larder::artifacts::package_folder folder(
        larder::artifacts::store_layout{home.path()}.package("m", "p" + std::to_string(i)));
    const larder::artifacts::use_lock use = folder.use();
    store.blobs().link_to(digest, folder.path_of("weights"));
    folder.write_manifest({"m", "p" + std::to_string(i), {{"weights", digest, each, larder::file_keeping::relative}}});
    folder.touch(use, clock.now());
    clock += std::chrono::seconds(1);
  }
  const larder::store_usage usage = store.usage();
  CHECK(usage.bytes() == 100'000'000'000);
  CHECK(usage.blobs == 5);
  CHECK(usage.allocated < 1'000'000);
  CHECK(store.verify("m", "p0", verify_depth::quick).is_whole());
  CHECK(store.shrink_to(100'000'000'000).bytes == 0);
  const larder::removal_report removed = store.shrink_to(50'000'000'000);
  CHECK(removed.packages == 3);
  CHECK(removed.bytes == 60'000'000'000);
  CHECK(store.list()[0].manifest.package_id == "p3");
  CHECK(store.usage().bytes() == 40'000'000'000);
}

TEST_CASE("a collection takes unreferenced blobs that are old enough, and what was found damaged") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  store.get("m", "p", {provider.file("a", "aaa"), provider.file("b", "bb")}, provider.fetch());
  store.get("m", "p", {provider.file("a", "aaa")}, nobody);
  CHECK(store.gc(std::chrono::hours(1)).blobs == 0);
  std::stop_source stop;
  stop.request_stop();
  CHECK(support::cause_of([&] { store.gc({}, {stop.get_token(), {}}); }) == larder::error_cause::cancelled);
  CHECK(store.usage().blobs == 2);
  std::pair<std::uint64_t, std::uint64_t> told;
  const larder::removal_report removed =
      store.gc({}, {{}, [&](std::uint64_t done, std::uint64_t total) { told = {done, total}; }});
  CHECK(told == std::pair<std::uint64_t, std::uint64_t>(2, 2));
  CHECK(removed.blobs == 1);
  CHECK(removed.bytes == 2);
  CHECK(store.usage().blobs == 1);
  CHECK(store.verify("m", "p").is_whole());
}

TEST_CASE("what a provider throws reaches the caller and all who wait, and nothing is kept of it") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  const std::vector<package_file> files{provider.file("a", "aaa"), {"b", "mem://nowhere"}};
  CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::server);
  CHECK_THROWS_AS(
      store.get("m", "p", files,
                [](std::string_view, const larder::byte_range&, larder::fetch_sink&) { throw std::logic_error("mine"); }),
      std::logic_error);
  CHECK(support::files_below(home / "models-cache") == 0);
  std::stop_source stop;
  const std::vector<package_file> large{provider.file("large", support::pattern(3 * chunk))};
  CHECK(support::cause_of([&] {
          store.get("m", "p", large, provider.fetch(), {stop.get_token(), [&](std::uint64_t done, std::uint64_t) {
                                                          if (done > 2'000'000) stop.request_stop();
                                                        }});
        }) == larder::error_cause::cancelled);
  CHECK(store.list().empty());
  CHECK(store.get("m", "p", large, provider.fetch()).size() == 3 * chunk);
}

TEST_CASE("a waiter goes on when the one it waits for is stopped") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("f", "content")};
  package_store store{home.path()};
  std::stop_source stop;
  std::atomic<int> began{0};
  const larder::fetch_function fetch = [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
    if (began++ == 0) {
      REQUIRE(support::eventually([&] { return sink.stop().stop_requested(); }));
    }
    provider.fetch()(url, range, sink);
  };
  std::thread first([&] {
    CHECK(support::cause_of([&] {
            store.get("m", "p", files, fetch, {stop.get_token(), {}});
          }) == larder::error_cause::cancelled);
  });
  REQUIRE(support::eventually([&] { return began.load() == 1; }));
  std::thread second([&] { CHECK(store.get("m", "p", files, fetch).size() == 7); });
  stop.request_stop();
  first.join();
  second.join();
  CHECK(began == 2);
}

TEST_CASE("a collision of folders is not taken for a hit") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  const std::vector<package_file> files{provider.file("f", "content")};
  const fs::path folder = store.get("a", "p", files, provider.fetch()).folder();
  larder::artifacts::package_folder(folder).write_manifest({"another model", "p", {}});
  CHECK_FALSE(store.find("a", "p"));
  CHECK(store.get("a", "p", files, nobody).model_id() == "a");
}
