#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/chunked_model.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/remote/range.hpp>
#include <larder/storage/http_chunks.hpp>
#include <larder/testing/scripted_server.hpp>

#include "../layer/written_model.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"
#include "support/split_model.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::chunked_model;
using larder::error_cause;
using larder::http_chunks;
using larder::testing::scripted_answer;
using larder::testing::scripted_request;

namespace {

static_assert(larder::chunk_store<http_chunks>);
static_assert(std::is_same_v<decltype(chunked_model{std::declval<http_chunks>(), "name"}), chunked_model<http_chunks>>);

/// A weight server's answers, as its protocol has them: ETags that are digests, one range.
class weight_answers {
 public:
  explicit weight_answers(support::split_model model) : model_(std::move(model)) {}

  scripted_answer operator()(const scripted_request& asked) {
    if (!token.empty() && asked.header("authorization") != "Bearer " + token) return {.status = 401};
    if (asked.method != "GET") return {.status = 405};
    if (asked.path() == "/v1/m/llama/manifest") return part(asked, model_.text(), {});
    if (asked.path().starts_with("/v1/c/")) {
      const std::string id(asked.path().substr(6));
      const std::lock_guard lock(mutex);
      const auto found = model_.chunks.find(id);
      if (found == model_.chunks.end()) return {.status = 404};
      if (failures[id] > 0) {
        --failures[id];
        return {.status = 503};
      }
      std::string content = found->second;
      if (damaged.contains(id)) content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
      if (truncated.contains(id)) content.pop_back();
      return part(asked, content, "\"" + id + "\"");
    }
    return {.status = 404};
  }
  void remove(const std::string& id) {
    const std::lock_guard lock(mutex);
    model_.chunks.erase(id);
  }

  std::string token;
  bool ignores_ranges = false;
  std::mutex mutex;
  std::map<std::string, int> failures;
  std::set<std::string> damaged;
  std::set<std::string> truncated;

 private:
  scripted_answer part(const scripted_request& asked, const std::string& content, const std::string& etag) const {
    scripted_answer out{.status = 200, .body = content};
    if (!etag.empty()) out.headers.emplace_back("ETag", etag);
    const auto range = asked.header("range");
    if (!range || ignores_ranges) return out;
    const std::string text = range->substr(std::string("bytes=").size());
    const std::uint64_t first = *larder::remote::parse_count(text.substr(0, text.find('-')));
    std::uint64_t last = larder::remote::parse_count(text.substr(text.find('-') + 1)).value_or(content.size() - 1);
    if (first >= content.size())
      return {.status = 416, .headers = {{"Content-Range", "bytes */" + std::to_string(content.size())}}};
    last = std::min<std::uint64_t>(last, content.size() - 1);
    out.status = 206;
    out.headers.emplace_back(
        "Content-Range", "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(content.size()));
    out.body = content.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1));
    return out;
  }

  support::split_model model_;
};

constexpr std::size_t layer_size = 300'000;
constexpr std::size_t chunk_size = 64 * 1024;

/// A model of three layers, its chunks on a server, and the settings of a client that does not wait between tries.
struct served_model {
  served_model() { file_tensors(); }
  void file_tensors() { write_file(folder / "model.safetensors", model_bytes(equal_layers(3, layer_size))); }
  larder::safetensors source() const { return larder::safetensors{folder / "model.safetensors"}; }
  larder::http_blob<larder::webdav> settings() const {
    larder::resilience how;
    how.retry.base = 1ms;
    how.hedge.on = false;  // requests are counted
    how.lookup_budget = 0ms;
    return {larder::webdav{.url = server.url(), .timeouts = support::patient}, how};
  }
  const std::string& chunk(std::size_t layer, std::size_t number) const {
    static thread_local std::string id;
    id = split.manifest.layers[layer].tensors[0].chunks[number].id.hex();
    return id;
  }

  scratch_directory folder;
  support::split_model split = [this] {
    file_tensors();
    return support::split_of(source(), "llama", chunk_size);
  }();
  weight_answers answers{split};
  larder::testing::scripted_server server{[this](const scripted_request& asked) { return answers(asked); }};
};

}  // namespace

TEST_CASE("the layers of a model on a weight server are those of its file, verified, the first without the last") {
  served_model m;
  larder::layer_cache from_file{m.source(), larder::max_bytes{10_MiB}};
  larder::layer_cache layers{chunked_model{http_chunks{m.settings()}, "llama"}, larder::max_bytes{10_MiB}};
  CHECK(m.server.count() == 1);  // the manifest, by one request
  CHECK(layers.get(0).data() == from_file.get(0).data());
  CHECK(m.server.count() == 1 + 5);  // layer 0's chunks
  for (auto layer : layers.pass()) CHECK(layer.data() == from_file.get(layer.index()).data());
  CHECK(layers.stats().bytes_verified == 3 * layer_size);
  CHECK(layers.source().chunks().report().requests >= 16);
  CHECK(layers.source().chunks().name() == m.server.url() + "/");
  CHECK(layers.source().read_unit() == 32_MiB);
}

