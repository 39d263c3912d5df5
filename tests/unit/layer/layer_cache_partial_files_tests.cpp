#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/chunked_model.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_files.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/verify_tensors.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/sanitizers.hpp"
#include "support/split_model.hpp"

using namespace larder_tests;
using larder::max_bytes;
using larder::read_path;

namespace {

constexpr std::size_t count = 6;
constexpr std::size_t first_size = 1'500'000;  // of two tensors of each layer, which lie apart in the file
constexpr std::size_t second_size = 300'002;
constexpr std::uint64_t layer_size = first_size + second_size;

std::string content() {
  std::vector<file_tensor> tensors;
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back({"h." + std::to_string(i) + ".norm", "F32", "[" + std::to_string(first_size / 4) + "]", first_size});
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back({"h." + std::to_string(i) + ".weight", "F16", "[" + std::to_string(second_size / 2) + "]", second_size});
  return model_bytes(tensors);
}

void forget_pages(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

std::size_t wrong_bytes(const larder::layer& layer) {
  const auto compare = [](const larder::tensor& tensor, std::size_t begin) {
    const auto data = tensor.as_span<char>();
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < data.size(); ++k) wrong += data[k] != data_byte(begin + k) ? 1U : 0U;
    return wrong;
  };
  return compare(layer.tensor("norm"), layer.index() * first_size) +
         compare(layer.tensor("weight"), count * first_size + layer.index() * second_size);
}

struct hears_all final : larder::layers::arrival {
  void arrived(std::uint64_t end) override { ends.push_back(end); }
  std::vector<std::uint64_t> ends;
};

}  // namespace

TEST_CASE("files: by every path, from the disk and from the page cache, a partial layer is what the file says") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, content());
  for (const read_path::kind kind : {read_path::automatic, read_path::buffered, read_path::direct})
    for (const std::uint64_t left :
         {std::uint64_t{65'536}, std::uint64_t{777'777}, std::uint64_t{1'600'000}}) {  // the last: into the second tensor
      CAPTURE(kind);
      CAPTURE(left);
      larder::layer_cache layers{larder::safetensors{path}, max_bytes{3 * layer_size + left}, read_path{kind}};
      const larder::residency_plan plan = layers.plan();
      REQUIRE(plan.partial);
      CHECK(plan.kept_bytes() == left / 4096 * 4096);
      std::uint64_t read = 0;
      for (int pass = 0; pass < 4; ++pass) {
        if (pass != 2) forget_pages(path);
        for (const larder::layer& layer : layers.pass()) CHECK(wrong_bytes(layer) == 0);
        read += pass == 0 ? count * layer_size : plan.bytes_per_pass;
        CHECK(layers.stats().bytes_read == read);
      }
      CHECK(layers.stats().loads == plan.expected_loads(4));
      CHECK(plan.bytes_per_pass == (count - 1) * layer_size - plan.kept_bytes());
      CHECK(layers.stats().load_failures == 0);
    }
}

TEST_CASE("read_rest leaves what is there alone, and tells how far it has come from there on") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, content());
  for (const read_path::kind kind : {read_path::buffered, read_path::direct})
    for (const bool told : {false, true}) {  // by which path, or nothing
      larder::safetensors model{path};
      if (told) model.read_by(read_path{kind});
      for (const std::uint64_t from :
           {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{1'000'001}, std::uint64_t{first_size}, layer_size - 1}) {
        CAPTURE(from);
        forget_pages(path);
        std::vector<std::byte> whole(layer_size, std::byte{0xee});
        hears_all heard;
        model.read_rest(2, from, whole, heard);
        CHECK(std::is_sorted(heard.ends.begin(), heard.ends.end()));
        CHECK(heard.ends.front() >= from);
        CHECK(heard.ends.back() == layer_size);
        std::vector<std::byte> expected(layer_size);
        model.read(2, 0, expected);
        std::fill_n(expected.begin(), from, std::byte{0xee});
        CHECK(whole == expected);
      }
    }
}

