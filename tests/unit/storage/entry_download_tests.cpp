#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/storage/entry_download.hpp>
#include <larder/storage/value_landing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/pattern.hpp"

namespace {

using larder::bytes;
using larder::storage::entry_download;

constexpr std::size_t chunk = 4096;

larder::stored_entry entry_of(std::string_view key, bytes value) {
  larder::stored_entry entry;
  entry.id = larder::digest_of(key);
  entry.key = bytes::copy_of(key);
  entry.payload = std::move(value);
  entry.info = {entry.payload.size(), larder::instant{5}, larder::instant{0}, larder::instant{9}};
  return entry;
}
std::string chunked(const larder::stored_entry& entry) {
  return std::string(larder::format::encode_chunked_head(entry, chunk).text()) + std::string(entry.payload.text());
}
std::string plain(const larder::stored_entry& entry) {
  return std::string(larder::format::encode_entry_head(entry).text()) + std::string(entry.payload.text());
}

/// Room outside, that says which chunks it may have and notes what it is told.
struct noting_landing final : larder::storage::value_landing {
  std::span<std::byte> room(std::uint64_t size, const larder::digest& content, std::size_t chunks) noexcept override {
    ++rooms;
    lent = size;
    digest = content;
    count = chunks;
    if (refuses) return {};
    memory.resize(static_cast<std::size_t>(size), '?');
    return std::as_writable_bytes(std::span(memory));
  }
  bool may_have(std::size_t number) const noexcept override { return known.contains(number); }
  void keep(std::size_t number) noexcept override { kept.push_back(number); }
  bytes whole(std::uint64_t size) override {
    published = true;
    return bytes::copy_of(std::string_view(memory).substr(0, static_cast<std::size_t>(size)));
  }
  void discard() noexcept override { ++discarded; }

  bool refuses = false;
  std::set<std::size_t> known;
  std::string memory;
  int rooms = 0;
  int discarded = 0;
  bool published = false;
  std::uint64_t lent = 0;
  larder::digest digest;
  std::size_t count = 0;
  std::vector<std::size_t> kept;
};

bool any(const larder::format::entry_frame&) { return true; }

/// What a download of the object does, the pieces last to first; the numbers of those that were refused.
std::vector<std::size_t> bring(entry_download& target, std::string_view object, std::size_t beginning, bool& planned) {
  std::vector<std::size_t> refused;
  const std::optional<std::vector<larder::download_piece>> pieces =
      target.plan({object.size(), {}}, bytes::copy_of(object.substr(0, beginning)));
  planned = pieces.has_value();
  if (!pieces) return refused;
  for (std::size_t i = pieces->size(); i-- != 0;) {
    const larder::download_piece& piece = (*pieces)[i];
    const std::size_t from = static_cast<std::size_t>(piece.offset + piece.filled);
    std::memcpy(piece.room.data() + piece.filled, object.data() + from,
                piece.room.size() - static_cast<std::size_t>(piece.filled));
    if (!target.landed(i)) refused.push_back(i);
  }
  return refused;
}

const larder::stored_entry five = entry_of("key", support::pattern_bytes(5 * chunk + 100));

}  // namespace

TEST_CASE("a value lands chunk by chunk, where it is lent room or in memory, whatever its beginning has of it") {
  const std::string object = chunked(five);
  const std::size_t head = object.size() - five.payload.size();
  for (const std::size_t beginning : {head, head + 1, head + chunk, head + 2 * chunk - 1, object.size() - 1})
    for (const bool outside : {true, false}) {
      CAPTURE(beginning);
      CAPTURE(outside);
      noting_landing landing;
      landing.refuses = !outside;
      entry_download target(five.id, five.key, any, &landing);
      bool planned = false;
      CHECK(bring(target, object, beginning, planned).empty());
      CHECK(planned);
      CHECK(landing.lent == five.payload.size());
      CHECK(landing.count == 6);
      const std::optional<larder::format::entry_frame> frame = target.finish();
      REQUIRE(frame);
      CHECK(frame->written == larder::instant{5});
      CHECK(landing.digest == frame->payload_digest);
      CHECK(target.payload() == five.payload);
      CHECK(landing.kept == (outside ? std::vector<std::size_t>{5, 4, 3, 2, 1, 0} : std::vector<std::size_t>{}));
      CHECK(landing.published == outside);
      CHECK(landing.discarded == 0);
    }
}

