#include "digests.hpp"
#include "floors.hpp"
#include "mapped_file.hpp"
#include "model.hpp"
#include "subjects.hpp"
#include "uring.hpp"

#include "support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t layer_size = 2'500'000 / 128 * 128;  // no whole pages, no whole reads

/// Whether the file system reads past its cache; tmpfs of older kernels does not.
bool has_direct(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (descriptor >= 0) ::close(descriptor);
  return descriptor >= 0;
}

/// The layers in the order in which they were seen; each is checked.
std::vector<std::size_t> seen_by(const bench::plain_reader& reader, const bench::model& m) {
  std::vector<std::size_t> seen;
  reader.read(m, [&](std::size_t index, std::span<const std::byte> layer) {
    bench::check_layer(m, index, layer);
    seen.push_back(index);
  });
  return seen;
}

TEST_CASE("a model of the benchmark lies where it is said to, and every reader brings every layer in order") {
  const support::temporary_folder folder;
  const bench::model m = bench::write_model(folder / "model", 5, layer_size);
  CHECK(m.layers.size() == 5);
  CHECK(m.total() == 5 * layer_size);
  CHECK(m.largest_layer() == layer_size);

  std::vector<std::size_t> order(5);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const bool kept : {false, true}) {
    CHECK(seen_by(bench::buffered_reader(kept), m) == order);
    CHECK(seen_by(bench::mapping_reader(kept), m) == order);
    if (has_direct(m.path))
      CHECK(seen_by(bench::direct_reader(kept), m) == order);
    else
      MESSAGE("the direct reader is not tested: \"", m.path.string(), "\" cannot be opened with O_DIRECT");
  }
  bench::for_each_subject([&](const char*, auto make) {
    std::vector<std::size_t> seen;
    make(m, 3 * layer_size, [&](auto& layers) {
      for (const larder::layer& layer : layers.pass()) {
        bench::check_layer(m, layer.index(), layer.data().span());
        seen.push_back(layer.index());
      }
    });
    CHECK(seen == order);
  });
}

TEST_CASE("a layer that is not the file's is found out") {
  const support::temporary_folder folder;
  const bench::model m = bench::write_model(folder / "model", 2, layer_size);
  const bench::mapped_file file(m.path);
  const auto first = file.bytes().subspan(m.layers[0].offset, m.layers[0].size);
  CHECK_NOTHROW(bench::check_layer(m, 0, first));
  CHECK_THROWS_AS(bench::check_layer(m, 1, first), std::runtime_error);
  CHECK_THROWS_AS(bench::check_layer(m, 0, first.first(first.size() - 1)), std::runtime_error);
  std::vector<std::byte> changed(first.begin(), first.end());
  changed[4096] ^= std::byte{1};
  CHECK_THROWS_AS(bench::check_layer(m, 0, changed), std::runtime_error);
}

TEST_CASE("a model with digests is the same one, and a byte that changed is found out by whoever verifies") {
  const support::temporary_folder folder;
  const bench::model plain = bench::write_model(folder / "model.safetensors", 4, layer_size);
  const bench::model m = bench::with_digests(plain);
  CHECK(std::filesystem::equivalent(m.path, plain.path));
  {
    bench::open_file file(m.path, O_WRONLY);
    const char other = 0x5a;
    file.write_all(&other, 1, m.layers[2].offset + 5000);
  }
  const auto pass = [&](larder::verify when) {
    larder::layer_cache layers{larder::safetensors{m.path}, larder::verify_tensors{when}};
    for (const larder::layer& layer : layers.pass()) static_cast<void>(layer);
  };
  CHECK_NOTHROW(pass(larder::verify::never));
  CHECK_THROWS_AS(pass(larder::verify::first_read), larder::error);
}

TEST_CASE("io_uring reads as much as there is, in any depth and unit") {
  if (!bench::uring::allowed()) {
    MESSAGE("not tested: this process may not use io_uring");
    return;
  }
  const support::temporary_folder folder;
  const bench::model m = bench::write_model(folder / "model", 1, 1'000'000 / 128 * 128);
  const bench::mapped_file file(m.path);
  const std::size_t size = file.bytes().size();
  const bench::open_file opened(m.path, O_RDONLY);
  for (const unsigned depth : {1U, 3U, 16U})
    for (const std::size_t unit : {std::size_t{4096}, std::size_t{100'000}, size}) {
      bench::uring ring(depth);
      for (const std::size_t from : {std::size_t{0}, std::size_t{4096}}) {
        std::vector<std::byte> room(size - from + 500, std::byte{0xee});  // beyond the end nothing comes
        ring.read(opened.descriptor(), from, room, unit);
        CHECK(std::equal(room.begin(), room.end() - 500, file.bytes().begin() + static_cast<std::ptrdiff_t>(from)));
        CHECK(room.back() == std::byte{0xee});
      }
    }
  bench::uring ring(2);
  std::vector<std::byte> room(10);
  CHECK_THROWS_AS(ring.read(-1, 0, room, 10), std::runtime_error);
}

}  // namespace
