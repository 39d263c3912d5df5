#include <larder/core/memory_download.hpp>
#include <larder/remote/object_transfers.hpp>
#include <larder/remote/parallel_upload.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"

namespace {

using larder::bytes;
using larder::error_cause;
using larder::put_mode;

std::string joined(std::span<const bytes> parts) {
  std::string text;
  for (const bytes& part : parts) text += part.text();
  return text;
}

/// A service that keeps parts aside until they are committed.
class part_service {
 public:
  bool admits(std::string_view, std::uint64_t, put_mode, const std::stop_token&) { return true; }
  std::string begin_upload(std::string_view) {
    const std::lock_guard lock(mutex_);
    return "u" + std::to_string(++begun);
  }
  std::string put_part(std::string_view, const std::string& id, std::size_t index, std::span<const bytes> part,
                       const std::stop_token&) {
    const int now = ++at_once_;
    for (int seen = most_at_once; now > seen && !most_at_once.compare_exchange_weak(seen, now);) {
    }
    const struct leaving {
      std::atomic<int>& count;
      ~leaving() { --count; }
    } left{at_once_};
    const std::lock_guard lock(mutex_);
    if (const auto at = failures.find(index); at != failures.end() && at->second.second != 0) {
      --at->second.second;
      throw larder::error(at->second.first, "a part was not taken");
    }
    uploads[id][index] = joined(part);
    if (on_part) on_part(index);
    return id + "/" + std::to_string(index);
  }
  bool commit_upload(std::string_view name, const std::string& id, std::span<const std::string> tags, put_mode mode) {
    const std::lock_guard lock(mutex_);
    if (commit_fails) throw larder::error(error_cause::server, "no");
    if (mode == put_mode::create_only && objects.contains(std::string(name))) return false;
    std::string whole;
    for (std::size_t i = 0; i < tags.size(); ++i) {
      CHECK(tags[i] == id + "/" + std::to_string(i));
      whole += uploads[id][i];
    }
    uploads.erase(id);
    objects[std::string(name)] = std::move(whole);
    return true;
  }
  void abort_upload(std::string_view, const std::string& id) noexcept {
    const std::lock_guard lock(mutex_);
    uploads.erase(id);
    ++aborted;
  }
  bool put(std::string_view name, std::span<const bytes> parts, put_mode, const std::stop_token&) {
    ++plain;
    objects[std::string(name)] = joined(parts);
    return true;
  }

  int begun = 0;
  int aborted = 0;
  int plain = 0;
  std::atomic<int> most_at_once = 0;
  std::map<std::size_t, std::pair<error_cause, int>> failures;
  bool commit_fails = false;
  std::function<void(std::size_t)> on_part;
  std::map<std::string, std::map<std::size_t, std::string>> uploads;
  std::map<std::string, std::string> objects;