TEST_CASE("what came with the head is in its place and not asked for again") {
  const std::string object = chunked(five);
  const std::size_t head = object.size() - five.payload.size();
  for (const std::size_t more : {std::size_t{0}, std::size_t{1}, chunk, chunk + 1, 5 * chunk + 99}) {
    CAPTURE(more);
    noting_landing landing;
    entry_download target(five.id, five.key, any, &landing);
    const auto pieces = target.plan({object.size(), {}}, bytes::copy_of(object.substr(0, head + more)));
    REQUIRE(pieces);
    std::uint64_t filled = 0;
    for (const larder::download_piece& piece : *pieces) {
      CHECK(piece.filled <= piece.room.size());
      filled += piece.filled;
    }
    CHECK(filled == more);
    CHECK(landing.memory.substr(0, more) == five.payload.text().substr(0, more));
  }
}

TEST_CASE("a chunk that is not right is refused and not kept, then taken") {
  const std::string object = chunked(five);
  const std::size_t head = object.size() - five.payload.size();
  for (std::size_t damaged = 0; damaged < 6; ++damaged) {
    std::string wrong = object;
    wrong[std::min(head + damaged * chunk + 50, wrong.size() - 1)] ^= 1;
    noting_landing landing;
    entry_download target(five.id, five.key, any, &landing);
    bool planned = false;
    CHECK(bring(target, wrong, head + 10, planned) == std::vector<std::size_t>{damaged});
    CHECK(landing.kept.size() == 5);
    CHECK(std::find(landing.kept.begin(), landing.kept.end(), damaged) == landing.kept.end());
    const std::size_t at = damaged * chunk;
    landing.memory.replace(at, chunk, object.substr(head + at, chunk));
    CHECK(target.landed(damaged));
    CHECK(landing.kept.back() == damaged);
    CHECK(target.payload() == five.payload);
  }
}

TEST_CASE("what the room may have is believed when it is right, and asked for when it is not or nobody claims it") {
  const std::string object = chunked(five);
  const std::size_t head = object.size() - five.payload.size();
  noting_landing landing;
  landing.memory = std::string(five.payload.text());
  landing.memory[3 * chunk + 7] ^= 1;
  landing.known = {1, 3, 5};
  entry_download target(five.id, five.key, any, &landing);
  const auto pieces = target.plan({object.size(), {}}, bytes::copy_of(object.substr(0, head)));
  REQUIRE(pieces);
  std::vector<std::uint64_t> offsets;
  for (const larder::download_piece& piece : *pieces) offsets.push_back((piece.offset - head) / chunk);
  CHECK(offsets == std::vector<std::uint64_t>{0, 2, 3, 4});
  CHECK_FALSE(target.landed(2));  // the third piece is the fourth chunk
  CHECK(target.landed(3));
  CHECK(landing.kept == std::vector<std::size_t>{4});
}

TEST_CASE("a beginning that is damaged, another key's, or longer than its object is no beginning") {
  const std::string object = chunked(five);
  const std::size_t head = object.size() - five.payload.size();
  noting_landing landing;
  const auto plans = [&](const larder::stored_entry& wanted, std::string_view begins, std::size_t size) {
    entry_download target(wanted.id, wanted.key, any, &landing);
    return target.plan({size, {}}, bytes::copy_of(begins)).has_value();
  };
  CHECK(plans(five, object.substr(0, head), object.size()));
  for (std::size_t at = 0; at < 88; at += 3) {
    if (at >= 12 && at < 24) continue;  // sizes: a longer head is checked when all of it is there
    if (at > 82) continue;              // zeros behind the key
    std::string wrong = object.substr(0, head);
    wrong[at] ^= 1;
    CAPTURE(at);
    CHECK_FALSE(plans(five, wrong, object.size()));
  }
  CHECK_FALSE(plans(entry_of("yek", {}), object.substr(0, head), object.size()));
  CHECK_FALSE(plans(entry_of("keys", {}), object.substr(0, head), object.size()));
  CHECK_FALSE(plans(five, object.substr(0, head), object.size() + 1));
  CHECK_FALSE(plans(five, object.substr(0, 100), 100));  // the head alone is longer
  CHECK_FALSE(plans(five, std::string(head, 'x'), object.size()));
  CHECK(landing.rooms == 1);  // nothing is lent for what is not right
}

