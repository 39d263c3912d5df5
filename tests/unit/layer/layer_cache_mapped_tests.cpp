#include "written_model.hpp"

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/layer/gguf.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_files.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/shared_layers.hpp>
#include <larder/layer/tensor_files.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/gguf_file.hpp"
#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/sanitizers.hpp"
#include "support/split_model.hpp"

using namespace larder_tests;
using larder::read_path;

namespace {

constexpr std::size_t count = 6;
constexpr std::size_t layer_size = 1'300'004;
const read_path mapped{read_path::mapped};

/// What is in the file `/proc/self/maps` says for an address; empty where it is memory.
std::string mapped_file_of(const void* pointer) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    const std::size_t name = line.find('/');
    if (address >= begin && address < end) return name == std::string::npos ? "" : line.substr(name);
  }
  return "";
}
bool is_mapped(const larder::layer& layer, const std::filesystem::path& path) {
  const std::span<const std::byte> all = layer.data().span();
  return mapped_file_of(all.data()) == path.string() && mapped_file_of(&all.back()) == path.string() &&
         layer.data().where() == larder::residence::mapping;
}
std::size_t mappings_of(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  std::size_t found = 0;
  while (std::getline(maps, line)) found += line.ends_with(path.string()) && line.find("r--p") != std::string::npos ? 1 : 0;
  return found;
}
bool holds(const larder::layer& layer) {
  const std::span<const std::byte> all = layer.data().span();
  if (all.size() != layer_size) return false;
  for (std::size_t k = 0; k < all.size(); ++k)
    if (all[k] != static_cast<std::byte>(data_byte(layer.index() * layer_size + k))) return false;
  return true;
}
void forget_pages(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

struct written {
  explicit written(const std::vector<file_tensor>& tensors = equal_layers(count, layer_size)) : content(model_bytes(tensors)) {
    write_file(path, content);
  }
  larder::safetensors source() const { return larder::safetensors{path}; }
  scratch_directory folder;
  std::filesystem::path path = folder / "model.safetensors";
  std::string content;
};

}  // namespace

TEST_CASE("mapped layers are pages of their file, with no copy and no buffer, from the disk and from the page cache") {
  const written model;
  for (const bool cold : {true, false}) {
    larder::layer_cache layers{model.source(), mapped};
    if (cold) forget_pages(model.path);
    std::size_t seen = 0;
    for (const larder::layer& layer : layers.pass()) {
      CHECK(is_mapped(layer, model.path));
      CHECK(holds(layer));
      CHECK(reinterpret_cast<std::uintptr_t>(layer.data().data()) % 4096 ==
            (model.content.size() - (count - layer.index()) * layer_size) % 4096);
      ++seen;
    }
    CHECK(seen == count);
    CHECK(layers.buffer_allocations() == 0);
    CHECK(layers.stats().mapped_bytes == count * layer_size);
    CHECK(layers.stats().loads == count);
    CHECK(layers.stats().bytes_read == count * layer_size);
    CHECK(layers.weight() == count * layer_size);
    CHECK(layers.stats().pinned_bytes == 0);
  }
  larder::layer_cache layers{model.source()};  // nobody is handed a mapping who has not asked for it
  CHECK(!is_mapped(layers.get(0), model.path));
  CHECK(layers.stats().mapped_bytes == 0);
}

TEST_CASE("warm-ups and prefetches map in the background") {
  const written model;
  larder::layer_cache layers{model.source(), mapped};
  forget_pages(model.path);
  layers.warmup({0, 1}).wait();
  layers.prefetch_next(1, 2).wait();
  CHECK(layers.stats().mapped_bytes == 4 * layer_size);
  CHECK(layers.stats().warmup_loads == 2);
  CHECK(layers.stats().prefetch_loads == 2);
  for (std::size_t i = 0; i < 4; ++i) CHECK(holds(layers.get(i)));
  CHECK(layers.stats().hits == 4);
}

TEST_CASE("what is streamed is read into slots, and what stays is mapped") {
  const written model;
  larder::layer_cache layers{model.source(), larder::max_bytes{4 * layer_size}, mapped};
  const larder::residency_plan plan = layers.plan();
  for (int pass = 0; pass < 3; ++pass)
    for (const larder::layer& layer : layers.pass()) {
      CHECK(holds(layer));
      CHECK(is_mapped(layer, model.path) == plan.resident[layer.index()]);
      // As `automatic` reads what the page cache will keep: through it, to where a page begins.
      if (!plan.resident[layer.index()]) CHECK(reinterpret_cast<std::uintptr_t>(layer.data().data()) % 4096 == 0);
    }
  CHECK(plan.resident_count == 2);
  CHECK(layers.stats().mapped_bytes == 2 * layer_size);
  CHECK(layers.stats().loads == plan.expected_loads(3));
  CHECK(layers.buffer_allocations() == 2);  // one for each slot
  CHECK(layers.weight() <= 4 * layer_size);
}

