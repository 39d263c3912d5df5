#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/parallel_download.hpp>
#include <larder/remote/webdav.hpp>
#include <larder/testing/blob_server.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::bytes;
using larder::error_cause;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;

constexpr std::uint64_t MiB = std::uint64_t{1} << 20U;

/// Small pieces, so that many take no time; each is refused as often as the test says.
class strict_target final : public larder::download_target {
 public:
  explicit strict_target(std::size_t piece = 1 * MiB) : piece_(piece) {}
  void take(const larder::blob_info&, bytes whole) override { whole_ = std::move(whole); }
  std::optional<std::vector<larder::download_piece>> plan(const larder::blob_info& info, const bytes& beginning) override {
    ++plans;
    if (bad_beginnings != 0) {
      --bad_beginnings;
      return std::nullopt;
    }
    room_ = larder::mutable_bytes(info.size);
    return larder::memory_download::pieces_of(room_.span(), 0, beginning, piece_);
  }
  bool landed(std::size_t piece) override {
    if (piece != refused || refusals == 0) return true;
    --refusals;
    return false;
  }
  bytes result() && { return room_.size() != 0 ? std::move(room_).freeze() : std::move(whole_); }

  int plans = 0;
  int bad_beginnings = 0;
  std::size_t refused = 0;
  int refusals = 0;

 private:
  std::size_t piece_;
  larder::mutable_bytes room_;
  bytes whole_;
};

/// A server with one object, and what reads it.
class reading {
 public:
  explicit reading(bytes object, larder::transfer_settings settings = {}, std::uint64_t budget_size = 256 * MiB)
      : object_(std::move(object)),
        budget(budget_size),
        streams_(settings.most_threads),
        client_({.url = server.url(), .timeouts = patient}, transport_),
        download_(settings, streams_, budget) {
    server.store("/big", object_);
  }

  bool fetch(larder::download_target& target, const larder::transfer_control& control = {}, std::string_view name = "big") {
    return download_.fetch(client_, name, target, control);
  }
  /// Of what the server has, or had.
  std::string part(const larder::blob_info& object, std::uint64_t offset, std::uint64_t size, const larder::transfer_control& control = {}) {
    std::string room(size, '?');
    download_.read(client_, "big", object, offset, std::as_writable_bytes(std::span(room)), control);
    return room;
  }
  larder::blob_info info() { return *client_.find("big"); }
  bytes whole(const larder::transfer_control& control = {}) {
    larder::memory_download target;
    REQUIRE(fetch(target, control));
    return std::move(target).result();
  }
  std::optional<error_cause> failure(const larder::transfer_control& control = {}) {
    try {
      strict_target target;
      fetch(target, control);
    } catch (const larder::error& e) {
      return e.cause();
    }
    return std::nullopt;
  }
  std::uint64_t gets() const { return server.counts()["GET"]; }
  const bytes& object() const { return object_; }

  blob_server server;

 private:
  bytes object_;

 public:
  larder::remote::byte_budget budget;

 private:
  larder::remote::curl_transport transport_{{patient, {}}};
  larder::remote::transfer_streams streams_;
  larder::webdav::client<larder::remote::curl_transport> client_;
  larder::remote::parallel_download download_;
};

const larder::transfer_settings small_start{.first_request = 1 * MiB};

}  // namespace

TEST_CASE("an object that fits the first request costs one, a larger one a request per piece more") {
  reading small(pattern_bytes(8 * MiB));
  CHECK(small.whole() == small.object());
  CHECK(small.gets() == 1);

  reading large(pattern_bytes(27 * MiB + 5));
  CHECK(large.whole() == large.object());
  CHECK(large.gets() == 4);  // 8 MiB and 64 KiB, the rest of the second piece, and two more
  CHECK(large.server.counts()["HEAD"] == 0);
  CHECK(eventually([&] { return large.server.counts().body_bytes_out == 27 * MiB + 5; }));
  CHECK(large.budget.in_flight() == 0);
}

