// A data set that lies in a remote store and is read from there, shard by shard.

#include <larder/core/bytes.hpp>
#include <larder/dataset/fixed_records.hpp>
#include <larder/dataset/safetensors_rows.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/web_dataset.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/pattern.hpp"
#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"
#include "support/tar_archive.hpp"
#include "unit/layer/written_model.hpp"

using larder::bytes;
using larder::testing::blob_server;

namespace {

larder::http_blob<larder::webdav> storage_of(const blob_server& server) {
  return {larder::webdav{.url = server.url() + "/sets", .timeouts = support::patient}};
}
std::string image(int i) { return support::pattern(2000 + static_cast<std::size_t>(i), static_cast<std::uint32_t>(i)); }
bytes archive(int from, int count) {
  support::tar_archive tar;
  for (int i = from; i < from + count; ++i) {
    tar.file("train/" + std::to_string(i) + ".jpg", image(i));
    tar.pax_file("train/" + std::to_string(i) + ".cls", std::to_string(i % 10));
  }
  return bytes::copy_of(tar.end().text());
}

}  // namespace

TEST_CASE("archives in a remote store are read whole, each in one request, whatever their size") {
  blob_server server;
  server.store("/sets/Image Net/train-0.tar", archive(0, 40));
  server.store("/sets/Image Net/train-1.tar", archive(40, 40));
  const larder::web_dataset images{larder::remote_shards(storage_of(server), {"Image Net/train-0.tar", "Image Net/train-1.tar"}), {.whole_below = 0}};
  CHECK(images.name() == "train-0.tar and 1 more");
  CHECK(images.shard_bytes(0) == archive(0, 40).size());
  CHECK(images.fingerprint(0) != images.fingerprint(1));
  CHECK(server.counts()["GET"] == 0);
  std::vector<int> wrong(2);
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < 2; ++s)
    threads.emplace_back([&, s] {
      const auto shard = images.open(s);
      wrong[s] += shard->size() != 40;
      for (std::uint64_t r = 0; r < shard->size(); ++r) {
        const int i = static_cast<int>(40 * s + r);
        const larder::web_sample sample = shard->record(r);
        wrong[s] += sample.key() != "train/" + std::to_string(i) || sample["jpg"].text() != image(i);
        wrong[s] += sample["cls"].text() != std::to_string(i % 10);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(2));
  CHECK(server.counts()["GET"] == 2);
}

TEST_CASE("of records in a remote store the shard's bytes are fetched, broken connections or not") {
  blob_server server;
  const std::string content = support::pattern(3 << 20);
  server.store("/sets/tokens.bin", bytes::copy_of("HEAD" + content));
  const larder::fixed_records records{larder::remote_shards(storage_of(server), {"tokens.bin"}), 1024, {.header_size = 4}};
  REQUIRE(records.shards() == 3);
  CHECK(records.count(2) == 1024);
  const std::uint64_t before = server.counts().body_bytes_out;
  const auto shard = records.open(1);
  CHECK(server.counts().body_bytes_out - before == 1U << 20U);
  server.inject({.kind = larder::testing::fault_kind::truncate, .times = 2, .method = "GET", .after = 300'000});
  for (const auto& opened : {shard, records.open(1)})
    for (std::uint64_t r = 0; r < 1024; ++r) {
      const auto record = opened->record(r);
      REQUIRE(std::string_view(reinterpret_cast<const char*>(record.data()), record.size()) ==
              std::string_view(content).substr((1 << 20) + static_cast<std::size_t>(r) * 1024, 1024));
    }
}

TEST_CASE("of a tensor in a remote store its header and the shard's rows are fetched") {
  blob_server server;
  const std::vector<larder_tests::file_tensor> tensors{{"x", "U8", "[3000,1000]", 3'000'000}, {"y", "U8", "[3000]", 3000}};
  server.store("/sets/train.safetensors", bytes::copy_of(larder_tests::model_bytes(tensors)));
  const larder::safetensors_rows rows{larder::remote_shards(storage_of(server), {"train.safetensors"})[0], {"x", "y"}};
  CHECK(server.counts().body_bytes_out < 2000);
  const auto shard = rows.open(1);
  const std::uint64_t first = *rows.count(0);
  for (std::uint64_t r = 0; r < shard->size(); ++r) {
    REQUIRE(static_cast<char>(shard->record(r)["x"][3]) == larder_tests::data_byte((first + r) * 1000 + 3));
    REQUIRE(static_cast<char>(shard->record(r)["y"][0]) == larder_tests::data_byte(3'000'000 + first + r));
  }
}

TEST_CASE("an object that is replaced while a data set is read is an error, and another data set later on") {
  blob_server server;
  server.store("/sets/a.tar", archive(0, 10));
  server.store("/sets/a.bin", bytes::copy_of(support::pattern(2 << 20)));
  const auto storage = storage_of(server);
  const larder::web_dataset images{larder::remote_shards(storage, {"a.tar"})};
  const larder::fixed_records records{larder::remote_shards(storage, {"a.bin"}), 64};
  const auto held = images.open(0);
  records.open(0);
  server.store("/sets/a.tar", archive(0, 10));
  server.store("/sets/a.bin", bytes::copy_of(support::pattern(2 << 20)));
  for (const support::refusal& replaced : {support::refusal_of([&] { images.open(0); }), support::refusal_of([&] { records.open(1); })}) {
    CHECK(replaced.cause == larder::error_cause::io);
    CHECK(says(replaced, "is not the version any more that was opened"));
  }
  CHECK(held->record(3)["jpg"].text() == image(3));  // it is here
  const larder::web_dataset again{larder::remote_shards(storage, {"a.tar"})};
  CHECK(again.fingerprint(0) != images.fingerprint(0));
  CHECK(again.open(0)->size() == 10);
  server.erase("/sets/a.tar");
  CHECK(support::cause_of([&] { again.open(0); }) == larder::error_cause::io);
  CHECK(says(support::refusal_of([&] { larder::remote_shards(storage, {"a.bin", "a.tar"}); }), "no object a.tar"));
}
