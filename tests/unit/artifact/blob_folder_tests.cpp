#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/file_copy.hpp>
#include <larder/artifact/file_link.hpp>
#include <larder/artifact/file_scan.hpp>
#include <larder/artifact/folder_tree.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/flip_bit.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using support::flip_bit;
using namespace larder::artifacts;
using larder::content_digest;
using larder::digest_algorithm;
using larder::link_mode;

content_digest sha256(std::string_view content) { return larder::digest_of(content, digest_algorithm::sha256); }

chunk_list chunks_of(std::string_view content) {
  chunk_hasher hasher;
  hasher.add(std::as_bytes(std::span(content)));
  return hasher.take();
}
stored_file put(const blob_folder& blobs, std::string_view content) {
  staged_file staged = blobs.stage();
  larder::storage::write_at(staged.file(), std::as_bytes(std::span(content)), {}, 0, staged.path().string());
  return blobs.publish(std::move(staged), sha256(content), chunks_of(content));
}

}  // namespace

TEST_CASE("a blob is found under its digest, and there is one of each") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs", home / "state");
  CHECK_FALSE(blobs.find(sha256("x")));
  const stored_file stored = put(blobs, "x");
  CHECK(stored.added);
  CHECK(stored.blob.size == 1);
  CHECK_FALSE(put(blobs, "x").added);
  CHECK(blobs.find(sha256("x"))->digest == sha256("x"));
  CHECK(support::content_of(blobs.path_of(sha256("x"))) == "x");
  CHECK(blobs.path_of(sha256("x")).filename() == sha256("x").hex());
  put(blobs, "");
  CHECK(blobs.list().size() == 2);
  CHECK(support::files_below(home / "blobs") == 2);  // nothing else lies there
  CHECK(support::files_below(home / "state" / "staging") == 0);
  CHECK(blobs.erase(sha256("x")));
  CHECK_FALSE(blobs.erase(sha256("x")));
  CHECK(support::files_below(home / "state" / "chunks") == 1);
}

TEST_CASE("names say which digest a file has") {
  for (const digest_algorithm algorithm : {digest_algorithm::sha256, digest_algorithm::md5, digest_algorithm::xxh3_128}) {
    const content_digest digest = larder::digest_of("x", algorithm);
    CHECK(blob_folder::digest_of_name(blob_folder::name_of(digest)) == digest);
  }
  for (const char* const name :
       {"", "x", ".state", "md5:9dd4e461268c8034f5c8564e155c67a6", "9DD4E461268C8034F5C8564E155C67A6", "xxh3-", "../x"})
    CHECK_FALSE(blob_folder::digest_of_name(name));
}

TEST_CASE("threads that publish the same blob leave one whole file") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs");
  const std::string content = support::pattern(300'000);
  std::atomic<int> added{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      if (put(blobs, content).added) ++added;
    });
  for (std::thread& t : threads) t.join();
  CHECK(added == 1);
  CHECK(support::content_of(blobs.path_of(sha256(content))) == content);
  CHECK(support::files_below(blobs.staging()) == 0);
}

TEST_CASE("storing a file takes a copy, whose digest is that of what was copied") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs");
  support::write_file(home / "file", "content");
  CHECK(blobs.store(home / "file", digest_algorithm::sha256).blob.digest == sha256("content"));
  CHECK(support::cause_of([&] { blobs.store(home / "file", digest_algorithm::sha256, {}, sha256("other")); }) ==
        larder::error_cause::corruption);
  CHECK(support::cause_of([&] { blobs.store(home / "none", digest_algorithm::sha256); }) == larder::error_cause::io);
  CHECK(support::cause_of([&] { blobs.store(home.path(), digest_algorithm::sha256); }) == larder::error_cause::invalid_argument);
  std::stop_source stop;
  stop.request_stop();
  CHECK(support::cause_of([&] {
          blobs.store(home / "file", digest_algorithm::sha256, {stop.get_token(), {}});
        }) == larder::error_cause::cancelled);
  CHECK(blobs.list().size() == 1);
  CHECK(support::files_below(blobs.staging()) == 0);
}

TEST_CASE("links are relative where they can be, else hard, or copies when that is asked for") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs", home / "state");
  const content_digest digest = put(blobs, "content").blob.digest;
  make_folder_tree(home / "deep" / "er");
  const fs::path link = home / "deep" / "er" / "link";
  CHECK(blobs.link_to(digest, link) == link_mode::relative);
  CHECK(fs::read_symlink(link) == fs::path("../../blobs") / digest.hex());
  CHECK(blobs.link_to(digest, link, link_mode::hard) == link_mode::hard);
  CHECK(blobs.link_to(digest, link, link_mode::hard) == link_mode::hard);  // again: nothing is left beside it
  CHECK(fs::hard_link_count(link) == 2);
  CHECK(blobs.link_to(digest, link, link_mode::copy) == link_mode::copy);
  CHECK(fs::hard_link_count(link) == 1);
  CHECK(support::content_of(link) == "content");
  CHECK(support::files_below(home / "deep") == 1);
  CHECK(support::cause_of([&] { blobs.link_to(sha256("none"), link); }) == larder::error_cause::io);
  CHECK(support::cause_of([&] { blobs.link_to(digest, home / "no folder" / "x"); }) == larder::error_cause::io);

  // A folder that is a link to elsewhere: ".." leads from there.
  make_folder_tree(home / "disk" / "two" / "models");
  fs::create_directory_symlink(home / "disk" / "two" / "models", home / "models");
  CHECK(blobs.link_to(digest, home / "models" / "link") == link_mode::relative);
  CHECK(support::content_of(home / "models" / "link") == "content");
}

