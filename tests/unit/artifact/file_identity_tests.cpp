#include <larder/artifact/file_identity.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::digest_algorithm;
using larder::digest_of;
using larder::error_cause;
using larder::file_identifier;
using larder::file_identity;
using support::says;

namespace {

/// A clock that is so far ahead that no file was changed lately.
larder::manual_clock& later() {
  static larder::manual_clock clock(larder::wall_time::now() + std::chrono::hours(1));
  return clock;
}

}  // namespace

TEST_CASE("a file is its content; a folder the list of its names, sizes and digests") {
  const support::temporary_folder folder;
  support::write_file(folder / "m" / "a.bin", "aaaa");
  support::write_file(folder / "m" / "sub" / "b\xC3\xA9", "bb");
  file_identifier identifier;
  const file_identity file = identifier.identify(folder / "m" / "a.bin");
  CHECK_FALSE(file.is_folder);
  CHECK(file.digest == digest_of("aaaa", digest_algorithm::sha256));
  CHECK(file.size == 4);
  CHECK(file.files == std::vector<larder::identified_file>{{"", 4, file.digest}});
  const file_identity whole = identifier.identify(folder / "m");
  CHECK(whole.is_folder);
  CHECK(whole.size == 6);
  CHECK(whole.files == std::vector<larder::identified_file>{{"a.bin", 4, file.digest},
                                                            {"sub/b\xC3\xA9", 2, digest_of("bb", digest_algorithm::sha256)}});
  CHECK(whole.digest == digest_of("{\"files\": [[\"a.bin\", 4, \"" + file.digest.text() + "\"], [\"sub/b\\u00e9\", 2, \"" +
                                      digest_of("bb", digest_algorithm::sha256).text() + "\"]], \"larder_folder\": 1}",
                                  digest_algorithm::sha256));
  CHECK(identifier.identify(folder / "m", {.algorithm = digest_algorithm::md5}).files[0].digest ==
        digest_of("aaaa", digest_algorithm::md5));
}

TEST_CASE("names, content and nothing else count") {
  const support::temporary_folder folder;
  file_identifier identifier;
  const auto identity_of = [&](const char* name) { return identifier.identify(folder / name).digest; };
  for (const char* name : {"one", "same", "renamed", "other", "longer"}) {
    support::write_file(folder / name / "x", std::string(name) == "other" ? "2" : "1");
    support::write_file(folder / name / (std::string(name) == "renamed" ? "z" : "y"), "3");
  }
  support::write_file(folder / "longer" / "w", "");
  std::filesystem::create_directory(folder / "same" / "empty");
  std::filesystem::permissions(folder / "same" / "x", std::filesystem::perms::owner_read);
  CHECK(identity_of("one") == identity_of("same"));
  for (const char* name : {"renamed", "other", "longer"}) CHECK(identity_of("one") != identity_of(name));
  std::filesystem::create_directory(folder / "linked");
  std::filesystem::create_symlink("x", folder / "linked" / "y");
  support::write_file(folder / "linked" / "x", "1");
  support::write_file(folder / "plain" / "x", "1");
  support::write_file(folder / "plain" / "y", "1");
  CHECK(identity_of("linked") == identity_of("plain"));
  std::filesystem::create_directory(folder / "nothing");
  CHECK(identity_of("nothing") == identity_of("same/empty"));
}

