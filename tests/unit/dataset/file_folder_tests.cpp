#include <larder/dataset/file_folder.hpp>
#include <larder/dataset/folder_listing.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

using larder::error_cause;
using larder::file_folder;
using larder::file_sample;

/// Calls for each sample, shard by shard.
template <class F>
void for_each(const file_folder& source, F visit) {
  for (std::size_t s = 0; s < source.shards(); ++s) {
    const auto shard = source.open(s);
    REQUIRE(shard->size() == source.count(s));
    for (std::uint64_t r = 0; r < shard->size(); ++r) visit(shard->record(r));
  }
}
std::vector<std::string> paths(const file_folder& source) {
  std::vector<std::string> all;
  for_each(source, [&](const file_sample& sample) { all.emplace_back(sample.path()); });
  return all;
}

}  // namespace

TEST_CASE("files of a directory are records with a label by folder") {
  const support::temporary_folder folder;
  for (const char* name : {"data/dog/2.jpg", "data/cat/1.jpg", "data/cat/deep/3.JPG", "data/0.jpg", "data/cat.b/9.jpg", "data/dog/notes.txt"})
    support::write_file(folder / name, name);
  for (const char* hidden : {"data/.git/x.jpg", "data/cat/.DS_Store.jpg", "data/._0.jpg"}) support::write_file(folder / hidden, "");
  const file_folder images{folder / "data/", {.endings = {".jpg", ".png"}}};
  CHECK(images.name() == "data");
  CHECK(paths(images) == std::vector<std::string>{"0.jpg", "cat.b/9.jpg", "cat/1.jpg", "cat/deep/3.JPG", "dog/2.jpg"});
  CHECK(images.labels() == std::vector<std::string>{"", "cat", "cat.b", "dog"});
  for_each(images, [&](const file_sample& sample) {
    CHECK(sample.content().text() == "data/" + std::string(sample.path()));
    CHECK(sample.size() == sample.path().size() + 5);
    const std::size_t slash = sample.path().find('/');
    CHECK(sample.label() == (slash == std::string::npos ? "" : sample.path().substr(0, slash)));
    CHECK(images.labels()[sample.label_number()] == sample.label());
  });
  CHECK(paths(file_folder{folder / "data"}).size() == 6);
  CHECK(paths(file_folder{folder / "data", {.recursive = false}}) == std::vector<std::string>{"0.jpg"});
  CHECK(paths(file_folder{folder / "data", {.endings = {"es.TXT"}}}) == std::vector<std::string>{"dog/notes.txt"});
  CHECK(images.shards() == 1);
  CHECK(images.shard_bytes(0) == 0);
  CHECK(says(support::refusal_of([&] { images.open(1); }), "has no shard 1; it has 1"));
  CHECK(says(support::refusal_of([&] { images.open(0)->record(5); }), "there is no file 5 in shard 0, which has 5"));
}

TEST_CASE("what cannot be a data set is refused with a way out") {
  const support::temporary_folder folder;
  support::write_file(folder / "d/sub/a.txt", "a");
  CHECK(support::cause_of([&] { file_folder{folder / "none"}; }) == error_cause::io);
  CHECK(says(support::refusal_of([&] { file_folder{folder / "d/sub/a.txt"}; }), "is not a directory"));
  CHECK(says(support::refusal_of([&] { file_folder{folder / "d", {.endings = {".jpg", ".png"}}}; }), "has no file *.jpg, *.png in it"));
  CHECK(says(support::refusal_of([&] { file_folder{folder / "d", {.recursive = false}}; }), ".recursive takes those of its folders"));
  REQUIRE(::mkfifo((folder / "d/pipe").c_str(), 0600) == 0);
  CHECK(paths(file_folder{folder / "d"}) == std::vector<std::string>{"sub/a.txt"});
}

TEST_CASE("links are followed inside the directory only") {
  namespace fs = std::filesystem;
  const support::temporary_folder folder;
  support::write_file(folder / "d/all/a.txt", "a");
  support::write_file(folder / "d2/b.txt", "b");
  support::write_file(folder / "secret.txt", "s");
  fs::create_directories(folder / "d/train");
  fs::create_symlink("../all/a.txt", folder / "d/train/a.txt");
  fs::create_directory_symlink("..", folder / "d/train/loop");
  fs::create_directory_symlink("all", folder / "d/again");
  fs::create_directory_symlink("d", folder / "link");
  const file_folder source{folder / "link"};  // the directory itself may be one
  CHECK(paths(source) == std::vector<std::string>{"all/a.txt", "train/a.txt"});
  for_each(source, [](const file_sample& sample) { CHECK(sample.content().text() == "a"); });

  const auto refused = [&](const fs::path& target, std::string_view name, error_cause cause) {
    fs::create_symlink(target, folder / "d" / name);
    const support::refusal why = support::refusal_of([&] { file_folder{folder / "d"}; });
    CHECK(why.cause == cause);
    CHECK(says(why, name));
    CHECK(paths(file_folder{folder / "d", {.endings = {"a.txt"}}}).size() == (name == "folder" ? 0 : 2));
    fs::remove(folder / "d" / name);
  };
  refused("../secret.txt", "out.bin", error_cause::invalid_argument);
  refused(folder / "secret.txt", "out.bin", error_cause::invalid_argument);
  refused("nowhere", "dangling", error_cause::io);
  refused("self", "self", error_cause::io);
  fs::create_directory_symlink("../d2", folder / "d/beside");  // "d2" begins as "d" does
  CHECK(says(support::refusal_of([&] { file_folder{folder / "d"}; }), "leads out of"));
}