TEST_CASE("of a chunk no more than what is asked for is fetched, in as many requests as parts") {
  served_model m;
  larder::http_blob<larder::webdav> settings = m.settings();
  settings.transfers.part_size = 4096;
  const http_chunks chunks{settings};
  std::string room(10'000, '?');
  const larder::digest id = m.split.manifest.layers[1].tensors[0].chunks[1].id;
  const std::vector<larder::chunk_piece> pieces{{id, chunk_size, 1000, std::as_writable_bytes(std::span(room))}};
  chunks.read(pieces);
  CHECK(room == m.split.chunks.at(id.hex()).substr(1000, 10'000));
  std::set<std::string> ranges;
  for (const scripted_request& asked : m.server.requests()) ranges.insert(asked.header("range").value_or("none"));
  CHECK(ranges == std::set<std::string>{"bytes=1000-5095", "bytes=5096-9191", "bytes=9192-10999"});
  chunks.read({});
  CHECK(m.server.count() == 3);
}

TEST_CASE("a server without ranges will do") {
  served_model m;
  m.answers.ignores_ranges = true;
  larder::layer_cache layers{chunked_model{http_chunks{m.settings()}, "llama"}, larder::max_bytes{10_MiB}};
  larder::layer_cache from_file{m.source(), larder::max_bytes{10_MiB}};
  CHECK(layers.get(2).data() == from_file.get(2).data());
}

TEST_CASE("what fails for a passing reason is asked for again; what stays damaged is never handed out") {
  served_model m;
  m.answers.failures[m.chunk(0, 1)] = 1;
  m.answers.damaged.insert(m.chunk(1, 2));
  m.answers.truncated.insert(m.chunk(2, 0));
  larder::layer_cache layers{chunked_model{http_chunks{m.settings()}, "llama"}, larder::max_bytes{10_MiB}};
  CHECK_NOTHROW(layers.get(0));
  const support::refusal damaged = support::refusal_of([&] { layers.get(1); });
  CHECK(damaged.cause == error_cause::corruption);
  CHECK(says(damaged, "tensor \"model.layers.1.weight\""));
  CHECK(says(damaged, "in " + m.server.url()));
  const support::refusal cut = support::refusal_of([&] { layers.get(2); });
  CHECK(cut.cause == error_cause::io);
  CHECK(says(cut, "has no chunk " + m.chunk(2, 0) + " of 65536 bytes"));
  CHECK(layers.size() == 1);
  {
    const std::lock_guard lock(m.answers.mutex);
    m.answers.damaged.clear();
    m.answers.truncated.clear();
  }
  CHECK_NOTHROW(layers.get(1));
  CHECK_NOTHROW(layers.get(2));
}

TEST_CASE("what the server does not have is an error that says what is missing") {
  served_model m;
  const support::refusal absent = support::refusal_of([&] { chunked_model{http_chunks{m.server.url()}, "other"}; });
  CHECK(absent.cause == error_cause::io);
  CHECK(says(absent, "has no model other"));
  CHECK(support::cause_of([&] { chunked_model{http_chunks{m.server.url()}, "../llama"}; }) == error_cause::invalid_argument);
  CHECK(m.server.count() == 1);  // no name that leads elsewhere goes out
  larder::layer_cache layers{chunked_model{http_chunks{m.settings()}, "llama"}, larder::max_bytes{10_MiB}};
  m.answers.remove(m.chunk(1, 3));
  const support::refusal missing = support::refusal_of([&] { layers.get(1); });
  CHECK(missing.cause == error_cause::io);
  CHECK(says(missing, "has no chunk " + m.chunk(1, 3)));
}

TEST_CASE("a token goes with every request and into no message") {
  served_model m;
  m.answers.token = "s3cret";
  const support::refusal refused = support::refusal_of(
      [&] {
        chunked_model{http_chunks{m.server.url(), "wr0ng"}, "llama"};
      },
      {"s3cret", "wr0ng"});
  CHECK(refused.cause == error_cause::unauthorized);
  larder::layer_cache layers{chunked_model{http_chunks{m.server.url(), "s3cret"}, "llama"}, larder::max_bytes{10_MiB}};
  CHECK_NOTHROW(layers.get(1));
  for (const scripted_request& asked : m.server.requests())
    CHECK(asked.header("authorization").value_or("none").starts_with("Bearer "));
  CHECK(support::cause_of([] { http_chunks{"ftp://host"}; }) == error_cause::invalid_argument);
  CHECK(support::cause_of([] { http_chunks{"http://example.org", "s3cret"}; }, {"s3cret"}) == error_cause::invalid_argument);
}

TEST_CASE("a manifest that is longer than any is not taken") {
  larder::testing::scripted_server vast{[](const scripted_request&) {
    return scripted_answer{.status = 206, .headers = {{"Content-Range", "bytes 0-3/300000000"}}, .body = "text"};
  }};
  CHECK(support::cause_of([&] { chunked_model{http_chunks{vast.url()}, "m"}; }).has_value());
  larder::testing::scripted_server nonsense{[](const scripted_request&) { return scripted_answer{.body = "[]"}; }};
  const support::refusal refused = support::refusal_of([&] { chunked_model{http_chunks{nonsense.url()}, "m"}; });
  CHECK(refused.cause == error_cause::corruption);
  CHECK(says(refused, "the manifest of m in " + nonsense.url() + "/: not a valid manifest of a model: it is not an object"));
}
