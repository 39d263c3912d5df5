#include <larder/artifact/relative_name.hpp>
#include <larder/artifact/resolution_cache.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::request;
using support::says;
using namespace std::chrono_literals;

namespace {

/// What a provider chooses for a model: a package, and its files.
struct package_choice {
  std::string package;
  std::vector<std::string> files;
  bool operator==(const package_choice&) const = default;
};

}  // namespace

template <>
struct larder::codec<package_choice> {
  static bytes encode(const package_choice& choice) {
    std::string text = choice.package;
    for (const std::string& file : choice.files) text += '\n' + file;
    return bytes::copy_of(text.data(), text.size());
  }
  static package_choice decode(const bytes& encoded) {
    package_choice choice;
    std::string_view text = encoded.text();
    for (bool first = true; first || !text.empty(); first = false) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (first)
        choice.package = text.substr(0, end);
      else
        choice.files.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return choice;
  }
};

namespace {

using cache_of_choices = larder::resolution_cache<package_choice>;
using options = larder::resolution_options<package_choice>;

constexpr std::string_view key = "rf_AbCdEf0123456789";

request full(std::string_view changed = "") {
  const auto is = [&](std::string_view name) { return changed == name; };
  request asked;
  asked.field("weights_provider", is("weights_provider") ? "other" : "roboflow");
  asked.field("model_id", is("model_id") ? "a/c" : "a/b");
  asked.secret("api_key", is("api_key") ? "rf_other-key-of-mine" : std::string(key));
  if (is("backends"))
    asked.unordered("backends", {"onnx"});
  else
    asked.unordered("backends", {"onnx", "trt"});
  asked.ordered("quantization",
                is("quantization") ? std::vector<std::string>{"fp32", "fp16"} : std::vector<std::string>{"fp16", "fp32"});
  asked.field("batch_size", is("batch_size") ? 2 : 1);
  asked.field("device", is("device") ? "cuda:1" : "cuda:0");
  asked.ordered("onnx_execution_providers", {is("onnx_execution_providers") ? "CPUExecutionProvider" : "CUDAExecutionProvider"});
  if (is("any further field")) asked.field("max_package_loading_attempts", std::nullopt);
  return asked;
}

/// A provider that counts.
class provider {
 public:
  package_choice operator()(const request&) {
    ++calls;
    if (unreachable) throw larder::error(error_cause::network, "no route to the provider");
    return {"package-" + std::to_string(calls), files};
  }
  int calls = 0;
  bool unreachable = false;
  std::vector<std::string> files;
};

std::vector<std::filesystem::path> entries_of(const std::filesystem::path& home) {
  std::vector<std::filesystem::path> found;
  if (!std::filesystem::exists(home / "auto-resolution-cache")) return found;
  for (const auto& file : std::filesystem::directory_iterator(home / "auto-resolution-cache")) found.push_back(file.path());
  return found;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("R1: the same request runs the resolver once, and each changed field once more") {
  const support::temporary_folder home;
  cache_of_choices resolved{home.path()};
  provider negotiate;
  const auto first = resolved.resolve(full(), std::ref(negotiate));
  CHECK(first.package == "package-1");
  CHECK(resolved.resolve(full(), std::ref(negotiate)) == first);
  CHECK(cache_of_choices{home.path()}.resolve(full(), std::ref(negotiate)) == first);
  CHECK(negotiate.calls == 1);
  int expected = 1;
  for (const char* changed : {"weights_provider", "model_id", "api_key", "backends", "quantization", "batch_size", "device",
                              "onnx_execution_providers", "any further field"}) {
    CAPTURE(changed);
    for (int n = 0; n < 2; ++n)
      CHECK(resolved.resolve(full(changed), std::ref(negotiate)).package == "package-" + std::to_string(expected + 1));
    CHECK(negotiate.calls == ++expected);
  }
  CHECK(resolved.resolve(full(), std::ref(negotiate)) == first);
  CHECK(entries_of(home.path()).size() == 10);
}

TEST_CASE("R2: a secret has an answer of its own, and its text is in no file and no name") {
  const support::temporary_folder home;
  provider negotiate;
  std::string said;
  options some;
  some.on_error = [&](const larder::error_event& event) { said += event.message; };
  cache_of_choices resolved{home.path(), some};
  const auto asked = [](std::string_view secret) {
    return request{}.field("model_id", "a/b").secret("api_key", larder::secret(secret));
  };
  for (int n = 0; n < 2; ++n) {
    CHECK(resolved.resolve(asked(key), std::ref(negotiate)).package == "package-1");
    CHECK(resolved.resolve(asked("another-secret"), std::ref(negotiate)).package == "package-2");
  }
  CHECK(negotiate.calls == 2);
  negotiate.unreachable = true;
  said += support::refusal_of([&] { resolved.resolve(asked("a-third-secret"), std::ref(negotiate)); }).message;
  said += resolved.explain(asked(key)) + resolved.explain(asked("a-third-secret"));
  said += support::refusal_of([&] {
            cache_of_choices{home.path(), {.offline = true}}.resolve(asked("a-third-secret"), std::ref(negotiate));
          }).message;
  std::size_t files = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(home.path())) {
    said += file.path().string();
    if (!file.is_regular_file()) continue;
    ++files;
    said += content_of(file.path());
  }
  CHECK(files == 3);  // two answers and the key of the marks
  const std::string first(key);
  for (const std::string& secret :
       {first, std::string("another-secret"), std::string("a-third-secret"),
        larder::remote::hex_of(larder::remote::sha256_of(first)), larder::remote::base64(first), larder::digest_of(first).hex()})
    CHECK(said.find(secret) == std::string::npos);
  CHECK(said.find("(secret)") != std::string::npos);
}

TEST_CASE("R3: sets share an answer in any order and case; numbers and lists do not") {
  const support::temporary_folder home;
  cache_of_choices resolved{home.path()};
  provider negotiate;
  const auto ask = [&](request asked) { return resolved.resolve(asked, std::ref(negotiate)).package; };
  CHECK(ask(request{}.unordered("backends", {"onnx", "trt"}).field("batch_size", 1)) == "package-1");
  CHECK(ask(request{}.field("batch_size", 1).unordered("backends", {"TRT", "onnx"})) == "package-1");
  CHECK(ask(request{}.field("batch_size", 1).unordered("backends", std::vector<std::string>{"trt", "Onnx", "onnx"})) ==
        "package-1");
  CHECK(ask(request{}.field("batch_size", 2).unordered("backends", {"onnx", "trt"})) == "package-2");
  CHECK(ask(request{}.field("batch_size", "1").unordered("backends", {"onnx", "trt"})) == "package-3");
  CHECK(ask(request{}.field("batch_size", 1).ordered("backends", {"onnx", "trt"})) == "package-4");
  CHECK(ask(request{}.field("batch_size", 1).unordered("backends", {"onnx"})) == "package-5");
}

TEST_CASE("R4: an answer is a hit at its expiry, and a second later a miss whose file is gone") {
  const auto check = [](options some, larder::duration expiry) {
    const support::temporary_folder home;
    larder::manual_clock now(larder::instant(123456h + 17ns));
    some.time = larder::time_source{now};
    cache_of_choices resolved{home.path(), some};
    CHECK(resolved.expiry() == expiry);
    provider negotiate;
    resolved.resolve(full(), std::ref(negotiate));
    now += expiry;
    CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-1");
    now += 1s;
    negotiate.unreachable = true;
    CHECK(support::cause_of([&] { resolved.resolve(full(), std::ref(negotiate)); }) == error_cause::network);
    CHECK(entries_of(home.path()).empty());
    negotiate.unreachable = false;
    CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-3");
    CHECK(entries_of(home.path()).size() == 1);
  };
  const auto environment = [](const char* minutes) {
    return [minutes](const std::string& name) {
      return name == "AUTO_LOADER_CACHE_EXPIRATION_MINUTES" && minutes ? std::optional<std::string>(minutes) : std::nullopt;
    };
  };
  check({.environment = environment(nullptr)}, 1440min);
  check({.environment = environment("30")}, 30min);
  check({.expiry = 90s, .environment = environment("30")}, 90s);
  check({.expiry = 0s}, 0s);
  CHECK(says(support::refusal_of([&] { cache_of_choices({.environment = environment("soon")}); }),
             "AUTO_LOADER_CACHE_EXPIRATION_MINUTES"));
}

TEST_CASE("the home is what is given, else the environment's INFERENCE_HOME") {
  const support::temporary_folder home;
  provider negotiate;
  const auto environment = [&](const std::string& name) {
    return name == "INFERENCE_HOME" ? std::optional<std::string>(home.path() / "env") : std::nullopt;
  };
  cache_of_choices by_environment{{.environment = environment}};
  by_environment.resolve(full(), std::ref(negotiate));
  cache_of_choices given{home / "given", {.environment = environment}};
  given.resolve(full(), std::ref(negotiate));
  CHECK(by_environment.home() == home / "env");
  CHECK(entries_of(home / "env").size() == 1);
  CHECK(entries_of(home / "given").size() == 1);
  CHECK(negotiate.calls == 2);
  CHECK(entries_of(home / "env").front().filename().string().size() == 64 + 5);  // <digest>.json
}

TEST_CASE("R5: an answer whose file is gone is resolved once more, and only that file is missing") {
  const support::temporary_folder home;
  provider negotiate;
  options some;
  some.valid = [](const package_choice& choice) {
    for (const std::string& file : choice.files)
      if (!std::filesystem::exists(file)) return false;
    return true;
  };
  cache_of_choices resolved{home.path(), some};
  for (const char* name : {"one", "two"}) {
    negotiate.files.push_back((home / name).string());
    support::write_file(home / name, name);
  }
  for (int n = 0; n < 3; ++n) resolved.resolve(full(), std::ref(negotiate));
  CHECK(negotiate.calls == 1);
  std::filesystem::remove(home / "two");
  int downloads = 0;
  const auto again = resolved.resolve(full(), [&](const request& asked) {
    package_choice choice = negotiate(asked);
    for (const std::string& file : choice.files)
      if (!std::filesystem::exists(file)) support::write_file(file, std::to_string(++downloads));
    return choice;
  });
  CHECK(again.package == "package-2");
  CHECK(downloads == 1);
  CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-2");
  CHECK(resolved.stats().invalid == 1);
  CHECK(negotiate.calls == 2);
  some.valid = [](const package_choice&) -> bool { throw std::runtime_error("cannot tell"); };
  cache_of_choices doubtful{home.path(), some};
  CHECK(doubtful.resolve(full(), std::ref(negotiate)).package == "package-3");
  CHECK(doubtful.stats().invalid == 1);
}

TEST_CASE("R6: an entry that is empty, no JSON, or lacks a field is a miss, and its file goes") {
  const support::temporary_folder home;
  cache_of_choices resolved{home.path()};
  provider negotiate;
  resolved.resolve(full(), std::ref(negotiate));
  const auto entry = entries_of(home.path()).front();
  const std::string good = content_of(entry);
  std::vector<std::string> damaged{
      "", "not JSON", "{}", "[]", "null", "{\"value\": 1}", good.substr(0, good.size() / 2), std::string(17'000'000, ' ')};
  for (const char* name : {"\"check\"", "\"created\"", "\"key\"", "\"larder_resolution\"", "\"value\""}) {
    std::string text = good;
    text.replace(text.find(name), 2, "\"_");
    damaged.push_back(text);
  }
  std::string flipped = good;
  flipped[good.find("\"value\"") + 12] ^= 1;
  damaged.push_back(flipped);
  negotiate.unreachable = true;
  std::uint64_t count = 0;
  for (const std::string& text : damaged) {
    CAPTURE(text.substr(0, 200));
    support::write_file(entry, text);
    CHECK_FALSE(resolved.find(full()).has_value());
    CHECK(entries_of(home.path()).empty());
    support::write_file(entry, text);
    CHECK(support::cause_of([&] { resolved.resolve(full(), std::ref(negotiate)); }) ==
          error_cause::network);  // the provider's words alone
    CHECK(entries_of(home.path()).empty());
    CHECK(resolved.stats().damaged == (count += 2));
  }
  support::write_file(entry, "x");
  negotiate.unreachable = false;
  const auto anew = resolved.resolve(full(), std::ref(negotiate));
  CHECK(resolved.find(full()) == anew);
  // A whole entry under another request's name is none of its.
  std::filesystem::copy_file(entry, home / "kept");
  resolved.purge();
  resolved.resolve(full("model_id"), std::ref(negotiate));
  const auto other = entries_of(home.path()).front();
  std::filesystem::rename(home / "kept", other);
  CHECK_FALSE(resolved.find(full("model_id")).has_value());
  CHECK(entries_of(home.path()).empty());
}

TEST_CASE("R7: off, nothing is read or written") {
  const support::temporary_folder home;
  provider negotiate;
  cache_of_choices{home / "used"}.resolve(full(), std::ref(negotiate));
  cache_of_choices off{home / "used", {.off = true}};
  for (int n = 2; n < 4; ++n) CHECK(off.resolve(full(), std::ref(negotiate)).package == "package-" + std::to_string(n));
  CHECK_FALSE(off.find(full()).has_value());
  CHECK(off.purge() == 0);
  CHECK_FALSE(off.erase(full()));
  CHECK(cache_of_choices{home / "used"}.resolve(full(), std::ref(negotiate)).package == "package-1");
  cache_of_choices nowhere{home / "unused", {.off = true}};
  nowhere.resolve(full(), std::ref(negotiate));
  CHECK_FALSE(std::filesystem::exists(home / "unused"));
}

TEST_CASE("R17: offline, what is kept is served at any age without the provider, and what is missing is named") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  provider negotiate;
  cache_of_choices{home.path(), {.time = larder::time_source{now}}}.resolve(full(), std::ref(negotiate));
  cache_of_choices offline{home.path(), {.offline = true, .time = larder::time_source{now}}};
  CHECK_FALSE(offline.resolve(full(), std::ref(negotiate)).is_stale());
  now += 24h * 1000;
  const auto old = offline.resolve(full(), std::ref(negotiate));
  CHECK(old.package == "package-1");
  CHECK(old.is_stale());
  CHECK(old.age() == 24h * 1000);
  CHECK(offline.find(full()).has_value());
  const support::refusal missing = support::refusal_of([&] { offline.resolve(full("model_id"), std::ref(negotiate)); });
  CHECK(missing.cause == error_cause::network);
  CHECK(says(missing, "\"model_id\": \"a/c\""));
  CHECK(says(missing, home.path().string()));
  CHECK(negotiate.calls == 1);
  CHECK(offline.stats().stale == 2);
  CHECK(entries_of(home.path()).size() == 1);
  cache_of_choices nothing{home / "none", {.offline = true}};
  CHECK(support::cause_of([&] { nothing.resolve(full(), std::ref(negotiate)); }) == error_cause::network);
  CHECK_FALSE(std::filesystem::exists(home / "none"));
}