TEST_CASE(
    "an entry without chunks, and one whose head is longer than the beginning, come as a whole and are checked at their end") {
  const larder::stored_entry long_key = entry_of(std::string(5000, 'k'), support::pattern_bytes(9000));
  for (const auto& [entry, object] : {std::pair(five, plain(five)), std::pair(long_key, chunked(long_key))}) {
    const std::size_t payload = object.size() - entry.payload.size();
    const auto fetched = [&](std::string_view came, const larder::stored_entry& wanted) -> std::optional<bytes> {
      noting_landing landing;
      entry_download target(wanted.id, wanted.key, any, &landing);
      bool planned = false;
      CHECK(bring(target, came, 4096, planned).empty());
      if (!planned) return std::nullopt;
      CHECK(landing.rooms == 0);
      const bool right = target.finish().has_value();
      return right ? std::optional(target.payload()) : std::nullopt;
    };
    CHECK(fetched(object, entry) == entry.payload);
    for (const std::size_t at : {payload, payload + 5000, object.size() - 1, std::size_t{4500}}) {
      if (at == 4500 && payload < at) continue;  // the key, where it is so long
      std::string wrong = object;
      wrong[at] ^= 1;
      CHECK_FALSE(fetched(wrong, entry));
    }
    larder::stored_entry other = entry;
    other.key = bytes::copy_of(std::string(entry.key.size(), 'z'));
    CHECK_FALSE(fetched(object, other));
    larder::stored_entry other_digest = entry;
    other_digest.id = larder::digest_of("another");
    CHECK_FALSE(fetched(object, other_digest));
  }
}

TEST_CASE("what came in one request is checked in the same way, and what was planned before is forgotten") {
  const larder::stored_entry small = entry_of("key", bytes::copy_of("small"));
  const std::string object = chunked(five);
  const auto taken = [&](const larder::stored_entry& wanted, std::string_view text, bool after_plan) -> std::optional<bytes> {
    noting_landing landing;
    entry_download target(wanted.id, wanted.key, any, &landing);
    if (after_plan) {  // of a version that changed meanwhile
      bool planned = false;
      bring(target, object, object.size() - five.payload.size(), planned);
    }
    target.take({text.size(), {}}, bytes::copy_of(text));
    if (!target.finish()) return std::nullopt;
    const bytes value = target.payload();
    CHECK_FALSE(landing.published);
    return value;
  };
  for (const bool after_plan : {false, true}) {
    CAPTURE(after_plan);
    CHECK(taken(small, plain(small), after_plan) == small.payload);
    CHECK(taken(five, chunked(five), after_plan) == five.payload);
    std::string wrong = plain(small);
    wrong.back() ^= 1;
    CHECK_FALSE(taken(small, wrong, after_plan));
    CHECK_FALSE(taken(small, plain(entry_of("other", small.payload)), after_plan));
    CHECK_FALSE(taken(small, plain(small) + "x", after_plan));
    CHECK_FALSE(taken(small, "", after_plan));
  }
}

TEST_CASE("a plan is made anew for a version that changed, and nothing of the earlier one is left") {
  const larder::stored_entry two = entry_of("key", support::pattern_bytes(2 * chunk, 9));
  for (const bool outside : {true, false}) {
    CAPTURE(outside);
    noting_landing landing;
    landing.refuses = !outside;
    entry_download target(five.id, five.key, any, &landing);
    bool planned = false;
    bring(target, chunked(five), 200, planned);
    landing.kept.clear();
    CHECK(bring(target, chunked(two), 200, planned).empty());
    CHECK(target.finish()->payload_size == two.payload.size());
    CHECK(target.payload() == two.payload);
    CHECK(landing.kept == (outside ? std::vector<std::size_t>{1, 0} : std::vector<std::size_t>{}));

    CHECK(bring(target, plain(five), 4096, planned).empty());  // and one without chunks
    CHECK(target.finish());
    CHECK(target.payload() == five.payload);

    landing.memory = std::string(two.payload.text());
    landing.known = {0};
    landing.kept.clear();
    CHECK(bring(target, chunked(two), 200, planned).empty());
    CHECK(landing.kept == (outside ? std::vector<std::size_t>{1} : std::vector<std::size_t>{}));
    CHECK(target.payload() == two.payload);

    CHECK_FALSE(target.plan({9000, {}}, bytes::copy_of(std::string(4096, 'x'))));
    target.discard();
    CHECK_FALSE(target.finish());
  }
}

TEST_CASE("a value that is not wanted is not asked for, and its frame says why") {
  const std::string object = chunked(five);
  noting_landing landing;
  entry_download target(
      five.id, five.key, [](const auto& frame) { return frame.expires > larder::instant{9}; }, &landing);
  const auto pieces = target.plan({object.size(), {}}, bytes::copy_of(object.substr(0, 200)));
  REQUIRE(pieces);
  CHECK(pieces->empty());
  CHECK(landing.rooms == 0);
  REQUIRE(target.finish());
  CHECK(target.finish()->expires == larder::instant{9});
}

TEST_CASE("what is discarded is given back to who lent the room, once and only then") {
  const std::string object = chunked(five);
  noting_landing landing;
  entry_download target(five.id, five.key, any, &landing);
  target.discard();
  CHECK(landing.discarded == 0);
  bool planned = false;
  bring(target, object, 200, planned);
  target.discard();
  CHECK(landing.discarded == 1);
  CHECK_FALSE(target.finish());
  target.discard();
  CHECK(landing.discarded == 1);
}