TEST_CASE("a lease keeps a mapping alive after its layer was erased or evicted and after its cache is gone; then it ends") {
  const written model;
  {
    auto layers = std::make_unique<larder::layer_cache<larder::safetensors, larder::lru, larder::max_entries, read_path>>(
        model.source(), larder::lru{}, larder::max_entries{2}, mapped);
    std::optional<larder::layer> first = layers->get(0);
    larder::tensor second = layers->get(1).tensor("weight");
    CHECK(mappings_of(model.path) == 2);
    layers->get(2);
    layers->get(3);
    CHECK(layers->stats().evictions == 2);
    CHECK(layers->stats().mapped_bytes == 2 * layer_size);
    CHECK(layers->stats().pinned_bytes == 2 * layer_size);
    CHECK(layers->stats().overhead_bytes < layer_size);
    CHECK(mappings_of(model.path) == 4);
    CHECK(layers->erase(3));
    CHECK(mappings_of(model.path) == 3);
    layers->clear();
    CHECK(layers->stats().mapped_bytes == 0);
    CHECK(mappings_of(model.path) == 2);
    CHECK(holds(layers->get(0)));  // mapped anew
    layers = nullptr;
    CHECK(holds(*first));
    CHECK(second.data().size() == layer_size);
    CHECK(second.as_span<char>()[7] == data_byte(layer_size + 7));
    first.reset();
    CHECK(mappings_of(model.path) == 1);
  }
  CHECK(mappings_of(model.path) == 0);
}

TEST_CASE("a mapping never becomes the memory of another layer") {
  const written model;
  larder::layer_cache layers{model.source(), larder::max_bytes{4 * layer_size}, mapped};
  std::mt19937 random(20261129);
  for (int turn = 0; turn < 200; ++turn) {
    const std::size_t i = random() % count;
    if (turn % 50 == 25) layers.set_capacity(larder::max_bytes{(turn % 100 == 25 ? count : 3) * layer_size});
    if (turn % 7 == 3)
      layers.erase(i);
    else
      CHECK(holds(layers.get(i)));  // a slot that was a mapping would be a crash
    std::uint64_t expected = 0;
    for (std::size_t k = 0; k < count; ++k)
      if (layers.contains(k) && layers.plan().resident[k]) expected += layer_size;
    CHECK(layers.stats().mapped_bytes == expected);
  }
}

TEST_CASE("layers of several pieces are read, without a word") {
  // All first tensors stand before all second ones; the last layer has one tensor.
  std::vector<file_tensor> tensors;
  for (std::size_t i = 0; i < 2; ++i) tensors.push_back({"h." + std::to_string(i) + ".a", "U8", "[2000000]", 2'000'000});
  for (std::size_t i = 0; i < 2; ++i) tensors.push_back({"h." + std::to_string(i) + ".b", "U8", "[5]", 5});
  tensors.push_back({"h.2.a", "U8", "[3000]", 3000});
  const written model(tensors);
  larder::layer_cache layers{model.source(), mapped};
  for (std::size_t i = 0; i < 3; ++i) {
    const larder::layer layer = layers.get(i);
    CHECK(is_mapped(layer, model.path) == (i == 2));
    CHECK(layer.tensor("a").as_span<char>()[1000] == data_byte(i * 2'000'000 + (i == 2 ? 10 : 0) + 1000));
    if (i != 2) CHECK(layer.tensor("b").as_span<char>()[4] == data_byte(4'000'000 + i * 5 + 4));
  }
  CHECK(layers.stats().mapped_bytes == 3000);
}

TEST_CASE("a layer whose elements lie at an odd place of the file is read to where they may begin") {
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
  larder::layer_cache layers{larder::safetensors{path}, mapped};
  const larder::layer layer = layers.get(0);
  CHECK(!is_mapped(layer, path));
  CHECK(layer.tensor("w").as_span<float>().size() == size / 4);  // throws where they lie wrong
  CHECK(layer.data().span()[4099] == static_cast<std::byte>(data_byte(4099)));
  CHECK(layers.stats().mapped_bytes == 0);
}

