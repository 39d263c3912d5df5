#include <larder/artifact/pass_folder.hpp>

#include <larder/artifact/pass_prune.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_stats.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/refusal.hpp"

using larder::error_cause;
using larder::pass_file;
using larder::pass_record;
using larder::artifacts::pass_folder;
using namespace passes_in_test;
using support::cause_of;

namespace {

/// Files that are kept and published as the output of an id.
pass_record published(const pass_folder& folder, const std::vector<std::pair<std::string, std::string>>& files, char id) {
  pass_record record;
  record.id = std::string(64, id);
  const fs::path work = folder.begin_work();
  for (const auto& [name, content] : files) write(work / name, content);
  record.files = folder.keep_files(work, {});
  for (const pass_file& file : record.files) record.bytes += file.size;
  folder.publish_output(work, record.id);
  return record;
}

}  // namespace

TEST_CASE("files are kept once, in the order of their names, with their digests") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const pass_record a = published(folder, {{"z", "same"}, {"b/c", "other"}, {"a", "same"}}, 'a');
  REQUIRE(a.files.size() == 3);
  CHECK(a.files[0].name == "a");
  CHECK(a.files[1].name == "b/c");
  CHECK(a.files[0].digest == a.files[2].digest);
  CHECK(folder.blobs().list().size() == 2);
  std::size_t damaged = 0;
  CHECK(folder.has_outputs(a, damaged));
  CHECK(folder.missing_files(a, damaged).empty());
  CHECK(damaged == 0);
  // The last name of a content is enough, and so is a blob without a name elsewhere.
  for (const auto& blob : folder.blobs().list()) folder.blobs().erase(blob.digest);
  CHECK(folder.missing_files(a, damaged).empty());
  const pass_record b = published(folder, {{"a", "same"}}, 'b');
  folder.remove_output(b.id);
  CHECK_FALSE(folder.has_outputs(b, damaged));
  CHECK(folder.missing_files(b, damaged).empty());
  CHECK(damaged == 0);
}

TEST_CASE("an output that changed is damaged, and so is its blob when it is the same file") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const pass_record a = published(folder, {{"a", "content"}}, 'a');
  const fs::path file = folder.output_of(a.id) / "a";
  fs::permissions(file, fs::perms::owner_all);
  std::ofstream(file, std::ios::binary) << "CONTENT";
  std::size_t damaged = 0;
  CHECK(folder.missing_files(a, damaged).size() == 1);
  CHECK(damaged > 0);
  CHECK(folder.blobs().list().empty());
  // Published again, it is whole.
  const pass_record again = published(folder, {{"a", "content"}}, 'a');
  damaged = 0;
  CHECK(folder.has_outputs(again, damaged));
  CHECK(content_of(file) == "content");
  CHECK(damaged == 0);
}

TEST_CASE("a damaged blob is not what a new output of the same content is made of") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const pass_record a = published(folder, {{"a", "content"}}, 'a');
  write(folder.blobs().path_of(a.files[0].digest), "CONTENT");
  const pass_record b = published(folder, {{"b", "content"}}, 'b');
  CHECK(content_of(folder.output_of(b.id) / "b") == "content");
  CHECK(content_of(folder.blobs().path_of(a.files[0].digest)) == "content");
}

TEST_CASE("what a pass may not make is refused, and its folder stays") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const fs::path work = folder.begin_work();
  write(work / "good", "x");
  fs::create_symlink("nowhere", work / "dangling");
  CHECK(cause_of([&] { folder.keep_files(work, {}); }) == error_cause::invalid_argument);
  CHECK(content_of(work / "good") == "x");
}

TEST_CASE("an output that is published over another one replaces it whole") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const pass_record first = published(folder, {{"a", "1"}, {"b", "1"}}, 'a');
  const pass_record second = published(folder, {{"a", "2"}}, 'a');
  CHECK(content_of(folder.output_of(second.id) / "a") == "2");
  CHECK_FALSE(fs::exists(folder.output_of(second.id) / "b"));
  CHECK(fs::is_empty(here / "cache/work"));
}

TEST_CASE("contents are counted by who needs them") {
  const support::temporary_folder here;
  const pass_folder folder(here / "cache", "w");
  const pass_record a = published(folder, {{"x", "same"}, {"y", "same"}, {"z", "own"}}, 'a');
  const pass_record b = published(folder, {{"x", "same"}}, 'b');
  larder::artifacts::content_uses uses;
  uses.add(a);
  uses.add(b);
  CHECK(uses.bytes() == 7);
  CHECK(uses.remove(a).size() == 1);
  CHECK(uses.bytes() == 4);
  CHECK(uses.remove(b).size() == 1);
  CHECK(uses.bytes() == 0);
  CHECK(uses.remove(b).empty());
}

TEST_CASE("a warning is told once where it is asked to be, and failures are counted by cause") {
  std::vector<std::string> told;
  larder::artifacts::pass_report report([&](const std::string& text) { told.push_back(text); }, {"first"});
  report.warn_once("x", "second");
  report.warn_once("x", "second");
  CHECK(told == std::vector<std::string>{"second"});
  CHECK(report.warnings() == std::vector<std::string>{"first", "second"});
  try {
    larder::core::fail(error_cause::no_space, "full");
  } catch (...) {
    report.absorb_current();
  }
  larder::pass_stats stats;
  report.counts.add_to(stats);
  CHECK(stats.errors[error_cause::no_space] == 1);
  CHECK(cause_of([&] {
          try {
            larder::core::fail(error_cause::cancelled, "stop");
          } catch (...) {
            report.absorb_current();
          }
        }) == error_cause::cancelled);
}
