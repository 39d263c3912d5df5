#include <larder/dataset/batch.hpp>
#include <larder/dataset/batch_writer.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::bytes;
using larder::datasets::batch_writer;

TEST_CASE("views are kept by what the batch holds, also when only a sample is left") {
  auto table = std::make_shared<std::vector<bytes>>();
  table->push_back(bytes::copy_of("first"));
  table->push_back(bytes::copy_of("second"));
  const std::weak_ptr<std::vector<bytes>> watched = table;
  bytes kept;
  {
    batch_writer<bytes> writer(false);
    writer.begin(3);
    writer.hold(table);
    writer.add_view((*table)[0]);
    writer.add_view((*table)[1]);
    writer.add(bytes::copy_of("own"));
    writer.end(7, {.epoch = 7, .within = 3});
    table.reset();
    const larder::batch<bytes>& batch = writer.result();
    REQUIRE(batch.size() == 3);
    CHECK(batch[0].text() == "first");
    CHECK(batch.samples()[2].text() == "own");
    CHECK(batch.epoch() == 7);
    CHECK(batch.position().within == 3);
    CHECK(batch.buffer().empty());
    kept = batch[1];
    writer.begin(1);
    CHECK(writer.result().size() == 0);
    CHECK_FALSE(watched.expired());  // for the copy that was kept
  }
  CHECK(kept.text() == "second");
  kept = {};
  CHECK(watched.expired());
}

TEST_CASE("copies lie one behind the other in one buffer that is used again") {
  batch_writer<bytes> writer(true);
  const std::byte* where = nullptr;
  for (int times = 0; times < 3; ++times) {
    writer.begin(3);
    const bytes view = bytes::copy_of("abc");
    writer.add_view(view);
    writer.add(bytes());
    writer.add(bytes::copy_of("defg"));
    writer.end(0, {});
    const larder::batch<bytes>& batch = writer.result();
    REQUIRE(batch.size() == 3);
    CHECK(batch.buffer().size() == 7);
    CHECK(batch[0].text() == "abc");
    CHECK(batch[1].empty());
    CHECK(batch[2].text() == "defg");
    CHECK(batch[0].data() == batch.buffer().data());
    CHECK(batch[2].data() == batch.buffer().data() + 3);
    if (times != 0) CHECK(where == batch.buffer().data());
    where = batch.buffer().data();
  }
}

TEST_CASE("samples of other types are decoded into the batch") {
  batch_writer<std::string> writer(true);
  writer.begin(2);
  writer.add_view(bytes::copy_of("one"));
  writer.add_sample("two");
  writer.end(1, {});
  CHECK(std::vector<std::string>(writer.result().begin(), writer.result().end()) == std::vector<std::string>{"one", "two"});
  writer.clear();
  CHECK(writer.result().size() == 0);
}