TEST_CASE("what was read once is remembered, between processes, until it changes") {
  const support::temporary_folder folder;
  const auto memory = folder / "digests";
  for (int n = 0; n < 10; ++n)
    support::write_file(folder / "m" / std::to_string(n), std::string(1000, static_cast<char>('a' + n)));
  const larder::file_identifier_options options{.time = larder::time_source{later()}};
  const file_identity first = file_identifier(memory, options).identify(folder / "m");
  CHECK(first.read == 10'000);
  support::in_child([&] {
    const file_identity again = file_identifier(memory, options).identify(folder / "m");
    return again.read == 0 && again.digest == first.digest && again.files == first.files;
  });
  file_identifier identifier(memory, options);
  CHECK(identifier.identify(folder / "m", {.recheck = true}).read == 10'000);
  CHECK(identifier.identify(folder / "m", {.algorithm = digest_algorithm::md5}).read == 10'000);
  CHECK(identifier.identify(folder / "m" / "3").read == 0);
  support::write_file(folder / "m" / "3", std::string(1000, 'x'));
  const file_identity changed = identifier.identify(folder / "m");
  CHECK(changed.read == 1000);
  CHECK(changed.digest != first.digest);
  std::filesystem::last_write_time(folder / "m" / "4", std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
  CHECK(identifier.identify(folder / "m").read == 1000);  // touched: read again, and the same
  CHECK(identifier.identify(folder / "m").digest == changed.digest);
}

TEST_CASE("content that changed while its times went back is read") {
  const support::temporary_folder folder;
  support::write_file(folder / "f", "first");
  file_identifier identifier({}, {.time = larder::time_source{later()}});
  const auto when = std::filesystem::last_write_time(folder / "f");
  CHECK(identifier.identify(folder / "f").digest == digest_of("first", digest_algorithm::sha256));
  support::write_file(folder / "f", "other");
  std::filesystem::last_write_time(folder / "f", when);
  CHECK(identifier.identify(folder / "f").digest == digest_of("other", digest_algorithm::sha256));
}

TEST_CASE("a file that was changed just now is not remembered") {
  const support::temporary_folder folder;
  support::write_file(folder / "f", "12345");
  larder::manual_clock now(larder::wall_time::now());
  file_identifier identifier({}, {.time = larder::time_source{now}});
  CHECK(identifier.identify(folder / "f").read == 5);
  CHECK(identifier.identify(folder / "f").read == 5);
  now.advance(std::chrono::seconds(10));
  CHECK(identifier.identify(folder / "f").read == 5);
  CHECK(identifier.identify(folder / "f").read == 0);
}

TEST_CASE("files are read side by side, with progress that only grows, and with the same answer") {
  const support::temporary_folder folder;
  std::uint64_t total = 0;
  for (int n = 0; n < 40; ++n) {
    const std::size_t size = n == 7 ? 3'000'000 : static_cast<std::size_t>(n) * 1000;
    support::write_file(folder / "m" / std::to_string(n % 5) / std::to_string(n),
                        std::string(size, static_cast<char>('a' + n % 20)));
    total += size;
  }
  file_identifier identifier;
  const file_identity alone = identifier.identify(folder / "m", {.threads = 1});
  std::mutex mutex;
  std::uint64_t last = 0;
  bool grows = true;
  const file_identity together =
      identifier.identify(folder / "m", {.threads = 6, .control = {.progress = [&](std::uint64_t done, std::uint64_t of) {
                                                         const std::lock_guard lock(mutex);
                                                         grows = grows && done > last && of == total;
                                                         last = done;
                                                       }}});
  CHECK(alone.digest == together.digest);
  CHECK(together.read == total);
  CHECK(grows);
  CHECK(last == total);
  std::vector<std::jthread> threads;
  std::mutex found_mutex;
  std::vector<larder::content_digest> found;
  for (int n = 0; n < 4; ++n)
    threads.emplace_back([&] {
      const larder::content_digest one = identifier.identify(folder / "m", {.threads = 2}).digest;
      const std::lock_guard lock(found_mutex);
      found.push_back(one);
    });
  threads.clear();
  CHECK(found == std::vector<larder::content_digest>(4, alone.digest));
}

TEST_CASE("a stop, a failure and what progress throws end it") {
  const support::temporary_folder folder;
  for (int n = 0; n < 20; ++n) support::write_file(folder / "m" / std::to_string(n), std::string(10'000, 'x'));
  file_identifier identifier;
  std::stop_source stop;
  const auto stopped = support::refusal_of([&] {
    identifier.identify(folder / "m",
                        {.threads = 3, .control = {.stop = stop.get_token(), .progress = [&](std::uint64_t, std::uint64_t) {
                                                     stop.request_stop();
                                                   }}});
  });
  CHECK(stopped.cause == error_cause::cancelled);
  CHECK_THROWS_AS(
      identifier.identify(folder / "m", {.threads = 3, .control = {.progress = [](std::uint64_t, std::uint64_t) { throw 7; }}}),
      int);
  CHECK(support::cause_of([&] { identifier.identify(folder / "none"); }) == error_cause::io);
  std::filesystem::create_symlink("/", folder / "m" / "root");
  CHECK(says(support::refusal_of([&] { identifier.identify(folder / "m"); }), "outside of the folder"));
}

TEST_CASE("a memory that cannot be used costs time, not answers") {
  const support::temporary_folder folder;
  support::write_file(folder / "f", "12345");
  std::vector<larder::error_event> told;
  larder::file_identifier_options options{.time = larder::time_source{later()}};
  options.on_error = [&](const larder::error_event& event) { told.push_back(event); };
  file_identifier identifier(folder / "none" / "digests", options);
  CHECK(identifier.identify(folder / "f").read == 5);
  CHECK(told.size() == 1);
  CHECK(identifier.identify(folder / "f").read == 0);  // this process knows it
}