TEST_CASE("layers in files of their own are mapped each from its file, and empty ones are layers still") {
  const scratch_directory folder;
  for (std::size_t i = 0; i < count; ++i) {
    std::string content(i == 3 ? 0 : 10'000 + i, ' ');
    for (std::size_t k = 0; k < content.size(); ++k) content[k] = data_byte(i * layer_size + k);
    write_file(folder / ("l." + std::to_string(i) + ".bin"), content);
  }
  larder::layer_cache layers{larder::layer_files{folder.path()}, mapped};
  std::uint64_t expected = 0;
  for (const larder::layer& layer : layers.pass()) {
    expected += layer.size();
    if (layer.index() == 3)
      CHECK(layer.size() == 0);
    else
      CHECK(is_mapped(layer, folder / ("l." + std::to_string(layer.index()) + ".bin")));
    for (std::size_t k = 0; k < layer.size(); k += 997)
      CHECK(layer.data().span()[k] == static_cast<std::byte>(data_byte(layer.index() * layer_size + k)));
  }
  CHECK(layers.stats().mapped_bytes == expected);
}

TEST_CASE("layers of a GGUF file are mapped with the gaps that align their tensors") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "m.gguf";
  support::gguf_file file;
  for (std::uint64_t i = 0; i < 3; ++i) {
    file.tensors.push_back({"blk." + std::to_string(i) + ".bias", {5}, 0, i * 4064});  // F32: 20 bytes, and 12 of a gap
    file.tensors.push_back({"blk." + std::to_string(i) + ".w", {1008}, 0, i * 4064 + 32});
  }
  file.data_size = 3 * 4064;
  write_file(path, file.text());
  larder::layer_cache layers{larder::gguf{path}, mapped};
  for (const larder::layer& layer : layers.pass()) {
    CHECK(is_mapped(layer, path));
    CHECK(layer.tensor("bias").as_span<float>().size() == 5);
    CHECK(layer.tensor("bias").as_span<char>()[19] == support::gguf_file::byte_at(layer.index() * 4064 + 19));
    CHECK(layer.tensor("w").as_span<char>()[4031] == support::gguf_file::byte_at(layer.index() * 4064 + 4063));
  }
  CHECK(layers.stats().mapped_bytes == 3 * 4064);
}

TEST_CASE("a layer that goes on in the next file, as far into it as in memory, is read") {
  const scratch_directory folder;
  write_file(folder / "one", "##aaa");
  write_file(folder / "two", "#AAAA");
  larder::layers::tensor_files files;
  const auto tensor = [](const char* name, std::uint64_t size) {
    larder::tensor_info info;
    info.name = name;
    info.size = size;
    return info;
  };
  files.add(larder::layers::readable_file(folder / "one"), {tensor("a.1", 3)}, 2);
  files.add(larder::layers::readable_file(folder / "two"), {tensor("a.2", 4)}, 1);
  auto by_name = larder::group_by{[](std::string_view name) { return std::string(name.substr(0, 1)); }};
  files.lay_out(larder::layers::group_tensors(files.tensors(), by_name),
                [](const larder::tensor_info&) { return std::uint64_t{2}; });
  files.read_by(mapped);
  REQUIRE(files.layers()[0].size == 8);
  CHECK(!files.map_layer(0));
  std::string memory(8, '?');
  struct deaf final : larder::layers::arrival {
    void arrived(std::uint64_t) override {}
  } heard;
  files.read_rest(0, 0, std::as_writable_bytes(std::span(memory)), heard);
  CHECK(memory == std::string("aaa") + '\0' + "AAAA");
}

namespace {

/// A file elsewhere, as far as its reader knows.
class distant_file {
 public:
  explicit distant_file(const std::filesystem::path& path) : file_(path) {}
  std::string name() const { return file_.name(); }
  std::uint64_t size() const { return file_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> room) const { file_.read(offset, room); }
  void check_unchanged() const { file_.check_unchanged(); }
  distant_file beside(const std::string& name) const {
    return distant_file(std::filesystem::path(file_.name()).parent_path() / name);
  }

 private:
  larder::layers::readable_file file_;
};

}  // namespace

TEST_CASE("files that are not of this machine are read") {
  const written model;
  larder::layer_cache layers{larder::safetensors{distant_file(model.path)}, mapped};
  const larder::layer layer = layers.get(1);
  CHECK(holds(layer));
  CHECK(!is_mapped(layer, model.path));
  CHECK(layers.stats().mapped_bytes == 0);
}