 private:
  std::mutex mutex_;
  std::atomic<int> at_once_ = 0;
};
static_assert(larder::remote::part_uploading_client<part_service>);

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

struct uploading {
  explicit uploading(larder::transfer_settings settings = {.streams = 3, .part_size = 4096})
      : upload(settings, streams, budget) {}
  larder::remote::transfer_streams streams{4};
  larder::remote::byte_budget budget{10'000};
  larder::remote::parallel_upload upload;
  part_service service;

  std::optional<error_cause> failure(std::string_view text, const larder::transfer_control& control = {}) {
    const bytes whole = bytes::copy_of(text);
    try {
      upload.put(service, "x", {&whole, 1}, put_mode::replace, control);
    } catch (const larder::error& e) {
      return e.cause();
    }
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("parts side by side make the object, however the caller's pieces lie") {
  const std::string text = text_of(4096 * 5 + 17);
  const bytes whole = bytes::copy_of(text);
  for (const std::size_t first : {0UL, 1UL, 4096UL, 9000UL, 20497UL}) {
    uploading up;
    const std::vector<bytes> pieces{whole.slice(0, first), bytes{}, whole.slice(first)};
    CHECK(up.upload.put(up.service, "x", pieces, put_mode::replace));
    CHECK(up.service.objects["x"] == text);
    CHECK(up.service.uploads.empty());
    CHECK(up.service.aborted == 0);
    CHECK(up.service.most_at_once <= 3);
    CHECK_FALSE(up.upload.put(up.service, "x", pieces, put_mode::create_only));
    CHECK(up.budget.in_flight() == 0);
  }
}

TEST_CASE("there are never more parts than a service takes, and they are whole MiB then") {
  uploading up({.part_size = 8 << 20U});
  constexpr std::uint64_t GiB = std::uint64_t{1} << 30U;
  CHECK(up.upload.part_size_for(1) == 8 << 20U);
  CHECK(up.upload.part_size_for(70 * GiB) == 8 << 20U);
  constexpr std::uint64_t most = std::uint64_t{10'000} * (8 << 20U);
  CHECK(up.upload.part_size_for(most - 1) == 8 << 20U);
  for (const std::uint64_t size : {most, most + 1, 80 * GiB, 1000 * GiB, 5 * 1024 * GiB}) {
    const std::uint64_t part = up.upload.part_size_for(size);
    CHECK(part % (1 << 20U) == 0);
    CHECK((size + part - 1) / part <= 10'000);
  }
}

TEST_CASE("a part that the service did not take is sent again; what cannot be helped drops the parts and is thrown") {
  const std::string text = text_of(4096 * 6);
  uploading up;
  up.service.failures[2] = {error_cause::network, 2};
  up.service.failures[4] = {error_cause::server, 1};
  up.service.failures[5] = {error_cause::timeout, 2};
  CHECK_FALSE(up.failure(text));
  CHECK(up.service.objects["x"] == text);

  up.service.failures[3] = {error_cause::timeout, 3};
  CHECK(up.failure(text) == error_cause::timeout);
  up.service.failures[3] = {error_cause::unauthorized, 1};
  CHECK(up.failure(text) == error_cause::unauthorized);
  up.service.commit_fails = true;
  CHECK(up.failure(text) == error_cause::server);
  CHECK(up.service.aborted == 3);
  CHECK(up.service.uploads.empty());
  CHECK(up.budget.in_flight() == 0);
}

TEST_CASE("a stop ends an upload and drops its parts; progress counts every byte") {
  const std::string text = text_of(4096 * 9 + 1);
  uploading up;
  std::vector<std::uint64_t> seen;
  CHECK_FALSE(up.failure(text, {.progress = [&](std::uint64_t done, std::uint64_t total) {
                           CHECK(total == text.size());
                           seen.push_back(done);
                         }}));
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == text.size());
  std::stop_source stop;
  up.service.on_part = [&](std::size_t) { stop.request_stop(); };
  CHECK(up.failure(text, {.stop = stop.get_token()}) == error_cause::cancelled);
  CHECK(up.service.aborted == 1);
  CHECK(up.service.uploads.empty());
}

TEST_CASE("a stop ends the tries of a part, and the wait for its turn") {
  struct failing_service : part_service {
    std::string put_part(std::string_view, const std::string&, std::size_t, std::span<const bytes>, const std::stop_token&) {
      ++tries;
      stop.request_stop();
      throw larder::error(error_cause::network, "a part was not taken");
    }
    std::atomic<int> tries = 0;
    std::stop_source stop;
  } failing;
  uploading up({.streams = 1, .part_size = 4096});
  const bytes whole = bytes::copy_of(text_of(4096 * 3));
  const auto cause_of_put = [&](auto& service, const std::stop_token& stop) -> std::optional<error_cause> {
    try {
      up.upload.put(service, "x", {&whole, 1}, put_mode::replace, {.stop = stop});
    } catch (const larder::error& e) {
      return e.cause();
    }
    return std::nullopt;
  };
  CHECK(cause_of_put(failing, failing.stop.get_token()) == error_cause::cancelled);
  CHECK(failing.tries == 1);
  CHECK(failing.aborted == 1);

  std::stop_source stop;
  const larder::remote::byte_budget::lease others = up.budget.take(10'000);
  std::jthread stopping([&] {
    CHECK(support::eventually([&] { return up.budget.waiting() != 0; }));
    stop.request_stop();
  });
  CHECK(cause_of_put(up.service, stop.get_token()) == error_cause::cancelled);
  CHECK(up.service.aborted == 1);
  CHECK(up.service.uploads.empty());
  CHECK(up.budget.waiting() == 0);
}

TEST_CASE("every part on its way is in the budget, and the first word of progress is that nothing is there") {
  uploading up({.streams = 3, .part_size = 4096});
  up.service.on_part = [&](std::size_t) { CHECK(up.budget.in_flight() >= 4096); };
  std::vector<std::uint64_t> seen;
  CHECK_FALSE(up.failure(text_of(4096 * 6), {.progress = [&](std::uint64_t done, std::uint64_t) { seen.push_back(done); }}));
  REQUIRE(seen.size() == 7);
  CHECK(seen.front() == 0);
  CHECK(up.service.most_at_once <= 2);  // the budget is 10'000 bytes
  CHECK(up.budget.in_flight() == 0);
}

TEST_CASE("a store puts small objects plainly, large ones in parts where the client takes them") {
  larder::remote::object_transfers transfers({.first_request = 4096, .part_size = 4096});
  part_service service;
  const bytes small = bytes::copy_of(text_of(4096));
  const bytes large = bytes::copy_of(text_of(4097));
  CHECK(transfers.put(service, "small", {&small, 1}, put_mode::replace));
  CHECK(service.plain == 1);
  CHECK(transfers.put(service, "large", {&large, 1}, put_mode::replace));
  CHECK(service.plain == 1);
  CHECK(service.begun == 1);
  CHECK(service.objects["large"] == large.text());
  for (const larder::transfer_settings& wrong :
       {larder::transfer_settings{.streams = 0}, larder::transfer_settings{.first_request = 1},
        larder::transfer_settings{.part_size = 1}, larder::transfer_settings{.barren_tries = 0}})
    CHECK_THROWS_AS(larder::remote::object_transfers{wrong}, larder::error);
}

TEST_CASE("a store hands on the caller's control, in both directions, and takes what it moves from the shared budget") {
  struct reading_service : part_service {
    std::optional<larder::remote::part_read> read_part(std::string_view, const larder::remote::part_wanted& wanted) {
      stop = wanted.stop;
      return larder::remote::part_read{.head = {true, 3, "e"}, .body = bytes::copy_of("abc"), .landed = {}};
    }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    std::stop_token stop;
  } service;
  const auto budget = std::make_shared<larder::remote::byte_budget>();
  larder::remote::object_transfers transfers({.first_request = 4096, .part_size = 4096, .budget = budget});
  std::stop_source stop;
  std::uint64_t told = 0;
  const larder::transfer_control control{.stop = stop.get_token(),
                                         .progress = [&](std::uint64_t now, std::uint64_t) { told = now; }};
  larder::memory_download target;
  CHECK(transfers.fetch(service, "o", target, control));
  CHECK(std::move(target).result().text() == "abc");
  CHECK(told == 3);
  service.on_part = [&](std::size_t) { CHECK(budget->in_flight() != 0); };
  const bytes large = bytes::copy_of(text_of(5000));
  CHECK(transfers.put(service, "large", {&large, 1}, put_mode::replace, control));
  CHECK(told == 5000);
  CHECK(budget->in_flight() == 0);
  stop.request_stop();
  CHECK(service.stop.stop_requested());
  CHECK_THROWS_AS(transfers.put(service, "large", {&large, 1}, put_mode::replace, control), larder::error);
}

TEST_CASE("the size of a part decides what goes in parts, and the client may refuse before anything is sent") {
  struct choosy_service : part_service {
    bool admits(std::string_view name, std::uint64_t size, put_mode mode, const std::stop_token&) {
      if (size > 5000) throw larder::error(error_cause::invalid_argument, "too large");
      return mode == put_mode::replace || !objects.contains(std::string(name));
    }
  } service;
  larder::remote::object_transfers transfers({.first_request = 1U << 20U, .part_size = 4096});
  const bytes object = bytes::copy_of(text_of(4097));
  const bytes larger = bytes::copy_of(text_of(5001));
  CHECK(transfers.put(service, "o", {&object, 1}, put_mode::create_only));
  CHECK(service.begun == 1);
  CHECK(service.objects["o"] == object.text());
  CHECK_FALSE(transfers.put(service, "o", {&object, 1}, put_mode::create_only));
  CHECK_THROWS_AS(transfers.put(service, "p", {&larger, 1}, put_mode::replace), larder::error);
  CHECK(service.begun == 1);
  CHECK(service.plain == 0);
}
