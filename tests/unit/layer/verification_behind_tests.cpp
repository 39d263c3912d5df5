#include <larder/core/digest.hpp>
#include <larder/layer/verification_behind.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <future>
#include <latch>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using larder::layers::layer_verification;
using larder::layers::verification_behind;
using larder::sync::worker_pool;

namespace {

/// A layer of 3 MB in two tensors, and what they should hash to.
struct large_layer {
  large_layer() {
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>((i * 131 + i / 251) & 0xffU);
    for (const larder::tensor_info& t : tensors)
      expected.emplace_back(
          larder::digest_of(bytes().subspan(static_cast<std::size_t>(t.offset), static_cast<std::size_t>(t.size))));
  }
  std::span<const std::byte> bytes() const { return memory; }
  layer_verification check() const { return {tensors, expected}; }

  std::vector<std::byte> memory = std::vector<std::byte>(3'000'000);
  std::vector<larder::tensor_info> tensors{{"a", larder::dtype::u8, {2'000'000}, 0, 2'000'000},
                                           {"b", larder::dtype::u8, {999'000}, 2'001'000, 999'000}};
  std::vector<std::optional<larder::digest>> expected;
};

/// Keeps the only thread of a pool until it is let go.
class busy_pool {
 public:
  busy_pool() {
    pool.post([this] {
      begun_.count_down();
      go_.wait();
    });
    begun_.wait();
  }
  ~busy_pool() { let_go(); }
  void let_go() {
    if (!go_.try_wait()) go_.count_down();
  }
  worker_pool<> pool{1};

 private:
  std::latch begun_{1};
  std::latch go_{1};
};

}  // namespace

TEST_CASE("a layer that was read whole gets its verdict, whatever the pieces are") {
  large_layer layer;
  worker_pool<> pool(2);
  for (const std::uint64_t piece : {std::uint64_t{10'000}, std::uint64_t{700'000}, std::uint64_t{3'000'000}}) {
    CAPTURE(piece);
    for (const bool is_damaged : {false, true}) {
      if (is_damaged) layer.memory.back() ^= std::byte{1};
      verification_behind check(layer.check(), layer.bytes(), pool);
      CHECK(check.is_on());
      for (std::uint64_t at = 0; at < layer.memory.size(); at += piece)
        check.reached(std::min<std::uint64_t>(at + piece, layer.memory.size()));
      CHECK(check.finish() == (is_damaged ? std::optional<std::size_t>(1) : std::nullopt));
      if (is_damaged) layer.memory.back() ^= std::byte{1};
    }
  }
}

TEST_CASE("bytes that are not there yet are not looked at") {
  large_layer layer;
  worker_pool<> pool(1);
  const std::vector<std::byte> whole = layer.memory;
  std::fill(layer.memory.begin(), layer.memory.end(), std::byte{0});
  verification_behind check(layer.check(), layer.bytes(), pool);
  for (std::size_t at = 0; at < whole.size(); at += 600'000) {
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(at), 600'000, layer.memory.begin() + static_cast<std::ptrdiff_t>(at));
    check.reached(at + 600'000);
    pool.drain();  // whoever helps has nothing left to do
  }
  CHECK_FALSE(check.finish().has_value());
}

TEST_CASE("when nobody helps the reader does it himself, and a helper that comes later finds nothing to do") {
  const large_layer layer;
  busy_pool busy;
  {
    verification_behind check(layer.check(), layer.bytes(), busy.pool);
    check.reached(3'000'000);
    CHECK_FALSE(check.finish().has_value());
  }
  busy.let_go();
  busy.pool.drain();
}

TEST_CASE("a read that is given up waits for nobody who has not begun, and leaves nobody in its memory") {
  busy_pool busy;
  {
    large_layer layer;
    verification_behind check(layer.check(), layer.bytes(), busy.pool);
    check.reached(2'000'000);
  }
  busy.let_go();
  busy.pool.drain();
  worker_pool<> pool(1);
  for (int i = 0; i < 50; ++i) {
    large_layer layer;
    verification_behind check(layer.check(), layer.bytes(), pool);
    check.reached(3'000'000);
  }
}

TEST_CASE("the reader waits at the end for a helper that is at work") {
  large_layer layer;
  worker_pool<> pool(1);
  const std::vector<std::byte> whole = layer.memory;
  for (int i = 0; i < 20; ++i) {
    verification_behind check(layer.check(), layer.bytes(), pool);
    for (std::size_t at = 0; at < whole.size(); at += 600'000) {
      std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(at), 600'000,
                  layer.memory.begin() + static_cast<std::ptrdiff_t>(at));
      check.reached(at + 600'000);
    }
    CHECK_FALSE(check.finish().has_value());
  }
}

TEST_CASE("a helper that begins while the reader is at it leaves it to him") {
  const large_layer layer;
  worker_pool<> pool(1);
  for (int i = 0; i < 100; ++i) {
    verification_behind check(layer.check(), layer.bytes(), pool);
    check.reached(3'000'000);
    CHECK_FALSE(check.finish().has_value());
  }
}

TEST_CASE("a small layer calls nobody") {
  const std::string text = "small";
  const std::vector<larder::tensor_info> tensors{{"t", larder::dtype::u8, {5}, 0, 5}};
  const std::vector<std::optional<larder::digest>> expected{larder::digest_of(std::string_view("smelt"))};
  busy_pool busy;
  verification_behind check({tensors, expected}, std::as_bytes(std::span(text)), busy.pool);
  check.reached(5);
  CHECK(check.finish() == 0U);
  std::promise<void> next;
  busy.pool.post([&] { next.set_value(); });
  busy.let_go();
  next.get_future().wait();
}

TEST_CASE("where nothing is to be compared nothing happens") {
  worker_pool<> pool(1);
  verification_behind check({}, {}, pool);
  CHECK_FALSE(check.is_on());
  check.reached(1'000'000'000);
  CHECK_FALSE(check.finish().has_value());
}
