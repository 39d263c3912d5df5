#include "tensors_in_memory.hpp"
#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/layer_pool.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/shared_layers.hpp>
#include <larder/layer/shared_tensors.hpp>
#include <larder/layer/tensor_sharing.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_of_process.hpp"
#include "support/sanitizers.hpp"
#include "support/split_model.hpp"

using namespace larder_tests;

namespace {

constexpr std::uint64_t large = 1'000'003;  // no tensor but the first begins on a page
constexpr std::size_t layer_count = 4;
constexpr std::size_t tensors_of_layer = 8;
constexpr std::size_t tuned_tensor = 3;
constexpr std::uint64_t layer_size = tensors_of_layer * large;

/// Layers of eight tensors; a tuned model has another one in the place of the fourth of each.
std::shared_ptr<model_in_memory> model_of(std::uint64_t tuned_seed, std::size_t layers = layer_count) {
  std::vector<model_in_memory::tensors_of_layer> all(layers);
  for (std::size_t i = 0; i < layers; ++i)
    for (std::size_t t = 0; t < tensors_of_layer; ++t) all[i].push_back({t == tuned_tensor ? tuned_seed + i : 10 * i + t, large});
  return std::make_shared<model_in_memory>(all);
}
std::shared_ptr<model_in_memory> base_model(std::size_t layers = layer_count) { return model_of(1000, layers); }
std::shared_ptr<model_in_memory> tuned_model(std::size_t layers = layer_count) { return model_of(2000, layers); }

template <class Cache>
void check_all(Cache& layers, const model_in_memory& model) {
  for (std::size_t i = 0; i < layers.layer_count(); ++i) CHECK(is_right(layers.get(i), model));
}

}  // namespace

TEST_CASE("of a layer in which one tensor was tuned the others lie in memory once") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  check_all(base, *base_of);
  CHECK(shared.tensors() == layer_count * tensors_of_layer);
  const support::memory_of_process before;
  check_all(tuned, *tuned_of);
  const support::memory_of_process after;
  CHECK(after.shared_bytes < before.shared_bytes + layer_count * large + (1 << 20));
  CHECK(after.shared_bytes > before.shared_bytes + layer_count * large - (1 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(after.all_bytes < before.all_bytes + layer_count * large + (3 << 20));
#endif
  CHECK(shared.tensors() == layer_count * (tensors_of_layer + 1));
  CHECK(shared.size() == 2 * layer_count);
  for (std::size_t i = 0; i < layer_count; ++i)
    for (std::size_t t = 0; t < tensors_of_layer; ++t) {
      CHECK(base_of->was_read(i, t));
      CHECK(tuned_of->was_read(i, t) == (t == tuned_tensor));
    }
  const larder::layer_stats stats = tuned.stats();
  CHECK(stats.loads == layer_count);
  CHECK(stats.shared_layers == 0);
  CHECK(stats.bytes_read == layer_count * large);
  CHECK(stats.bytes_read == tuned_of->bytes_read());
  CHECK(stats.bytes_verified == layer_count * large);
  CHECK(stats.shared_bytes == layer_count * (tensors_of_layer - 1) * large);
  CHECK(stats.pinned_bytes == 0);
  CHECK(tuned.weight() == layer_count * layer_size);
  CHECK(base.stats().shared_bytes == 0);
  CHECK(base.stats().bytes_read == layer_count * layer_size);

  larder::layer_cache third{pieces_source{tuned_model()}, shared};  // whole layers are found first
  for (std::size_t i = 0; i < layer_count; ++i) CHECK(third.get(i).data().data() == tuned.get(i).data().data());
  CHECK(third.stats().shared_layers == layer_count);
  CHECK(third.stats().shared_bytes == layer_count * layer_size);
}

TEST_CASE("tensors stay while any layer has them, whoever read them, and are found no longer") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  std::optional<larder::layer> lease;
  {
    std::optional<larder::layer_cache<pieces_source, larder::shared_layers>> base;
    base.emplace(pieces_source{base_of}, shared);
    larder::layer_cache tuned{pieces_source{tuned_of}, shared};
    check_all(*base, *base_of);
    check_all(tuned, *tuned_of);
    base.reset();
    CHECK(shared.tensors() == layer_count * tensors_of_layer);
    check_all(tuned, *tuned_of);
    tuned.erase(0);
    CHECK(tuned.stats().shared_bytes == (layer_count - 1) * (tensors_of_layer - 1) * large);
    CHECK(tuned.stats().pinned_bytes == 0);
    CHECK(shared.tensors() == (layer_count - 1) * tensors_of_layer);
    lease = tuned.get(1);
    CHECK(tuned.erase(1));
    CHECK(tuned.stats().pinned_bytes == layer_size);
    CHECK(tuned.stats().shared_bytes == (layer_count - 2) * (tensors_of_layer - 1) * large);
  }
  CHECK(shared.size() == 1);
  CHECK(shared.tensors() == tensors_of_layer);
  CHECK(is_right(*lease, *tuned_of));
  larder::layer_cache again{pieces_source{base_model()}, shared};
  CHECK(is_right(again.get(1), *base_of));
  CHECK(again.stats().bytes_read == large);
  lease.reset();
  CHECK(shared.tensors() == tensors_of_layer);
  again.clear();
  CHECK(shared.tensors() == 0);
  CHECK(shared.size() == 0);
  CHECK(is_right(again.get(1), *base_of));
  CHECK(again.stats().bytes_read == large + layer_size);
}

