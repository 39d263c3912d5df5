#include <larder/artifact/blob_fetch.hpp>
#include <larder/artifact/blob_landing.hpp>
#include <larder/artifact/blob_receiver.hpp>
#include <larder/artifact/chunk_receiver.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/in_order_receiver.hpp>
#include <larder/artifact/ordered_digest.hpp>
#include <larder/artifact/partial_file.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace larder::artifacts;
using larder::byte_range;
using larder::digest_algorithm;
using larder::fetch_function;
using larder::fetch_sink;
using manner = support::file_provider::manner;

/// Fetches what is at "mem://f" into a folder.
struct fetching {
  support::temporary_folder folder{};
  larder::remote::transfer_streams streams{3};
  wanted_file wanted{"mem://f"};
  std::size_t side_by_side = 3;
  larder::transfer_control control{};

  fetched_file run(const fetch_function& fetch) {
    partial_file partial(folder / "partial");
    return blob_fetch(partial, wanted, fetch, streams, side_by_side, control).run();
  }
  std::string content() const { return support::content_of(folder / "partial"); }
  bool is_gone() const { return support::files_below(folder.path()) == 0; }
};

const std::size_t chunk = static_cast<std::size_t>(chunk_size);
const std::vector<std::size_t> sizes{0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7};

}  // namespace

TEST_CASE("a file of any size comes whole, once, from any kind of provider") {
  for (const manner how : {manner::ranges, manner::ranges_only, manner::everything, manner::everything_said})
    for (const std::size_t size : sizes)
      for (const bool known : {false, true}) {
        CAPTURE(static_cast<int>(how));
        CAPTURE(size);
        CAPTURE(known);
        fetching f;
        support::file_provider provider(how);
        const std::string content = support::pattern(size);
        f.wanted.digest = provider.file("f", content).digest.optional();
        if (known) f.wanted.size = size;
        const fetched_file result = f.run(provider.fetch());
        CHECK(f.content() == content);
        CHECK(result.digest == *f.wanted.digest);
        CHECK(result.chunks.chunks.size() == chunk_list::count_of(size));
        CHECK(result.fetched == size);
        const bool asked_beyond = (how == manner::everything || how == manner::everything_said) && size == chunk &&
                                  !known;  // which is the only way to tell that this was all
        if (!asked_beyond) CHECK(provider.bytes() == size);
      }
}

TEST_CASE("without a digest the XXH3-128 of what came is said") {
  fetching f;
  support::file_provider provider;
  const std::string content = support::pattern(2 * chunk + 5);
  provider.file("f", content);
  CHECK(f.run(provider.fetch()).digest == larder::digest_of(std::string_view(content), digest_algorithm::xxh3_128));
}

TEST_CASE("what is not what it should be is refused, and nothing of it stays") {
  fetching f;
  support::file_provider provider;
  f.wanted.digest = larder::digest_of("other", digest_algorithm::md5);
  provider.file("f", support::pattern(2 * chunk));
  CHECK(support::cause_of([&] { f.run(provider.fetch()); }) == larder::error_cause::corruption);
  CHECK(f.is_gone());
  f.wanted.size = 5;
  CHECK(support::cause_of([&] { f.run(provider.fetch()); }) == larder::error_cause::corruption);
}