TEST_CASE("R18: a home that is renamed has all it had") {
  const support::temporary_folder folder;
  provider negotiate;
  cache_of_choices{folder / "home"}.resolve(full(), std::ref(negotiate));
  std::filesystem::rename(folder / "home", folder / "moved");
  CHECK(cache_of_choices{folder / "moved"}.resolve(full(), std::ref(negotiate)).package == "package-1");
  std::filesystem::create_directory_symlink("moved", folder / "link");
  CHECK(cache_of_choices{folder / "link"}.resolve(full(), std::ref(negotiate)).package == "package-1");
}

TEST_CASE("R19: past its expiry an unreachable provider is an error, and with a grace period a stale answer") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  provider negotiate;
  cache_of_choices graceful{home / "a", {.expiry = 10min, .grace = 1h, .time = larder::time_source{now}}};
  cache_of_choices strict{home / "b", {.expiry = 10min, .time = larder::time_source{now}}};
  for (cache_of_choices* cache : {&graceful, &strict}) cache->resolve(full(), std::ref(negotiate));
  now += 11min;
  negotiate.unreachable = true;
  const auto stale = graceful.resolve(full(), std::ref(negotiate));
  CHECK(stale.package == "package-1");
  CHECK(stale.is_stale());
  CHECK(support::cause_of([&] { strict.resolve(full(), std::ref(negotiate)); }) == error_cause::network);
  negotiate.unreachable = false;
  const auto renewed = graceful.resolve(full(), std::ref(negotiate));
  CHECK_FALSE(renewed.is_stale());
  CHECK(renewed.package == "package-5");
  CHECK_FALSE(graceful.resolve(full(), std::ref(negotiate)).is_stale());
  now += 2h;
  negotiate.unreachable = true;
  CHECK(support::cause_of([&] { graceful.resolve(full(), std::ref(negotiate)); }) == error_cause::network);
}