TEST_CASE("what a layer no longer holds goes back to the system, all but the tensors of others") {
  const auto base_of = base_model();
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_model()}, shared};
  const support::memory_of_process empty;
  check_all(base, *base_of);
  CHECK(tuned.get(0).data().text().find(std::string(4096, 'x')) == std::string_view::npos);  // touches it
  base.clear();
  const support::memory_of_process after;
  CHECK(after.shared_bytes > empty.shared_bytes + layer_size - (1 << 20));
  CHECK(after.shared_bytes < empty.shared_bytes + layer_size + (1 << 20));
  CHECK(after.shared_places < empty.shared_places + 2 * layer_size);
  tuned.clear();
  CHECK(support::memory_of_process().shared_bytes == empty.shared_bytes);
  CHECK(support::memory_of_process().shared_places == empty.shared_places);
}

TEST_CASE("a tensor that a lease of the same cache kept is its own") {
  const auto model = base_model(1);
  const larder::shared_layers shared;
  larder::layer_cache first{pieces_source{model}, shared};
  larder::layer_cache second{pieces_source{tuned_model(1)}, shared};
  second.get(0);
  const larder::layer lease = second.get(0);
  second.erase(0);
  first.get(0);  // of the lease's tensors
  CHECK(first.stats().shared_bytes == (tensors_of_layer - 1) * large);
  // the tuned layer as a whole is the lease's, which is its own
  second.get(0);
  CHECK(second.stats().shared_bytes == 0);
  CHECK(second.stats().shared_layers == 1);
}

TEST_CASE("what is damaged is found, is not shared, and does no harm to what is there") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const auto right = tuned_of->contents[0];
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  SUBCASE("in a layer of which nothing was there") {
    base_of->contents[0][5 * large + 77] ^= std::byte{1};
    CHECK_THROWS_WITH_AS(base.get(0), doctest::Contains("\"layer.0.t5\" of layer \"layer.0\" is not what its digest says"),
                         larder::error);
    CHECK(shared.tensors() == 0);
    CHECK(shared.size() == 0);
    CHECK(base.stats().damaged == 1);
    CHECK(base.stats().pinned_bytes == 0);
    base_of->contents[0][5 * large + 77] ^= std::byte{1};
    CHECK(is_right(base.get(0), *base_of));
  }
  SUBCASE("in the rest of a layer") {
    base.get(0);
    tuned_of->contents[0][tuned_tensor * large + large - 1] ^= std::byte{1};
    CHECK_THROWS_WITH_AS(tuned.get(0), doctest::Contains("\"layer.0.t3\" of layer \"layer.0\" is not what its digest says"),
                         larder::error);
    CHECK(shared.tensors() == tensors_of_layer);
    CHECK(shared.size() == 1);
    CHECK(tuned.stats().damaged == 1);
    CHECK(tuned.stats().bytes_read == 0);
    tuned_of->contents[0] = right;
    CHECK(is_right(tuned.get(0), *tuned_of));
    CHECK(shared.tensors() == tensors_of_layer + 1);
  }
  SUBCASE("where the right bytes were there, which are taken") {
    base.get(0);
    tuned_of->contents[0][5 * large + 77] ^= std::byte{1};
    const larder::layer lease = tuned.get(0);
    CHECK(std::equal(right.begin(), right.end(), lease.data().begin()));
    CHECK(tuned.stats().damaged == 0);
  }
}