TEST_CASE("damage is found: by size, by chunk, by the whole, and what was only moved is whole") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs", home / "state");
  const std::string content = support::pattern(static_cast<std::size_t>(2 * chunk_size + 1000));
  const content_digest digest = put(blobs, content).blob.digest;
  const auto look = [&](verification depth) { return blobs.verify(digest, depth); };
  for (const verification depth : {verification::size, verification::chunks, verification::digest})
    CHECK(look(depth).state == blob_state::whole);
  CHECK(blobs.is_as_checked(*blobs.find(digest)));

  SUBCASE("touched") {
    fs::last_write_time(blobs.path_of(digest), fs::file_time_type::clock::now() + std::chrono::hours(1));
    CHECK_FALSE(blobs.is_as_checked(*blobs.find(digest)));
    CHECK(look(verification::chunks).state == blob_state::whole);
    CHECK(blobs.is_as_checked(*blobs.find(digest)));
  }
  SUBCASE("a byte in one chunk") {
    flip_bit(blobs.path_of(digest), chunk_size + 17);
    CHECK_FALSE(blobs.is_as_checked(*blobs.find(digest)));
    CHECK(look(verification::size).state == blob_state::whole);
    for (const verification depth : {verification::chunks, verification::digest}) {
      const blob_report report = look(depth);
      CHECK(report.state == blob_state::damaged);
      CHECK(report.damaged_chunks == std::vector<std::size_t>{1});
      CHECK(report.has_chunks);
    }
  }
  SUBCASE("cut off") {
    fs::resize_file(blobs.path_of(digest), chunk_size);
    CHECK(look(verification::size).state == blob_state::damaged);
    CHECK(look(verification::chunks).damaged_chunks == std::vector<std::size_t>{1, 2});
    CHECK(look(verification::chunks).size == content.size());
  }
  SUBCASE("longer") {
    fs::resize_file(blobs.path_of(digest), content.size() + chunk_size);
    CHECK(look(verification::chunks).state == blob_state::damaged);
  }
  SUBCASE("without a list of chunks") {
    fs::remove_all(home / "state");
    CHECK(look(verification::chunks).state == blob_state::whole);
    flip_bit(blobs.path_of(digest), 5);
    fs::remove_all(home / "state");
    const blob_report report = look(verification::chunks);
    CHECK(report.state == blob_state::damaged);
    CHECK_FALSE(report.has_chunks);
  }
  SUBCASE("a list of other content") {
    flip_bit(blobs.path_of(digest), 5);
    std::string other = content;
    other[5] = static_cast<char>(other[5] ^ 1);
    support::write_file(home / "state" / "chunks" / blob_folder::name_of(digest), chunks_of(other).text());
    CHECK(look(verification::chunks).state == blob_state::whole);  // nothing better is known without reading the whole
    const blob_report report = look(verification::digest);
    CHECK(report.state == blob_state::damaged);
    CHECK_FALSE(report.has_chunks);
  }
  SUBCASE("gone") {
    blobs.erase(digest);
    CHECK(look(verification::digest).state == blob_state::absent);
  }
}

TEST_CASE("a damaged blob makes way: aside, replaced in one step, or when one of another size is published") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs", home / "state");
  const content_digest digest = put(blobs, "content").blob.digest;
  support::write_file(blobs.path_of(digest), "conTent");
  staged_file right = blobs.stage();
  larder::storage::write_at(right.file(), std::as_bytes(std::span(std::string_view("content"))), {}, 0, right.path().string());
  blobs.replace(right.path(), digest, chunks_of("content"));
  CHECK(support::content_of(blobs.path_of(digest)) == "content");
  CHECK(support::files_below(home / "state" / "quarantine") == 1);
  support::write_file(blobs.path_of(digest), "cut");
  CHECK(put(blobs, "content").added);
  CHECK(support::content_of(blobs.path_of(digest)) == "content");
  CHECK(support::files_below(home / "state" / "quarantine") == 2);
  CHECK(blobs.quarantine(digest));
  CHECK_FALSE(blobs.quarantine(digest));
  CHECK(blobs.empty_state(std::chrono::hours(1)) == 7 + 3 + 7);
  CHECK(support::files_below(home / "state") == 0);
}

TEST_CASE("whoever writes to a file while it is published is found out") {
  const support::temporary_folder home;
  const blob_folder blobs(home / "blobs");
  support::write_file(blobs.staging() / "x", "longer than was checked");
  CHECK(support::cause_of([&] { blobs.publish(blobs.staging() / "x", sha256("short"), chunks_of("short")); }) ==
        larder::error_cause::corruption);
  CHECK(blobs.list().empty());
}

TEST_CASE("copies of ranges go where they should, and say when a file ends before") {
  const support::temporary_folder home;
  const std::string content = support::pattern(3'000'000);
  support::write_file(home / "from", content);
  const larder::storage::file_descriptor from = larder::storage::open_file((home / "from").string(), O_RDONLY);
  const larder::storage::file_descriptor to = larder::storage::open_file((home / "to").string(), O_RDWR | O_CREAT);
  copy_range(from, "from", 1000, to, "to", 10, 2'000'000);
  CHECK(support::content_of(home / "to") == std::string(10, '\0') + content.substr(1000, 2'000'000));
  CHECK(support::cause_of([&] { copy_range(from, "from", 2'999'999, to, "to", 0, 2); }) == larder::error_cause::corruption);
}