TEST_CASE("R20: a link in the place of an entry or a lock is refused, and its target untouched") {
  const support::temporary_folder home;
  provider negotiate;
  cache_of_choices resolved{home.path()};
  resolved.resolve(full(), std::ref(negotiate));
  const auto entry = entries_of(home.path()).front();
  const auto lock = home / "locks" / ("resolution-" + entry.stem().string() + ".lock");
  std::filesystem::rename(entry, home / "target");
  const std::string before = content_of(home / "target");
  std::filesystem::create_symlink(home / "target", entry);  // a good answer, at the wrong end of a link
  CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-2");
  CHECK_FALSE(resolved.find(full()).has_value());
  resolved.purge_expired();
  CHECK(std::filesystem::is_symlink(entry));
  CHECK(content_of(home / "target") == before);
  CHECK(resolved.stats().refused == 1);
  CHECK(resolved.stats().errors[error_cause::invalid_argument] > 0);
  CHECK(says({{}, resolved.explain(full())}, "is a symbolic link"));
  std::filesystem::remove(entry);
  support::write_file(home / "mine", "mine");
  std::filesystem::create_symlink(home / "mine", lock);
  CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-3");
  CHECK(resolved.resolve(full(), std::ref(negotiate)).package == "package-3");
  resolved.purge_expired();
  CHECK(std::filesystem::is_symlink(lock));
  CHECK(content_of(home / "mine") == "mine");
}