TEST_CASE("a layer that is read again after a failure is right, whatever was there at first") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, larder::load_retries{3}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, larder::load_retries{3}, shared};
  std::optional<larder::layer> lease;
  int failures = 2;
  base_of->before_read = [&](std::size_t, std::uint64_t offset, std::size_t) {
    if (offset > 4 * large && failures-- > 0) throw std::runtime_error("out of reach");
  };
  CHECK(is_right(base.get(0), *base_of));
  CHECK(base.stats().bytes_read == layer_size);
  failures = 2;
  tuned_of->before_read = [&](std::size_t, std::uint64_t offset, std::size_t) {
    if (offset < tuned_tensor * large + large / 2 || failures-- <= 0) return;
    base.clear();  // now nothing is there any more
    throw std::runtime_error("out of reach");
  };
  CHECK(is_right(tuned.get(0), *tuned_of));
  CHECK(tuned.stats().bytes_read == layer_size);
  CHECK(tuned.stats().shared_bytes == 0);
  CHECK(base.stats().pinned_bytes == 0);
}

TEST_CASE("a load that failed and then finds its layer whole in another cache has not failed") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache other{pieces_source{tuned_model(1)}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, larder::load_retries{2, std::chrono::milliseconds{0}}, shared};
  SUBCASE("of which nothing was there") {}
  SUBCASE("of which the rest was read") { base.get(0); }
  tuned_of->before_read = [&](std::size_t, std::uint64_t, std::size_t) {
    other.get(0);
    throw std::runtime_error("out of reach");
  };
  CHECK(is_right(tuned.get(0), *tuned_of));
  CHECK(tuned.size() == 1);
  CHECK(tuned.stats().load_failures == 0);
  CHECK(tuned.stats().shared_layers == 1);
  CHECK(tuned.stats().shared_bytes == layer_size);
  CHECK(tuned.stats().pinned_bytes == 0);
}

TEST_CASE("tensors of others stay theirs in a layer that a lease of the same cache kept") {
  const auto tuned_of = tuned_model(1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_model(1)}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  base.get(0);
  const larder::layer lease = tuned.get(0);
  const std::uint64_t of_others = (tensors_of_layer - 1) * large;
  CHECK(tuned.stats().shared_bytes == of_others);
  tuned.erase(0);
  CHECK(tuned.get(0).data().data() == lease.data().data());
  CHECK(tuned.stats().shared_bytes == of_others);
  tuned.erase(0);
  CHECK(tuned.stats().shared_bytes == 0);
}

TEST_CASE("a source of whole layers reads them whole, and its tensors are shared all the same") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  larder::layer_cache base{whole_source{base_of}, shared};
  larder::layer_cache tuned{whole_source{tuned_of}, shared};
  check_all(base, *base_of);
  const support::memory_of_process before;
  check_all(tuned, *tuned_of);
  CHECK(support::memory_of_process().shared_bytes < before.shared_bytes + layer_count * large + (1 << 20));
  CHECK(tuned.stats().bytes_read == layer_count * layer_size);
  CHECK(tuned.stats().bytes_verified == layer_count * layer_size);
  CHECK(tuned.stats().shared_bytes == layer_count * (tensors_of_layer - 1) * large);
  CHECK(shared.tensors() == layer_count * (tensors_of_layer + 1));
}