TEST_CASE("an empty object, one that is not there and sizes about the first request's come as they are") {
  for (const std::size_t size : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 8191UL, 8192UL, 8193UL}) {
    CAPTURE(size);
    reading one(pattern_bytes(size), {.first_request = 4096});
    CHECK(one.whole() == one.object());
    larder::memory_download none;
    CHECK_FALSE(one.fetch(none, {}, "absent"));
  }
}

TEST_CASE("an object lands in the caller's room, which must be large enough") {
  reading one(pattern_bytes(3 * MiB + 7), small_start);
  larder::mutable_bytes room(4 * MiB);
  larder::memory_download target(room.span());
  CHECK(one.fetch(target));
  CHECK(target.size() == one.object().size());
  CHECK(std::memcmp(room.data(), one.object().data(), one.object().size()) == 0);
  larder::memory_download narrow(room.span().first(MiB));
  CHECK_THROWS_AS(one.fetch(narrow), larder::error);
}

TEST_CASE("a server that ignores ranges is read as one stream") {
  reading one(pattern_bytes(5 * MiB + 3), small_start);
  one.server.inject({.kind = fault_kind::ignore_range, .times = 100});
  strict_target target;
  CHECK(one.fetch(target));
  CHECK(std::move(target).result() == one.object());
  CHECK(one.gets() == 2);
}