TEST_CASE("a broken line costs what it broke: the rest is asked for") {
  for (const std::uint64_t after :
       {std::uint64_t{50'000}, std::uint64_t{1'000'000}, std::uint64_t{9'000'000}, std::uint64_t{20'000'000}}) {
    CAPTURE(after);
    fetching f;
    f.side_by_side = 1;
    support::file_provider provider;
    const std::string content = support::pattern(3 * chunk);
    f.wanted.digest = provider.file("f", content).digest.optional();
    provider.break_after(after);
    if (after == 50'000) {  // before any byte
      CHECK(support::cause_of([&] { f.run(provider.fetch()); }) == larder::error_cause::network);
    }
    CHECK(f.run(provider.fetch()).fetched <= content.size() + chunk);
    CHECK(f.content() == content);
  }
}

TEST_CASE("a provider that knows no ranges and breaks off is asked again from the start, and gives what is missing") {
  for (const manner how : {manner::everything, manner::everything_said}) {
    fetching f;
    support::file_provider provider(how);
    const std::string content = support::pattern(3 * chunk + 1);
    f.wanted.digest = provider.file("f", content).digest.optional();
    f.wanted.size = content.size();
    provider.break_after(2 * chunk);
    CHECK(f.run(provider.fetch()).digest == *f.wanted.digest);
    CHECK(f.content() == content);
  }
}

TEST_CASE("a second try goes on from the chunks that the first one left, as far as they are right") {
  fetching f;
  f.side_by_side = 1;
  support::file_provider provider;
  const std::string content = support::pattern(3 * chunk + 100);
  f.wanted.digest = provider.file("f", content).digest.optional();
  std::uint64_t given = 0;
  const fetch_function dies = [&](std::string_view url, const byte_range& range, fetch_sink& sink) {
    if (range.offset == 2 * chunk) throw std::runtime_error("no more");
    provider.fetch()(url, range, sink);
  };
  CHECK_THROWS_AS(f.run(dies), std::runtime_error);
  given = provider.bytes();
  CHECK(given == 2 * chunk);

  SUBCASE("all right") {
    const fetched_file result = f.run(provider.fetch());
    CHECK(result.resumed == 2 * chunk);
    CHECK(result.fetched == chunk + 100);
  }
  SUBCASE("a chunk that never reached the device") {
    larder::storage::file_descriptor file = larder::storage::open_file((f.folder / "partial").string(), O_RDWR);
    larder::storage::write_at(file, std::as_bytes(std::span(std::string_view("zeros"))), {}, 100, "partial");
    const fetched_file result = f.run(provider.fetch());
    CHECK(result.resumed == chunk);
    CHECK(result.fetched == 2 * chunk + 100);
  }
  SUBCASE("a journal cut at any byte") {
    const std::string journal = support::content_of(f.folder / "partial.journal");
    for (std::size_t size = 0; size < journal.size(); size += 13) {
      std::filesystem::resize_file(f.folder / "partial.journal", 0);
      larder::storage::file_descriptor file = larder::storage::open_file((f.folder / "partial.journal").string(), O_RDWR);
      larder::storage::write_at(file, std::as_bytes(std::span(std::string_view(journal).substr(0, size))), {}, 0, "journal");
      partial_file partial(f.folder / "partial");
      CHECK(partial.resume({}) <= 2 * chunk);
    }
    CHECK(f.run(provider.fetch()).fetched >= chunk + 100);
  }
  SUBCASE("a journal of anything") {
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
      std::string journal = support::content_of(f.folder / "partial.journal");
      const std::string noise = support::pattern(8, seed);
      const std::size_t at = static_cast<unsigned char>(noise[3]) * journal.size() / 256;
      journal.replace(at, std::min<std::size_t>(4, journal.size() - at),
                      noise.substr(0, std::min<std::size_t>(4, journal.size() - at)));
      std::filesystem::remove(f.folder / "partial.journal");
      larder::storage::file_descriptor file =
          larder::storage::open_file((f.folder / "partial.journal").string(), O_RDWR | O_CREAT);
      larder::storage::write_at(file, std::as_bytes(std::span(std::string_view(journal))), {}, 0, "journal");
      partial_file partial(f.folder / "partial");
      CHECK(partial.resume({}) <= 2 * chunk);
    }
    CHECK(f.run(provider.fetch()).digest == *f.wanted.digest);
  }
  SUBCASE("of another file meanwhile: of another size") {
    const std::string other = support::pattern(2 * chunk + 9, 77);
    f.wanted.digest = provider.file("f", other).digest.optional();
    CHECK(f.run(provider.fetch()).digest == *f.wanted.digest);
    CHECK(f.content() == other);
    return;
  }
  SUBCASE("of another file meanwhile: of the same size") {
    const std::string other = support::pattern(content.size(), 77);
    f.wanted.digest = provider.file("f", other).digest.optional();
    CHECK(f.run(provider.fetch()).digest == *f.wanted.digest);
    CHECK(f.content() == other);
    return;
  }
  CHECK(f.content() == content);
}

TEST_CASE("without a digest only a file of the same version is gone on with") {
  for (const std::string& second : {std::string("v1"), std::string("v2"), std::string()}) {
    CAPTURE(second);
    fetching f;
    f.side_by_side = 1;
    const std::string content = support::pattern(2 * chunk + 100, second == "v1" ? 1 : 2);
    std::string version = second.empty() ? "" : "v1";
    bool dies = true;
    const std::string first = support::pattern(2 * chunk + 100, 1);
    const fetch_function fetch = [&](std::string_view, const byte_range& range, fetch_sink& sink) {
      if (dies && range.offset != 0) throw std::runtime_error("no more");
      const std::string& now = dies ? first : content;
      sink.total(now.size());
      if (!version.empty()) sink.version(version);
      sink(std::string_view(now).substr(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.size)));
    };
    CHECK_THROWS(f.run(fetch));
    dies = false;
    version = second;
    const fetched_file result = f.run(fetch);
    CHECK(f.content() == content);
    CHECK(result.resumed == (second == "v1" ? chunk : 0));
  }
}