TEST_CASE("layers of files begin where their tensors fit what is there, as far as the tensors' types allow it") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const auto place_of = [](const larder::layer& layer) { return reinterpret_cast<std::uintptr_t>(layer.data().data()) % 4096; };
  const larder::shared_layers shared;
  larder::layer_cache base{placed_source{base_of, 200}, shared};
  CHECK(place_of(base.get(0)) == 200);
  CHECK(is_right(base.get(0), *base_of));
  CHECK(base_of->reads.size() == 1);  // at once, as files are
  SUBCASE("they do") {
    larder::layer_cache tuned{placed_source{tuned_of, 1064}, shared};
    CHECK(place_of(tuned.get(0)) == 200);
    CHECK(is_right(tuned.get(0), *tuned_of));
    CHECK(tuned.stats().bytes_read == large);
  }
  SUBCASE("they do not") {
    larder::layer_cache tuned{placed_source{tuned_of, 1040, 16}, shared};
    CHECK(place_of(tuned.get(0)) == 1040);
    CHECK(is_right(tuned.get(0), *tuned_of));
    CHECK(tuned.stats().bytes_read == layer_size);
    CHECK(tuned.stats().shared_bytes == 0);
    CHECK(shared.tensors() == 2 * tensors_of_layer);  // either way of lying there is found
    larder::layer_cache third{placed_source{model_of(3000, 1), 1040, 16}, shared};
    CHECK(place_of(third.get(0)) == 1040);
    CHECK(third.stats().bytes_read == large);
  }
  SUBCASE("a source that does not say what they allow begins on a page") {
    larder::layer_cache tuned{pieces_source{tuned_of}, shared};
    CHECK(place_of(tuned.get(0)) == 0);
    CHECK(tuned.stats().shared_bytes == 0);
  }
}

TEST_CASE("files whose headers differ in length share tensors, however they are read") {
  constexpr std::size_t size = 700'000;
  const scratch_directory folder;
  const auto write = [&](const std::string& name, std::string_view metadata, bool is_tuned) {
    std::vector<file_tensor> tensors;
    for (std::size_t i = 0; i < 3; ++i)
      for (const char* tensor : {"a", "b", "c"})
        tensors.push_back(
            {"model.layers." + std::to_string(i) + "." + tensor, "F16", "[" + std::to_string(size / 2) + "]", size});
    std::string content = model_bytes(tensors, metadata);
    for (std::size_t i = 0; is_tuned && i < 3; ++i) content[content.size() - (3 * i + 2) * size + 1234] ^= 1;
    const auto path = folder / name;
    write_file(path, content);
    write_file(larder::layers::digests_path(path), support::split_of(larder::safetensors{path}, "m").text());
    return path;
  };
  const auto base_path = write("base.safetensors", "{\"format\":\"pt\"}", false);
  const auto tuned_path = write("tuned.safetensors", "{\"format\":\"pt\",\"tuned\":\"by somebody on a Sunday\"}", true);
  for (const larder::read_path::kind kind :
       {larder::read_path::direct, larder::read_path::buffered, larder::read_path::automatic}) {
    const larder::read_path path{kind};
    const larder::shared_layers shared;
    larder::layer_cache base{larder::safetensors{base_path}, path, shared};
    larder::layer_cache tuned{larder::safetensors{tuned_path}, path, shared};
    larder::layer_cache alone{larder::safetensors{tuned_path}, path};
    for (const larder::layer& layer : base.pass()) CHECK(layer.size() == 3 * size);
    for (const larder::layer& layer : tuned.pass()) {
      CHECK(layer.data() == alone.get(layer.index()).data());
      for (const larder::tensor& tensor : layer) CHECK_NOTHROW(tensor.as_span<std::uint16_t>());
    }
    CHECK(tuned.stats().bytes_read == 3 * size);
    CHECK(tuned.stats().shared_bytes == 6 * size);
  }
}

TEST_CASE("a layer some tensors of which were found is verified when it is read whole later") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, larder::max_bytes{layer_count * layer_size}, shared};
  check_all(base, *base_of);
  check_all(tuned, *tuned_of);
  for (auto& content : tuned_of->contents) content[5 * large + 9] ^= std::byte{1};
  tuned.clear();
  tuned.set_capacity(larder::max_bytes{3 * layer_size});  // now some are streamed
  const auto go_through = [&] {
    for (const larder::layer& layer : tuned.pass()) CHECK(layer.size() == layer_size);
  };
  CHECK_THROWS_WITH_AS(go_through(), doctest::Contains("is not what its digest says"), larder::error);
}

TEST_CASE("layers that are streamed have memory of their own, and the resident ones' tensors are shared") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  check_all(base, *base_of);
  larder::layer_cache tuned{pieces_source{tuned_of}, larder::max_bytes{3 * layer_size}, shared};
  for (int pass = 0; pass < 2; ++pass)
    for (const larder::layer& layer : tuned.pass()) CHECK(is_right(layer, *tuned_of));
  CHECK(tuned.stats().shared_bytes == (tensors_of_layer - 1) * large);
  CHECK(tuned.stats().bytes_read == large + (tuned.stats().loads - 1) * layer_size);
  CHECK(tuned.stats().pinned_bytes == 0);
}

