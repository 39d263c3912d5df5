#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/submission_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/split_model.hpp"

using namespace larder_tests;
using larder::read_path;

namespace {

constexpr std::size_t count = 8;
constexpr std::size_t first_size = 1'500'000;  // of two tensors of each layer, of which the second has another type and place
constexpr std::size_t second_size = 300'002;
constexpr std::uint64_t layer_size = first_size + second_size;

/// All first tensors stand before all second ones, as writers do that sort by type.
std::vector<file_tensor> two_runs() {
  std::vector<file_tensor> tensors;
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back({"h." + std::to_string(i) + ".norm", "F32", "[" + std::to_string(first_size / 4) + "]", first_size});
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back({"h." + std::to_string(i) + ".weight", "F16", "[" + std::to_string(second_size / 2) + "]", second_size});
  return tensors;
}

void forget_pages(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

std::size_t wrong_bytes(const larder::tensor& tensor, std::size_t begin) {
  const auto data = tensor.as_span<char>();
  std::size_t wrong = 0;
  for (std::size_t k = 0; k < data.size(); ++k) wrong += data[k] != data_byte(begin + k) ? 1 : 0;
  return wrong;
}
std::size_t wrong_bytes(const larder::layer& layer) {
  const std::size_t i = layer.index();
  REQUIRE(layer.tensor("norm").as_span<float>().size() == first_size / 4);  // throws where they lie wrong
  REQUIRE(layer.tensor("weight").as_span<std::uint16_t>().size() == second_size / 2);
  return wrong_bytes(layer.tensor("norm"), i * first_size) +
         wrong_bytes(layer.tensor("weight"), count * first_size + i * second_size);
}

}  // namespace

TEST_CASE("layers are whole by every path, streamed or resident, from the disk and from the page cache") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  const std::string content = model_bytes(two_runs());
  write_file(path, content);
  const std::size_t data = content.size() - count * layer_size;
  const bool past_cache =
      larder::layers::readable_file(path).open_direct() && larder::layers::submission_ring::open(1) != nullptr;
  for (const read_path::kind kind : {read_path::automatic, read_path::buffered, read_path::direct})
    for (const std::uint64_t budget : {3 * layer_size, count * layer_size}) {
      CAPTURE(kind);
      CAPTURE(budget);
      larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{budget}, read_path{kind}};
      for (int pass = 0; pass < 3; ++pass) {
        if (pass != 1) forget_pages(path);
        std::size_t seen = 0;
        for (const larder::layer& layer : layers.pass()) {
          CHECK(layer.index() == seen++);
          CHECK(wrong_bytes(layer) == 0);
          // Past the page cache a layer's larger piece must lie in its page as it does in the file, to come without a copy.
          const auto at = reinterpret_cast<std::uintptr_t>(layer.data().data());
          const bool kept_by_page_cache = kind == read_path::automatic && budget != count * layer_size;
          if (past_cache && (kind == read_path::direct || (kind == read_path::automatic && !kept_by_page_cache)))
            CHECK((at - data - layer.index() * first_size) % 4096 == 0);
          else
            CHECK(at % 4096 == 0);
        }
        CHECK(seen == count);
      }
      CHECK(layers.stats().loads == layers.plan().expected_loads(3));
      CHECK(layers.stats().load_failures == 0);
      CHECK(layers.weight() <= budget);
    }
}

TEST_CASE("warm-ups and prefetches side by side count each layer once and say when the last one is there") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, model_bytes(two_runs()));
  larder::layer_cache layers{larder::safetensors{path}, read_path{read_path::direct}};
  forget_pages(path);
  larder::task first = layers.warmup({0, 1, 2, 3, 2});
  larder::task second = layers.prefetch_next(3, 2);
  first.wait();
  for (const std::size_t i : {0U, 1U, 2U, 3U}) CHECK(layers.contains(i));
  CHECK(first.progress().done == 5);
  second.wait();
  CHECK(second.progress().done == 2);
  CHECK(layers.size() == 6);
  CHECK(layers.stats().loads == 6);
  CHECK(layers.stats().warmup_loads == 4);
  CHECK(layers.stats().prefetch_loads == 2);
  for (std::size_t i = 0; i < 6; ++i) CHECK(wrong_bytes(layers.get(i)) == 0);
}