TEST_CASE("a file that changes while it is fetched is fetched anew, a few times") {
  fetching f;
  f.side_by_side = 1;
  const std::string old = support::pattern(2 * chunk + 10, 1);
  const std::string fresh = support::pattern(2 * chunk + 10, 2);
  int changes = 1;
  int calls = 0;
  const fetch_function fetch = [&](std::string_view, const byte_range& range, fetch_sink& sink) {
    const bool is_old = changes > 0 && range.offset == 0;
    if (range.offset != 0 && changes > 0) --changes, ++calls;
    const std::string& content = is_old ? old : fresh;
    sink.total(content.size());
    sink.version(is_old ? "old" + std::to_string(calls) : "fresh");
    sink(std::string_view(content).substr(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.size)));
  };
  f.run(fetch);
  CHECK(f.content() == fresh);
  changes = 100;
  CHECK(support::cause_of([&] {
          fetching other;
          other.side_by_side = 1;
          other.run(fetch);
        }) == larder::error_cause::io);
}

TEST_CASE("providers that lie are told apart from those that break off") {
  const auto answer = [](std::uint64_t total, std::size_t gives, std::optional<std::uint64_t> begins = {}) {
    return [=](std::string_view, const byte_range&, fetch_sink& sink) {
      sink.total(total);
      if (begins) sink.begins_at(*begins);
      sink(std::string(gives, 'x'));
    };
  };
  CHECK(support::cause_of([&] { fetching().run(answer(10, 20)); }) == larder::error_cause::corruption);  // more than it said
  CHECK(support::cause_of([&] { fetching().run(answer(20, 10, 5)); }) == larder::error_cause::server);
  CHECK(support::cause_of([&] { fetching().run(answer(std::uint64_t{1} << 60U, 10)); }) == larder::error_cause::server);
  CHECK(support::cause_of([&] { fetching().run(answer(20, 0)); }) != std::nullopt);
}

TEST_CASE("exceptions of providers reach the caller, also when a provider wraps ours") {
  CHECK_THROWS_WITH_AS(fetching().run([](std::string_view, const byte_range&, fetch_sink&) { throw std::logic_error("mine"); }),
                       "mine", std::logic_error);
}

TEST_CASE("a stop ends a fetch, and progress says how far it is") {
  fetching f;
  support::file_provider provider;
  f.wanted.digest = provider.file("f", support::pattern(3 * chunk)).digest.optional();
  std::stop_source stop;
  std::vector<std::uint64_t> told;
  f.control = {stop.get_token(), [&](std::uint64_t done, std::uint64_t total) {
                 CHECK(total == 3 * chunk);
                 told.push_back(done);
                 if (done > chunk + 5) stop.request_stop();
               }};
  CHECK(support::cause_of([&] { f.run(provider.fetch()); }) == larder::error_cause::cancelled);
  f.control = {{}, [&](std::uint64_t done, std::uint64_t) { told.push_back(done); }};
  CHECK(f.run(provider.fetch()).resumed >= chunk);
  CHECK(told.back() == 3 * chunk);
}

TEST_CASE("a sink takes spans, texts and bytes, and may be copied") {
  fetching f;
  const fetch_function fetch = [](std::string_view, larder::byte_range, fetch_sink sink) {
    sink(std::string("one "));
    const std::function<void(std::span<const std::byte>)> as_function = sink;
    as_function(std::as_bytes(std::span(std::string_view("two "))));
    sink(larder::bytes::copy_of("three"));
    CHECK_FALSE(sink.stop().stop_requested());
  };
  f.run(fetch);
  CHECK(f.content() == "one two three");
}

TEST_CASE("the digest of chunks that land in any order is that of the file") {
  CHECK(rc::check("any order", [] {
    const support::temporary_folder folder;
    const std::string content = support::pattern(3 * chunk + 11);
    partial_file partial(folder / "p");
    partial.start(content.size(), {}, false);
    partial.write(std::as_bytes(std::span(std::string_view(content))), 0);
    std::vector<std::size_t> order{0, 1, 2, 3};
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[*rc::gen::inRange<std::size_t>(0, i)]);
    ordered_digest digest(partial, digest_algorithm::md5);
    for (const std::size_t i : order) {
      partial.landed(i, larder::digest_of(std::string_view(content).substr(i * chunk, chunk)));
      digest.landed(i);
    }
    RC_ASSERT(digest.finish() == larder::digest_of(std::string_view(content), digest_algorithm::md5));
  }));
}