TEST_CASE("of what breaks off only the missing tail is asked for again") {
  reading one(pattern_bytes(4 * MiB), small_start);
  one.server.inject({.kind = fault_kind::truncate, .after = 300'000, .range_from = 2 * MiB});
  one.server.inject({.kind = fault_kind::truncate, .after = 100'000, .range_from = 2 * MiB + 300'000});
  one.server.inject({.kind = fault_kind::truncate, .after = 200'000, .range_from = 0});  // the first request as well
  strict_target target;
  CHECK(one.fetch(target));
  CHECK(std::move(target).result() == one.object());
  const auto ranges = one.server.counts().ranges;
  CHECK(ranges.count(200'000) == 1);
  CHECK(ranges.count(2 * MiB + 300'000) == 1);
  CHECK(ranges.count(2 * MiB + 400'000) == 1);
  CHECK(eventually([&] { return one.server.counts().body_bytes_out == 4 * MiB; }));  // it counts after it has sent
}

TEST_CASE(
    "failures that bring nothing are met three times once a transfer has begun, then thrown; what cannot be helped is thrown at "
    "once") {
  reading one(pattern_bytes(4 * MiB), small_start);
  one.server.inject({.kind = fault_kind::status, .times = 2, .status = 503, .range_from = 1 * MiB});
  CHECK(one.whole() == one.object());
  one.server.inject({.kind = fault_kind::status, .times = 1, .status = 503, .range_from = 0});
  CHECK(one.failure() == error_cause::server);  // nothing has begun: repeating it is the transport's
  CHECK(one.server.pending_faults() == 0);
  one.server.inject({.kind = fault_kind::close,
                     .times = 6,
                     .range_from = 1 * MiB});  // the transport sends once more by itself on a kept connection
  CHECK(one.failure() == error_cause::network);
  one.server.clear_faults();
  one.server.inject({.kind = fault_kind::status, .times = 1, .status = 403, .range_from = 1 * MiB});
  CHECK(one.failure() == error_cause::unauthorized);
  CHECK(one.server.pending_faults() == 0);
  CHECK(one.budget.in_flight() == 0);
}

TEST_CASE("an answer for another range, of another size or longer than its range is never taken") {
  for (const char* head : {"206 -\r\nContent-Range: bytes 0-1048575/4194304\r\nContent-Length: 1048576\r\n",
                           "206 -\r\nContent-Range: bytes 1048576-2097151/4194305\r\nContent-Length: 1048576\r\n",
                           "206 -\r\nContent-Length: 1048576\r\n",
                           "206 -\r\nContent-Range: bytes 1048576-2097152/4194304\r\nContent-Length: 1048577\r\n",
                           "206 -\r\nContent-Range: bytes 1048576-1048579/4194304\r\nContent-Length: 4\r\n"}) {
    CAPTURE(head);
    reading one(pattern_bytes(4 * MiB), small_start);
    const std::string body(1048577, 'x');
    one.server.inject({.kind = fault_kind::verbatim,
                       .times = 100,
                       .reply = "HTTP/1.1 " + std::string(head) + "ETag: \"1\"\r\nConnection: close\r\n\r\n" + body,
                       .range_from = 1 * MiB});
    CHECK(one.failure() == error_cause::server);
  }
}

TEST_CASE("an object that changes meanwhile is read anew, all of one version") {
  reading one(pattern_bytes(6 * MiB), small_start);
  const bytes next = pattern_bytes(5 * MiB + 9, 7);
  int times = 1;
  const larder::transfer_control changing{.progress = [&](std::uint64_t landed, std::uint64_t) {
    if (landed >= 2 * MiB && times != 0) {
      --times;
      one.server.store("/big", next);
    }
  }};
  strict_target target;
  CHECK(one.fetch(target, changing));
  CHECK(std::move(target).result() == next);
  CHECK(target.plans == 2);

  times = 1000;
  CHECK(one.failure(changing) == error_cause::server);  // ever anew

  times = 0;
  const larder::transfer_control erasing{.progress = [&](std::uint64_t landed, std::uint64_t) {
    if (landed >= 2 * MiB) one.server.erase("/big");
  }};
  one.server.store("/big", next);
  strict_target gone;
  CHECK_FALSE(one.fetch(gone, erasing));
}

TEST_CASE("a piece that the target refuses is fetched once more, alone; refused again it is corrupt") {
  reading one(pattern_bytes(4 * MiB), small_start);
  strict_target target;
  target.refused = 2;
  target.refusals = 1;
  CHECK(one.fetch(target));
  CHECK(one.server.counts().ranges.at(2 * MiB) == 2);
  CHECK(one.gets() == 5);
  CHECK(std::move(target).result() == one.object());

  strict_target never;
  never.refused = 3;
  never.refusals = 2;
  try {
    one.fetch(never);
    FAIL("it came");
  } catch (const larder::error& e) {
    CHECK(e.cause() == error_cause::corruption);
    CHECK(std::string(e.what()).find("bytes 3145728 to 4194304") != std::string::npos);
  }

  strict_target beginning;
  beginning.bad_beginnings = 1;
  CHECK(one.fetch(beginning));
  CHECK(std::move(beginning).result() == one.object());
  beginning.bad_beginnings = 2;
  CHECK_THROWS_AS(one.fetch(beginning), larder::error);
}

TEST_CASE("progress counts every byte once, to the end") {
  reading one(pattern_bytes(6 * MiB), small_start);
  one.server.inject({.kind = fault_kind::truncate, .after = 5'000, .range_from = 3 * MiB});
  std::uint64_t last = 0;
  bool backwards = false;
  std::uint64_t of = 0;
  strict_target target;
  CHECK(one.fetch(target, {.progress = [&](std::uint64_t landed, std::uint64_t total) {
                    backwards = backwards || landed < last;
                    last = landed;
                    of = total;
                  }}));
  CHECK_FALSE(backwards);
  CHECK(last == 6 * MiB);
  CHECK(of == 6 * MiB);
}

TEST_CASE("a stop ends a download at once, wherever it is, and gives everything back") {
  for (const std::uint64_t from : {std::uint64_t{0}, 2 * MiB}) {
    CAPTURE(from);
    reading one(pattern_bytes(6 * MiB), small_start);
    one.server.inject({.kind = fault_kind::stall, .after = 1000, .range_from = from});
    std::stop_source stop;
    std::atomic<bool> stalls = false;
    std::jthread stopping([&] {
      while (one.server.counts().ranges[from] == 0 && !stalls) std::this_thread::yield();
      stop.request_stop();
    });
    CHECK(one.failure({.stop = stop.get_token()}) == error_cause::cancelled);
    stalls = true;
    CHECK(one.budget.in_flight() == 0);
    CHECK(one.budget.waiting() == 0);
  }
  reading never(pattern_bytes(MiB));
  std::stop_source before;
  before.request_stop();
  CHECK(never.failure({.stop = before.get_token()}) == error_cause::cancelled);
  CHECK(never.gets() == 0);
}

TEST_CASE("what a progress callback throws ends the download and reaches the caller") {
  reading one(pattern_bytes(6 * MiB), small_start);
  strict_target target;
  CHECK_THROWS_AS(one.fetch(target, {.progress =
                                         [](std::uint64_t landed, std::uint64_t) {
                                           if (landed > 3 * MiB) throw 7;
                                         }}),
                  int);
  CHECK(one.budget.in_flight() == 0);
}

TEST_CASE("many downloads share a budget smaller than one piece, and all come") {
  reading one(pattern_bytes(3 * MiB), small_start, 64 * 1024);
  std::vector<std::thread> readers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 6; ++i)
    readers.emplace_back([&] {
      strict_target target;
      if (one.fetch(target) && std::move(target).result() == one.object()) ++right;
    });
  for (std::thread& t : readers) t.join();
  CHECK(right == 6);
  CHECK(one.budget.in_flight() == 0);
}

TEST_CASE("a part of a known object comes in ranges side by side, straight into the room") {
  reading one(pattern_bytes(27 * MiB + 5), {.part_size = 4 * MiB});
  const larder::blob_info object = one.info();
  CHECK(object.size == one.object().size());
  for (const auto& [begin, length] : {std::pair{0 * MiB, std::uint64_t{1}}, {5 * MiB + 1, 12 * MiB}, {27 * MiB, std::uint64_t{5}}, {0 * MiB, 27 * MiB + 5}}) {
    const std::uint64_t offset = begin;
    const std::uint64_t size = length;
    CAPTURE(offset);
    const std::uint64_t before = one.gets();
    CHECK(one.part(object, offset, size) == one.object().text().substr(offset, size));
    CHECK(one.gets() == before + (size + 4 * MiB - 1) / (4 * MiB));
  }
  std::vector<std::uint64_t> told;
  one.part(object, 0, 8 * MiB, {.stop = {}, .progress = [&](std::uint64_t landed, std::uint64_t total) {
                                  CHECK(total == 8 * MiB);
                                  told.push_back(landed);
                                }});
  CHECK(told.front() == 0);
  CHECK(told.back() == 8 * MiB);
  CHECK(one.budget.in_flight() == 0);
}

TEST_CASE("a part that breaks off goes on from where it broke") {
  reading one(pattern_bytes(10 * MiB));
  const larder::blob_info object = one.info();
  one.server.inject({.kind = fault_kind::truncate, .method = "GET", .after = 1 * MiB});
  CHECK(one.part(object, 3 * MiB, 4 * MiB) == one.object().text().substr(3 * MiB, 4 * MiB));
}

TEST_CASE("of an object that is another one by now no part is read") {
  reading one(pattern_bytes(1 * MiB));
  const larder::blob_info object = one.info();
  one.server.store("/big", pattern_bytes(1 * MiB));
  const refusal replaced = refusal_of([&] { one.part(object, 0, 100); });
  CHECK(replaced.cause == error_cause::io);
  CHECK(says(replaced, "the object big is not the version any more that was opened; open it again"));
  const larder::blob_info any_version{object.size, {}};
  CHECK(one.part(any_version, 7, 100) == one.object().text().substr(7, 100));
  CHECK(cause_of([&] { one.part({object.size + 1, {}}, 7, 100); }) == error_cause::io);
  one.server.erase("/big");
  CHECK(cause_of([&] { one.part(object, 0, 100); }) == error_cause::io);
  CHECK(cause_of([&] { one.part(any_version, 0, 100); }) == error_cause::io);
}

TEST_CASE("a stop ends the reading of a part") {
  reading one(pattern_bytes(10 * MiB));
  const larder::blob_info object = one.info();
  std::stop_source stop;
  stop.request_stop();
  CHECK(cause_of([&] { one.part(object, 0, 10 * MiB, {.stop = stop.get_token(), .progress = {}}); }) == error_cause::cancelled);
}