TEST_CASE("a file that is another one than it was is not read") {
  namespace fs = std::filesystem;
  const support::temporary_folder folder;
  support::write_file(folder / "d/a", "aaa");
  support::write_file(folder / "d/b", "bbb");
  support::write_file(folder / "secret", "sss");
  const file_folder source{folder / "d"};
  const auto shard = source.open(0);
  CHECK(shard->record(0).content().text() == "aaa");
  support::write_file(folder / "d/b", "b");
  CHECK(says(support::refusal_of([&] { shard->record(1).content(); }), "is not what it was"));
  fs::remove(folder / "d/a");
  CHECK(support::cause_of([&] { shard->record(0).content(); }) == error_cause::io);
  fs::last_write_time(folder / "secret", fs::last_write_time(folder / "d/b"));
  fs::create_symlink("../secret", folder / "d/a");
  CHECK(says(support::refusal_of([&] { shard->record(0).content(); }), "is not what it was"));
  fs::remove(folder / "d/a");
  REQUIRE(::mkfifo((folder / "d/a").c_str(), 0600) == 0);
  CHECK(support::cause_of([&] { shard->record(0).content(); }) == error_cause::io);
}

TEST_CASE("a shard has another fingerprint when one of its files may differ, and the same when the directory is moved") {
  namespace fs = std::filesystem;
  const support::temporary_folder folder;
  for (int i = 0; i < 300; ++i) support::write_file(folder / "d" / std::to_string(1000 + i), "x");
  const file_folder source{folder / "d"};
  REQUIRE(source.shards() == 2);
  CHECK(source.count(0) == 256);
  CHECK(source.fingerprint(0) != source.fingerprint(1));
  fs::last_write_time(folder / "d/1299", fs::last_write_time(folder / "d/1299") + std::chrono::seconds(2));
  const file_folder touched{folder / "d"};
  CHECK(touched.fingerprint(0) == source.fingerprint(0));
  CHECK(touched.fingerprint(1) != source.fingerprint(1));
  fs::rename(folder / "d/1299", folder / "d/1300");
  const file_folder renamed{folder / "d"};
  CHECK(renamed.fingerprint(1) != touched.fingerprint(1));
  fs::rename(folder / "d", folder / "moved");
  CHECK(file_folder{folder / "moved"}.fingerprint(1) == renamed.fingerprint(1));
}

TEST_CASE("shards are runs of about four mebibytes, 256 files at most, that have each file once") {
  const support::temporary_folder folder;
  CHECK(rc::check("runs", [&] {
    std::filesystem::remove_all(folder / "d");
    const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::elementOf(std::vector<int>{0, 1, 100'000, 2'000'000, 4'194'304, 5'000'000}));
    if (sizes.empty()) return;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto path = folder / "d" / std::to_string(1000 + i);
      support::write_file(path, "");
      std::filesystem::resize_file(path, static_cast<std::uintmax_t>(sizes[i]));  // holes
      all += static_cast<std::uint64_t>(sizes[i]);
    }
    const file_folder source{folder / "d"};
    std::size_t seen = 0;
    std::uint64_t before = 0;
    for (std::size_t s = 0; s < source.shards(); ++s) {
      const auto shard = source.open(s);
      std::uint64_t bytes = 0;
      RC_ASSERT((shard->size() >= 1 && shard->size() <= 256));
      for (std::uint64_t r = 0; r < shard->size(); ++r, ++seen) {
        RC_ASSERT(shard->record(r).path() == std::to_string(1000 + seen));
        bytes += shard->record(r).size();
      }
      RC_ASSERT((bytes <= 4U << 20U || shard->size() == 1));
      if (s > 0) RC_ASSERT(before + shard->record(0).size() > 4U << 20U);
      before = bytes;
      all -= bytes;
    }
    RC_ASSERT(seen == sizes.size());
    RC_ASSERT(all == 0U);
  }));
}

TEST_CASE("threads read files at once") {
  const support::temporary_folder folder;
  for (int i = 0; i < 40; ++i) support::write_file(folder / "d" / std::to_string(100 + i), support::pattern(3000, static_cast<std::uint32_t>(i)));
  const file_folder source{folder / "d"};
  const auto shard = source.open(0);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 40; ++i) wrong[t] += shard->record(i).content().text() != support::pattern(3000, i);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}