TEST_CASE("where pages cannot be mapped again, equal layers are shared and tensors are not") {
  const auto base_of = base_model();
  const auto tuned_of = tuned_model();
  const larder::shared_layers shared;
  shared.pool()->tensors = std::make_shared<larder::layers::tensor_pool>(false);
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  larder::layer_cache again{pieces_source{base_model()}, shared};
  const support::memory_of_process before;
  check_all(base, *base_of);
  check_all(tuned, *tuned_of);
  check_all(again, *base_of);
  CHECK(support::memory_of_process().shared_bytes < before.shared_bytes + (1 << 20));
  CHECK(shared.tensors() == 0);
  CHECK(shared.size() == 2 * layer_count);
  CHECK(tuned.stats().shared_bytes == 0);
  CHECK(tuned.stats().bytes_read == layer_count * layer_size);
  CHECK(again.stats().shared_layers == layer_count);
}

TEST_CASE("a load that is called off in the rest of a layer leaves what was there") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  base.get(0);
  std::atomic<bool> is_reading{false};
  std::atomic<bool> may_go_on{false};
  tuned_of->before_read = [&](std::size_t, std::uint64_t, std::size_t) {
    is_reading = true;
    while (!may_go_on) std::this_thread::yield();
  };
  larder::task warm = tuned.warmup({0});
  while (!is_reading) std::this_thread::yield();
  warm.request_stop();
  may_go_on = true;
  CHECK_THROWS_AS(warm.wait(), larder::error);
  CHECK_FALSE(tuned.contains(0));
  CHECK(tuned_of->bytes_read() == 100'000);
  CHECK(shared.tensors() == tensors_of_layer);
  CHECK(is_right(tuned.get(0), *tuned_of));
  CHECK(is_right(base.get(0), *base_of));
}

TEST_CASE("two caches that read one tensor at once have it once afterwards") {
  const auto base_of = base_model(1);
  const auto tuned_of = tuned_model(1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  std::atomic<int> begun{0};
  const auto meet = [&](std::size_t, std::uint64_t offset, std::size_t) {
    if (offset != 0) return;
    ++begun;
    while (begun < 2) std::this_thread::yield();
  };
  base_of->before_read = meet;
  tuned_of->before_read = meet;
  const support::memory_of_process before;
  std::thread other([&] { tuned.get(0); });
  base.get(0);
  other.join();
  CHECK(support::memory_of_process().shared_bytes < before.shared_bytes + layer_size + large + (1 << 20));
  CHECK(shared.tensors() == tensors_of_layer + 1);
  CHECK(is_right(base.get(0), *base_of));
  CHECK(is_right(tuned.get(0), *tuned_of));
  CHECK(base.stats().bytes_read == layer_size);
  CHECK(tuned.stats().bytes_read == layer_size);
  CHECK(base.stats().shared_bytes + tuned.stats().shared_bytes == (tensors_of_layer - 1) * large);
}

TEST_CASE("threads of several caches that load and drop layers of one family find right bytes only") {
  const larder::shared_layers shared;
  std::vector<std::shared_ptr<model_in_memory>> models;
  for (std::uint64_t m = 0; m < 4; ++m) {
    std::vector<model_in_memory::tensors_of_layer> all(3);
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t t = 0; t < 3; ++t) all[i].push_back({t == m % 3 ? 100 * (m + 1) + i : 10 * i + t, 80'000 + 1000 * t});
    models.push_back(std::make_shared<model_in_memory>(all));
  }
  std::array<std::thread, 4> threads;
  std::array<std::size_t, 4> wrong{};
  for (std::size_t t = 0; t < threads.size(); ++t)
    threads[t] = std::thread([&, t] {
      larder::layer_cache layers{pieces_source{models[t]}, larder::lru{}, larder::max_entries{2}, shared};
      for (std::size_t k = 0; k < 150; ++k)
        if (!is_right(layers.get((k * 7 + t) % 3), *models[t])) ++wrong[t];
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<std::size_t, 4>{});
  CHECK(shared.size() == 0);
  CHECK(shared.tensors() == 0);
}