TEST_CASE("a file that shrinks fails the warm-up that meets it, and the cache goes on") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  const std::string content = model_bytes(two_runs());
  write_file(path, content);
  for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
    larder::layer_cache layers{larder::safetensors{path}, read_path{kind}};
    CHECK(wrong_bytes(layers.get(0)) == 0);
    std::filesystem::resize_file(path, content.size() / 2);
    forget_pages(path);
    larder::task all = layers.warmup({1, 2, 3, 4, 5, 6, 7});
    CHECK(support::cause_of([&] { all.wait(); }) == larder::error_cause::io);
    CHECK(support::cause_of([&] { layers.get(5); }) == larder::error_cause::io);
    CHECK(wrong_bytes(layers.get(0)) == 0);
    write_file(path, content);
  }
}

TEST_CASE("a cache that goes, and a warm-up that is stopped, leave nothing behind that reads") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, model_bytes(two_runs()));
  for (int turn = 0; turn < 20; ++turn) {
    forget_pages(path);
    larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{4 * layer_size}, read_path{read_path::direct}};
    larder::task all = layers.warmup({0, 1, 2, 3, 4, 5, 6, 7});
    if (turn % 2 == 0) {
      all.request_stop();
      const auto cause = support::cause_of([&] { all.wait(); });
      CHECK((!cause || cause == larder::error_cause::cancelled));
      CHECK(wrong_bytes(layers.get(static_cast<std::size_t>(turn) % count)) == 0);
    }
  }
}

TEST_CASE("a flipped bit is found at the first read by every path, wherever it lies in its page") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  const std::string content = model_bytes(two_runs());
  write_file(path, content);
  write_file(larder::layers::digests_path(path), support::split_of(larder::safetensors{path}, "m").text());
  const std::size_t data = content.size() - count * layer_size;
  for (const std::size_t place : {std::size_t{0}, first_size - 1, 3 * first_size + 77'777, count * first_size + 5 * second_size,
                                  std::size_t{count} * layer_size - 1})
    for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
      std::string damaged = content;
      damaged[data + place] = static_cast<char>(damaged[data + place] ^ 4);
      write_file(path, damaged);
      forget_pages(path);
      const std::size_t layer = place < count * first_size ? place / first_size : (place - count * first_size) / second_size;
      larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{3 * layer_size}, read_path{kind}};
      for (std::size_t i = 0; i < count; ++i) {
        std::size_t wrong = 0;
        const support::refusal refused = support::refusal_of([&] { wrong = wrong_bytes(layers.get(i)); });
        CHECK(wrong == 0);
        CHECK((refused.cause == larder::error_cause::corruption) == (i == layer));
      }
      CHECK(layers.stats().damaged == 1);
    }
}

TEST_CASE("a tensor lies as its elements ask, also where its file has it at an odd place") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "odd.safetensors";
  constexpr std::size_t size = std::size_t{2} << 20U;
  std::string header = R"({"h.0.w":{"dtype":"F32","shape":[524288],"data_offsets":[0,2097152]}})";
  header += header.size() % 2 == 0 ? " " : "";
  std::string content;
  for (unsigned i = 0; i < 8; ++i) content += static_cast<char>((header.size() >> (8 * i)) & 0xffU);
  content += header;
  for (std::size_t i = 0; i < size; ++i) content += data_byte(i);
  write_file(path, content);
  for (const read_path::kind kind : {read_path::automatic, read_path::buffered, read_path::direct}) {
    forget_pages(path);
    larder::layer_cache layers{larder::safetensors{path}, read_path{kind}};
    const larder::tensor tensor = layers.get(0).tensor("w");
    CHECK(tensor.as_span<float>().size() == size / 4);  // throws where they lie wrong
    CHECK(wrong_bytes(tensor, 0) == 0);
  }
}