TEST_CASE("a flipped bit is found at the first read of a mapping, and the whole file passes") {
  const written model;
  write_file(larder::layers::digests_path(model.path), support::split_of(model.source(), "m").text());
  {
    larder::layer_cache layers{model.source(), mapped};
    for (std::size_t i = 0; i < count; ++i) CHECK(holds(layers.get(i)));
    CHECK(layers.stats().bytes_verified == count * layer_size);
    CHECK(layers.stats().damaged == 0);
  }
  const std::size_t data = model.content.size() - count * layer_size;
  for (const std::size_t place :
       {std::size_t{0}, layer_size - 1, 2 * layer_size, 4 * layer_size + 700'001, count * layer_size - 1}) {
    std::string damaged = model.content;
    damaged[data + place] = static_cast<char>(damaged[data + place] ^ 32);
    write_file(model.path, damaged);
    larder::layer_cache layers{model.source(), mapped};
    for (std::size_t i = 0; i < count; ++i) {
      bool right = true;
      const support::refusal refused = support::refusal_of([&] { right = holds(layers.get(i)); });
      CHECK(right);
      CHECK((refused.cause == larder::error_cause::corruption) == (i == place / layer_size));
    }
    CHECK(layers.stats().damaged == 1);
    CHECK(layers.size() == count - 1);
    CHECK(mappings_of(model.path) == count - 1);  // what was refused is not mapped any more
  }
}

TEST_CASE("a file that was truncated or replaced in place after it was opened is an error at the next load, not a signal") {
  const written model;
  for (const std::size_t left : {model.content.size() - 1, model.content.size() / 2, std::size_t{100}, std::size_t{0}}) {
    std::exception_ptr by_warmup;  // looked at when the loader, which shares it, is gone
    {
      larder::layer_cache layers{model.source(), mapped};
      std::filesystem::resize_file(model.path, left);
      CHECK(support::cause_of([&] { layers.get(0); }) == larder::error_cause::io);
      CHECK(support::cause_of([&] { layers.get(count - 1); }) == larder::error_cause::io);
      CHECK(mappings_of(model.path) == 0);
      try {
        layers.warmup({2, 3}).wait();
      } catch (...) {
        by_warmup = std::current_exception();
      }
      CHECK(layers.stats().mapped_bytes == 0);
    }
    REQUIRE(by_warmup);
    CHECK(support::cause_of([&] { std::rethrow_exception(by_warmup); }) == larder::error_cause::io);
    write_file(model.path, model.content);
  }
  larder::layer_cache layers{model.source(), mapped};  // a rename leaves what was opened
  const std::filesystem::path other = model.folder / "other";
  write_file(other, std::string(model.content.size(), 'x'));
  std::filesystem::rename(other, model.path);
  CHECK(holds(layers.get(2)));
}

TEST_CASE("a file that changes while its layer is paged in is an error then") {
  const written model;
  struct changing final : larder::layers::arrival {
    explicit changing(const std::filesystem::path& of) : path(of) {}
    void arrived(std::uint64_t end) override {
      if (end == layer_size) std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    }
    std::filesystem::path path;
  } change(model.path);
  larder::safetensors source = model.source();
  source.read_by(mapped);
  const larder::storage::file_mapping layer = source.map_layer(2);
  REQUIRE(layer);
  CHECK(support::cause_of([&] { source.page_in_layer(2, layer.span(), change); }) == larder::error_cause::io);
}

TEST_CASE("several caches and threads map one file, each for itself") {
  const written model;
  larder::layer_cache a{model.source(), mapped};
  larder::layer_cache b{model.source(), larder::lru{}, larder::max_entries{2}, mapped};
  std::vector<std::thread> threads;
  std::vector<char> right(4, 0);
  for (std::size_t t = 0; t < right.size(); ++t)
    threads.emplace_back([&, t] {
      bool all = true;
      for (std::size_t k = 0; k < 3 * count; ++k) {
        all = all && holds(a.get((k * 5 + t) % count)) && holds(b.get((k + t * 2) % count));
        if (k % 5 == t) a.erase(k % count);
      }
      right[t] = all ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<char>(4, 1));
  CHECK(a.stats().pinned_bytes == 0);
  CHECK(a.stats().mapped_bytes == a.weight());
  CHECK(b.stats().mapped_bytes == b.weight());
}

TEST_CASE("a mapping is not put where caches that have not asked for it would find it") {
  const written model;
  write_file(larder::layers::digests_path(model.path), support::split_of(model.source(), "m").text());
  const larder::shared_layers shared;
  larder::layer_cache first{model.source(), mapped, shared};
  CHECK(is_mapped(first.get(0), model.path));
  CHECK(shared.size() == 0);
  larder::layer_cache second{model.source(), shared};
  const larder::layer own = second.get(0);
  CHECK(!is_mapped(own, model.path));
  CHECK(shared.size() == 1);
  first.erase(0);
  CHECK(first.get(0).data().data() == own.data().data());  // memory that is there is as good as a mapping
}

#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own
TEST_CASE("a child after fork has its parent's mappings and makes its own") {
  const written model;
  larder::layer_cache layers{model.source(), larder::max_bytes{4 * layer_size}, mapped};
  layers.warmup({0, 1}).wait();
  const larder::layer kept = layers.get(0);
  support::in_child([&] {
    bool all = holds(kept);
    for (int pass = 0; pass < 2; ++pass)
      for (const larder::layer& layer : layers.pass()) all = all && holds(layer);
    layers.clear();
    return all && holds(kept) && holds(layers.get(0)) && layers.stats().mapped_bytes == layer_size;
  });
  CHECK(holds(kept));
  for (std::size_t i = 0; i < count; ++i) CHECK(holds(layers.get(i)));
}
#endif