TEST_CASE("a file that was changed fails also a load that reads only the rest of a layer") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  for (const read_path::kind kind : {read_path::buffered, read_path::direct}) {
    write_file(path, content());
    larder::layer_cache layers{larder::safetensors{path}, max_bytes{2 * layer_size + 777'777}, read_path{kind}};
    for (const larder::layer& layer : layers.pass()) CHECK(wrong_bytes(layer) == 0);
    REQUIRE(layers.plan().partial);
    const std::size_t partial = layers.plan().partial->index;
    REQUIRE_FALSE(layers.contains(partial));
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds{2});
    CHECK(support::cause_of([&] { layers.get(partial); }) == larder::error_cause::io);
  }
}

TEST_CASE("the rest of a layer is not read where another file of the model was changed") {
  const scratch_directory folder;
  for (const char* name : {"0.bin", "1.bin"}) write_file(folder / name, std::string(50'000, 'x'));
  for (const bool told : {false, true}) {
    larder::layer_files source{folder / ""};
    if (told) source.read_by(read_path{});
    std::vector<std::byte> whole(50'000);
    hears_all heard;
    source.read_rest(1, 4096, whole, heard);
    std::filesystem::last_write_time(folder / "0.bin",
                                     std::filesystem::last_write_time(folder / "0.bin") + std::chrono::seconds{2});
    CHECK(support::cause_of([&] { source.read_rest(1, 4096, whole, heard); }) == larder::error_cause::io);
  }
}

TEST_CASE("chunks are read from the middle of the one in which the kept bytes end") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, content());
  const support::split_model split = support::split_of(larder::safetensors{path}, "m", 300'000);
  std::filesystem::create_directories(folder / "chunks/manifests");
  for (const auto& [id, bytes] : split.chunks) write_file(folder / "chunks" / id, bytes);
  write_file(folder / "chunks/manifests/m.json", split.text());
  larder::layer_cache layers{larder::chunked_model{folder / "chunks", "m"}, max_bytes{3 * layer_size + 777'777},
                             larder::verify_tensors{larder::verify::always}};
  REQUIRE(layers.plan().partial);
  std::uint64_t read = 0;
  for (int pass = 0; pass < 3; ++pass) {
    for (const larder::layer& layer : layers.pass()) CHECK(wrong_bytes(layer) == 0);
    read += pass == 0 ? layers.plan().total_bytes : layers.plan().bytes_per_pass;
    CHECK(layers.stats().bytes_read == read);
  }
  CHECK(layers.stats().damaged == 0);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a child copies what its parent kept, and both read what the plan says") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, content());
  larder::layer_cache layers{larder::safetensors{path}, max_bytes{3 * layer_size + 777'777}};
  for (int round = 0; round < 3; ++round) {
    const auto pass_reads = [&] {
      const std::uint64_t before = layers.stats().bytes_read;
      std::size_t wrong = 0;
      for (const larder::layer& layer : layers.pass()) wrong += wrong_bytes(layer);
      return wrong == 0 ? layers.stats().bytes_read - before : 0;
    };
    if (round == 0)
      pass_reads();
    else
      CHECK(pass_reads() == layers.plan().bytes_per_pass);
    support::in_child([&] {
      layers.weight();  // after which it keeps what the parent's loaders were not at
      const bool kept = layers.stats().kept_bytes == layers.plan().kept_bytes();
      bool good = pass_reads() == (kept ? layers.plan().bytes_per_pass : layers.plan().total_bytes);
      good = good && pass_reads() == layers.plan().bytes_per_pass;
      layers.clear();
      good = good && layers.stats().kept_bytes == 0 && pass_reads() == layers.plan().total_bytes;
      return good && pass_reads() == layers.plan().bytes_per_pass;
    });
  }
}
#endif
