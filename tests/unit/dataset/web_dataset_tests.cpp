#include <larder/dataset/file_window.hpp>
#include <larder/dataset/web_dataset.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/file_in_memory.hpp"
#include "support/folders.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/tar_archive.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

using larder::error_cause;
using larder::web_dataset;
using larder::web_sample;
using support::tar_archive;

void write(const std::filesystem::path& path, const tar_archive& archive) { support::write_file(path, archive.text()); }
std::string image(int i) { return support::pattern(static_cast<std::size_t>(i * 37 % 5000), static_cast<std::uint32_t>(i)); }
/// So many samples "train/<i>" of an image of another size each, a class and, each third, a text.
tar_archive samples(int count, int from = 0) {
  tar_archive archive;
  archive.file("train/", "", '5').file("README", "no sample");
  for (int i = from; i < from + count; ++i) {
    const std::string key = "train/" + std::to_string(i);
    archive.file(key + ".JPG", image(i)).file(key + ".cls", std::to_string(i % 10));
    if (i % 3 == 0) archive.pax_file(key + ".en.txt", "number " + std::to_string(i));
  }
  archive.end();
  return archive;
}
bool is_right(const web_sample& sample, int i) {
  return sample.key() == "train/" + std::to_string(i) && sample["jpg"].text() == image(i) &&
         sample["cls"].text() == std::to_string(i % 10) && sample.has("en.txt") == (i % 3 == 0) && sample.size() == (i % 3 == 0 ? 3U : 2U);
}

}  // namespace

TEST_CASE("archives are shards of samples, read whole or by their headers") {
  const support::temporary_folder folder;
  write(folder / "a.tar", samples(50));
  write(folder / "b.tar", samples(30, 50));
  for (const std::uint64_t whole_below : {std::uint64_t{64} << 20U, std::uint64_t{0}}) {
    const web_dataset source{{folder / "a.tar", folder / "b.tar"}, {.whole_below = whole_below}};
    CHECK(source.shards() == 2);
    CHECK(source.name() == "a.tar and 1 more");
    CHECK_FALSE(source.count(0));
    CHECK((source.shard_bytes(0) == std::filesystem::file_size(folder / "a.tar")) == (whole_below > 0));
    CHECK(source.shard_bytes(0) > 0);
    int i = 0;
    for (std::size_t s = 0; s < 2; ++s) {
      const auto shard = source.open(s);
      REQUIRE(shard->size() == (s == 0 ? 50 : 30));
      for (std::uint64_t r = 0; r < shard->size(); ++r) CHECK(is_right(shard->record(r), i++));
      CHECK(says(support::refusal_of([&] { shard->record(shard->size()); }), "there is no sample " + std::to_string(shard->size())));
    }
    CHECK(says(support::refusal_of([&] { source.open(2); }), "has no shard 2; it has 2"));
  }
}

TEST_CASE("a sample gives its members by extension and in their order") {
  const support::temporary_folder folder;
  write(folder / "a.tar", samples(5));
  const auto shard = web_dataset{folder / "a.tar"}.open(0);
  const web_sample sample = shard->record(3);
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [extension, content] : sample) all.emplace_back(extension, content.text());
  CHECK(all == std::vector<std::pair<std::string, std::string>>{{"jpg", support::pattern(111, 3)}, {"cls", "3"}, {"en.txt", "number 3"}});
  CHECK(sample.size_of("en.txt") == 8);
  CHECK(sample["cls"].data() == sample["cls"].data());  // the shard's memory
  CHECK(shard->record(0)["jpg"].empty());

  const support::refusal none = support::refusal_of([&] { sample["png"]; });
  CHECK(none.cause == error_cause::invalid_argument);
  CHECK(says(none, "a.tar: sample \"train/3\", byte "));
  CHECK(says(none, ", has no \"png\"; it has \"jpg\", \"cls\", \"en.txt\""));
  CHECK(support::cause_of([&] { sample.size_of("JPG"); }) == error_cause::invalid_argument);

  larder::bytes kept;
  {
    const auto other = web_dataset{folder / "a.tar"}.open(0);
    kept = other->record(4)["cls"];
  }
  CHECK(kept.text() == "4");
}

TEST_CASE("a member that is not held is read when it is asked for, and not from another archive") {
  const support::temporary_folder folder;
  write(folder / "a.tar", samples(20));
  const web_dataset source{folder / "a.tar", {.whole_below = 0}};
  const auto shard = source.open(0);
  CHECK(is_right(shard->record(7), 7));
  CHECK(shard->record(7)["cls"].data() != nullptr);
  std::filesystem::last_write_time(folder / "a.tar", std::filesystem::last_write_time(folder / "a.tar") + std::chrono::seconds(2));
  CHECK(support::cause_of([&] { shard->record(7)["cls"]; }) == error_cause::io);
  CHECK(support::cause_of([&] { source.open(0); }) == error_cause::io);
  const web_dataset again{folder / "a.tar"};
  CHECK(again.fingerprint(0) != source.fingerprint(0));
  CHECK(again.fingerprint(0) == web_dataset{folder / "a.tar"}.fingerprint(0));
}

