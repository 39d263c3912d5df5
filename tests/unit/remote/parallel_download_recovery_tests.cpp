// A long download over a line that fails all the time, each request's failure one that a client can see.

#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/parallel_download.hpp>
#include <larder/remote/webdav.hpp>
#include <larder/testing/blob_server.hpp>
#include <larder/testing/fault_proxy.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"

namespace {

using larder::bytes;
using larder::testing::fault;
using larder::testing::fault_kind;

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t piece_size = 64 * KiB;
constexpr std::uint64_t pieces = 1024;

/// Knows what is to come, and refuses every piece that is anything else.
class checking_target final : public larder::download_target {
 public:
  explicit checking_target(bytes expected) : expected_(std::move(expected)), room_(expected_.size()) {}
  void take(const larder::blob_info&, bytes) override { FAIL("it is longer than one request"); }
  std::optional<std::vector<larder::download_piece>> plan(const larder::blob_info& info, const bytes& beginning) override {
    ++plans;
    CHECK(info.size == expected_.size());
    return larder::memory_download::pieces_of(room_.span(), 0, beginning, piece_size);
  }
  bool landed(std::size_t piece) override {
    const std::size_t at = piece * piece_size;
    const bool right = std::memcmp(room_.data() + at, expected_.data() + at, piece_size) == 0;
    if (!right) ++refused;
    return right;
  }
  bytes result() && { return std::move(room_).freeze(); }

  int plans = 0;
  std::atomic<std::uint64_t> refused = 0;

 private:
  bytes expected_;
  larder::mutable_bytes room_;
};

}  // namespace

TEST_CASE("64 MiB in 1024 pieces arrive intact with one request in a hundred failing, for one request more per failure") {
  const bytes object = support::pattern_bytes(pieces * piece_size);
  larder::testing::blob_server server;
  server.store("/big", object);
  larder::testing::fault_proxy proxy(server.port());
  // Spaced, not drawn: two flips could otherwise meet in one piece, which is corruption and not bad luck. The first request is
  // spared: what never began is the transport's to repeat. `skip` differs, so that the kinds take turns.
  constexpr std::size_t every = 400;
  proxy.inject({.kind = fault_kind::status, .method = "GET", .status = 503, .skip = 50, .of = every});
  proxy.inject({.kind = fault_kind::reset, .method = "GET", .after = 20 * KiB, .skip = 150, .of = every});
  proxy.inject({.kind = fault_kind::truncate, .method = "GET", .after = 40 * KiB, .skip = 250, .of = every});
  proxy.inject({.kind = fault_kind::flip_byte, .method = "GET", .after = 33 * KiB, .skip = 350, .of = every});

  larder::transfer_settings settings;  // `barren_tries` as it comes
  settings.first_request = piece_size;
  larder::remote::byte_budget budget;
  larder::remote::transfer_streams streams(settings.most_threads);
  larder::remote::curl_transport transport{{support::patient, {}}};
  larder::webdav::client<larder::remote::curl_transport> client({.url = proxy.url(), .timeouts = support::patient}, transport);
  larder::remote::parallel_download download(settings, streams, budget);

  checking_target target(object);
  REQUIRE(download.fetch(client, "big", target));
  CHECK(target.plans == 1);
  CHECK(target.refused >= 2);
  CHECK(std::move(target).result() == object);
  CHECK(proxy.faults_met() >= 10);
  CHECK(proxy.faults_met() <= 12);
  CHECK(proxy.requests() <= pieces + proxy.faults_met());
  CHECK(proxy.body_bytes_out() <= object.size() + proxy.faults_met() * piece_size);
  CHECK(budget.in_flight() == 0);
}