TEST_CASE("R21: a slow reader that saw an old entry does not take away the fresh one") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  provider negotiate;
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool go_on = false;
  // The slow one stands still between seeing the entry and judging it.
  options slow_options{.expiry = 10min, .time = larder::time_source{now}};
  slow_options.valid = [&](const package_choice&) {
    std::unique_lock wait(mutex);
    ++asked;
    changed.notify_all();
    changed.wait_for(wait, 30s, [&] { return go_on; });
    return false;
  };
  cache_of_choices slow{home.path(), slow_options}, quick{home.path(), {.expiry = 10min, .time = larder::time_source{now}}};
  quick.resolve(full(), std::ref(negotiate));
  std::jthread reader([&] { CHECK_FALSE(slow.find(full()).has_value()); });
  {
    std::unique_lock wait(mutex);
    REQUIRE(changed.wait_for(wait, 30s, [&] { return asked == 1; }));
  }
  now += 11min;
  CHECK(quick.resolve(full(), std::ref(negotiate)).package == "package-2");
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  reader.join();
  CHECK(quick.find(full())->package == "package-2");
  CHECK(slow.stats().invalid == 0);  // what it meant to take away was gone already
}

TEST_CASE("R22: a guard is asked before an answer that is kept is handed out, and can refuse it") {
  const support::temporary_folder home;
  provider negotiate;
  std::vector<std::string> guarded;
  bool allowed = true;
  options some;
  some.guard = [&](const request& asked, const package_choice& choice) {
    guarded.push_back(choice.package);
    CHECK(asked.text().find("a/b") != std::string::npos);
    return allowed;
  };
  cache_of_choices resolved{home.path(), some};
  resolved.resolve(full(), std::ref(negotiate));
  CHECK(guarded.empty());  // the provider itself has just given it
  resolved.resolve(full(), std::ref(negotiate));
  CHECK(guarded == std::vector<std::string>{"package-1"});
  allowed = false;
  const support::refusal refused = support::refusal_of([&] { resolved.resolve(full(), std::ref(negotiate)); }, {key});
  CHECK(refused.cause == error_cause::unauthorized);
  CHECK(says(refused, "the guard refuses"));
  CHECK(support::cause_of([&] { resolved.find(full()); }) == error_cause::unauthorized);
  CHECK(negotiate.calls == 1);
  CHECK(resolved.stats().refused == 2);
  some.guard = [](const request&, const package_choice&) -> bool { throw std::runtime_error("ask your administrator"); };
  cache_of_choices strict{home.path(), some};
  CHECK_THROWS_WITH(strict.resolve(full(), std::ref(negotiate)), "ask your administrator");
  CHECK(entries_of(home.path()).size() == 1);
}