TEST_CASE("a large archive is indexed by little, in few reads, and of a sample what is asked for is read") {
  tar_archive large;
  for (int i = 0; i < 20; ++i) large.file(std::to_string(i) + ".mp4", std::string(500'000, 'v')).file(std::to_string(i) + ".json", "{}");
  const auto of_large = std::make_shared<const support::text_file>("counted.tar", large.end().text());
  const auto shard = web_dataset{larder::shard_file(of_large), {.whole_below = 1000}}.open(0);
  CHECK(shard->size() == 20);
  CHECK(of_large->bytes_read() < of_large->size() / 20);
  const std::uint64_t before = of_large->bytes_read();
  CHECK(shard->record(11)["json"].text() == "{}");
  CHECK(shard->record(11).size_of("mp4") == 500'000);
  CHECK(of_large->bytes_read() - before == 2);

  const auto of_small = std::make_shared<const support::text_file>("counted.tar", samples(400).text());
  CHECK(web_dataset{larder::shard_file(of_small), {.whole_below = 1000}}.open(0)->size() == 400);
  CHECK(of_small->reads() < of_small->size() / 100'000 + 5);
  CHECK(of_small->bytes_read() <= of_small->size() + of_small->size() / 10);
}

TEST_CASE("damaged archives and samples that are not whole are refused with file and offset") {
  const support::temporary_folder folder;
  const auto refused = [&](const tar_archive& archive) {
    write(folder / "a.tar", archive);
    support::refusal why;
    for (const std::uint64_t whole_below : {std::uint64_t{1} << 30U, std::uint64_t{0}}) {
      why = support::refusal_of([&] { web_dataset{folder / "a.tar", {.whole_below = whole_below}}.open(0); });
      CHECK(why.cause == error_cause::corruption);
      CHECK(says(why, "a.tar: "));
    }
    return why;
  };
  CHECK(says(refused(tar_archive().raw(samples(9).text().substr(0, 3400))), "is cut off"));
  CHECK(says(refused(tar_archive().raw("")), "it is empty"));
  CHECK(says(refused(tar_archive().file("../a.jpg", "x")), "component \"..\""));
  CHECK(says(refused(tar_archive().file("a.jpg", "x").file("a.jpg", "y")), "sample \"a\", byte 1536: it has the extension \"jpg\" twice"));
  CHECK(says(refused(tar_archive().file("a.jpg", "x").file("b.jpg", "y").file("a.cls", "0")), "goes on behind other samples"));
  CHECK(support::cause_of([] { web_dataset{std::vector<larder::shard_file>{}}; }) == error_cause::invalid_argument);
  write(folder / "a.tar", tar_archive().end());
  CHECK(web_dataset{folder / "a.tar"}.open(0)->size() == 0);
}

TEST_CASE("threads read samples of one shard at once") {
  const support::temporary_folder folder;
  write(folder / "a.tar", samples(60));
  for (const std::uint64_t whole_below : {std::uint64_t{1} << 30U, std::uint64_t{0}}) {
    const web_dataset source{folder / "a.tar", {.whole_below = whole_below}};
    const auto shard = source.open(0);
    std::vector<int> wrong(4);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        const auto own = source.open(0);
        for (int i = 0; i < 60; ++i) wrong[t] += !is_right((i % 2 == 0 ? shard : own)->record(static_cast<std::uint64_t>(i)), i);
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::vector<int>(4));
  }
}

TEST_CASE("a window gives what the file has, near and far") {
  const support::temporary_folder folder;
  const std::string content = support::pattern(3'000'000);
  support::write_file(folder / "a.bin", content);
  const larder::shard_file file = folder / "a.bin";
  larder::datasets::file_window window(file);
  std::mt19937 random(20240601);
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t size = std::min<std::size_t>(random() % 4 == 0 ? random() % 300'000 : random() % 2000, content.size() - at);
    const auto got = window.read(at, size);
    REQUIRE(std::string_view(reinterpret_cast<const char*>(got.data()), got.size()) == std::string_view(content).substr(at, size));
    if (random() % 3 != 0) at += random() % 5 == 0 ? random() % 400'000 : size;
  }
  CHECK(window.read(0, 4).size() == 4);
}

TEST_CASE("archives of WebDataset's own tests are read; members are handed out as they are") {
  const auto real = support::shared_folder() / "real/webdataset";
  if (!std::filesystem::exists(real / "mpdata.tar")) {
    MESSAGE("skipped: there is no " << real.string());
    return;
  }
  const web_dataset source{{real / "mpdata.tar", real / "compressed.tar"}};
  const auto packed = source.open(0);
  REQUIRE(packed->size() == 100);
  CHECK(packed->record(99).key() == "000099");
  CHECK(packed->record(0)["mp"].size() == 7);
  const auto compressed = source.open(1);
  REQUIRE(compressed->size() == 3);
  CHECK(compressed->record(0).key() == "compressed/0001");
  CHECK(compressed->record(0)["txt.gz"].text().substr(0, 2) == "\x1f\x8b");
}
